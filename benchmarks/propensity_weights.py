"""Do inverse propensity weights help tastes foretell held-out clicks? The shop's last fifth.

The log's looks were drawn with known chances. Each row weighs 1 / max(propensity, floor); the
floors were fixed before looking. `benchmarks.held_out_clicks` has the other methods.

    OMP_NUM_THREADS=1 python -m benchmarks.propensity_weights
"""

from __future__ import annotations

from benchmarks.held_out_clicks import Judge, interval
from benchmarks.machine import describe
from benchmarks.ranking_shop import encoded
from benchmarks.shop import read_events, read_styles
from features.events import split_at, time_split
from features.exposures import exposures
from recsys.preference import PreferenceConfig, StylePreferenceModel

FLOORS = (None, 0.05, 0.01, 0.001)


def main() -> None:
    events = read_events()
    styles = read_styles()
    codes, _ = encoded(styles)
    past, later = (exposures(part) for part in split_at(events, time_split(events)))
    judge = Judge(later)
    print(describe("torch"))
    low, middle, high = past["propensity"].quantile([0.05, 0.5, 0.95])
    print(
        f"\n{len(past)} impressions to learn from, {len(later)} to predict; propensities "
        f"{low:.3f} (5 %), {middle:.3f} (median), {high:.3f} (95 %)\n"
    )
    print("| floor | log loss | less unweighted | AUC | less unweighted |")
    print("|---|---|---|---|---|")
    plain = None
    for floor in FLOORS:
        model = StylePreferenceModel(PreferenceConfig(propensity_floor=floor), seed=0)
        model.fit(past, styles["style_id"].tolist(), codes)
        found = judge(model.predict_click(later))
        plain = found if plain is None else plain
        cells = []
        for mine, base in zip(found, plain, strict=True):
            cells += [interval(mine, ""), "-" if floor is None else interval(mine - base, "+")]
        print(f"| {'unweighted' if floor is None else floor} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
