"""Tastes learned from everybody under differential privacy: what all shoppers share is noisy.

What is learned from all shoppers at once (how often is clicked, what a position does, how often
each look was shown, which families of looks there are, how much and by how many they are liked,
what everybody thinks of each look) is made of noisy sums alone. A shopper's own taste then follows
from that and from their own rows. So what one shopper did hardly moves what others get.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recsys.config import DP_DELTA, PreferenceConfig
from recsys.preference.baseline import Effects
from recsys.preference.cells import DERIVATIVE, REACH, basis, blur, tabulate
from recsys.preference.click_evidence import ClickEvidence
from recsys.preference.evidence import moments, settle
from recsys.preference.mixture import TasteMixture
from recsys.preference.noisy_sums import NoisySums, noise_multiplier, secret_seed
from recsys.preference.rows import LAST_POSITION, Rows, Vocabulary

STEPS: Final = 30
RELEASES: Final = STEPS + 1
COUNT_BOUND: Final = 10.0
"""Largest norm of a shopper's counts: about a hundred impressions spread over ten positions."""
SLOPE_BOUND: Final = 1.0
"""Largest norm of the slope of a shopper's log likelihood."""
_RATE: Final = 0.1
_MEAN_OF_LAST: Final = 10
_USERS_AT_ONCE: Final = 500
# Not learned, since learning them is one more sum.
_VARIANCES: Final = {"user": 0.3, "item": 0.1, "position": 0.1, "pair": 0.1}


def privacy_of(config: PreferenceConfig) -> dict[str, float]:
    """What a fit spends and adds: epsilon, delta, noise (in bounds of one sum) and sums."""
    assert config.dp_epsilon is not None
    return {
        "epsilon": config.dp_epsilon,
        "delta": DP_DELTA,
        "noise_multiplier": round(noise_multiplier(config.dp_epsilon, DP_DELTA, RELEASES), 4),
        "noisy_sums": RELEASES,
    }


def learn_population(
    rows: Rows,
    vocabulary: Vocabulary,
    codes: NDArray[np.float32],
    config: PreferenceConfig,
    seed: int,
    key: bytes,
) -> tuple[ClickEvidence, TasteMixture]:
    """The shoppers' own evidence, and what all of them share, which is (epsilon, delta) private.

    codes: float32 (L, d), NaN where a look has none. Items have no effect of their own, nor have
    outcomes of clicks: most items have too few clicks to be seen through the noise.
    """
    assert config.dp_epsilon is not None
    multiplier = noise_multiplier(config.dp_epsilon, DP_DELTA, RELEASES)
    told = (rows.user, rows.look, rows.clicked, rows.day, *rows.levels.values())
    names = "\0".join([*vocabulary.users.ids, *vocabulary.items.ids, *vocabulary.looks.ids])
    settings = f"{config} {seed}"
    values = [part.numpy().tobytes() for part in told]
    secret = secret_seed(key, [*values, codes.tobytes(), names.encode(), settings.encode()])
    sums = NoisySums(multiplier, RELEASES, secret)
    effects, exposure = _counts(rows, vocabulary, sums)
    n_looks = len(vocabulary.looks)
    cell = rows.user * n_looks + rows.look
    n_cells = len(vocabulary.users) * n_looks
    cells = tabulate(rows.clicked, effects.log_odds(rows.levels), cell, n_cells)
    evidence = ClickEvidence(rows, vocabulary, effects, cell, None, cells)
    families = config.n_families or config.family_choices[0]
    mixture = TasteMixture(codes, exposure, families, config.prior, seed)
    _fit(mixture, evidence.shaped(blur(cells, config.noise_sd)), evidence.rate, sums)
    return evidence, mixture


def shopper_counts(rows: Rows, n_users: int, n_looks: int) -> Tensor:
    """Each shopper's clicks and impressions by position and impressions by look.

    float64 (n_users, 2 * (LAST_POSITION + 1) + n_looks).
    """
    places = LAST_POSITION + 1
    position = rows.levels["position"]

    def by(level: Tensor, size: int, weight: Tensor | None = None) -> Tensor:
        at = rows.user * size + level
        counts = torch.bincount(at, weight, minlength=n_users * size)
        return counts.to(torch.float64).reshape(n_users, size)

    clicks = by(position, places, rows.clicked)
    return torch.cat([clicks, by(position, places), by(rows.look, n_looks)], dim=1)


def _counts(rows: Rows, vocabulary: Vocabulary, sums: NoisySums) -> tuple[Effects, Tensor]:
    """Effects of positions, and how often each look was shown, from one noisy sum of counts."""
    places = LAST_POSITION + 1
    n_users, n_looks = len(vocabulary.users), len(vocabulary.looks)
    counts = sums.release([shopper_counts(rows, n_users, n_looks)], COUNT_BOUND)
    clicks, shown, looks = torch.split(counts, [places, places, n_looks])
    hits = max(float(clicks.sum()), 0.0)
    misses = max(float(shown.sum()) - hits, 0.0)
    intercept = math.log((hits + 0.5) / (misses + 0.5))
    p = 1 / (1 + math.exp(-intercept))
    # The best linear estimate of an effect from its noisy residual.
    weight, prior = shown.clamp_min(0.0) * p * (1 - p), _VARIANCES["position"]
    noise = (sums.multiplier * COUNT_BOUND) ** 2 * (1 + p**2)
    spread = weight**2 * prior + weight + noise
    levels = {
        name: torch.zeros(size, dtype=torch.float64) for name, size in vocabulary.sizes.items()
    }
    precisions = {
        name: torch.full_like(level, 1 / _VARIANCES[name]) for name, level in levels.items()
    }
    levels["position"] = prior * weight * (clicks - p * shown) / spread
    precisions["position"] += weight**2 / (weight + noise)
    return Effects(intercept, levels, dict(_VARIANCES), precisions), looks.clamp_min(0.0)


def shopper_slopes(
    cells: Tensor, utility: Tensor, log_shares: Tensor, rate: Tensor, precision: float
) -> Tensor:
    """Slope of each shopper's log likelihood in `utility` (K, L+1) and in `log_shares` (K,).

    cells: (n, L+1, ORDER); rate and precision as in `settle`. Returns float64
    (n, K * (L+1) + K); what all of a shopper's kinds share in `log_shares` is taken off, since
    shares add up to 1.
    """
    sums = moments(cells, utility).requires_grad_(True)
    joint, _ = settle(sums, rate, precision, log_shares)
    (pull,) = torch.autograd.grad(torch.logsumexp(joint, dim=1).sum(), sums)
    terms = basis(utility.clamp(-REACH, REACH))
    first = terms @ DERIVATIVE.T
    second = first @ DERIVATIVE.T
    bends = torch.stack([first, second, second @ DERIVATIVE.T]).to(cells.dtype)
    change = torch.einsum("nlo,mklo->nmkl", cells, bends).double()
    slope = torch.einsum("nmk,nmkl->nkl", pull, change)
    slope = slope * (utility.abs() < REACH)
    kinds = torch.softmax(joint.detach(), dim=1) - torch.softmax(log_shares, dim=0)
    return torch.cat([slope.flatten(start_dim=1), kinds], dim=1)


def _fit(mixture: TasteMixture, cells: Tensor, rate: tuple[Tensor, float], sums: NoisySums) -> None:
    """Climb the log posterior by noisy slopes; the mean of the last steps stays."""
    parameters = list(mixture.parameters())
    optimiser = torch.optim.Adam(parameters, lr=_RATE)
    mean = [torch.zeros_like(part) for part in parameters]

    def parts(utility: Tensor, log_shares: Tensor) -> Iterator[Tensor]:
        for start in range(0, max(len(cells), 1), _USERS_AT_ONCE):
            some = slice(start, start + _USERS_AT_ONCE)
            yield shopper_slopes(cells[some], utility, log_shares, rate[0][some], rate[1])

    for step in range(STEPS):
        utility, log_shares = mixture.tastes() + mixture.population, mixture.log_shares()
        slope = sums.release(parts(utility.detach(), log_shares.detach()), SLOPE_BOUND)
        in_utility, in_shares = torch.split(slope, [utility.numel(), log_shares.numel()])
        optimiser.zero_grad()
        gain = (in_utility * utility.flatten()).sum() + (in_shares * log_shares).sum()
        (-(gain + mixture.log_prior())).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        if step >= STEPS - _MEAN_OF_LAST:
            for total, part in zip(mean, parameters, strict=True):
                total += part.detach() / _MEAN_OF_LAST
    with torch.no_grad():
        for total, part in zip(mean, parameters, strict=True):
            part.copy_(total)
