"""Chooses looks by expected value: the best for the shopper, the plain photo among the choices.

A look is shown where its utility beats the plain photo's by a margin of its own uncertainty (a
lower confidence bound: Auer 2002, "Using confidence bounds for exploitation-exploration
trade-offs"; cautious, since the plain photo is the known alternative). Shoppers whose best look
cannot be told from the plain photo yet are explored by Thompson sampling at a set rate.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from features.schema import ContractError
from recsys.config import PolicyConfig
from recsys.policy.look_policy import Beliefs
from recsys.policy.thompson import thompson_probabilities


class ValueChoice(NamedTuple):
    """`probabilities` float64 (n, looks), rows sum to 1; `undecided` bool (n,): explored rows."""

    probabilities: NDArray[np.float64]
    undecided: NDArray[np.bool_]


def value_probabilities(
    affinity: NDArray[np.floating],
    spread: NDArray[np.floating],
    eligible: NDArray[np.bool_],
    plain: int,
    *,
    caution: float,
    temperature: float,
    explore: float,
    seed: int,
) -> ValueChoice:
    """How often each look is shown to each shopper.

    Args:
        affinity: (n, looks) posterior mean of utility, log odds of a click.
        spread: (n, looks) posterior standard deviation of it, at least 0.
        eligible: bool (n, looks); the plain photo always is.
        plain: column of the plain photo.
        caution: a look is worth showing where affinity - caution * spread beats the plain photo.
        temperature: looks worth showing are drawn proportional to exp(affinity / temperature), so
            that a shopper of two tastes sees both; over 0.
        explore: share of an undecided shopper's rows in which another look is tried.
        seed: of the Thompson draws.

    Returns:
        Probabilities, and who is undecided: shoppers whose best eligible look lies within one
        standard deviation of the plain photo, above or below.

    Raises:
        ContractError: shapes differ, the plain photo is not eligible, or a number is not finite.
    """
    mean = np.asarray(affinity, dtype=np.float64)
    width = np.asarray(spread, dtype=np.float64)
    if mean.ndim != 2 or not mean.shape == width.shape == eligible.shape:
        raise ContractError(
            f"affinity {mean.shape}, spread {width.shape} and eligible {eligible.shape} differ: "
            "expected one (n, looks)"
        )
    if not eligible[:, plain].all():
        raise ContractError(
            "the plain photo is not eligible in every row: keep it among the choices"
        )
    if not (np.isfinite(mean[eligible]).all() and (width[eligible] >= 0.0).all()):
        raise ContractError("affinity must be finite and spread at least 0 at every eligible look")
    gain = np.where(eligible, mean - mean[:, [plain]], -np.inf)
    worth = gain - caution * width > 0.0
    worth[:, plain] = ~worth.any(axis=1)
    top = np.where(worth, gain, -np.inf).max(axis=1, keepdims=True, initial=-np.inf)
    weight = np.where(worth, np.exp(np.minimum((gain - top) / temperature, 0.0)), 0.0)
    chosen = weight / weight.sum(axis=1, keepdims=True)
    looks = eligible.copy()
    looks[:, plain] = False
    undecided = undecided_rows(mean, width, eligible, plain)
    if explore > 0.0 and undecided.any():
        tried = thompson_probabilities(mean[undecided], width[undecided], looks[undecided], seed)
        chosen[undecided] = (1.0 - explore) * chosen[undecided] + explore * tried
    return ValueChoice(chosen, undecided)


def undecided_rows(
    affinity: NDArray[np.floating],
    spread: NDArray[np.floating],
    eligible: NDArray[np.bool_],
    plain: int,
) -> NDArray[np.bool_]:
    """Rows whose best look lies within one standard deviation of the plain photo, bool (n,).

    Arrays (n, looks) as in `value_probabilities`.
    """
    looks = eligible.copy()
    looks[:, plain] = False
    gain = np.where(looks, affinity - affinity[:, [plain]], -np.inf)
    best = gain.argmax(axis=1)
    at = np.arange(len(gain))
    return np.asarray(looks.any(axis=1) & (np.abs(gain[at, best]) <= spread[at, best]))


def value(beliefs: Beliefs, config: PolicyConfig, seed: int) -> NDArray[np.float64]:
    """The looks worth more than the plain photo, undecided rows explored: `value_probabilities`."""
    return value_probabilities(
        beliefs.affinity,
        beliefs.known_spread("value"),
        beliefs.eligible,
        beliefs.known_plain("value"),
        caution=config.caution,
        temperature=config.temperature,
        explore=config.epsilon,
        seed=seed,
    ).probabilities
