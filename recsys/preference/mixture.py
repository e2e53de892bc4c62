"""How tastes in looks are spread over shoppers: a sparse mixture learned from all of them."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits
from torch import Tensor, nn

from features.style_space import StyleSpace
from recsys.config import TastePrior
from recsys.preference.evidence import moments, settle
from recsys.preference.families import Families, active_families
from recsys.preference.kernel import JITTER, style_kernel

_TASTE_SD = 1.5
_PLAIN_IN_FAMILY_SD = 0.4
_START_TASTE = 1.5
_START_MEMBERSHIP = 2.0


class TasteMixture(nn.Module):
    """Shoppers are indifferent, or like the plain photo, or like one or two families of looks.

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
        kernel = style_kernel(codes, prior.kernel_scale) + JITTER * np.eye(n_looks)
        self._root = prior.smooth_sd * torch.from_numpy(np.linalg.cholesky(kernel))
        self._free_sd, self._population_sd = prior.free_sd, prior.population_sd
        self._exposure = exposure / exposure.sum().clamp_min(1.0)
        self._active = active_families(families)
        pairs = self._active[2 + families :].nonzero()[:, 1]
        self._pairs = pairs.reshape(-1, 2)

        start = np.zeros((families, n_looks))
        if families:
            # So few points that threads only wait for one another.
            # BLAS may raise the flag of an invalid value for lanes beyond a short vector.
            with threadpool_limits(1), np.errstate(invalid="ignore"):
                clusters = KMeans(families, n_init=10, random_state=seed)
                member = clusters.fit_predict(StyleSpace.fit(codes[known]).unit(codes[known]))
            start[member, np.flatnonzero(known)] = _START_MEMBERSHIP
        self._start_membership(torch.from_numpy(start))
        zeros = torch.zeros(families, dtype=torch.float64)
        self.liking = nn.Parameter(zeros + _START_TASTE)
        self.plain_liking = nn.Parameter(torch.tensor(_START_TASTE, dtype=torch.float64))
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
        taste = self._raw_tastes()
        return taste - (taste @ self._exposure)[:, None]

    def _raw_tastes(self) -> Tensor:
        looks = self._active @ (self.liking[:, None] * self.membership())
        plain = self._active @ self.plain_in_family
        likes = torch.zeros_like(plain)
        likes[1] = self.plain_liking
        return torch.cat([looks, (plain + likes)[:, None]], dim=1)

    def families(self) -> Families:
        """What placing a new look needs."""
        with torch.no_grad():
            return Families(
                self.liking.detach().clone(),
                self.level.detach().clone(),
                self.weights.detach() @ self._root.T,
                self._raw_tastes() @ self._exposure,
            )

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

        cells: (n_users, L+1, ORDER); the rest as in `settle`. Returns two float64
        (n_users, n_kinds).
        """
        sums = moments(cells, self.tastes() + self.population)
        return settle(sums, rate, rate_precision, self.log_shares())

    def log_prior(self) -> Tensor:
        """Log density of the parameters, up to a constant."""
        unit = [self.weights, self.free, self.level, self.family_share]
        scaled = [
            self.plain_in_family / _PLAIN_IN_FAMILY_SD,
            self.liking / _TASTE_SD,
            self.plain_liking / _TASTE_SD,
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
