"""An A/B test read as a whole: was the split sound, what changed, for whom, and what to say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd

from features.schema import ContractError, SchemaError
from recsys.experiment.balance import SampleRatio, sample_ratio
from recsys.experiment.effects import Effect, Metric, compare
from recsys.experiment.multiplicity import holm
from recsys.experiment.segments import SegmentEffects, by_segment

MISMATCH: Final = 0.001
"""A split less likely than this is not chance (Fabijan et al. 2019)."""


@dataclass(frozen=True)
class Analysis:
    """One line per metric, p-values adjusted over them (Holm), segments of the first metric.

    `effects` is empty and `segments` None when the split is unsound; `verdict` says so.
    """

    sample_ratio: SampleRatio
    effects: tuple[Effect, ...]
    adjusted_p_values: tuple[float, ...]
    segments: SegmentEffects | None
    verdict: str


def analyse(
    users: pd.DataFrame,
    metrics: Sequence[Metric],
    control: str,
    treatment: str,
    shares: Mapping[str, float],
    segment: str | None = None,
    alpha: float = 0.05,
) -> Analysis:
    """Compare two arms in every metric, unless the split itself is broken.

    users: one row per shopper with variant and the metrics' columns (see `user_metrics`). shares:
    promised share of every arm. segment: a column known before the test. The first metric is the
    one the verdict is about. Raises as `compare`; ContractError without metrics.
    """
    if not metrics:
        raise ContractError("metrics is empty: name at least one, the one that decides first")
    if "variant" not in users.columns:
        raise SchemaError(f"users have no column 'variant': got {list(users.columns)}")
    counts = users["variant"].value_counts()
    split = sample_ratio({arm: int(counts.get(arm, 0)) for arm in shares}, shares)
    if split.p_value < MISMATCH:
        verdict = (
            f"No verdict: the arms hold {split.observed} shoppers where "
            f"{ {arm: round(n) for arm, n in split.expected.items()} } were due "
            f"(p = {split.p_value:.1g}). Find what lost shoppers of one arm before reading on."
        )
        return Analysis(split, (), (), None, verdict)
    effects = tuple(compare(users, metric, control, treatment, alpha) for metric in metrics)
    adjusted = tuple(float(p) for p in holm([effect.p_value for effect in effects]))
    parts = None
    if segment is not None:
        parts = by_segment(users, metrics[0], segment, control, treatment, alpha)
    return Analysis(split, effects, adjusted, parts, _words(effects[0], adjusted[0], parts))


def _words(effect: Effect, p_value: float, parts: SegmentEffects | None) -> str:
    interval = f"{effect.low:+.4g} to {effect.high:+.4g}, {effect.relative:+.1%}"
    if p_value >= effect.alpha:
        verdict = f"No difference in {effect.metric} is shown: {interval} (p = {p_value:.2g})."
    else:
        change = "raises" if effect.difference > 0 else "lowers"
        verdict = f"The treatment {change} {effect.metric}: {interval} (p = {p_value:.2g})."
    if parts is not None:
        # A group that loses matters even when the whole wins.
        hurt = [
            name
            for name, part in parts.effects.items()
            if part.difference < 0 and parts.holm[name] < part.alpha
        ]
        if hurt:
            verdict += f" It lowers it for {', '.join(hurt)}."
    return verdict
