"""Estimated masks against the exact masks of the sample shop, and the rembg slot."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.images import decode
from features.matting import LOW_CONFIDENCE, product_mask
from features.matting.confidence import iou
from features.matting.rembg_cut import _load

SAMPLES = Path(__file__).parents[3] / "data" / "samples"


@pytest.mark.slow
def test_most_sample_products_are_found_and_the_badly_missed_ones_are_not_trusted() -> None:
    items = pd.read_csv(SAMPLES / "items.csv", dtype=str)
    overlaps, confidences = [], []
    for picture_path, mask_path in zip(items["image_path"], items["mask_path"], strict=True):
        mask = product_mask(decode(SAMPLES / picture_path))
        overlaps.append(iou(mask.alpha >= 0.5, decode(SAMPLES / mask_path)[..., 0] >= 128))
        confidences.append(mask.confidence)
    overlap, trusted = np.array(overlaps), np.array(confidences) >= LOW_CONFIDENCE
    assert overlap.mean() > 0.88
    assert (trusted & (overlap < 0.6)).sum() == 0
    assert trusted.mean() > 0.7


def test_the_edge_of_an_estimated_mask_is_soft_but_narrow() -> None:
    picture = decode(SAMPLES / "products" / "t-shirt-02.jpg")
    alpha = product_mask(picture).alpha
    soft = ((alpha > 0.05) & (alpha < 0.95)).sum()
    outline = (
        np.abs(np.diff(alpha >= 0.5, axis=1)).sum() + np.abs(np.diff(alpha >= 0.5, axis=0)).sum()
    )
    assert 0 < soft < 6 * outline


def test_rembg_is_asked_first_if_it_and_its_model_are_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = np.full((80, 80, 3), 230, dtype=np.uint8)
    picture[60:] = (120, 90, 60)  # a floor: the ground is not plain
    picture[20:60, 25:55] = (200, 30, 40)
    (tmp_path / "rembg.py").write_text(
        "import numpy as np\n"
        "def new_session(name):\n"
        "    return name\n"
        "def remove(picture, session, only_mask):\n"
        "    return np.where(picture[..., 1] < 128, 250, 0).astype(np.uint8)\n"
    )
    (tmp_path / "u2net.onnx").touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("U2NET_HOME", str(tmp_path))
    monkeypatch.delitem(sys.modules, "rembg", raising=False)
    _load.cache_clear()
    mask = product_mask(picture)
    _load.cache_clear()
    monkeypatch.delitem(sys.modules, "rembg", raising=False)
    assert mask.source == "rembg"
    assert mask.alpha.max() == np.float32(250 / 255)
    assert 0.0 <= mask.confidence <= 1.0
    (tmp_path / "u2net.onnx").unlink()
    assert product_mask(picture).source == "estimated"
