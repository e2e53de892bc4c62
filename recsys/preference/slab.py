"""Tastes as a spike and a slab: none at all, or a direction from a normal distribution."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def spike_and_slab(
    score: Floats, information: Floats, taste_sd: float, iterations: int
) -> tuple[Floats, Floats]:
    """Posterior mean tastes (n, k), and log odds (n,) that the evidence gives to having a taste.

    score (n, k) and information (n, k, k): first and negative second derivative of each shopper's
    log likelihood at no taste. EM learns the share of shoppers with a taste and the covariance of
    their tastes, which starts at taste_sd**2 and is held there by the weight of k shoppers
    (Mitchell and Beauchamp, JASA 1988).
    """
    size = score.shape[1]
    expected = np.eye(size) * taste_sd**2
    covariance, share = expected, 0.5
    for _ in range(iterations):
        spread = np.linalg.inv(information + np.linalg.inv(covariance))
        mean = np.einsum("uij,uj->ui", spread, score)
        narrowed = np.linalg.slogdet(spread)[1] - np.linalg.slogdet(covariance)[1]
        evidence = 0.5 * (np.einsum("ui,ui->u", score, mean) + narrowed)
        likes = chance(evidence, share)
        # One shopper of either kind keeps the share off 0 and 1.
        share = float((likes.sum() + 1) / (len(likes) + 2))
        second = np.einsum("u,ui,uj->ij", likes, mean, mean) + np.tensordot(likes, spread, 1)
        covariance = (second + size * expected) / (likes.sum() + size)
    return likes[:, None] * mean, evidence


def chance(evidence: Floats, share: float) -> Floats:
    """Probability (n,) of a taste where a share of shoppers has one, given log odds `evidence`."""
    odds = evidence + np.log(share / (1 - share))
    return np.asarray(0.5 * (1 + np.tanh(0.5 * odds)), dtype=np.float64)
