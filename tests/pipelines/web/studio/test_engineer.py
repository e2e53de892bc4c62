"""What engineers see of a run: rows, refusals, masks, history, the map and the API."""

import html
import io
import re

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from features.matting import read_mask
from pipelines.stores.drawn_masks import find_mask
from pipelines.stores.feed_versions import read_feed
from pipelines.web.studio.finished_run import FinishedRun
from pipelines.web.studio.prototypes import HEIGHT, TILE, WIDTH, style_map

PAGES = ("/inspector", "/failures", "/masks", "/mask?item=003", "/rejects", "/runs", "/api")


@pytest.mark.parametrize("path", [*PAGES, "/openapi.json"])
def test_pages_for_engineers_are_for_no_other_role(engineer, merchandiser, shopper, path):
    assert engineer.get(path).status_code == 200
    assert merchandiser.get(path).status_code == 403
    assert shopper.get(path).status_code == 403


def _rows(page):
    return int(re.search(r"([\d,]+) rows? of", page)[1].replace(",", ""))


def test_the_inspector_finds_what_the_feed_holds(engineer, studio_job):
    feed = read_feed(studio_job)
    assert _rows(engineer.get("/inspector").text) == len(feed)
    assert _rows(engineer.get("/inspector?find=lonely").text) == (feed["user_id"] == "lonely").sum()
    plain = int((feed["style_id"] == "original").sum())
    assert _rows(engineer.get("/inspector?served=original").text) == plain
    drawn = int(((feed["style_id"] == "s1") | (feed["style_drawn"] == "s1")).sum())
    assert _rows(engineer.get("/inspector?look=s1").text) == drawn
    assert "No row holds" in engineer.get("/inspector?find=no-such-thing").text
    assert engineer.get("/inspector?at=999").status_code == 200
    assert engineer.get("/inspector?at=x").status_code == 422


def test_every_refusal_is_shown_with_its_reason(engineer, studio_job):
    renders = pd.read_parquet(studio_job / "renders.parquet")
    reasons = renders.loc[renders["reason"] != "", "reason"]
    page = html.unescape(engineer.get("/failures").text)
    assert f"{len(reasons)} renders" in page
    assert any(reason in page for reason in reasons)


def test_what_was_refused_is_painted_without_the_gate(engineer, studio_job):
    renders = pd.read_parquet(studio_job / "renders.parquet")
    row = renders[renders["reason"] != ""].iloc[0]
    form = {"item": row["item_id"], "style": row["style_id"]}
    page = engineer.post("/failures/refused", form)
    assert page.status_code == 200
    assert re.search(r"/previews/[0-9a-f]+\.jpg", page.text)
    assert engineer.post("/failures/refused", {**form, "item": "none"}).status_code == 404


def test_runs_and_their_ends_are_listed(engineer):
    page = engineer.get("/runs").text
    assert "done" in page
    for stage in ("prepare", "encode", "fit", "score", "render", "feed", "evaluate"):
        assert f'<th scope="row">{stage}' in page.lower()


def test_the_api_page_tells_every_address(app, engineer):
    page = engineer.get("/api").text
    assert all(f"<code>{path}</code>" in page for path in app.openapi()["paths"])


def test_the_map_shows_every_look_inside_it_and_none_over_another(studio_job, engineer):
    made = style_map(FinishedRun(studio_job))
    assert len(made.looks) == 6
    places = np.array([(one.x, one.y) for one in made.looks])
    assert (places > TILE / 2).all()
    assert (places < np.array([WIDTH, HEIGHT]) - TILE / 2).all()
    apart = np.abs(places[:, None] - places[None]).max(axis=2) + 1000 * np.eye(6)
    assert apart.min() >= TILE
    assert 0.0 < made.explained <= 1.0
    shoppers = np.array(made.shoppers)
    # Tastes are among the looks, not beyond them.
    assert len(shoppers) > 0
    assert np.median(np.abs(shoppers - [WIDTH / 2, HEIGHT / 2]), axis=0).max() < WIDTH / 2.5
    assert engineer.get("/prototypes").text.count("<image ") == 6


def _mask(size=(96, 96), centre=(48, 48)):
    y, x = np.mgrid[0 : size[1], 0 : size[0]]
    inside = np.hypot(x - centre[0], y - centre[1]) < 25
    buffer = io.BytesIO()
    Image.fromarray(np.where(inside, 255, 0).astype(np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def test_a_mask_is_kept_as_a_file_that_the_catalogue_can_name(engineer, studio_job):
    files = {"mask": ("mask.png", _mask(), "image/png")}
    answer = engineer.post("/mask?item=007", files=files)
    assert answer.status_code == 303
    kept = find_mask(studio_job, "007")
    assert kept.is_relative_to(studio_job)
    (alpha,) = read_mask(kept, (96, 96))
    assert alpha[48, 48] == 255
    assert alpha[2, 2] == 0
    page = engineer.get(answer.headers["location"]).text
    assert "Saved" in page
    assert kept.relative_to(studio_job).as_posix() in page
    assert engineer.get("/mask-file?item=007").content == kept.read_bytes()
    assert engineer.get("/mask-file?item=none").status_code == 404


@pytest.mark.parametrize(
    ("item", "data"),
    [
        ("no-such-item", _mask()),
        ("../../../etc/passwd", _mask()),
        ("004", _mask(size=(96, 60))),
        ("004", b"not a picture"),
    ],
)
def test_a_mask_that_fits_no_photo_is_refused(engineer, studio_job, item, data):
    files = {"mask": ("mask.png", data, "image/png")}
    assert engineer.post(f"/mask?item={item}", files=files).status_code in (404, 422)
    assert find_mask(studio_job, item) is None
