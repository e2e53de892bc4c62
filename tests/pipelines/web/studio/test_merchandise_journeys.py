"""What a merchandiser does in a browser: campaign to ZIP, channel preset, challenge to look."""

import json
import zipfile

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import expect

from features.images import encode

pytestmark = pytest.mark.slow
PAGES = ["/campaigns", "/channels", "/channels?channel=social", "/challenge", "/limits"]


@pytest.fixture(scope="module")
def studio_job(shop):
    """The job of a shop of one's own: its table of looks gets another row."""
    return shop / "out"


@pytest.fixture(scope="module")
def picture(tmp_path_factory):
    path = tmp_path_factory.mktemp("entry") / "rain.png"
    y, x = np.mgrid[0:90, 0:120]
    stripes = np.stack([90 + 60 * np.sin(x / 5), 120 + 0 * x, 160 + 40 * np.cos(y / 7)], axis=-1)
    path.write_bytes(encode(stripes.astype(np.uint8), "png"))
    return path


def test_a_campaign_is_planned_made_and_taken_away_as_a_zip_by_keyboard(
    open_page, accessible, reachable, readable
):
    page = open_page("merchandiser", "/campaigns")
    page.locator("input[name=look]").first.press("Space")
    page.get_by_label("email").press("Space")
    page.get_by_label("At most").fill("2")
    page.get_by_label("Name").fill("Spring letter")
    page.get_by_label("Longer side painted").fill("96")
    page.get_by_role("button", name="What does it cost?").press("Enter")
    expect(page.locator("#plan")).to_contain_text("2 products x 1 looks x 2 channels")
    assert page.get_by_label("Name").input_value() == "Spring letter"
    page.get_by_role("button", name="Make it").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Spring letter")
    # The page follows its progress by itself.
    page.set_default_timeout(180_000)
    link = page.get_by_role("link", name="Take away the ZIP")
    link.wait_for()
    with page.expect_download() as started:
        link.press("Enter")
    with zipfile.ZipFile(started.value.path()) as archive:
        manifest = json.loads(archive.read("manifest.json"))
        assert archive.testzip() is None
    assert {row["channel"] for row in manifest["files"]} == {"web", "email"}
    page.get_by_role("link", name="Show its pictures").press("Enter")
    sheet = page.get_by_role("img", name="Contact sheet 1")
    sheet.scroll_into_view_if_needed()
    expect(sheet).to_have_js_property("complete", True)
    assert sheet.evaluate("image => image.naturalWidth") > 200
    accessible(page)
    reachable(page)
    readable(page, open_page("merchandiser", scripts=False), [page.url])


def test_a_channels_preset_is_read_and_its_pictures_seen(open_page):
    page = open_page("merchandiser", "/channels")
    expect(page.locator(".channels > li")).to_have_count(5)
    page.get_by_role("link", name="email", exact=True).click()
    expect(page.locator(".channels > li")).to_have_count(1)
    expect(page.locator(".preset")).to_contain_text("900 × 600 px")
    shown = page.locator(".channel-strip img").first
    shown.scroll_into_view_if_needed()
    expect(shown).to_have_js_property("complete", True)
    size = shown.evaluate("image => [image.naturalWidth, image.naturalHeight]")
    assert size == [900, 600]


def test_a_submitted_look_is_voted_on_by_keyboard_and_becomes_one_of_the_shops(
    open_page, picture, shop
):
    page = open_page("shopper", "/challenge")
    page.get_by_label("Name").fill("Rain")
    page.get_by_label("Picture").set_input_files(picture)
    page.get_by_role("button", name="Submit").press("Enter")
    entry = page.locator("#entry-1")
    expect(entry).to_contain_text("0 of 0 votes")
    entry.get_by_role("button", name="Like", exact=True).press("Enter")
    expect(entry).to_contain_text("1 of 1 vote")
    expect(entry.get_by_role("button", name="Make it a look")).to_have_count(0)
    page = open_page("merchandiser", "/challenge")
    page.get_by_role("button", name="Make it a look").click()
    expect(page.locator("#entry-1")).to_contain_text("Won: the look")
    assert pd.read_csv(shop / "shop" / "styles.csv", dtype="str")["name"].iloc[-1] == "Rain"


def test_the_pages_are_accessible_and_reached_by_tab(open_page, accessible, reachable):
    page = open_page("merchandiser")
    for path in PAGES:
        page.goto(path)
        reachable(page)
        accessible(page)


def test_everything_can_be_read_without_scripts(open_page, readable):
    page = open_page("merchandiser", "/campaigns", scripts=False)
    page.locator("input[name=look]").first.check()
    page.get_by_label("Name").fill("Quiet")
    page.get_by_role("button", name="What does it cost?").click()
    expect(page.locator("#plan")).to_contain_text("renders and")
    expect(page.get_by_label("Name")).to_have_value("Quiet")
    readable(open_page("merchandiser"), page, PAGES)
