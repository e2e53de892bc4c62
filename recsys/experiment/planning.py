"""What a test can see before it is run: power, smallest visible effect, shoppers needed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

from features.schema import ConfigError, ContractError

_NORMAL = NormalDist()


@dataclass(frozen=True)
class PlanConfig:
    """A two-sided test at level `alpha` with `power` wished for, `treatment_share` of shoppers
    treated, and a pre-period covariate that correlates with the metric (0: none, see CUPED).
    """

    alpha: float = 0.05
    power: float = 0.8
    treatment_share: float = 0.5
    covariate_correlation: float = 0.0

    def __post_init__(self) -> None:
        inside = (self.alpha, self.power, self.treatment_share)
        if not all(0 < number < 1 for number in inside) or self.power <= self.alpha:
            raise ConfigError(
                f"alpha, power and treatment_share are {inside}: expected numbers between 0 and 1, "
                "and power above alpha"
            )
        if not -1 < self.covariate_correlation < 1:
            raise ConfigError(
                f"covariate_correlation is {self.covariate_correlation}: expected one inside -1..1"
            )


def _standard_error(sd: float, n_users: float, config: PlanConfig) -> float:
    if not (math.isfinite(sd) and sd > 0 and n_users > 0):
        raise ContractError(
            f"standard deviation {sd} over {n_users} shoppers: expected positive numbers"
        )
    share = config.treatment_share
    left = sd * math.sqrt(1 - config.covariate_correlation**2)
    return left * math.sqrt((1 / share + 1 / (1 - share)) / n_users)


def power(effect: float, sd: float, n_users: float, config: PlanConfig) -> float:
    """Chance of a significant result, either sign, when the arms' means differ by `effect`.

    sd: the metric's standard deviation among shoppers. n_users: shoppers of both arms together.
    """
    shift = abs(effect) / _standard_error(sd, n_users, config)
    critical = _NORMAL.inv_cdf(1 - config.alpha / 2)
    return _NORMAL.cdf(shift - critical) + _NORMAL.cdf(-shift - critical)


def minimum_detectable_effect(sd: float, n_users: float, config: PlanConfig) -> float:
    """Smallest difference of means, in the metric's unit, that is found with `config.power`."""
    wanted = _NORMAL.inv_cdf(1 - config.alpha / 2) + _NORMAL.inv_cdf(config.power)
    return wanted * _standard_error(sd, n_users, config)


def required_users(effect: float, sd: float, config: PlanConfig) -> int:
    """Shoppers of both arms together that a difference of `effect` needs, rounded up."""
    if not (math.isfinite(effect) and effect != 0):
        raise ContractError(f"effect is {effect}: expected the smallest difference worth finding")
    return math.ceil((minimum_detectable_effect(sd, 1.0, config) / effect) ** 2)
