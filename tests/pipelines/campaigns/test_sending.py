"""Contact sheets show what there is, and a ZIP holds the same bytes whenever it is packed."""

import csv
import io
import zipfile

import numpy as np
import pytest

from features.images import decode, encode
from pipelines.campaigns.archive import provenance_table, write_archive
from pipelines.campaigns.contact_sheet import ROWS, contact_sheets


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photo.png"
    path.write_bytes(encode(np.full((60, 90, 3), (200, 30, 30), np.uint8), "png"))
    return path


def test_sheets_have_a_row_per_product_and_say_what_is_not_shown(photo, tmp_path):
    products = [(f"{n:03}", "A very long name of a red thing " * 4, photo) for n in range(ROWS + 1)]
    missing = tmp_path / "gone.jpg"
    shown = {("000", "s1"): photo, ("001", "s1"): missing}
    pages = contact_sheets("Spring", products, [("s1", "Stripes"), ("s2", "Dots")], shown)
    assert len(pages) == 2
    first, second = (decode(page) for page in pages)
    assert first.shape[1] == second.shape[1]
    assert first.shape[0] > 5 * second.shape[0]
    red = (first[..., 0].astype(int) - first[..., 1] > 100).sum()
    assert red == pytest.approx((ROWS + 1) * 90 * 60, rel=0.05)


def test_the_same_files_give_the_same_zip(photo, tmp_path):
    for name in ("one.zip", "two.zip"):
        write_archive(tmp_path / name, tmp_path, ["photo.png"], {"manifest.json": b"{}"})
    one, two = (tmp_path / name for name in ("one.zip", "two.zip"))
    assert one.read_bytes() == two.read_bytes()
    with zipfile.ZipFile(one) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["manifest.json", "photo.png"]
        assert archive.read("photo.png") == photo.read_bytes()


def test_no_id_is_a_formula_where_a_spreadsheet_opens_the_provenance():
    rows = [{"file": "web/a.webp", "item_id": "=HYPERLINK(0)", "style_id": "", "mode": None}]
    [told] = csv.DictReader(io.StringIO(provenance_table(rows).decode()))
    assert told["item_id"] == "'=HYPERLINK(0)"
    assert told["mode"] == ""
