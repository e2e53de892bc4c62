"""Settings of the simulated shop, and the ways in which it may paint."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from features.schema import ConfigError

KINDS: Final = ("plain", "indifferent", "family")


@dataclass(frozen=True)
class SimulatorConfig:
    """How many shoppers, what they see and how they answer.

    Shares and rates are in 0..1, effects are in logits of a click, times in days or seconds.
    `drift` moves every look's appeal by up to +-drift/2 over the whole window (a season's fashion),
    `wear_out` takes that much per unit of log1p(times this shopper has seen this look).
    A sale is returned with the odds exp(return_bias + return_effect * misleading) of its picture; a
    kept sale earns 1, a returned one costs `return_cost`.
    """

    n_shoppers: int = 360
    cold_share: float = 0.05
    n_impressions: int = 34_000
    slate_size: int = 5
    days: float = 60.0
    start_utc: str = "2025-03-03"
    plain_share: float = 0.2
    indifferent_share: float = 0.25
    null_look_share: float = 0.25
    policy_spread: float = 0.5
    popularity_exponent: float = 0.7
    n_factors: int = 6
    click_bias: float = -2.2
    item_effect: float = 0.8
    style_effect: float = 1.2
    position_effect: float = 0.5
    wear_out: float = 0.04
    drift: float = 0.1
    return_bias: float = -2.6
    return_effect: float = 3.0
    return_cost: float = 0.5

    def __post_init__(self) -> None:
        if self.n_shoppers < 1 or self.slate_size < 1 or self.n_factors < 1 or self.days <= 0:
            raise ConfigError(
                "the simulator needs at least one shopper, one slot per slate, one factor and a "
                f"positive number of days, got {self}"
            )
        if self.n_impressions < self.n_shoppers * self.slate_size:
            raise ConfigError(
                f"n_impressions is {self.n_impressions}, expected at least one slate for each "
                f"shopper ({self.n_shoppers} x {self.slate_size}): ask for more impressions"
            )
        shares = (self.cold_share, self.plain_share + self.indifferent_share)
        if not (all(0 <= share <= 1 for share in shares) and 0 < self.null_look_share < 1):
            raise ConfigError(f"shares must lie in 0..1 and leave some looks shown, got {self}")


@dataclass(frozen=True)
class RenderMode:
    """How pictures in a look are painted.

    pull: appeal that painting over the product adds to the look's own, in units of utility.
    misleading: how far the product in the picture is from the one delivered, 0 (the same) to 1.
    The plain photo has neither.
    """

    name: str
    pull: float
    misleading: float

    def __post_init__(self) -> None:
        if not 0 <= self.misleading <= 1:
            raise ConfigError(f"misleading is {self.misleading}: expected a number in 0..1")


FAITHFUL: Final = RenderMode("faithful", pull=0.0, misleading=0.0)
ARTISTIC: Final = RenderMode("artistic", pull=0.15, misleading=0.6)
