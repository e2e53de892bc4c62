"""How far the looks or tastes of today have moved from those the prototypes were made of."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import chi2

from features.schema import ContractError
from recsys.prototypes.clusters import DirectionMixture


def prototype_drift(
    prototype_ids: Sequence[str],
    mixture: DirectionMixture,
    before: NDArray[np.float32],
    after: NDArray[np.float32],
) -> pd.DataFrame:
    """Compare unit codes `before` (n, d) and `after` (m, d) by the prototypes they belong to.

    Columns: prototype_id; share_before, share_after: mean membership, each summing to 1;
    distance_before, distance_after: mean cosine distance to the prototype, weighted by membership,
    0..2; stability: the prototype's part of the population stability index, at least 0, whose sum
    is read as little change below 0.1 and much above 0.25 (Siddiqi 2006). Raises SchemaError
    where either holds no codes.
    """
    columns: dict[str, NDArray[np.float64]] = {}
    smoothed = []
    for name, unit in (("before", before), ("after", after)):
        if not len(unit):
            raise ContractError(
                f"no codes {name} the change: expected one row or more on each side"
            )
        shares = mixture.memberships(unit).astype(np.float64)
        distance = 1.0 - unit.astype(np.float64) @ mixture.directions.astype(np.float64).T
        weight = shares.sum(axis=0)
        columns[f"share_{name}"] = weight / weight.sum()
        columns[f"distance_{name}"] = np.clip(
            np.average(distance, axis=0, weights=np.maximum(shares, 1e-12)), 0.0, 2.0
        )
        # Half a code for every prototype: an empty one would make the index infinite.
        smoothed.append((weight + 0.5) / (weight.sum() + 0.5 * len(prototype_ids)))
    old, new = smoothed
    table = pd.DataFrame({"prototype_id": pd.array(list(prototype_ids), dtype="str")})
    for column in ("share_before", "share_after", "distance_before", "distance_after"):
        table[column] = columns[column]
    return table.assign(stability=(new - old) * np.log(new / old))


def chance_stability(n_before: int, n_after: int, n_prototypes: int) -> float:
    """The stability index that chance alone exceeds once in twenty times where nothing moved.

    (1/n + 1/m) times the 95 % quantile of chi-squared with n_prototypes - 1 degrees of freedom
    (Yurdakul 2018). Takes counts of 1 or more.
    """
    quantile = float(chi2.ppf(0.95, max(n_prototypes - 1, 1)))
    return (1.0 / n_before + 1.0 / n_after) * quantile
