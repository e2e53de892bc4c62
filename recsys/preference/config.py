"""Settings of the style-preference model."""

from __future__ import annotations

import math
from dataclasses import dataclass

from features.schema import ConfigError
from recsys.preference.mixture import TastePrior


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
    explains clicks given the look shown, and weights only add noise to that.
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
