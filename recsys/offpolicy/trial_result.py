"""One look policy against another in a trial: estimates, intervals, verdict, and what they rest on.

Everything is plain numbers and text, ready for JSON.
"""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any, Final

import numpy as np
import pandas as pd

from recsys.config import VerdictConfig
from recsys.offpolicy.estimate import Estimate, difference, relative_lift
from recsys.offpolicy.intervals import Method, intervals_of, standard_error
from recsys.offpolicy.look_trial import POLICIES, LookTrial
from recsys.offpolicy.panel import MAIN, UNBIASED
from recsys.offpolicy.verdict import judge

LEVEL: Final = 0.95
DRAWS: Final = 1000
MOST_LOST: Final = 0.01
"""Share of the impressions that may be set aside before the estimates are refused."""

_METHODS: Final[tuple[Method, ...]] = ("normal", "bootstrap", "bernstein")
_CHECKPOINTS: Final = 60
_WEIGHT_BINS: Final = 24


def trial_facts(trial: LookTrial, cut: pd.Timestamp, set_aside: int) -> dict[str, Any]:
    """The size of the log that is judged, for the page."""
    times = pd.concat([trial.past["timestamp"], trial.later["timestamp"]])
    floored = trial.floored
    return {
        "impressions": len(trial.past) + len(trial.later),
        "judged": len(trial.later),
        "clicks": int(trial.reward.sum()),
        "shoppers": int(trial.group.max()) + 1,
        "looks": len(trial.looks) - 1,
        "set_aside": set_aside,
        "propensities_raised": len(floored.rows),
        "propensity_smallest": _finite(floored.smallest),
        "propensity_raised_to": floored.floor,
        "cut_utc": cut.isoformat(),
        "first_utc": times.min().isoformat(),
        "last_utc": times.max().isoformat(),
    }


def compare_in(
    trial: LookTrial, a: str, b: str, seed: int, demands: VerdictConfig | None = None
) -> dict[str, Any]:
    """What `ab.json` holds of policy `b` against `a`: estimates with intervals, verdict, weights,
    support, calibration and the running difference."""
    values = {name: trial.estimates(name) for name in (a, b)}
    gaps = {name: difference(values[b][name], values[a][name]) for name in values[a]}
    lifts = {
        name: relative_lift(values[b][name], values[a][name])
        for name in gaps
        if values[a][name].value > 0.0
    }
    spans = _spans([*values[a].values(), *values[b].values(), *gaps.values()], seed)
    of_a, of_b, of_gap = (spans[i * len(gaps) : (i + 1) * len(gaps)] for i in range(3))
    lift_spans = dict(zip(lifts, _spans([*lifts.values()], seed), strict=True)) if lifts else {}
    rows = []
    for i, name in enumerate(gaps):
        rows.append(
            {
                "estimator": name,
                "setting": _setting(values[b][name]),
                "unbiased": name in UNBIASED,
                "a": _told(values[a][name], of_a[i]),
                "b": _told(values[b][name], of_b[i]),
                "difference": _told(gaps[name], of_gap[i]),
                "lift": _told(lifts[name], lift_spans[name]) if name in lifts else None,
            }
        )
    evidence = {name: trial.evidence(name) for name in (a, b)}
    main = gaps[MAIN]
    bounds = {name: span["bootstrap"] for name, span in zip(gaps, of_gap, strict=True)}
    verdict = judge(
        evidence[a],
        evidence[b],
        main,
        bounds[MAIN],
        values[a][MAIN].value,
        others={name: bounds[name] for name in UNBIASED if name != MAIN},
        config=demands,
    )
    fit = trial.calibration()
    return {
        "level": LEVEL,
        "main": MAIN,
        "estimates": rows,
        "verdict": {**asdict(verdict), "reasons": list(verdict.reasons)},
        "policies": {
            name: {
                "meaning": POLICIES[name],
                "weights": asdict(evidence[name].weights),
                "support": _support(trial, name),
                "histogram": _weights(trial, name),
                "shown": _shown(trial, name),
            }
            for name in (a, b)
        },
        "calibration": {
            "predicted": fit.predicted.tolist(),
            "observed": fit.observed.tolist(),
            "error": fit.error,
            "ratio": _finite(fit.ratio),
        },
        "cumulative": _cumulative(trial, main),
        "difference_error": _finite(standard_error(main)),
        "best_single": trial.best_single if "best_single" in (a, b) else None,
        "personal": asdict(trial.config) if "personal" in (a, b) else None,
    }


def _spans(estimates: list[Estimate], seed: int) -> list[dict[str, tuple[float, float]]]:
    by_method = {m: intervals_of(estimates, m, LEVEL, seed, DRAWS) for m in _METHODS}
    return [{m: by_method[m][i] for m in _METHODS} for i in range(len(estimates))]


def _told(estimate: Estimate, spans: dict[str, tuple[float, float]]) -> dict[str, Any]:
    return {
        "value": _finite(estimate.value),
        **{m: [_finite(low), _finite(high)] for m, (low, high) in spans.items()},
    }


def _setting(estimate: Estimate) -> str:
    """What stands in brackets after the estimator's name: its tuned hyper-parameter."""
    return estimate.name.partition("(")[2].rstrip(")")


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _support(trial: LookTrial, name: str) -> dict[str, Any] | None:
    support = trial.evidence(name).support
    if support is None:
        return None
    return {
        "never_logged": [trial.looks[i] for i in support.never_logged],
        "mass": support.mass,
        "thin": [trial.looks[i] for i in support.thin],
        "thin_mass": support.thin_mass,
        "few": support.few,
    }


def _weights(trial: LookTrial, name: str) -> dict[str, Any]:
    """Counts of the weights over 0 in equal bins of their logarithm, and of those of 0."""
    weight = trial.log(name).weight
    used = weight[weight > 0.0]
    if not len(used):
        return {"edges": [], "counts": [], "zeros": len(weight)}
    low, high = math.log10(float(used.min())), math.log10(float(used.max()))
    if high - low < 0.1:
        low, high = low - 0.5, high + 0.5
    counts, edges = np.histogram(np.log10(used), bins=_WEIGHT_BINS, range=(low, high))
    return {
        "edges": edges.tolist(),
        "counts": counts.tolist(),
        "zeros": int((weight == 0.0).sum()),
    }


def _shown(trial: LookTrial, name: str) -> list[tuple[str, float]]:
    """What the policy shows most: look and share of the judged impressions."""
    if name == "feed":
        share = np.bincount(trial.action, minlength=len(trial.looks)) / len(trial.action)
    else:
        share = trial.probabilities(name).mean(axis=0)
    order = np.lexsort((np.asarray(trial.looks), -share))[:8]
    return [(trial.looks[i], float(share[i])) for i in order if share[i] > 0.0]


def _cumulative(trial: LookTrial, gap: Estimate) -> list[dict[str, Any]]:
    """B - A of the first rows, at growing numbers of rows, with its interval over shoppers."""
    n = len(gap)
    points = np.unique(np.linspace(n / _CHECKPOINTS, n, _CHECKPOINTS).astype(np.int64))
    times = trial.later["timestamp"]
    found = []
    for rows in points[points > 1]:
        part = Estimate(
            gap.name,
            float(gap.per_round[:rows].mean()),
            gap.per_round[:rows],
            (),
            gap.combine,
            trial.group[:rows],
        )
        reach = 1.959964 * standard_error(part)
        found.append(
            {
                "rows": int(rows),
                "time_utc": times.iloc[rows - 1].isoformat(),
                "value": part.value,
                "low": _finite(part.value - reach),
                "high": _finite(part.value + reach),
            }
        )
    return found
