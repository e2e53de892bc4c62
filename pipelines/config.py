"""The job's settings: one frozen section per stage, read from TOML, unknown keys refused."""

from __future__ import annotations

import dataclasses
import json
import os
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from features.config import EventWeights, LogConfig, PictureConfig, QualityConfig
from features.schema import ConfigError, ContractError
from pipelines.engine_config import EngineConfig
from pipelines.limits import LimitConfig
from pipelines.mapping import parse_mapping
from recsys.config import (
    BrowsingConfig,
    GuardRails,
    PolicyConfig,
    PreferenceConfig,
    TwoStageConfig,
    VerdictConfig,
)
from recsys.simulator.config import SimulatorConfig
from styletransfer.config import RenderConfig
from styletransfer.training.config import TrainingConfig

MOST_SEED: Final = 2**31
"""Seeds are below this: LightGBM takes them as 32 bits."""


@dataclass(frozen=True)
class LookConfig:
    """Which looks a shopper may be shown, and how strongly.

    Eligible are the original photo and every look, or those of the `prototypes_per_user`
    prototypes nearest to the shopper (0: every look). `strength` in (0, 1] is how far a look
    replaces a photo's surroundings, the same for everybody; `strength_of` sets it by look.
    """

    prototypes_per_user: int = 0
    strength: float = 1.0
    strength_of: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.prototypes_per_user < 0:
            raise ConfigError(
                f"looks.prototypes_per_user is {self.prototypes_per_user}: expected at least 0"
            )
        for name, value in {"strength": self.strength, **self.strength_of}.items():
            if not 0.0 < value <= 1.0:
                raise ConfigError(
                    f"looks: the strength of {name!r} is {value}: expected over 0 and at most 1"
                )


@dataclass(frozen=True)
class FitConfig:
    """How much of the log is learned from, and judged on.

    Models are fitted on, and the evaluation made with, all shoppers or about `max_users` >= 1000 of
    them, drawn by a hash of their ids. All shoppers are served: what one likes is told by their own
    events and by what was learned of the shoppers drawn. Memory and time of a fit grow with it.
    `refit_after` in [0, 1]: the share of events that may be added to a log before models are fitted
    and judged anew; until then shoppers with new events are served by the models as they are, and
    the rows of others stay (0: every new event calls for a new fit).
    """

    max_users: int = 50_000
    refit_after: float = 0.0

    def __post_init__(self) -> None:
        if self.max_users < 1000:
            raise ConfigError(f"fit.max_users is {self.max_users}: expected at least 1000")
        if not 0.0 <= self.refit_after <= 1.0:
            raise ConfigError(
                f"fit.refit_after is {self.refit_after}: expected a share of events in [0, 1]"
            )


@dataclass(frozen=True)
class FeedConfig:
    """Which feeds are kept: `stylefeed prune` leaves the last `keep` >= 1 versions."""

    keep: int = 3

    def __post_init__(self) -> None:
        if self.keep < 1:
            raise ConfigError(f"feed.keep is {self.keep}: expected at least 1, the current one")


@dataclass(frozen=True)
class PrivacyConfig:
    """What a job may know and tell of shoppers.

    `pseudonymise`: every shopper has a keyed hash for an id from the first table on; the key is in
    the environment, `STYLEFEED_PRIVACY_KEY`. Figures about a prototype or a look that fewer than
    `least_group` >= 1 shoppers are behind are withheld from the report.
    """

    pseudonymise: bool = False
    least_group: int = 5

    def __post_init__(self) -> None:
        if self.least_group < 1:
            raise ConfigError(
                f"privacy.least_group is {self.least_group}: expected at least 1, which withholds "
                "nothing"
            )


@dataclass(frozen=True)
class RunConfig:
    """All settings of `stylefeed run`.

    `seed` decides every draw. `top_k` items per shopper. `max_users` (None: all) keeps the first
    shoppers by id. `workers` processes (0: one per core) never change the result. `train_share` in
    (0, 1) is the share of the time before the evaluation's cut.
    """

    seed: int = 0
    top_k: int = 10
    max_users: int | None = None
    workers: int = 0
    train_share: float = 0.8
    log: LogConfig = field(default_factory=LogConfig)
    events: EventWeights = field(default_factory=EventWeights)
    images: PictureConfig = field(default_factory=PictureConfig)
    fit: FitConfig = field(default_factory=FitConfig)
    preference: PreferenceConfig = field(default_factory=PreferenceConfig)
    browsing: BrowsingConfig = field(default_factory=BrowsingConfig)
    ranking: TwoStageConfig = field(default_factory=TwoStageConfig)
    looks: LookConfig = field(default_factory=LookConfig)
    policy: PolicyConfig = field(default_factory=PolicyConfig)
    guard_rails: GuardRails = field(default_factory=GuardRails)
    render: RenderConfig = field(default_factory=RenderConfig)
    engine: EngineConfig = field(default_factory=EngineConfig)
    limits: LimitConfig = field(default_factory=LimitConfig)
    feed: FeedConfig = field(default_factory=FeedConfig)
    quality: QualityConfig = field(default_factory=QualityConfig)
    privacy: PrivacyConfig = field(default_factory=PrivacyConfig)
    verdict: VerdictConfig = field(default_factory=VerdictConfig)
    simulator: SimulatorConfig = field(default_factory=SimulatorConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)

    def __post_init__(self) -> None:
        if not 0 <= self.seed < MOST_SEED:
            raise ConfigError(f"seed is {self.seed}: expected 0 to {MOST_SEED - 1}")
        if self.top_k < 1:
            raise ConfigError(f"top_k is {self.top_k}: expected at least 1")
        if self.max_users is not None and self.max_users < 1:
            raise ConfigError(
                f"max_users is {self.max_users}: expected at least 1, or leave it out"
            )
        if self.workers < 0:
            raise ConfigError(f"workers is {self.workers}: expected at least 0 (one per core)")
        if not 0.0 < self.train_share < 1.0:
            raise ConfigError(f"train_share is {self.train_share}: expected between 0 and 1")

    @property
    def processes(self) -> int:
        """How many worker processes to use, at least 1."""
        return self.workers or os.cpu_count() or 1

    def settings(self) -> dict[str, Any]:
        """All settings that the result depends on, JSON-able."""
        settings = dataclasses.asdict(self)
        for without_effect in ("workers", *WITHOUT_EFFECT):
            del settings[without_effect]
        # Through JSON, so that tuples compare equal to what is read back from a file, and infinity,
        # which JSON has no number for, by its name.
        plain: dict[str, Any] = json.loads(json.dumps(settings), parse_constant=str)
        return plain

    def operation(self) -> dict[str, Any]:
        """The sections that change no result, JSON-able: kept with a job, in no stage's key."""
        sections = {name: dataclasses.asdict(getattr(self, name)) for name in WITHOUT_EFFECT}
        # A later call for the same job has a time of its own.
        del sections["limits"]["deadline"]
        return sections


WITHOUT_EFFECT: Final = ("engine", "limits", "feed", "simulator", "training")


class StageConfig:
    """The settings as one stage sees them: the sections it declared, as it declared them."""

    def __init__(self, config: RunConfig, stage: str, declared: Sequence[str]) -> None:
        """Show `stage` the `declared` sections, and what changes no result."""
        self._config = config
        self._stage = stage
        self._shown = {*declared, "workers", "processes", *WITHOUT_EFFECT}

    def __getattr__(self, name: str) -> Any:
        """A declared section; raises ContractError on any other."""
        if name.startswith("__"):
            raise AttributeError(name)
        if name not in self._shown:
            raise ContractError(
                f"stage {self._stage!r} reads the setting {name!r}: add it to its settings, which "
                "are part of its key"
            )
        return getattr(self._config, name)


def load_config(path: Path | None, **overrides: Any) -> RunConfig:
    """Read settings from the TOML file at `path`, then apply the `overrides` that are not None.

    A mapping among the overrides is laid over the section of its name, key by key.
    Raises ConfigError naming the key that is unknown, of a wrong type or out of range.
    """
    settings = {} if path is None else read_settings(path)
    return parse_config(lay_over(settings, _given(overrides)))


def read_settings(path: Path) -> dict[str, Any]:
    """The TOML file at `path` as it is, not yet checked. Raises ConfigError where it is none."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"config: no file at {path}") from None
    except OSError as error:
        raise ConfigError(f"config: {path} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"config: {path} is not TOML: {error}") from None


def _given(overrides: dict[str, Any]) -> dict[str, Any]:
    """`overrides` without those that are None, in sections too."""
    return {
        key: _given(value) if isinstance(value, dict) else value
        for key, value in overrides.items()
        if value is not None
    }


def lay_over(settings: dict[str, Any], overrides: dict[str, Any]) -> dict[str, Any]:
    """`settings` with the `overrides`, section by section; neither is changed."""
    result = dict(settings)
    for key, value in overrides.items():
        if isinstance(value, dict):
            section = result.get(key, {})
            # A section that is no section is refused with the other settings, by name.
            result[key] = lay_over(section, value) if isinstance(section, dict) else section
        else:
            result[key] = value
    return result


def log_settings(columns: str | None, event_types: str | None, as_of: str | None) -> dict[str, Any]:
    """The section `log` that the options `--columns`, `--event-types` and `--as-of` ask for.

    Mappings are `a=b,c=d`. Raises ConfigError on anything else.
    """
    told = {
        "columns": columns and parse_mapping(columns, "--columns"),
        "event_types": event_types and parse_mapping(event_types, "--event-types"),
        "as_of": as_of,
    }
    return {key: value for key, value in told.items() if value}


def parse_config(settings: dict[str, Any]) -> RunConfig:
    """Settings as nested mappings -> RunConfig. Raises ConfigError as `load_config` does."""
    _refuse_unknown(RunConfig(), settings, "")
    if isinstance(settings.get("log"), dict):
        # TOML has dates of its own; settings are kept as JSON, which has none.
        log = {k: v.isoformat() if isinstance(v, date) else v for k, v in settings["log"].items()}
        settings = {**settings, "log": log}
    # Over all defaults, since those of a section may differ from those of its class.
    settings = lay_over(dataclasses.asdict(RunConfig()), settings)
    try:
        return TypeAdapter(RunConfig).validate_python(settings)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"config: {key} is {first['input']!r}: {first['msg'].lower()}") from None


def _refuse_unknown(section: Any, settings: dict[str, Any], prefix: str) -> None:
    fields = {field.name for field in dataclasses.fields(section)}
    for key, value in settings.items():
        if key not in fields:
            raise ConfigError(
                f"config: unknown key {prefix + key!r}; expected one of {', '.join(sorted(fields))}"
            )
        default = getattr(section, key)
        if isinstance(value, dict) and dataclasses.is_dataclass(default):
            _refuse_unknown(default, value, f"{prefix}{key}.")
