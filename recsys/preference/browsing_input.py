"""What `BrowsingPreferenceModel` takes, checked."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.ids import check_id_columns
from features.schema import ORIGINAL, ContractError, SchemaError


def check_codes(kind: str, ids: Sequence[str], codes: NDArray[np.float32]) -> NDArray[np.float32]:
    table = np.asarray(codes, dtype=np.float32)
    if table.ndim != 2 or len(table) != len(ids):
        raise ContractError(
            f"{kind}_codes must have one row per {kind}_id ({len(ids)}), got shape {table.shape}"
        )
    return table


def check_tables(views: pd.DataFrame, items: pd.DataFrame) -> None:
    for name, table, wanted in (
        ("views", views, ("user_id", "item_id")),
        ("items", items, ("item_id", "category")),
    ):
        missing = [column for column in wanted if column not in table]
        if missing:
            raise SchemaError(f"{name} lack {missing}, got {list(table.columns)}: add them")
        check_id_columns(table, ["user_id", "item_id"], name)
    if "event_type" in views and (views["event_type"] == "impression").any():
        raise SchemaError("views hold impressions; expected what shoppers chose: drop those rows")
    if "style_id" in views and not views["style_id"].fillna(ORIGINAL).eq(ORIGINAL).all():
        raise SchemaError(
            "views show looks; expected plain photos only: fit StylePreferenceModel instead"
        )
