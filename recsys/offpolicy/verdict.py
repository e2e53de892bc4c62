"""What may be said about B against A, or which number was too small to say anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Final, Literal

import numpy as np
from scipy.stats import norm

from recsys.config import VerdictConfig
from recsys.offpolicy.diagnostics import SupportReport, WeightReport
from recsys.offpolicy.estimate import Estimate
from recsys.offpolicy.intervals import standard_error

Kind = Literal["better", "worse", "no difference", "refused"]

POWER: Final = 0.8
_SAME: Final = 1e-12


@dataclass(frozen=True)
class Evidence:
    """What is known of one policy: its name, weights, and support where that can be told."""

    name: str
    weights: WeightReport
    support: SupportReport | None = None


@dataclass(frozen=True)
class Verdict:
    """kind, one sentence in words, and the reasons of a refusal.

    times_traffic: how many times the log's rows would be needed: for a refusal to fall, or for
    a difference as large as the one seen to be told; None where no traffic would help.
    detectable: the smallest difference, per row, that this log tells 4 times in 5.
    """

    kind: Kind
    sentence: str
    reasons: tuple[str, ...]
    times_traffic: float | None
    detectable: float

    def _repr_html_(self) -> str:
        """The sentence, and the reasons of a refusal."""
        reasons = "".join(f"<li>{escape(reason)}</li>" for reason in self.reasons)
        listed = f"<ul>{reasons}</ul>" if reasons else ""
        return f"<p><b>{escape(self.kind)}</b>: {escape(self.sentence)}</p>{listed}"


def judge(
    a: Evidence,
    b: Evidence,
    difference: Estimate,
    bounds: tuple[float, float],
    base: float,
    config: VerdictConfig | None = None,
    others: Mapping[str, tuple[float, float]] | None = None,
) -> Verdict:
    """Say whether B earns more than A, or refuse to.

    `difference` is B - A, `bounds` its interval at `config.level`, `base` the value of A.
    `others`: intervals of B - A by other estimators; one that has nothing in common with
    `bounds` is a reason to refuse, since both cannot be right.
    """
    config = config or VerdictConfig()
    error = standard_error(difference)
    z = float(norm.ppf((1.0 + config.level) / 2))
    detectable = (z + float(norm.ppf(POWER))) * error
    reasons: list[str] = []
    times: list[float | None] = []
    for evidence in (a, b):
        for reason, more in _too_small(evidence, config):
            reasons.append(reason)
            times.append(more)
    for name, (low, high) in (others or {}).items():
        if low > bounds[1] or high < bounds[0]:
            reasons.append(f"{name} contradicts {difference.name}: their intervals do not meet")
            times.append(None)
    if not np.isfinite(error):
        reasons.append("the difference has no standard error")
        times.append(None)
    if reasons:
        hopeless = any(more is None for more in times)
        factor = None if hopeless else max(more for more in times if more is not None)
        sentence = f"No verdict on {b.name} against {a.name}: {'. Also, '.join(reasons)}."
        if factor is not None:
            rows = round(a.weights.n * (factor - 1.0))
            sentence += (
                f" About {_times(factor)} times this traffic is needed ({rows:,} more judged rows)."
            )
        return Verdict("refused", sentence, tuple(reasons), factor, detectable)
    return _conclude(a, b, difference.value, bounds, base, detectable, config)


def _too_small(evidence: Evidence, config: VerdictConfig) -> list[tuple[str, float | None]]:
    """Reasons to refuse, each with the multiple of the traffic that would remove it."""
    weights, name = evidence.weights, evidence.name
    found: list[tuple[str, float | None]] = []
    if weights.effective_rewarded < config.min_rewarded:
        got = weights.effective_rewarded
        worth = f", worth {got:.0f} by their weights" if round(got) < weights.rewarded else ""
        found.append(
            (
                f"{weights.rewarded:,} rewarded rows bear on {name}{worth}; "
                f"at least {config.min_rewarded:,} are needed",
                config.min_rewarded / got if got > 0.0 else None,
            )
        )
    if weights.effective_rows < config.min_effective_rows:
        got = weights.effective_rows
        found.append(
            (
                f"the effective sample size of {name} is {got:,.0f} rows; "
                f"at least {config.min_effective_rows:,} are needed",
                config.min_effective_rows / got if got > 0.0 else None,
            )
        )
    support = evidence.support
    if support is not None and support.mass + support.thin_mass > config.max_unsupported:
        found.append(
            (
                f"{support.mass + support.thin_mass:.1%} of {name} falls on actions that the log "
                f"shows in fewer than {support.few} rows; at most {config.max_unsupported:.1%} may",
                None,
            )
        )
    gap = abs(weights.weight_mean - 1.0)
    if gap > config.max_weight_gap and gap > config.gap_errors * weights.weight_mean_error:
        found.append(
            (
                f"the weights of {name} average {weights.weight_mean:.3f} instead of 1: the "
                "propensities are not those of the draws, or the log lacks what the policy shows",
                None,
            )
        )
    return found


def _conclude(
    a: Evidence,
    b: Evidence,
    gain: float,
    bounds: tuple[float, float],
    base: float,
    detectable: float,
    config: VerdictConfig,
) -> Verdict:
    low, high = bounds

    def said(value: float) -> str:
        if base > 0.0:
            return f"{100 * value / base:+.1f} %".replace("-", "−")
        return f"{value:+.4g} per row".replace("-", "−")

    span = f"{100 * config.level:g} % interval {said(low)} to {said(high)}"
    if low > _SAME or high < -_SAME:
        kind: Kind = "better" if low > 0.0 else "worse"
        size = said(abs(gain)).lstrip("+")
        return Verdict(
            kind, f"{b.name} is {kind} than {a.name} by {size}, {span}.", (), 1.0, detectable
        )
    times = max((detectable / gain) ** 2, 1.0) if abs(gain) > _SAME else None
    sentence = f"No difference between {a.name} and {b.name} can be told: {said(gain)}, {span}."
    sentence += f" This log would show one of {said(detectable).lstrip('+')} 4 times in 5"
    sentence += (
        f"; one as small as seen needs about {_times(times)} times this traffic."
        if times is not None
        else "."
    )
    return Verdict("no difference", sentence, (), times, detectable)


def _times(factor: float) -> str:
    return f"{factor:,.0f}" if factor >= 10.0 else f"{factor:.3g}"
