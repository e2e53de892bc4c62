"""The committed sample shop is whole: counts, contracts, pictures and masks that fit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from features.schema import EVENT_TYPES, ORIGINAL

SAMPLES = Path(__file__).resolve().parents[2] / "data" / "samples"


@pytest.fixture(scope="module")
def items() -> pd.DataFrame:
    return pd.read_csv(SAMPLES / "items.csv", dtype={"item_id": "str"})


@pytest.fixture(scope="module")
def styles() -> pd.DataFrame:
    return pd.read_csv(SAMPLES / "styles.csv", dtype={"style_id": "str"})


@pytest.fixture(scope="module")
def events() -> pd.DataFrame:
    return pd.read_parquet(SAMPLES / "events.parquet")


def picture(path: str) -> np.ndarray:
    with Image.open(SAMPLES / path) as opened:
        return np.asarray(opened)


def test_the_shop_is_as_large_as_promised_and_stays_under_8_mb(
    items: pd.DataFrame, styles: pd.DataFrame, events: pd.DataFrame
) -> None:
    assert len(items) >= 60
    assert items["category"].nunique() >= 10
    assert len(styles) >= 16
    assert events["user_id"].nunique() >= 300
    assert len(events) >= 30_000
    kept = [p for p in SAMPLES.rglob("*") if p.is_file() and "__pycache__" not in p.parts]
    assert sum(p.stat().st_size for p in kept) < 8_000_000


def test_ids_are_unique_and_every_row_is_filled(items: pd.DataFrame, styles: pd.DataFrame) -> None:
    assert items["item_id"].is_unique
    assert items["title"].is_unique
    assert styles["style_id"].is_unique
    assert ORIGINAL not in set(styles["style_id"])
    assert not items.isna().any(axis=None)
    assert not styles.isna().any(axis=None)
    assert (items["price"] > 0).all()
    assert styles.groupby("tags").size().min() >= 3


def test_every_product_has_a_picture_with_a_mask_of_its_size(items: pd.DataFrame) -> None:
    for row in items.itertuples():
        photo, mask = picture(row.image_path), picture(row.mask_path)
        assert photo.shape == (512, 512, 3)
        assert mask.shape == (512, 512)
        assert mask.dtype == np.uint8
        share = (mask > 127).mean()
        assert 0.02 < share < 0.7, row.item_id
        assert mask.max() == 255
        assert mask[0].max() == mask[-1].max() == mask[:, 0].max() == mask[:, -1].max() == 0
        partly = ((mask > 0) & (mask < 255)).sum()
        assert 0 < partly < 0.1 * mask.size, row.item_id


def test_masks_lie_on_the_edges_of_their_products(items: pd.DataFrame) -> None:
    for row in items.itertuples():
        gray = picture(row.image_path).astype(np.float32).mean(axis=2)
        inside = picture(row.mask_path) > 127
        steps = np.abs(np.diff(gray, axis=1))
        border = inside[:, 1:] != inside[:, :-1]
        assert steps[border].mean() > 4 * steps[~inside[:, 1:] & ~border].mean(), row.item_id


def test_pictures_of_looks_are_large_enough_and_far_apart(styles: pd.DataFrame) -> None:
    thumbnails = []
    for row in styles.itertuples():
        look = picture(row.image_path)
        assert look.shape[2] == 3
        assert min(look.shape[:2]) >= 384
        thumbnails.append(look[::16, ::16].astype(np.float32).ravel())
    codes = np.stack(thumbnails) / 255
    apart = np.abs(codes[:, None, :] - codes[None, :, :]).mean(axis=2)
    assert apart[~np.eye(len(codes), dtype=bool)].min() > 0.08


def test_the_log_speaks_only_of_the_catalogue_and_its_looks(
    items: pd.DataFrame, styles: pd.DataFrame, events: pd.DataFrame
) -> None:
    assert set(events["event_type"]) <= set(EVENT_TYPES)
    assert set(events["item_id"]) <= set(items["item_id"])
    assert set(events["style_id"].dropna()) == set(styles["style_id"])
    assert events["propensity"].between(0, 1, inclusive="right").all()
    assert events["timestamp"].dtype == "datetime64[us, UTC]"
    assert (events["user_id"].value_counts() <= 2).sum() >= 5


def test_the_truth_names_every_shopper_and_a_utility_for_every_look(
    styles: pd.DataFrame, events: pd.DataFrame
) -> None:
    truth = pd.read_parquet(SAMPLES / "truth.parquet")
    assert set(truth["user_id"]) == set(events["user_id"])
    assert {len(row) for row in truth["utility"]} == {len(styles) + 1}
