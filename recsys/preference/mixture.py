"""How tastes in looks are spread over shoppers: a sparse mixture learned from all of them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits
from torch import Tensor, nn

from recsys.preference.cells import DERIVATIVE, REACH, basis

_SHIFT_LIMIT = 1.5
_TASTE_SD = 1.5
_PLAIN_IN_FAMILY_SD = 0.4
_START_TASTE = 1.5
_START_MEMBERSHIP = 2.0
_JITTER = 1e-6


@dataclass(frozen=True)
class TastePrior:
    """What is expected of families of looks before any click.

    smooth_sd, free_sd: spread of the log odds that a look belongs to a family, the part that
    follows the style code and the look's own. population_sd: of what everybody thinks of a look,
    in log odds of a click. kernel_scale: how far similar looks reach, as a multiple of the median
    distance between looks.
    """

    smooth_sd: float = 4.0
    free_sd: float = 0.5
    population_sd: float = 0.05
    kernel_scale: float = 0.8


def unit_codes(codes: NDArray[np.float32]) -> NDArray[np.float64]:
    """Codes (n, d) less their mean, each of length one (zero where a code equals the mean)."""
    centred = codes.astype(np.float64) - codes.astype(np.float64).mean(axis=0)
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    return np.asarray(centred / np.maximum(length, 1e-12), dtype=np.float64)


def style_kernel(codes: NDArray[np.float32], scale: float) -> NDArray[np.float64]:
    """Squared-exponential similarity of looks in centred, normalised style space.

    codes: float32 (n, d), a row of NaN where a look has no code: such a look resembles itself
    alone. Returns float64 (n, n).
    """
    known = np.isfinite(codes).all(axis=1)
    kernel = np.eye(len(codes))
    if known.sum() > 1:
        unit = unit_codes(codes[known])
        squared = np.square(unit[:, None, :] - unit[None, :, :]).sum(axis=-1)
        length = max(float(np.median(squared)), 1e-12) * scale**2
        kernel[np.ix_(known, known)] = np.exp(-0.5 * squared / length)
    return kernel


class TasteMixture(nn.Module):
    """Shoppers are indifferent, fond of the plain photo, or fond of one or two families of looks.

    A look belongs to a family, or to none, with probabilities whose log odds are a smooth
    function of its style code (a Gaussian process) plus a part of its own. Which looks make a
    family, how much it is liked and how common that is, and what the population thinks of each
    look are learned by maximising the marginal likelihood of all shoppers' clicks, every
    shopper's own click rate integrated out.
    """

    def __init__(
        self,
        codes: NDArray[np.float32],
        exposure: Tensor,
        n_families: int,
        prior: TastePrior,
        seed: int,
    ) -> None:
        """codes: float32 (L, d); exposure: float64 (L+1,), how often each look was shown.

        Tastes are centred on the looks as they were shown, so that they say nothing about how
        often a shopper clicks at all. There are never more families than looks with a code.
        """
        super().__init__()
        n_looks = len(codes)
        known = np.isfinite(codes).all(axis=1)
        families = min(n_families, int(known.sum()))
        kernel = style_kernel(codes, prior.kernel_scale) + _JITTER * np.eye(n_looks)
        self._root = prior.smooth_sd * torch.from_numpy(np.linalg.cholesky(kernel))
        self._free_sd, self._population_sd = prior.free_sd, prior.population_sd
        self._exposure = exposure / exposure.sum().clamp_min(1.0)
        pairs = list(combinations(range(families), 2))
        self._pairs = torch.tensor(pairs, dtype=torch.int64).reshape(-1, 2)
        single = torch.eye(families, dtype=torch.float64)
        double = single[self._pairs[:, 0]] + single[self._pairs[:, 1]]
        nobody = torch.zeros(2, families, dtype=torch.float64)
        self._active = torch.cat([nobody, single, double])

        start = np.zeros((families, n_looks))
        if families:
            # So few points that threads only wait for one another.
            with threadpool_limits(1):
                clusters = KMeans(families, n_init=10, random_state=seed)
                member = clusters.fit_predict(unit_codes(codes[known]))
            start[member, np.flatnonzero(known)] = _START_MEMBERSHIP
        self._start_membership(torch.from_numpy(start))
        zeros = torch.zeros(families, dtype=torch.float64)
        self.fondness = nn.Parameter(zeros + _START_TASTE)
        self.plain_fondness = nn.Parameter(torch.tensor(_START_TASTE, dtype=torch.float64))
        self.plain_in_family = nn.Parameter(zeros.clone())
        self.population = nn.Parameter(torch.zeros(n_looks + 1, dtype=torch.float64))
        self.family_share = nn.Parameter(zeros.clone())
        self.kind_share = nn.Parameter(torch.zeros(4, dtype=torch.float64))

    def _start_membership(self, log_odds: Tensor) -> None:
        """Start from `log_odds` (n_families, L), as much of them as possible the smooth part."""
        gram = self._root.T @ self._root
        gram += self._free_sd**2 * torch.eye(len(gram), dtype=gram.dtype)
        weights = torch.linalg.solve(gram, self._root.T @ log_odds.T).T
        self.weights = nn.Parameter(weights)
        self.free = nn.Parameter((log_odds - weights @ self._root.T) / self._free_sd)
        self.level = nn.Parameter(torch.zeros(len(log_odds), dtype=torch.float64))

    def forget(self) -> None:
        """Make all shoppers indifferent: every taste zero, no other kind has a share."""
        with torch.no_grad():
            for part in self.parameters():
                part.zero_()
            self.kind_share[1:] = -torch.inf

    def membership(self) -> Tensor:
        """Probability that a look belongs to each family, (n_families, L); the rest is to none."""
        log_odds = self.level[:, None] + self.weights @ self._root.T + self._free_sd * self.free
        nowhere = torch.zeros(1, log_odds.shape[1], dtype=log_odds.dtype)
        return torch.softmax(torch.cat([log_odds, nowhere]), dim=0)[:-1]

    def tastes(self) -> Tensor:
        """Utilities (log odds of a click) of each kind: (n_kinds, L+1); row 0 is indifferent."""
        looks = self._active @ (self.fondness[:, None] * self.membership())
        plain = self._active @ self.plain_in_family
        fond = torch.zeros_like(plain)
        fond[1] = self.plain_fondness
        taste = torch.cat([looks, (plain + fond)[:, None]], dim=1)
        return taste - (taste @ self._exposure)[:, None]

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

        cells: (n_users, L+1, ORDER); rate: float64 (n_users,), the shopper's rate effect that the
        offsets already hold; its prior is N(0, 1 / rate_precision). Returns two float64
        (n_users, n_kinds). The rate is integrated out by Laplace's method.
        """
        terms = basis((self.tastes() + self.population).clamp(-REACH, REACH))
        first = terms @ DERIVATIVE.T
        stacked = torch.cat([terms, first, first @ DERIVATIVE.T]).flatten(start_dim=1)
        products = cells.flatten(start_dim=1) @ stacked.to(cells.dtype).T
        value, slope, bend = products.double().chunk(3, dim=1)
        slope = slope - rate[:, None] * rate_precision
        curvature = (-bend).clamp_min(0.0) + rate_precision
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
        unit = [self.weights, self.free, self.level, self.family_share]
        scaled = [
            self.plain_in_family / _PLAIN_IN_FAMILY_SD,
            self.fondness / _TASTE_SD,
            self.plain_fondness / _TASTE_SD,
            self.population / self._population_sd,
        ]
        return -0.5 * torch.stack([part.square().sum() for part in [*unit, *scaled]]).sum()

    def fit(self, cells: Tensor, rate: Tensor, rate_precision: float, iterations: int) -> None:
        """Maximise the marginal likelihood with L-BFGS; shapes as in `evidence`."""
        optimiser = torch.optim.LBFGS(
            self.parameters(),
            max_iter=iterations,
            history_size=10,
            tolerance_change=1e-5,
            line_search_fn="strong_wolfe",
        )

        def loss() -> float:
            optimiser.zero_grad()
            joint, _ = self.evidence(cells, rate, rate_precision)
            objective = -(torch.logsumexp(joint, dim=1).sum() + self.log_prior())
            objective.backward()  # type: ignore[no-untyped-call]
            return float(objective.detach())

        optimiser.step(loss)  # type: ignore[no-untyped-call]
