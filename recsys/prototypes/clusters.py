"""Looks -> groups in style space, as many as predict looks that were held out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import ive, logsumexp
from sklearn.cluster import KMeans

from features.schema import ContractError

MOST_PROTOTYPES: Final = 24
_FOLDS: Final = 5
_STARTS: Final = 4
_MOST_JUDGED: Final = 4_000


@dataclass(frozen=True)
class DirectionMixture:
    """A mixture of von Mises-Fisher distributions on the unit sphere with one concentration.

    `directions` float32 (k, d), unit rows; `weights` float64 (k,), positive, sum 1;
    `concentration` at least 0, larger for tighter groups. Banerjee et al. 2005.
    """

    directions: NDArray[np.float32]
    weights: NDArray[np.float64]
    concentration: float

    @classmethod
    def fit(cls, unit: NDArray[np.float32], labels: NDArray[np.int32]) -> Self:
        """Directions of the groups that `labels` (n,), from 0 without gaps, make of `unit` (n, d).

        The concentration is told by the cosine of each look with its group's other looks: with
        the look itself in the mean, groups of one would seem infinitely tight.
        """
        sizes = np.bincount(labels)
        sums = np.zeros((len(sizes), unit.shape[1]))
        np.add.at(sums, labels, unit.astype(np.float64))
        others = _unit_rows(sums[labels] - unit)
        # A group of one says nothing of how tight groups are, and counts as no agreement at all.
        others[sizes[labels] == 1] = 0.0
        closeness = float(np.einsum("nd,nd->n", others, unit).mean())
        return cls(
            np.asarray(_unit_rows(sums), dtype=np.float32),
            sizes / len(unit),
            _concentration(closeness, unit.shape[1]),
        )

    def log_density(self, unit: NDArray[np.float32]) -> NDArray[np.float64]:
        """Log density of unit rows (n, d) on the sphere, natural, (n,)."""
        return np.asarray(logsumexp(self._joint(unit), axis=1), dtype=np.float64)

    def memberships(self, unit: NDArray[np.float32]) -> NDArray[np.float32]:
        """Posterior probability of each group for unit rows (n, d): float32 (n, k), rows sum to 1.

        A row of zeros, a code at the very centre, gets the groups' weights.
        """
        joint = self._joint(unit)
        shares = np.exp(joint - logsumexp(joint, axis=1, keepdims=True))
        return np.asarray(shares, dtype=np.float32)

    def _joint(self, unit: NDArray[np.float32]) -> NDArray[np.float64]:
        cosines = unit.astype(np.float64) @ self.directions.astype(np.float64).T
        normaliser = _log_normaliser(self.concentration, self.directions.shape[1])
        joint = np.log(self.weights) + normaliser + self.concentration * cosines
        return np.asarray(joint, dtype=np.float64)


def cluster(
    unit: NDArray[np.float32], n_prototypes: int | None = None, seed: int = 0
) -> NDArray[np.int32]:
    """Group unit rows (n, d) by spherical k-means; labels int32 (n,) from 0 without gaps.

    Without `n_prototypes` the number is `choose_number`'s; rows that are equal share a group.
    """
    distinct = np.unique(unit, axis=0)
    count = choose_number(unit, seed) if n_prototypes is None else n_prototypes
    return _labels(unit, min(count, len(distinct)), seed)


def choose_number(unit: NDArray[np.float32], seed: int = 0) -> int:
    """The number of groups in unit rows (n, d) by held-out likelihood, 2 to 24 (1 for one row).

    Taken is the smallest number whose held-out log density falls short of the best one's by no
    more than one standard error of the difference between them, paired by look.
    """
    judged = held_out_log_density(unit, seed)
    if not judged:
        return min(2, len(np.unique(unit, axis=0)))
    best = judged[max(judged, key=lambda count: (judged[count].mean(), -count))]
    for count, density in judged.items():
        short = best - density
        if short.mean() <= short.std() / len(short) ** 0.5:
            return count
    return max(judged)


def held_out_log_density(
    unit: NDArray[np.float32], seed: int = 0
) -> dict[int, NDArray[np.float64]]:
    """Log density of each look under the mixture of the other folds' looks, by number of groups.

    Of unit rows (n, d), equal ones taken once and at most 4,000 drawn; five folds. The numbers run
    from 2 to 24, or to the looks that a fold leaves; the dict is empty for fewer than four looks.
    """
    distinct = np.unique(unit, axis=0)
    rng = np.random.default_rng(seed)
    drawn = distinct[rng.permutation(len(distinct))[:_MOST_JUDGED]]
    if len(drawn) < 4:
        return {}
    folds = np.arange(len(drawn)) % _FOLDS
    most = min(MOST_PROTOTYPES, len(drawn) - int(np.bincount(folds).max()) - 1)
    judged = {count: np.empty(len(drawn)) for count in range(2, most + 1)}
    for fold in np.unique(folds):
        learned, held_out = drawn[folds != fold], folds == fold
        for count, density in judged.items():
            mixture = DirectionMixture.fit(learned, _labels(learned, count, seed))
            density[held_out] = mixture.log_density(drawn[held_out])
    return judged


def _labels(unit: NDArray[np.float32], count: int, seed: int) -> NDArray[np.int32]:
    model = KMeans(count, n_init=_STARTS, random_state=seed)
    # BLAS may compute lanes beyond a short vector, and raise the flag of an invalid value for them.
    with np.errstate(invalid="ignore"):
        labels = np.unique(model.fit_predict(unit), return_inverse=True)[1]
    return np.asarray(labels, dtype=np.int32)


def _unit_rows(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(norms, 1e-12), dtype=np.float64)


def _concentration(closeness: float, size: int) -> float:
    """Banerjee et al. 2005, eq. 4.4, from the mean cosine with the group's direction."""
    bounded = min(max(closeness, 1e-2), 1 - 1e-6)
    return bounded * (size - bounded**2) / (1 - bounded**2)


def _log_normaliser(concentration: float, size: int) -> float:
    """Log of the vMF density's constant: (d/2 - 1) log k - d/2 log 2 pi - log I_{d/2-1}(k)."""
    if size < 2:
        raise ContractError(f"codes have {size} dimension: expected two or more for directions")
    order = size / 2 - 1
    # ive is I scaled by exp(-k): unscaled, it overflows from a concentration of 700 on.
    bessel = np.log(ive(order, concentration)) + concentration
    return float(order * np.log(concentration) - size / 2 * np.log(2 * np.pi) - bessel)
