"""Estimators for whole feeds: a slate of positions, each with its own reward.

Standard IPS weighs each slate as a whole. Independent IPS supposes that a reward depends on its own
position alone (Li et al., "Offline evaluation of ranking policies with click models", 2018).
Reward-interaction IPS supposes that it depends on the positions above, too (McInerney et al.,
"Counterfactual evaluation of slate recommendations with sequential reward interactions", 2020).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.schema import ContractError
from recsys.offpolicy.estimate import Estimate, linear
from recsys.offpolicy.log import Floats, Ints, LoggedFeedback, check_propensities


@dataclass(frozen=True)
class SlateFeedback:
    """One row per position of a slate.

    slate: int (n,), which slate; position: int (n,), distinct within a slate, the top first;
    reward: float (n,). pscore in (0, 1] and target in [0, 1], float (n,): the behaviour and the
    evaluation policy's probability of what was shown at that position, given what stands above it;
    where positions are drawn independently, simply of what was shown there. group: int (n,), the
    shopper of the slate. Raises ContractError on anything else.
    """

    slate: Ints
    position: Ints
    reward: Floats
    pscore: Floats
    target: Floats
    group: Ints | None = None

    def __post_init__(self) -> None:
        # The checks of a log of rows are those of a log of positions.
        LoggedFeedback(
            action=np.zeros(len(self.slate), dtype=np.int64),
            reward=self.reward,
            pscore=self.pscore,
            target=self.target,
            position=self.position,
            group=self.group,
        )
        check_propensities(np.asarray(self.pscore, dtype=np.float64))
        order = np.lexsort((self.position, self.slate))
        slate, position = self.slate[order], self.position[order]
        twice = np.flatnonzero((slate[1:] == slate[:-1]) & (position[1:] == position[:-1]))
        if len(twice):
            raise ContractError(
                f"slates: slate {slate[twice[0]]} has position {position[twice[0]]} more than "
                "once: expected each position once"
            )


def slate_ips(log: SlateFeedback) -> Estimate:
    """Standard IPS: every reward of a slate is weighed by the product over all its positions."""
    return _summed("SIPS", log, lambda weight: weight.prod(axis=1, keepdims=True))


def independent_ips(log: SlateFeedback) -> Estimate:
    """Independent IPS: every reward is weighed by its own position."""
    return _summed("IIPS", log, lambda weight: weight)


def reward_interaction_ips(log: SlateFeedback) -> Estimate:
    """Reward-interaction IPS: every reward is weighed by its position and those above it."""
    return _summed("RIPS", log, lambda weight: weight.cumprod(axis=1))


def per_position(
    log: LoggedFeedback, estimator: Callable[[LoggedFeedback], Estimate]
) -> dict[int, Estimate]:
    """The estimate of each position's own rows, by position from the top."""
    if log.position is None:
        raise ContractError("log: it names no positions: expected one in every row")
    return {
        int(place): estimator(log.take(log.position == place)) for place in np.unique(log.position)
    }


def _summed(
    name: str, log: SlateFeedback, spread: Callable[[NDArray[np.float64]], NDArray[np.float64]]
) -> Estimate:
    """Mean over slates of the sum of the weighted rewards; value per slate."""
    order = np.lexsort((log.position, log.slate))
    number = np.unique(log.slate[order], return_inverse=True)[1]
    starts = np.flatnonzero(np.r_[True, number[1:] != number[:-1]])
    rank = np.arange(len(order)) - starts[number]
    # Slates may differ in length: a missing position has weight 1 and reward 0.
    weight = np.ones((len(starts), int(rank.max()) + 1))
    reward = np.zeros_like(weight)
    weight[number, rank] = (log.target / log.pscore)[order]
    reward[number, rank] = log.reward[order]
    group = None if log.group is None else log.group[order][starts]
    return linear(name, (spread(weight) * reward).sum(axis=1), group)
