"""What personal looks gain over plain photos by the run's own log, where the log can tell.

The log is cut at the evaluation's time: tastes learned before it choose the looks, the impressions
after it judge them by their logged propensities, as `stylefeed ab` does.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd

from features.exposures import exposures
from features.schema import ORIGINAL, STYLE_CODE_SIZE, InputError
from pipelines.report.ab_files import write_comparison
from pipelines.stores.arrays import stack_vectors
from pipelines.stores.workspace import StageFolder, read_record
from recsys.config import PolicyConfig, VerdictConfig
from recsys.offpolicy.look_trial import LookTrial
from recsys.offpolicy.trial_result import MOST_LOST, compare_in, trial_facts
from recsys.preference.taste_model import TasteModel

FOLDER: Final = "ab"
A, B = "original", "personal"


def measure_lift(
    folder: StageFolder,
    before: pd.DataFrame,
    after: pd.DataFrame,
    cut: pd.Timestamp,
    model: TasteModel,
    policy: PolicyConfig,
    demands: VerdictConfig,
    seed: int,
    tolerance_s: float,
) -> dict[str, Any]:
    """Judge personal looks against plain photos on the events `after` the cut.

    `model` was fitted on `before` alone; `demands` says what a log must hold. Writes the
    comparison's page to `ab/` and returns its verdict: kind, sentence, and the difference as a
    share of what plain photos earn, lift, lift_low, lift_high (95 %; None where they earn nothing);
    or `note` alone, why this log cannot be judged.
    """
    past, later = exposures(before, tolerance_s), exposures(after, tolerance_s)
    shown = pd.concat([past, later])
    lost = read_record(folder, "prepare")["counts"]["impressions_lost"]
    if lost > MOST_LOST * (len(shown) + lost):
        return {
            "note": f"{lost:,} impressions are set aside beside {len(shown):,}: estimates without "
            "them would be bent; rejects/prepare.csv says why"
        }
    known = shown["propensity"].notna()
    if not known.all():
        return {"note": f"{int((~known).sum()):,} of {len(shown):,} impressions log no propensity"}
    looks = sorted({*shown["style_id"], *shown["style_drawn"]} - {ORIGINAL})
    try:
        trial = LookTrial(past, later, looks, _codes(folder, looks), seed, policy, model)
        result = compare_in(trial, A, B, seed, demands)
    except InputError as error:
        return {"note": str(error)}
    result = {
        "job": {
            "a": A,
            "b": B,
            "log": folder.inputs["events"].name,
            "log_digest": folder.fact("digests")["events"],
            "seed": seed,
            "version": folder.fact("version"),
        },
        "facts": trial_facts(trial, cut, 0),
        **result,
    }
    write_comparison(folder.path(FOLDER), result)
    main = next(row for row in result["estimates"] if row["estimator"] == result["main"])
    base, gap, verdict = main["a"]["value"], main["difference"], result["verdict"]
    shares = [value / base if base else None for value in (gap["value"], *gap["bootstrap"])]
    return {
        "kind": verdict["kind"],
        "sentence": verdict["sentence"],
        **dict(zip(("lift", "lift_low", "lift_high"), shares, strict=True)),
    }


def _codes(folder: StageFolder, looks: list[str]) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Style codes (looks, 100), NaN where a look's picture could not be read."""
    pictures = folder.read("tables/look_pictures.parquet")
    codes = np.full((len(looks), STYLE_CODE_SIZE), np.nan, dtype=np.float32)
    place = pd.Index(looks).get_indexer(pd.Index(pictures["style_id"]))
    if (place >= 0).any():
        codes[place[place >= 0]] = stack_vectors(pictures["style_code"])[place >= 0]
    return codes
