"""Personal looks against the best single look and plain photos, told from the shop's own log.

Semi-synthetic shop: the customers and their purchases are real, the exposures and propensities are
made. Tastes and the best single look are learned before the 80 % time quantile; all policies are
judged by the impressions after it, shoppers counting as independent draws. `personal` explores with
probability 0.1 as a feed does; `personal, no exploration` always shows the look of highest
affinity.

    python -m benchmarks.ab_shop
"""

from __future__ import annotations

import time

from benchmarks.machine import describe
from benchmarks.shop import encode_styles, read_events, read_styles
from features.events import split_at, time_split
from features.exposures import exposures
from recsys.config import PolicyConfig
from recsys.offpolicy import (
    MAIN,
    UNBIASED,
    Estimate,
    Evidence,
    Method,
    difference,
    interval,
    intervals_of,
    judge,
    relative_lift,
)
from recsys.offpolicy.look_trial import LookTrial

METHODS: tuple[Method, ...] = ("normal", "bootstrap", "bernstein")
PAIRS = (
    ("original", "personal"),
    ("best_single", "personal"),
    ("original", "best_single"),
    ("feed", "personal"),
    ("original", "personal, no exploration"),
)


def main() -> None:
    events = read_events()
    styles = read_styles()
    codes = encode_styles(styles)
    cut = time_split(events)
    past, later = (exposures(part) for part in split_at(events, cut))
    start = time.perf_counter()
    trial = LookTrial(past, later, styles["style_id"].tolist(), codes, seed=0)
    values: dict[str, dict[str, Estimate]] = {}
    evidence: dict[str, Evidence] = {}
    for name in ("feed", "original", "best_single", "personal"):
        values[name], evidence[name] = trial.estimates(name), trial.evidence(name)
    # The same tastes and reward model under another way of drawing.
    trial.config = PolicyConfig(kind="best")
    name = "personal, no exploration"
    values[name] = trial.estimates("personal")
    evidence[name] = Evidence(name, trial.evidence("personal").weights)
    seconds = time.perf_counter() - start

    print(describe("numpy", "lightgbm", "torch"))
    print(
        f"\nSemi-synthetic shop: {len(past):,} impressions before {cut:%Y-%m-%d %H:%M} UTC teach, "
        f"{len(later):,} after it judge ({int(trial.reward.sum()):,} clicks, "
        f"{trial.group.max() + 1} shoppers); best single look {trial.best_single}; "
        f"{seconds:.0f} s\n"
    )
    print("| policy | effective rows | effective clicks | mean weight | largest weight |")
    print("|---" * 5 + "|")
    for name, known in evidence.items():
        w = known.weights
        print(
            f"| {name} | {w.effective_rows:,.0f} | {w.effective_rewarded:,.0f} | "
            f"{w.weight_mean:.3f} ± {w.weight_mean_error:.3f} | {w.weight_max:.1f} |"
        )
    print("\nClicks per impression, 95 % bootstrap interval over shoppers\n")
    print(f"| estimator | {' | '.join(values)} |")
    print("|---" * (len(values) + 1) + "|")
    for estimator in values["personal"]:
        cells = []
        for estimates in values.values():
            low, high = interval(estimates[estimator], "bootstrap", seed=0)
            cells.append(f"{estimates[estimator].value:.4f} ({low:.4f} to {high:.4f})")
        print(f"| {estimator} | {' | '.join(cells)} |")
    for a, b in PAIRS:
        compare(a, b, values, evidence)


def compare(
    a: str, b: str, values: dict[str, dict[str, Estimate]], evidence: dict[str, Evidence]
) -> None:
    """Print the lift of `b` over `a` by every estimator and interval, and the verdict."""
    print(f"\n### {b} against {a}: relative lift\n")
    print("| estimator | lift | asymptotic | bootstrap | empirical Bernstein |")
    print("|---" * 5 + "|")
    lifts = {name: relative_lift(values[b][name], values[a][name]) for name in values[a]}
    spans = {method: intervals_of(list(lifts.values()), method, seed=0) for method in METHODS}
    for i, (name, lift) in enumerate(lifts.items()):
        cells = [f"{spans[m][i][0]:+.1%} to {spans[m][i][1]:+.1%}" for m in METHODS]
        print(f"| {name} | {lift.value:+.1%} | {' | '.join(cells)} |")
    gaps = {name: difference(values[b][name], values[a][name]) for name in UNBIASED}
    bounds = {name: interval(gap, "bootstrap", seed=0) for name, gap in gaps.items()}
    others = {name: span for name, span in bounds.items() if name != MAIN}
    base = values[a][MAIN].value
    verdict = judge(evidence[a], evidence[b], gaps[MAIN], bounds[MAIN], base, others=others)
    print(f"\nVerdict: {verdict.sentence}")


if __name__ == "__main__":
    main()
