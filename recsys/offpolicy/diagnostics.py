"""What tells whether an estimate can be believed: weights, support, clicks, the reward model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recsys.offpolicy.direct import Rewards, predicted
from recsys.offpolicy.estimate import Floats, linear
from recsys.offpolicy.intervals import standard_error
from recsys.offpolicy.log import LoggedFeedback


@dataclass(frozen=True)
class WeightReport:
    """How the evaluation policy's weights lie on the log of n rows.

    effective_rows: (sum w)^2 / sum w^2, Kish's effective sample size. weight_mean is 1, up to
    its standard error, where the propensities are true and cover the policy; weight_p99,
    weight_max; top_share: share of all weight on the heaviest 1 % of rows. rewarded: rows with a
    reward other than 0 and a weight; effective_rewarded: (sum w r)^2 / sum (w r)^2, how many
    rewards carry the IPS value. unused: share of rows of weight 0.
    """

    n: int
    effective_rows: float
    weight_mean: float
    weight_mean_error: float
    weight_p99: float
    weight_max: float
    top_share: float
    rewarded: int
    effective_rewarded: float
    unused: float


@dataclass(frozen=True)
class SupportReport:
    """What the evaluation policy would show and the log never does.

    never_logged: actions with a policy probability that occur in no row; mass: mean share of the
    policy that falls on them. thin: actions that occur in fewer than `SupportReport.few` rows;
    thin_mass: their share.
    """

    never_logged: tuple[int, ...]
    mass: float
    thin: tuple[int, ...]
    thin_mass: float
    few: int = 20


@dataclass(frozen=True)
class Calibration:
    """Predicted against observed rewards of the logged actions, in bins of equal size.

    predicted, observed: float64 (bins,), means; count: (bins,). error: mean absolute difference
    over rows, in units of reward; ratio: observed total / predicted total, 1 if calibrated.
    """

    predicted: Floats
    observed: Floats
    count: NDArray[np.int64]
    error: float
    ratio: float


def weight_report(log: LoggedFeedback) -> WeightReport:
    """Weights of the log's evaluation policy."""
    weight = log.weight
    earned = weight * log.reward
    heaviest = np.sort(weight)[-max(len(weight) // 100, 1) :]
    total = float(weight.sum())
    return WeightReport(
        n=len(log),
        effective_rows=_kish(weight),
        weight_mean=float(weight.mean()),
        weight_mean_error=standard_error(linear("weight", weight, log.group)),
        weight_p99=float(np.quantile(weight, 0.99)),
        weight_max=float(weight.max()),
        top_share=float(heaviest.sum()) / total if total > 0.0 else 0.0,
        rewarded=int((earned != 0.0).sum()),
        effective_rewarded=_kish(earned),
        unused=float((weight == 0.0).mean()),
    )


def support_report(log: LoggedFeedback) -> SupportReport:
    """Actions of the evaluation policy that the log shows rarely or never; needs `log.policy`."""
    mass = log.policy_at_position.mean(axis=0, dtype=np.float64)
    shown = np.bincount(log.action, minlength=log.n_actions)
    never = (shown == 0) & (mass > 0.0)
    thin = (shown > 0) & (shown < SupportReport.few) & (mass > 0.0)
    return SupportReport(
        tuple(np.flatnonzero(never).tolist()),
        float(mass[never].sum()),
        tuple(np.flatnonzero(thin).tolist()),
        float(mass[thin].sum()),
    )


def calibration(log: LoggedFeedback, q: Rewards, bins: int = 10) -> Calibration:
    """How well `q` predicts the rewards that were logged."""
    guess = predicted(log, q).of_logged
    order = np.argsort(guess, kind="stable")
    edges = np.linspace(0, len(order), min(bins, len(order)) + 1).astype(np.int64)
    count = np.diff(edges)
    means = [np.add.reduceat(v[order], edges[:-1]) / count for v in (guess, log.reward)]
    total = float(guess.sum())
    return Calibration(
        predicted=means[0],
        observed=means[1],
        count=count,
        error=float((np.abs(means[0] - means[1]) * count).sum() / len(order)),
        ratio=float(log.reward.sum()) / total if total > 0.0 else float("nan"),
    )


def _kish(values: Floats) -> float:
    square = float((values**2).sum())
    return float(values.sum()) ** 2 / square if square > 0.0 else 0.0
