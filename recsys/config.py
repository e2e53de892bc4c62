"""Settings of this package, in a module light enough for any command to import."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from features.schema import ORIGINAL, ConfigError
from recsys.candidates.registry import CANDIDATE_MODELS


@dataclass(frozen=True)
class ALSConfig:
    """`alpha` scales the weights into confidences; `num_threads` 0 takes every core."""

    factors: int = 64
    regularization: float = 0.01
    alpha: float = 1.0
    iterations: int = 15
    num_threads: int = 1


@dataclass(frozen=True)
class BPRConfig:
    """Weights count only as touched or not. One thread: more update the factors in a race."""

    factors: int = 64
    learning_rate: float = 0.01
    regularization: float = 0.01
    iterations: int = 100


@dataclass(frozen=True)
class EASEConfig:
    """`l2` is the ridge penalty on the item-item weights, in users."""

    l2: float = 500.0


@dataclass(frozen=True)
class ItemKNNConfig:
    """`neighbours` kept per item; `shrink` damps similarities that rest on few users."""

    neighbours: int = 100
    shrink: float = 10.0


@dataclass(frozen=True)
class CategoryPopularityConfig:
    """`prior_weight` of the catalogue's own category shares is added to each user's weights."""

    prior_weight: float = 1.0


@dataclass(frozen=True)
class RankerConfig:
    """`label_gain[l]` is the worth of label l; rounds stop early on the validation rows."""

    label_gain: tuple[float, ...] = (0.0, 1.0, 2.0, 3.0)
    learning_rate: float = 0.05
    num_leaves: int = 15
    min_data_in_leaf: int = 100
    max_rounds: int = 300
    patience_rounds: int = 50
    truncation: int = 20
    num_threads: int = 1

    def __post_init__(self) -> None:
        if len(self.label_gain) < 2:
            raise ConfigError(
                f"ranker.label_gain is {self.label_gain}: expected two labels or more"
            )


METHODS = ("mmr", "dpp")


@dataclass(frozen=True)
class RerankConfig:
    """`variety` in [0, 1] weighs dissimilarity against relevance: 0 keeps the ranking.

    `method`: "mmr" keeps an item from its nearest neighbours in the list, "dpp" spreads the whole
    list. `max_per_category` items of one category at most (None: any number), while others are
    left. `exploration_slots` places of a list, never the first, go to candidates drawn at random.
    """

    variety: float = 0.0
    max_per_category: int | None = None
    method: str = "mmr"
    exploration_slots: int = 0

    def __post_init__(self) -> None:
        if not 0.0 <= self.variety <= 1.0:
            raise ConfigError(f"rerank.variety is {self.variety}: expected a number in [0, 1]")
        if self.max_per_category is not None and self.max_per_category < 1:
            raise ConfigError(
                f"rerank.max_per_category is {self.max_per_category}: expected at least 1 or None"
            )
        if self.method not in METHODS:
            raise ConfigError(
                f"rerank.method is {self.method!r}: expected one of {', '.join(METHODS)}"
            )
        if self.exploration_slots < 0:
            raise ConfigError(
                f"rerank.exploration_slots is {self.exploration_slots}: expected 0 or more"
            )

    @property
    def keeps_ranking(self) -> bool:
        """Whether no item would change its place."""
        return not (self.variety or self.max_per_category or self.exploration_slots)


@dataclass(frozen=True)
class TwoStageConfig:
    """How candidates are found and how the ranker learns to order them.

    `candidates_per_model` items of each model and user are ranked, or as many as `quotas` says for
    a model by name (0: its opinion counts, its candidates do not). The last `windows` + 1 windows
    of time, each with `window_share` of the events, give labels: in every window, for candidates
    and features of the time before it; the last one decides when training stops, and then trains
    too; at most `max_lists_per_window` lists (a user in a window) of each, drawn at random, since
    they are in memory together. Under `min_training_lists` lists there is no ranking: the feed is
    by popularity. `exclude_seen` false lets items come back that the user touched before.
    """

    candidates_per_model: int = 60
    quotas: dict[str, int] = field(default_factory=dict)
    windows: int = 4
    window_share: float = 0.08
    min_training_lists: int = 20
    max_lists_per_window: int = 2_500
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
            if model not in CANDIDATE_MODELS or quota < 0:
                raise ConfigError(
                    f"ranking.quotas has {model} = {quota}: expected 0 or more for one of "
                    f"{', '.join(CANDIDATE_MODELS)}"
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


@dataclass(frozen=True)
class TastePrior:
    """What is expected of families of looks before any click.

    smooth_sd, free_sd: spread of the log odds that a look belongs to a family, the part that
    follows the style code and the look's own. population_sd: of what everybody thinks of a look,
    in log odds of a click. kernel_scale: how far similar looks reach, as a multiple of the median
    distance between looks.
    """

    smooth_sd: float = 4.0
    free_sd: float = 0.5
    population_sd: float = 0.05
    kernel_scale: float = 0.8


DP_DELTA: Final = 1e-6
"""Chance that a fit with `dp_epsilon` tells more than that: far below one in all shoppers."""
MOST_EPSILON: Final = 1e6


@dataclass(frozen=True)
class PreferenceConfig:
    """Settings of `StylePreferenceModel`.

    n_families: families of looks; None takes the number among `family_choices` that predicts
    held-out clicks best. prior: see `TastePrior`. noise_sd: how far one shopper's liking of one
    look may stray from their taste, in log odds of a click. held_out: share of impressions on
    which the number of families is chosen. iterations: of L-BFGS, on clicks and again with the
    outcomes of clicks; few, because stopping early predicts new clicks better than converging.
    half_life_days: a click says half as much about its shopper's taste after this time (inf: as
    much as ever); what families there are is learned from all of them. propensity_floor: where
    impressions log the propensity of their look, each tells of tastes by 1 / max(propensity,
    floor), at a mean of 1 (Rosenbaum and Rubin 1983, clipped); None: all alike, since the model
    explains clicks given the look shown, and weights only add noise to that. dp_epsilon: what is
    learned from all shoppers at once is differentially private with this epsilon and a delta of
    1e-6, at the price of `docs/privacy.md`; None: no noise.
    """

    n_families: int | None = None
    family_choices: tuple[int, ...] = (5, 8, 12)
    smooth_sd: float = 4.0
    free_sd: float = 0.5
    population_sd: float = 0.05
    kernel_scale: float = 0.8
    noise_sd: float = 0.05
    held_out: float = 0.1
    iterations: int = 40
    half_life_days: float = math.inf
    propensity_floor: float | None = None
    dp_epsilon: float | None = None

    def __post_init__(self) -> None:
        """Raise ConfigError on a value out of range."""
        positive = ("smooth_sd", "free_sd", "population_sd", "kernel_scale", "noise_sd")
        for name in (*positive, "half_life_days"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"{name} must be above 0, got {getattr(self, name)}")
        if self.propensity_floor is not None and not 0 < self.propensity_floor <= 1:
            raise ConfigError(
                f"propensity_floor must lie above 0 and at most 1, got {self.propensity_floor}"
            )
        if self.dp_epsilon is not None:
            if not 0 < self.dp_epsilon <= MOST_EPSILON:
                raise ConfigError(
                    f"dp_epsilon must be a number above 0 and at most {MOST_EPSILON:,.0f}, beyond "
                    f"which nothing is hidden, got {self.dp_epsilon}"
                )
            if self.propensity_floor is not None:
                raise ConfigError(
                    f"dp_epsilon is {self.dp_epsilon} and propensity_floor is "
                    f"{self.propensity_floor}: expected one of them, since the weights are scaled "
                    "by a mean over all shoppers"
                )
        if not 0 < self.held_out < 1:
            raise ConfigError(f"held_out must lie between 0 and 1, got {self.held_out}")
        if (self.n_families or 1) < 1 or not self.family_choices or min(self.family_choices) < 1:
            raise ConfigError(
                "family counts must be 1 or more, got "
                f"n_families={self.n_families}, family_choices={self.family_choices}"
            )

    @property
    def spread(self) -> tuple[float, float, float]:
        """smooth_sd, free_sd and kernel_scale, as `Families.doubt` takes them."""
        return self.smooth_sd, self.free_sd, self.kernel_scale

    @property
    def prior(self) -> TastePrior:
        """What is expected of families of looks before any click."""
        return TastePrior(self.smooth_sd, self.free_sd, self.population_sd, self.kernel_scale)


@dataclass(frozen=True)
class BrowsingConfig:
    """Settings of `BrowsingPreferenceModel`.

    n_components: principal components of the item codes in which tastes live. taste_sd: how much
    a taste is expected to sway views before any is seen, in log odds per standard deviation of
    codes. iterations: of EM.
    """

    n_components: int = 16
    taste_sd: float = 0.5
    iterations: int = 30

    def __post_init__(self) -> None:
        """Raise ConfigError on a value out of range."""
        for name in ("n_components", "taste_sd", "iterations"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"{name} must be above 0, got {getattr(self, name)}")


Kind = Literal["value", "best", "epsilon_greedy", "softmax", "thompson"]


@dataclass(frozen=True)
class PolicyConfig:
    """How a look is drawn from the eligible ones.

    `value` shows what is worth more to the shopper than the plain photo by `caution` standard
    deviations of what is known, softly (`temperature`) the best of it, and tries other looks in a
    share `epsilon` of the rows of shoppers who are undecided. `best` takes the look of highest
    affinity. `epsilon_greedy` does so with probability 1 - epsilon and draws evenly otherwise.
    `softmax` draws look l with probability proportional to exp(affinity_l / temperature).
    `thompson` draws a look as often as it may be the best, by the uncertainty of its affinity.
    Raises ConfigError out of range.
    """

    kind: Kind = "value"
    epsilon: float = 0.2
    temperature: float = 0.03
    caution: float = 0.25

    def __post_init__(self) -> None:
        if self.kind not in ("value", "best", "epsilon_greedy", "softmax", "thompson"):
            raise ConfigError(
                f"policy.kind is {self.kind!r}: expected value, best, epsilon_greedy, softmax or "
                "thompson"
            )
        if not 0.0 <= self.epsilon <= 1.0:
            raise ConfigError(f"policy.epsilon is {self.epsilon}: expected a number in [0, 1]")
        if not (math.isfinite(self.caution) and self.caution >= 0.0):
            raise ConfigError(f"policy.caution is {self.caution}: expected a number of at least 0")
        if not (math.isfinite(self.temperature) and self.temperature > 0.0):
            raise ConfigError(f"policy.temperature is {self.temperature}: expected a number over 0")


@dataclass(frozen=True)
class GuardRails:
    """Limits on a look policy.

    share_personalised in [0, 1]: share of draws that follow the policy, the others show the
    original photo. excluded: looks that are never shown. original_floor in [0, 1]: least
    probability of the original photo, so that a log can tell what it is worth. plain_users: who
    asked for plain photos and gets nothing else. Raises ConfigError out of range, or if the
    original photo is excluded.
    """

    share_personalised: float = 1.0
    excluded: tuple[str, ...] = ()
    original_floor: float = 0.02
    plain_users: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("share_personalised", "original_floor"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ConfigError(
                    f"guard-rails: {name} is {getattr(self, name)}: expected a number in [0, 1]"
                )
        if ORIGINAL in self.excluded:
            raise ConfigError("guard-rails: the original photo cannot be excluded: looks only")


@dataclass(frozen=True)
class VerdictConfig:
    """What a log must hold before anything is concluded from it.

    min_rewarded: effective number of rewarded rows behind each policy's value;
    min_effective_rows: effective sample size of each policy; max_unsupported: share of a policy
    on actions the log shows never or hardly; max_weight_gap: how far the mean weight may be from
    1, when it is more than `gap_errors` standard errors away. Raises ConfigError out of range.
    """

    level: float = 0.95
    min_rewarded: int = 100
    min_effective_rows: int = 500
    max_unsupported: float = 0.01
    max_weight_gap: float = 0.02
    gap_errors: float = 4.0

    def __post_init__(self) -> None:
        if not 0.0 < self.level < 1.0:
            raise ConfigError(f"verdict: level is {self.level}: expected between 0 and 1")
        if min(self.min_rewarded, self.min_effective_rows) < 1:
            raise ConfigError("verdict: min_rewarded and min_effective_rows must be at least 1")
