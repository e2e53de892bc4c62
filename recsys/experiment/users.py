"""One row per shopper of an experiment: what they saw and did, and what they did before it."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from features.events import require_zone
from features.ids import check_id_columns, require_some_known
from features.schema import SchemaError

SUMS: Final = ("impressions", "clicks", "carts", "purchases", "dwell_s")


def user_metrics(
    exposures: pd.DataFrame, assignment: pd.DataFrame, since: pd.Timestamp
) -> pd.DataFrame:
    """Sum the exposures of every assigned shopper, apart for the test and for the time before it.

    exposures: the table of `features.exposures.exposures`. assignment: user_id, variant and any
    columns known before the test (segments), one row per shopper. since: first moment of the
    test, UTC.

    Returns the assignment sorted by user_id with float64 columns impressions, clicks, carts,
    purchases, dwell_s (seconds) of the test and the same with `_before` of the time before it,
    0 where nothing happened: a shopper who was assigned and never came counts, or the arms would
    no longer be alike. Raises SchemaError for a missing column, an empty or a repeated assignment,
    InputError when no assigned shopper is in the exposures, ContractError for ids that are no text
    and for `since` without a zone.
    """
    for name, table, columns in (
        (
            "exposures",
            exposures,
            ("user_id", "timestamp", "clicked", "carted", "purchased", "dwell_s"),
        ),
        ("assignment", assignment, ("user_id", "variant")),
    ):
        missing = [column for column in columns if column not in table.columns]
        if missing:
            raise SchemaError(
                f"{name} has no column {missing[0]!r}: got {list(table.columns)}, "
                f"expected {columns}"
            )
    if assignment.empty or assignment["user_id"].duplicated().any():
        raise SchemaError(
            f"assignment has {len(assignment)} rows for {assignment['user_id'].nunique()} shoppers:"
            " expected one row for each, at least one"
        )
    for name, table in (("exposures", exposures), ("assignment", assignment)):
        check_id_columns(table, ["user_id"], name)
    require_some_known(assignment["user_id"], exposures["user_id"], "assignment: user_id")
    require_zone(since, "since")
    users = assignment.sort_values("user_id", ignore_index=True)
    row = pd.Index(users["user_id"]).get_indexer(pd.Index(exposures["user_id"]))
    during = (exposures["timestamp"] >= since).to_numpy()
    values = {
        "impressions": np.ones(len(exposures)),
        "clicks": exposures["clicked"].to_numpy(dtype=np.float64),
        "carts": exposures["carted"].to_numpy(dtype=np.float64),
        "purchases": exposures["purchased"].to_numpy(dtype=np.float64),
        "dwell_s": exposures["dwell_s"].to_numpy(dtype=np.float64),
    }
    sums = {}
    for suffix, part in (("", during), ("_before", ~during)):
        chosen = part & (row >= 0)
        for name in SUMS:
            sums[name + suffix] = np.bincount(
                row[chosen], weights=values[name][chosen], minlength=len(users)
            )
    return users.assign(**sums)
