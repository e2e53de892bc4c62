"""Settings of the two-stage recommender."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from features.schema import ConfigError
from recsys.candidates import ALSConfig, EASEConfig, ItemKNNConfig
from recsys.ranking import RankerConfig
from recsys.rerank import RerankConfig

MODELS = ("popularity", "recent", "category", "history", "content", "als", "itemknn", "ease")


@dataclass(frozen=True)
class TwoStageConfig:
    """How candidates are found and how the ranker learns to order them.

    `candidates_per_model` items of each model and user are ranked, or as many as `quotas` says for
    a model by name (0: its opinion counts, its candidates do not). The last `windows` + 1 windows
    of time, each with `window_share` of the events, give labels: in every window, for candidates
    and features of the time before it; the last one decides when training stops, and then trains
    too. Under `min_training_lists` lists (a user in a window) there is no ranking: the feed is by
    popularity. `exclude_seen` false lets items come back that the user touched before.
    """

    candidates_per_model: int = 60
    quotas: dict[str, int] = field(default_factory=dict)
    windows: int = 4
    window_share: float = 0.08
    min_training_lists: int = 20
    max_lists_per_window: int = 10_000
    exclude_seen: bool = True
    recent_half_life_days: float = 14.0
    als: ALSConfig = field(default_factory=lambda: ALSConfig(factors=32, regularization=10.0))
    itemknn: ItemKNNConfig = field(default_factory=ItemKNNConfig)
    ease: EASEConfig = field(default_factory=EASEConfig)
    ranker: RankerConfig = field(default_factory=RankerConfig)
    rerank: RerankConfig = field(default_factory=RerankConfig)

    def __post_init__(self) -> None:
        for name in (
            "candidates_per_model",
            "windows",
            "min_training_lists",
            "max_lists_per_window",
        ):
            if getattr(self, name) < 1:
                raise ConfigError(f"ranking.{name} is {getattr(self, name)}: expected at least 1")
        if not 0.0 < self.window_share * (self.windows + 1) < 1.0:
            raise ConfigError(
                f"ranking.window_share is {self.window_share} for {self.windows} windows and one "
                "held out: expected their sum between 0 and 1"
            )
        if not self.recent_half_life_days > 0.0:
            raise ConfigError(
                f"ranking.recent_half_life_days is {self.recent_half_life_days}: expected above 0"
            )
        for model, quota in self.quotas.items():
            if model not in MODELS or quota < 0:
                raise ConfigError(
                    f"ranking.quotas has {model} = {quota}: expected 0 or more for one of "
                    f"{', '.join(MODELS)}"
                )

    def quota(self, model: str, k: int) -> int:
        """How many candidates `model` proposes when `k` are to be recommended."""
        return self.quotas.get(model, max(k, self.candidates_per_model))

    @classmethod
    def from_settings(cls, settings: dict[str, Any]) -> TwoStageConfig:
        """The config whose `dataclasses.asdict` is `settings`, through JSON or not."""
        gains = tuple(settings["ranker"]["label_gain"])
        nested = {
            "als": ALSConfig(**settings["als"]),
            "itemknn": ItemKNNConfig(**settings["itemknn"]),
            "ease": EASEConfig(**settings["ease"]),
            "rerank": RerankConfig(**settings["rerank"]),
            "ranker": RankerConfig(**{**settings["ranker"], "label_gain": gains}),
        }
        return cls(**{**settings, **nested})
