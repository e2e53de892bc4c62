"""What shoppers do with what they see: click, put in the cart, buy, and send back."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.polynomial.hermite_e import hermegauss
from numpy.typing import NDArray

from recsys.simulator.config import RenderMode, SimulatorConfig

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_NODES, _WEIGHTS = hermegauss(5)


class Outcomes(NamedTuple):
    """Numbers of the impressions that were viewed, and then carted and bought; dwell_s of views."""

    viewed: Ints
    waited_s: Floats
    dwell_s: Floats
    carted: Ints
    bought: Ints
    decided_s: Floats


class Rates(NamedTuple):
    """Expected clicks, purchases and returns of one impression, in 0..1."""

    clicks: Floats
    purchases: Floats
    returns: Floats


def sigmoid(logit: Floats) -> Floats:
    """Probability of a logit."""
    return np.asarray(1 / (1 + np.exp(-logit)))


def click_logit(
    interest: Floats, appeal: Floats, position: Ints, config: SimulatorConfig
) -> Floats:
    """Logit of a click."""
    own = config.click_bias + config.item_effect * interest
    return np.asarray(
        own + (config.style_effect * appeal - config.position_effect * np.log(position))
    )


def _pull(interest: Floats, appeal: Floats) -> Floats:
    return np.asarray(0.35 * interest + 0.3 * appeal)


def _cart_logit(pull: Floats, log_dwell: Floats) -> Floats:
    """`log_dwell`: of the dwell time in units of 13 s."""
    return np.asarray(-1.5 + 0.8 * pull + 0.5 * log_dwell)


def _buy_logit(interest: Floats, appeal: Floats) -> Floats:
    return np.asarray(0.1 + 0.3 * interest + 0.2 * appeal)


def return_probability(mode: RenderMode, config: SimulatorConfig) -> float:
    """Chance that a sale made with a picture painted in `mode` is sent back."""
    return float(sigmoid(np.asarray(config.return_bias + config.return_effect * mode.misleading)))


def expected_rates(
    interest: Floats,
    appeal: Floats,
    position: Ints,
    returned: Floats,
    config: SimulatorConfig,
) -> Rates:
    """Exact chances, the dwell time's noise integrated out by Gauss-Hermite quadrature.

    Arrays broadcast; `returned` is the chance that a sale is sent back.
    """
    click = sigmoid(click_logit(interest, appeal, position, config))
    pull = _pull(interest, appeal)
    cart = np.zeros_like(pull)
    for node, weight in zip(_NODES, _WEIGHTS / _WEIGHTS.sum(), strict=True):
        cart += weight * sigmoid(_cart_logit(pull, 2.6 - np.log(13) + pull + 0.6 * node))
    purchase = click * cart * sigmoid(_buy_logit(interest, appeal))
    return Rates(click, purchase, purchase * returned)


def draw_outcomes(
    interest: Floats,
    appeal: Floats,
    position: Ints,
    config: SimulatorConfig,
    rng: np.random.Generator,
) -> Outcomes:
    """Let every impression (n,) take its course. Waits are in seconds: from the impression to the
    view, and from the cart to the purchase.
    """

    def happens(logit: Floats) -> Bools:
        return np.asarray(rng.random(len(logit)) < sigmoid(logit))

    viewed = np.flatnonzero(happens(click_logit(interest, appeal, position, config)))
    waited_s = 1 + np.round(rng.exponential(4.0, len(viewed)))
    pull = _pull(interest[viewed], appeal[viewed])
    dwell_s = np.exp(2.6 + pull + 0.6 * rng.standard_normal(len(viewed)))
    carted = np.flatnonzero(happens(_cart_logit(pull, np.log(dwell_s / 13))))
    chosen = viewed[carted]
    bought = carted[happens(_buy_logit(interest[chosen], appeal[chosen]))]
    decided_s = 30 + np.round(rng.exponential(120.0, len(bought)))
    return Outcomes(viewed, waited_s, dwell_s, carted, bought, decided_s)
