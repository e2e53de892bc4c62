"""Does the effect differ between groups of shoppers, and in which is it real?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from scipy.stats import chi2

from features.schema import InputError, SchemaError
from recsys.experiment.effects import Effect, Metric, compare
from recsys.experiment.multiplicity import benjamini_hochberg, holm

MIN_USERS_PER_ARM: Final = 30
"""Below it the normal approximation behind the intervals is not to be relied on."""


@dataclass(frozen=True)
class SegmentEffects:
    """Effects by segment, adjusted p-values, and the test that all segments react alike.

    `holm` and `benjamini_hochberg` have the keys of `effects`. `heterogeneity_p_value` is that of
    Cochran's Q, NaN with fewer than two segments. `left_out` gives the reason by segment.
    """

    effects: dict[str, Effect]
    holm: dict[str, float]
    benjamini_hochberg: dict[str, float]
    heterogeneity_p_value: float
    left_out: dict[str, str]


def by_segment(
    users: pd.DataFrame,
    metric: Metric,
    segment: str,
    control: str,
    treatment: str,
    alpha: float = 0.05,
) -> SegmentEffects:
    """Compare the arms inside every segment.

    users: as `compare`, with a column `segment` whose values were known before the test (a segment
    made from what happened in it, such as "clicked", would compare different people). Intervals
    are of level 1 - alpha for each segment alone. Segments with fewer than 30 shoppers in an arm
    are left out. Raises SchemaError for a missing or incomplete column, InputError as `compare`.
    """
    if segment not in users.columns or users[segment].isna().any():
        raise SchemaError(f"users need a column {segment!r} with a value for every shopper")
    effects: dict[str, Effect] = {}
    left_out: dict[str, str] = {}
    for name, group in users.groupby(segment, sort=True):
        arms = group["variant"].value_counts()
        fewest = min(int(arms.get(arm, 0)) for arm in (control, treatment))
        if fewest < MIN_USERS_PER_ARM:
            left_out[str(name)] = f"{fewest} shoppers in an arm, expected {MIN_USERS_PER_ARM}"
            continue
        try:
            effects[str(name)] = compare(group, metric, control, treatment, alpha)
        except SchemaError:
            raise
        except InputError as error:
            left_out[str(name)] = str(error)
    p_values = [effect.p_value for effect in effects.values()]
    return SegmentEffects(
        effects,
        dict(zip(effects, holm(p_values).tolist(), strict=True)),
        dict(zip(effects, benjamini_hochberg(p_values).tolist(), strict=True)),
        _heterogeneity(list(effects.values())),
        left_out,
    )


def _heterogeneity(effects: list[Effect]) -> float:
    """Cochran's Q: weighted squares of the effects around their weighted mean."""
    if len(effects) < 2:
        return float("nan")
    difference = np.array([effect.difference for effect in effects])
    weight = np.array([effect.standard_error for effect in effects]) ** -2
    mean = (weight @ difference) / weight.sum()
    return float(chi2.sf(weight @ (difference - mean) ** 2, len(effects) - 1))
