"""Which looks shoppers may be shown, how often and how strongly: the settings that say it.

Read from a job, changed, and written as a settings file that `stylefeed run --config` takes: the
job's own settings with the change, so that nothing else of the next run differs.
"""

from __future__ import annotations

import dataclasses
import shlex
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from features.schema import ConfigError
from pipelines.config import RunConfig, load_config, parse_config
from pipelines.settings_text import changed_toml
from pipelines.stages.road import job_config
from pipelines.stores import storage

SETTINGS: Final = "studio/settings.toml"
"""Where the changed settings are in a job's folder."""


@dataclass(frozen=True)
class LookLimits:
    """What a shop sets of its looks.

    `share_personalised` in [0, 1]: the share of draws that follow the policy; the others, the
    holdout, show the original photo. `original_floor` in [0, 1]: the least probability of the
    original photo. `epsilon` in [0, 1]: how often other looks are tried. `excluded`: looks that are
    never shown. `strength_of`: a look -> how strongly it may be painted at most, over 0 to 1.
    """

    share_personalised: float
    original_floor: float
    epsilon: float
    excluded: tuple[str, ...] = ()
    strength_of: Mapping[str, float] = field(default_factory=dict)

    @property
    def holdout(self) -> float:
        """The share of draws that show the original photo whatever the policy says."""
        return 1.0 - self.share_personalised


def read_limits(out: Path) -> LookLimits:
    """The limits that the next run of the job in `out` would have: those written last, or its own.

    Raises InputError where there is no job, ConfigError where the file cannot be read.
    """
    config = _settings(out)
    return LookLimits(
        config.guard_rails.share_personalised,
        config.guard_rails.original_floor,
        config.policy.epsilon,
        tuple(config.guard_rails.excluded),
        dict(config.looks.strength_of),
    )


def write_limits(out: Path, limits: LookLimits, style_ids: Collection[str]) -> Path:
    """Write the job's settings with `limits` to `studio/settings.toml` in `out`; returns its path.

    Raises ConfigError on a value out of range, a look that is none of `style_ids`, or where no look
    would be left, and nothing is written then.
    """
    unknown = sorted({*limits.excluded, *limits.strength_of} - set(style_ids))
    if unknown:
        raise ConfigError(f"{', '.join(unknown)} is no look of this job: reload the page")
    if set(style_ids) <= set(limits.excluded):
        raise ConfigError("every look is excluded: leave at least one, or set the share to 0")
    config = _settings(out)
    changed = dataclasses.replace(
        config,
        guard_rails=dataclasses.replace(
            config.guard_rails,
            share_personalised=limits.share_personalised,
            original_floor=limits.original_floor,
            excluded=tuple(sorted(limits.excluded)),
        ),
        policy=dataclasses.replace(config.policy, epsilon=limits.epsilon),
        looks=dataclasses.replace(
            config.looks,
            strength_of={
                style: strength
                for style, strength in sorted(limits.strength_of.items())
                if strength != config.looks.strength
            },
        ),
    )
    text = changed_toml(changed)
    if parse_config(tomllib.loads(text)).settings() != changed.settings():
        raise ConfigError("these settings cannot be written as TOML: change the file by hand")
    path = out / SETTINGS
    storage.write_bytes(path, text.encode())
    return path


def run_command(out: Path, path: Path) -> str:
    """The command that runs the job in `out` again with the settings at `path`."""
    inputs = dict(storage.read_json(out / "job.json")["inputs"])
    tables = " ".join(f"--{name} {shlex.quote(str(inputs[name]))}" for name in sorted(inputs))
    return f"stylefeed run {tables} --config {shlex.quote(str(path))} --out {shlex.quote(str(out))}"


def _settings(out: Path) -> RunConfig:
    path = out / SETTINGS
    return load_config(path) if path.is_file() else job_config(out)
