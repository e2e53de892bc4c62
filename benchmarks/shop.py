"""The real-photo shop that benchmarks read: semi-synthetic, see docs/benchmarks.md."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.images import decode
from features.networks.encoders import StyleEncoder
from features.tables import validate_events, validate_items, validate_styles

SHOP: Final = Path("../shared/data/shop")


def read_events() -> pd.DataFrame:
    """The shop's log, validated."""
    return validate_events(pd.read_parquet(SHOP / "events.parquet"))[0]


def read_items() -> pd.DataFrame:
    """The shop's catalogue, validated."""
    return validate_items(pd.read_csv(SHOP / "items.csv", dtype="str"))[0]


def read_styles() -> pd.DataFrame:
    """The shop's looks, validated."""
    return validate_styles(pd.read_csv(SHOP / "styles.csv", dtype="str"))[0]


def encode_styles(pictures: pd.DataFrame) -> NDArray[np.float32]:
    """Raw style codes (n, 100) of the pictures that a table names in `image_path`."""
    encoder = StyleEncoder()
    decoded = (decode(SHOP.parent / path) for path in pictures["image_path"])
    return np.concatenate([encoder.encode([picture]) for picture in decoded])
