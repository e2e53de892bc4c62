"""Families of looks as learned: which new looks belong to them, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recsys.preference.cells import DERIVATIVE, REACH, basis
from recsys.preference.kernel import JITTER, cross_kernel, style_kernel

_PLAIN_VARIANCE = 0.16
_LEAST_VARIANCE = 1e-12


def active_families(n_families: int) -> Tensor:
    """Which families each kind likes, float64 (n_kinds, n_families).

    First the indifferent, then those who like the plain photo, one family, two families.
    """
    pairs = torch.tensor(list(combinations(range(n_families), 2)), dtype=torch.int64)
    single = torch.eye(n_families, dtype=torch.float64)
    pairs = pairs.reshape(-1, 2)
    nobody = torch.zeros(2, n_families, dtype=torch.float64)
    return torch.cat([nobody, single, single[pairs[:, 0]] + single[pairs[:, 1]]])


@dataclass(frozen=True)
class Families:
    """F families: liking and level float64 (F,), smooth (F, L) the part of the log odds of
    membership that follows the style code, centre (n_kinds,) what was taken off every taste.
    """

    liking: Tensor
    level: Tensor
    smooth: Tensor
    centre: Tensor

    def place(
        self, new: NDArray[np.float32], codes: NDArray[np.float32], scale: float
    ) -> tuple[Tensor, Tensor]:
        """Tastes (n_kinds, m) in looks never shown, and their smooth part (F, m).

        new: float32 (m, d); codes: float32 (L, d), those of the looks learned from.
        """
        gram = style_kernel(codes, scale) + JITTER * np.eye(len(codes))
        weights = np.linalg.solve(gram, cross_kernel(new, codes, scale).T)
        smooth = self.smooth @ torch.from_numpy(weights)
        raw = self._active() @ (self.liking[:, None] * self._membership(smooth))
        return raw - self.centre[:, None], smooth

    def doubt(
        self,
        codes: NDArray[np.float32],
        shown: NDArray[np.bool_],
        spread: tuple[float, float, float],
    ) -> Tensor:
        """Prior variance of each kind's utility of looks, (n_kinds, L+1), by their codes alone.

        shown: bool (L,), the looks with exposures; spread: smooth_sd, free_sd and kernel_scale. A
        Gaussian process's variance of the log odds of membership, given the other looks shown,
        carried to the utility by the delta method.
        """
        smooth_sd, free_sd, scale = spread
        kernel = smooth_sd**2 * style_kernel(codes, scale)
        noisy = kernel + free_sd**2 * np.eye(len(codes))
        variance = np.diag(noisy).copy()
        seen = np.flatnonzero(shown)
        if len(seen):
            inverse = np.linalg.inv(noisy[np.ix_(seen, seen)])
            across = kernel[:, seen]
            variance -= np.einsum("ij,jk,ik->i", across, inverse, across)
            variance[seen] = 1 / np.diag(inverse)
        member = self._membership(self.smooth)
        slope = self.liking[:, None] * member * (1 - member)
        looks = self._active() @ (slope.square() * torch.from_numpy(variance))
        plain = torch.full((len(looks), 1), _PLAIN_VARIANCE, dtype=torch.float64)
        return torch.cat([looks, plain], dim=1).clamp_min(_LEAST_VARIANCE)

    def _active(self) -> Tensor:
        return active_families(len(self.liking))[: len(self.centre)]

    def _membership(self, smooth: Tensor) -> Tensor:
        log_odds = self.level[:, None] + smooth
        nowhere = torch.zeros(1, log_odds.shape[1], dtype=log_odds.dtype)
        return torch.softmax(torch.cat([log_odds, nowhere]), dim=0)[:-1]


def learned(prior: Tensor, cells: Tensor, posterior: Tensor, utility: Tensor) -> Tensor:
    """Variance of each kind's utilities after the clicks of its shoppers, (n_kinds, L+1).

    prior: variance before; cells: (n_users, L+1, ORDER); posterior: (n_users, n_kinds); utility:
    (n_kinds, L+1). Laplace's method, one utility at a time.
    """
    weighted = (posterior.T.to(cells.dtype) @ cells.flatten(start_dim=1)).double()
    shaped = weighted.reshape(len(utility), *cells.shape[1:])
    bend = basis(utility.clamp(-REACH, REACH)) @ DERIVATIVE.T @ DERIVATIVE.T
    information = (-(shaped * bend).sum(dim=-1)).clamp_min(0.0)
    return 1 / (information + 1 / prior)
