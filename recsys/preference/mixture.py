"""How tastes in looks are spread over shoppers: a sparse mixture learned from all of them."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from torch import Tensor, nn

from recsys.preference.cells import DERIVATIVE, REACH, basis

_SHIFT_LIMIT = 1.5


def style_kernel(codes: NDArray[np.float32], scale: float) -> NDArray[np.float64]:
    """Squared-exponential similarity of looks in centred, normalised style space.

    codes: float32 (n, d), a row of NaN where a look has no code; scale: multiple of the median
    distance. Returns float64 (n, n); rows and columns of looks without a code are zero.
    """
    known = np.isfinite(codes).all(axis=1)
    kernel = np.zeros((len(codes), len(codes)))
    if known.sum() < 2:
        return kernel
    unit = unit_codes(codes[known])
    squared = np.square(unit[:, None, :] - unit[None, :, :]).sum(axis=-1)
    length = max(float(np.median(squared)), 1e-12) * scale**2
    kernel[np.ix_(known, known)] = np.exp(-0.5 * squared / length)
    return kernel


def unit_codes(codes: NDArray[np.float32]) -> NDArray[np.float64]:
    """Codes (n, d) less their mean, each of length one (zero where a code equals the mean)."""
    centred = codes.astype(np.float64) - codes.astype(np.float64).mean(axis=0)
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    return np.asarray(centred / np.maximum(length, 1e-12), dtype=np.float64)


class TasteMixture(nn.Module):
    """Shoppers are indifferent, fond of the plain photo, or fond of one or two families of looks.

    A family is one number per look: a smooth function of the look's style code (a Gaussian
    process) plus a free part. What families there are, how common each is, and what the
    population thinks of each look are learned by maximising the marginal likelihood of all
    shoppers' clicks, every shopper's own click rate integrated out.
    """

    def __init__(
        self,
        codes: NDArray[np.float32],
        n_families: int,
        seed: int,
        smooth_sd: float,
        free_sd: float,
        population_sd: float,
        kernel_scale: float,
    ) -> None:
        """codes: float32 (n_looks, d); the standard deviations are in log odds."""
        super().__init__()
        n_looks = len(codes)
        kernel = style_kernel(codes, kernel_scale)
        root = np.linalg.cholesky(kernel + 1e-6 * np.eye(n_looks)) if n_looks else kernel
        self._root = torch.from_numpy(root * smooth_sd)
        self._free_sd, self._population_sd = free_sd, population_sd
        known = np.isfinite(codes).all(axis=1)
        families = min(n_families, int(known.sum()))
        start = np.full((families, n_looks), -0.2)
        if families:
            member = KMeans(families, n_init=10, random_state=seed).fit_predict(
                unit_codes(codes[known])
            )
            start[member, np.flatnonzero(known)] = 1.0
        self._spread(torch.from_numpy(start))
        pairs = list(combinations(range(families), 2))
        self._pairs = torch.tensor(pairs, dtype=torch.int64).reshape(-1, 2)
        single = torch.eye(families, dtype=torch.float64)
        double = single[self._pairs[:, 0]] + single[self._pairs[:, 1]]
        self._active = torch.cat(
            [torch.zeros(2, families, dtype=torch.float64), single, double], dim=0
        )

    def _spread(self, start: Tensor) -> None:
        """Start the parameters so that the families equal `start`, its smooth part explained."""
        families, n_looks = start.shape
        level = start.mean(dim=1) if n_looks else start.new_zeros(families)
        rest = start - level[:, None]
        gram = self._root.T @ self._root + self._free_sd**2 * torch.eye(n_looks, dtype=start.dtype)
        weights = torch.linalg.solve(gram, self._root.T @ rest.T).T
        free = (rest - weights @ self._root.T) / self._free_sd
        self.level = nn.Parameter(level)
        self.weights = nn.Parameter(weights)
        self.free = nn.Parameter(free)
        self.plain_in_family = nn.Parameter(start.new_zeros(families))
        self.plain = nn.Parameter(torch.tensor([-0.2, 1.5], dtype=torch.float64))
        self.population = nn.Parameter(start.new_zeros(n_looks + 1))
        self.family_share = nn.Parameter(start.new_zeros(families))
        self.kind_share = nn.Parameter(start.new_zeros(4))

    def forget(self) -> None:
        """Make all shoppers indifferent: every taste zero, no other kind has a share."""
        with torch.no_grad():
            for part in self.parameters():
                part.zero_()
            self.kind_share[1:] = -torch.inf

    def families(self) -> Tensor:
        """Utility of every look, and of the plain photo last, in each family: (n_families, L+1)."""
        looks = self.level[:, None] + self.weights @ self._root.T + self._free_sd * self.free
        return torch.cat([looks, self.plain_in_family[:, None]], dim=1)

    def tastes(self) -> Tensor:
        """Utilities (log odds) of each kind of shopper: (n_kinds, L+1); row 0 is indifferent."""
        taste = self._active @ self.families()
        plain = torch.zeros_like(taste)
        plain[1, :-1] = self.plain[0]
        plain[1, -1] = self.plain[1]
        return taste + plain

    def log_shares(self) -> Tensor:
        """Log of each kind's share of the shoppers: (n_kinds,)."""
        families = len(self.family_share)
        if families == 0:
            return torch.log_softmax(self.kind_share[:2], dim=0)
        one = torch.log_softmax(self.family_share, dim=0)
        if families == 1:
            kind = torch.log_softmax(self.kind_share[:3], dim=0)
            return torch.cat([kind[:2], kind[2] + one])
        kind = torch.log_softmax(self.kind_share, dim=0)
        two = torch.log_softmax(one[self._pairs].sum(dim=1), dim=0)
        return torch.cat([kind[:2], kind[2] + one, kind[3] + two])

    def evidence(self, cells: Tensor, rate: Tensor, rate_precision: float) -> tuple[Tensor, Tensor]:
        """Log joint of each shopper's clicks and kind, and the shift of their own rate.

        cells: float64 (n_users, L+1, ORDER); rate: float64 (n_users,), the shopper's rate effect
        that the offsets already hold; its prior is N(0, 1 / rate_precision). Returns two
        (n_users, n_kinds) tensors. The rate is integrated out by Laplace's method.
        """
        flat = cells.flatten(start_dim=1)
        terms = basis((self.tastes() + self.population).clamp(-REACH, REACH))
        first = terms @ DERIVATIVE.T
        second = first @ DERIVATIVE.T
        value = flat @ terms.flatten(start_dim=1).T
        slope = flat @ first.flatten(start_dim=1).T - rate[:, None] * rate_precision
        bend = -(flat @ second.flatten(start_dim=1).T)
        curvature = bend.clamp_min(0.0) + rate_precision
        shift = (slope / curvature).clamp(-_SHIFT_LIMIT, _SHIFT_LIMIT)
        log_likelihood = (
            value
            + slope * shift
            - 0.5 * curvature * shift.square()
            - 0.5 * torch.log(curvature / rate_precision)
        )
        return log_likelihood + self.log_shares(), shift

    def log_prior(self) -> Tensor:
        """Log density of the parameters, up to a constant."""
        unit = [self.weights, self.free, self.level, self.plain, self.plain_in_family]
        squares = torch.stack([part.square().sum() for part in [*unit, self.family_share]]).sum()
        return -0.5 * (squares + (self.population / self._population_sd).square().sum())

    def fit(self, cells: Tensor, rate: Tensor, rate_precision: float, iterations: int) -> None:
        """Maximise the marginal likelihood with L-BFGS; shapes as in `evidence`."""
        optimiser = torch.optim.LBFGS(
            self.parameters(),
            max_iter=iterations,
            history_size=10,
            tolerance_change=1e-4,
            line_search_fn="strong_wolfe",
        )

        def loss() -> float:
            optimiser.zero_grad()
            joint, _ = self.evidence(cells, rate, rate_precision)
            objective = -(torch.logsumexp(joint, dim=1).sum() + self.log_prior())
            objective.backward()  # type: ignore[no-untyped-call]
            return float(objective.detach())

        optimiser.step(loss)  # type: ignore[no-untyped-call]
