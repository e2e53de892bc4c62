"""The painter's files carry their provenance; a bad photo or mask costs itself alone."""

import json
import re
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageDraw, ImageFont

from features.images import DEFAULT_LIMITS, decode
from features.matting import product_mask
from features.networks.encoders import ContentEncoder, StyleEncoder
from pipelines.jobs.doctor import inspect_picture
from pipelines.stages.render import recipe, with_masks, within_budget
from pipelines.stores.render_store import known_renders, whole_renders
from pipelines.stores.workspace import Workspace
from pipelines.workers.paint import PAST_DEADLINE, ItemWork, LookSource, item_painter, read_photo
from styletransfer.config import RenderConfig

KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture(scope="module")
def shop(tiny_shop):
    """(folder, style code, content, look sources) of the tiny shop's first item and look."""
    item, look = tiny_shop / "pictures/item000.jpg", tiny_shop / "pictures/s0.png"
    pictures = [decode(item), decode(look)]
    code, look_code = StyleEncoder().encode(pictures)
    rivals = ContentEncoder().encode(pictures)
    return tiny_shop, code, rivals, {"s0": LookSource(look_code, str(look))}


def _paint(shop, out, path, mask_path=None, mode="artistic"):
    sources = shop[3]
    config = RenderConfig(mode=mode, size_px=128)
    work = item_painter(config, DEFAULT_LIMITS, out, sources)
    return work([_item(shop, path, mask_path)])


def _item(shop, path, mask_path):
    folder, code, rivals, _ = shop
    mask = None if mask_path is None else str(mask_path)
    return ItemWork("000", str(folder / path), mask, code, rivals, ((KEY, "s0", 1.0),))


def _read(item):
    return read_photo(item.path, item.mask_path, 96, DEFAULT_LIMITS)


def test_a_photo_is_repaired_before_it_is_painted_where_asked_for(shop, tmp_path):
    painted = []
    for enhance in (False, True):
        out = tmp_path / str(enhance)
        config = RenderConfig(mode="artistic", size_px=96)
        work = item_painter(config, DEFAULT_LIMITS, out, shop[3], enhance)
        [row], rejects = work([_item(shop, "pictures/item000.jpg", None)])
        assert rejects == []
        painted.append(decode(out / row["image_uri"]))
    assert (painted[0] != painted[1]).any()
    assert recipe(RenderConfig()) != recipe(RenderConfig(), enhance=True)


def test_a_painted_file_says_where_it_comes_from(shop, tmp_path):
    [row], rejects = _paint(shop, tmp_path, "pictures/item000.jpg")
    assert rejects == []
    found = inspect_picture(tmp_path / row["image_uri"])
    assert found["item_id"] == "000"
    assert found["style_id"] == "s0"
    assert found["mode"] == "artistic"
    assert found["digital_source_type"].endswith("trainedAlgorithmicMedia")


def test_words_are_read_before_and_after_where_asked_for(shop, tmp_path):
    pytest.importorskip("rapidocr_onnxruntime")
    folder, code, rivals, sources = shop
    photo = Image.open(folder / "pictures/item000.jpg").convert("RGB").resize((384, 384))
    font = ImageFont.load_default(size=60)
    ImageDraw.Draw(photo).text((90, 160), "TEA", fill="black", font=font)
    photo.save(tmp_path / "tea.png")
    config = RenderConfig(mode="accent", read_text=True)
    work = item_painter(config, DEFAULT_LIMITS, tmp_path, sources)
    item = ItemWork("0", str(tmp_path / "tea.png"), None, code, rivals, ((KEY, "s0", 1.0),))
    [row], rejects = work([item])
    assert rejects == []
    assert row["text"] >= config.budget.min_text


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("pixel", Image.new("RGB", (1, 1))),
        ("truncated", None),
        ("narrow", Image.new("RGB", (400, 20))),
    ],
)
def test_a_photo_that_cannot_be_painted_is_set_aside(shop, tmp_path, name, content):
    path = tmp_path / f"{name}.png"
    if content is None:
        path.write_bytes((shop[0] / "pictures/s0.png").read_bytes()[:200])
    else:
        content.save(path)
    rows, [reject] = _paint(shop, tmp_path, path)
    assert rows == []
    assert reject["key"] == "000"
    assert reject["reason"]


@pytest.mark.parametrize("kind", ["L", "CMYK", "RGBA", "P"])
def test_unusual_photos_are_painted(shop, tmp_path, kind):
    picture = Image.open(shop[0] / "pictures/item000.jpg").convert("RGB").convert(kind)
    path = tmp_path / ("photo.jpg" if kind in ("L", "CMYK") else "photo.png")
    picture.save(path)
    [row], rejects = _paint(shop, tmp_path, path)
    assert rejects == []
    assert (tmp_path / row["image_uri"]).is_file()


@pytest.mark.parametrize(
    ("mask", "reason"),
    [
        (Image.new("L", (50, 60), 255), "is a mask of 50x60 px, expected its picture's 96x96"),
        (Image.new("L", (96, 96), 0), "estimated instead"),
        (None, "does not exist"),
    ],
    ids=["wrong size", "all black", "missing"],
)
def test_a_mask_that_cannot_be_used_is_set_aside_and_estimated(shop, tmp_path, mask, reason):
    path = tmp_path / "mask.png"
    if mask is not None:
        mask.save(path)
    photo = _read(_item(shop, "pictures/item000.jpg", path))
    assert photo.mask is None or photo.mask.source not in ("given", "alpha")
    assert photo.problem.startswith("mask: ")
    assert reason in photo.problem


def test_masks_of_every_kind_are_read_and_what_disagrees_is_set_aside(shop, tmp_path):
    image = Image.open(shop[0] / "pictures/item000.jpg").convert("RGB")
    seen = product_mask(np.asarray(image)).alpha >= 0.5
    true = Image.fromarray(np.where(seen, 255, 0).astype(np.uint8))
    cut_out = image.copy()
    cut_out.putalpha(true)
    cut_out.save(tmp_path / "cut-out.png")
    true.point(lambda level: level // 255).save(tmp_path / "labels.png")
    true.resize((48, 48)).save(tmp_path / "half.png")
    true.point(lambda level: 255 - level).save(tmp_path / "inverted.png")
    for name in ("cut-out", "labels", "half"):
        item = _item(shop, "pictures/item000.jpg", tmp_path / f"{name}.png")
        photo = _read(item)
        assert (photo.mask.source, photo.mask.confidence, photo.problem) == ("given", 0.95, "")
    inverted = _item(shop, "pictures/item000.jpg", tmp_path / "inverted.png")
    photo = _read(inverted)
    assert "inverted" in photo.problem
    assert (photo.mask.alpha >= 0.5)[seen].mean() > 0.9
    [row], rejects = _paint(shop, tmp_path, "pictures/item000.jpg", inverted.mask_path, "accent")
    assert rejects == []
    assert [told["reason"] for told in json.loads(row["problems"])] == [photo.problem]


def test_a_mask_path_that_leads_nowhere_is_set_aside(tmp_path):
    Image.new("L", (8, 8), 255).save(tmp_path / "m.png")
    pictures = pd.DataFrame({"item_id": ["a", "b", "c"]})
    items = pd.DataFrame({"item_id": ["a", "b", "c"], "mask_path": ["m.png", "none.png", None]})
    masked, rejects = with_masks(pictures, items, tmp_path, DEFAULT_LIMITS)
    assert masked["mask_file"].notna().tolist() == [True, False, False]
    assert [reject["key"] for reject in rejects] == ["b"]


def test_a_budget_keeps_the_most_seen_renders_and_says_what_it_left_out():
    plan = pd.DataFrame(
        {
            "item_id": ["a", "a", "b"],
            "style_id": ["s0", "s1", "s0"],
            "strength": 1.0,
            "seen": [1, 5, 3],
            "render_key": ["k0", "k1", "k2"],
        }
    )
    kept, left_out = within_budget(plan, 2)
    assert kept["render_key"].tolist() == ["k1", "k2"]
    assert left_out["render_key"].tolist() == ["k0"]
    assert left_out["reason"].item() == (
        "left out: 3 pictures are wanted and render.max_renders is 2"
    )
    assert left_out["image_uri"].isna().all()
    assert within_budget(plan, 0)[0] is plan


def test_what_a_budget_left_out_is_painted_when_there_is_room(tmp_path):
    plan = pd.DataFrame(
        {
            "item_id": ["a", "b"],
            "style_id": ["s0", "s0"],
            "strength": 1.0,
            "seen": [2, 1],
            "render_key": ["k0", "k1"],
        }
    )
    _, left_out = within_budget(plan, 1)
    refused = left_out.assign(render_key="k0", item_id="a", requested_mode="faithful")
    workspace = Workspace(tmp_path)
    workspace.write("renders.parquet", pd.concat([refused, left_out]))
    kept = whole_renders(tmp_path, known_renders(workspace))
    assert kept["render_key"].tolist() == ["k0"]


def test_a_clock_that_is_set_neither_ends_nor_extends_the_time_to_a_deadline(
    shop, tmp_path, monkeypatch
):
    now, steady = time.time(), time.monotonic()
    config = RenderConfig(mode="artistic", size_px=96)
    work = item_painter(config, DEFAULT_LIMITS, tmp_path, shop[3], deadline_s=now + 3600)
    item = _item(shop, "pictures/item000.jpg", None)
    with monkeypatch.context() as patched:
        patched.setattr(time, "time", lambda: now + 86_400)
        [row], _ = work([item])
    assert row["image_uri"] is not None
    with monkeypatch.context() as patched:
        patched.setattr(time, "time", lambda: now - 86_400)
        patched.setattr(time, "monotonic", lambda: steady + 3601)
        [row], _ = work([item])
    assert (row["image_uri"], row["reason"]) == (None, PAST_DEADLINE)


def test_durations_and_limits_come_from_the_clock_that_nobody_sets():
    root = Path(__file__).parents[3]
    asks = re.compile(r"\btime\.time(_ns)?\(|from time import|datetime\.now\(.*\)\s*[-<>]")
    found = {
        path.relative_to(root).as_posix()
        for package in ("features", "styletransfer", "recsys", "pipelines")
        for path in (root / package).rglob("*.py")
        if asks.search(path.read_text(encoding="utf-8"))
    }
    # The moment of a success, for Prometheus; a deadline named as a moment, asked once; and an age
    # in the words about a lock, which another process wrote.
    assert found == {
        "pipelines/exports/metrics_file.py",
        "pipelines/limits.py",
        "pipelines/stores/folder_lock.py",
    }
