"""Whether the favourite looks of the shoppers have moved since the evaluation's cut."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from features.schema import ORIGINAL
from pipelines.report.artefacts import Artefacts
from recsys.prototypes.drift import chance_stability


@dataclass(frozen=True)
class Drift:
    """`table` by prototype_id, the sum of its `stability`, and how far that is, in words; how many
    shoppers with a taste there were before, and are now."""

    table: pd.DataFrame
    index: float
    moved: str
    n_before: int
    n_now: int


def taste_drift(run: Artefacts) -> Drift | None:
    """`PrototypeIndex.drift` of the codes of each shopper's favourite look.

    Shoppers who more likely than not have a taste count; None where there are none.
    """
    restyled = run.affinity.drop(columns=ORIGINAL)
    now = run.users.assign(favourite=restyled.idxmax(axis=1).loc[run.users["user_id"]].to_numpy())
    before, after = (
        [run.look_codes[look] for look in users["favourite"] if look in run.look_codes]
        for users in (table[table["style_strength"] > 0.5] for table in (run.earlier, now))
    )
    if not before or not after:
        return None
    table = run.prototypes.drift(np.stack(before), np.stack(after)).set_index("prototype_id")
    index = float(table["stability"].sum())
    moved = _moved(index, chance_stability(len(before), len(after), len(table)))
    return Drift(table, index, moved, len(before), len(after))


def _moved(index: float, chance: float) -> str:
    if index <= chance:
        return "no further than chance may take them"
    return "little" if index < 0.1 else "somewhat" if index < 0.25 else "much"
