"""Tastes as a spike and a slab: none at all, or a direction from a normal distribution."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Slab(NamedTuple):
    """Posterior mean tastes (n, k), log odds (n,) that the evidence gives to having a taste, and
    what they follow from: the tastes' covariance (k, k) and the share of users with a taste."""

    taste: Floats
    evidence: Floats
    covariance: Floats
    share: float


def spike_and_slab(score: Floats, information: Floats, taste_sd: float, iterations: int) -> Slab:
    """Tastes of n users, and how tastes are spread over them.

    score (n, k) and information (n, k, k): first and negative second derivative of each shopper's
    log likelihood at no taste. EM learns the share of shoppers with a taste and the covariance of
    their tastes, which starts at taste_sd**2 and is held there by the weight of k shoppers
    (Mitchell and Beauchamp, JASA 1988).
    """
    size = score.shape[1]
    expected = np.eye(size) * taste_sd**2
    covariance, share = expected, 0.5
    for _ in range(iterations):
        before = covariance, share
        mean, spread, evidence = _posterior(score, information, covariance)
        likes = chance(evidence, share)
        # One shopper of either kind keeps the share off 0 and 1.
        share = float((likes.sum() + 1) / (len(likes) + 2))
        second = np.einsum("u,ui,uj->ij", likes, mean, mean) + np.tensordot(likes, spread, 1)
        covariance = (second + size * expected) / (likes.sum() + size)
    return Slab(likes[:, None] * mean, evidence, *before)


def tastes_given(score: Floats, information: Floats, covariance: Floats, share: float) -> Slab:
    """Tastes of other users, spread as those of the fit; arguments as in `Slab`, and as above."""
    mean, _, evidence = _posterior(score, information, covariance)
    return Slab(chance(evidence, share)[:, None] * mean, evidence, covariance, share)


def _posterior(
    score: Floats, information: Floats, covariance: Floats
) -> tuple[Floats, Floats, Floats]:
    """Mean (n, k) and spread (n, k, k) of tastes, if there is one, and the evidence for one."""
    spread = np.linalg.inv(information + np.linalg.inv(covariance))
    mean = np.einsum("uij,uj->ui", spread, score)
    narrowed = np.linalg.slogdet(spread)[1] - np.linalg.slogdet(covariance)[1]
    evidence = 0.5 * (np.einsum("ui,ui->u", score, mean) + narrowed)
    return mean, spread, evidence


def chance(evidence: Floats, share: float) -> Floats:
    """Probability (n,) of a taste where a share of shoppers has one, given log odds `evidence`."""
    odds = evidence + np.log(share / (1 - share))
    return np.asarray(0.5 * (1 + np.tanh(0.5 * odds)), dtype=np.float64)
