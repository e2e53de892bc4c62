"""Are the differences between models more than the luck of which users were asked?"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.schema import ContractError, SchemaError
from recsys.evaluation.bootstrap import resample_sums


def compare(
    scores: pd.DataFrame, reference: str, draws: int = 5_000, seed: int = 0, level: float = 0.95
) -> pd.DataFrame:
    """Every model against `reference`, by a paired bootstrap over users.

    `scores`: one row per user, one float column per model (the user's NDCG, say), no gaps. Returns
    a row per column of `scores`, in its order: model, mean, low, high; gain, gain_low, gain_high:
    the mean less the reference's; relative, relative_low, relative_high: the same over the
    reference's mean, NaN if that is 0; p_value: two-sided, of no difference (Efron and Tibshirani
    1993, section 16.4: the differences, moved to mean 0, resampled); p_holm: corrected for all the
    comparisons of the table (Holm 1979). Intervals are percentile intervals at `level`; the
    reference's own gain is 0 and its p values are NaN.
    Raises SchemaError if `scores` lacks the reference, ContractError on gaps, under two users,
    draws < 1 or a level outside (0, 1).
    """
    values = _checked(scores, reference, draws, level)
    names = [str(name) for name in scores.columns]
    base = names.index(reference)
    means = values.mean(axis=0)
    drawn = resample_sums(values, draws, seed) / len(values)
    gain, drawn_gain = means - means[base], drawn - drawn[:, [base]]
    drawn_relative = drawn_gain / _nonzero(drawn[:, [base]])
    # Moved to mean 0 the resampled gains show what chance alone makes of no difference.
    as_far = np.abs(drawn_gain - gain) >= np.abs(gain) - 1e-15
    p_value = (1.0 + as_far.sum(axis=0)) / (draws + 1.0)
    p_value[base] = np.nan
    tails = ((1.0 - level) / 2.0, (1.0 + level) / 2.0)
    columns = {"model": np.array(names, dtype=object)}
    for name, point, resampled in (
        ("", means, drawn),
        ("gain", gain, drawn_gain),
        ("relative", gain / _nonzero(means[[base]]), drawn_relative),
    ):
        low, high = np.quantile(resampled, tails, axis=0)
        prefix = f"{name}_" if name else ""
        columns |= {name or "mean": point, f"{prefix}low": low, f"{prefix}high": high}
    table = pd.DataFrame({**columns, "p_value": p_value, "p_holm": holm(p_value)})
    return table.astype({"model": "str"})


def holm(p_values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Step-down correction of `p_values` (m,) for m comparisons (Holm 1979); NaN stays apart.

    The i-th smallest is multiplied by m + 1 - i; none falls below a smaller one's, none exceeds 1.
    """
    corrected = np.full(len(p_values), np.nan)
    order = np.argsort(p_values, kind="stable")
    order = order[~np.isnan(p_values[order])]
    steps = p_values[order] * (len(order) - np.arange(len(order)))
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return corrected


def _checked(scores: pd.DataFrame, reference: str, draws: int, level: float) -> NDArray[np.float64]:
    if reference not in scores.columns:
        raise SchemaError(
            f"scores have no column {reference!r}: got {list(scores.columns)}, expected one column "
            "per model, the reference among them"
        )
    if draws < 1 or not 0.0 < level < 1.0:
        raise ContractError(
            f"draws is {draws} and level {level}: expected at least 1, and a number in (0, 1)"
        )
    values = scores.to_numpy(dtype=np.float64)
    if len(values) < 2 or not np.isfinite(values).all():
        raise ContractError(
            f"scores of {len(values)} users with {int((~np.isfinite(values)).sum())} gaps: "
            "expected two users or more and a number for every model"
        )
    return values


def _nonzero(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(values != 0.0, values, np.nan)
