"""What people do in the studio, in a real browser: with a mouse, by keyboard, without scripts."""

import re
import shutil
from datetime import datetime

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from playwright.sync_api import expect

from pipelines.stores.drawn_masks import find_mask
from pipelines.stores.feed_versions import read_feed
from pipelines.stores.feedback_events import FEEDBACK, read_feedback

pytestmark = pytest.mark.slow
FEED = "/feed?shopper=lonely"
LOOK = "/look?shopper=lonely&rank=1"
PAGES = [
    *("/login", "/shoppers", FEED, LOOK, "/nowhere", "/prototypes", "/inspector", "/failures"),
    *("/masks", "/mask?item=003", "/rejects", "/runs", "/api"),
]


@pytest.fixture
def styled(studio_job):
    """A shopper and the rank of a card that is served in a look."""
    feed = read_feed(studio_job)
    row = feed[feed["style_id"] != "original"].sort_values(["user_id", "rank"]).iloc[0]
    return row["user_id"], int(row["rank"])


def test_a_login_that_is_wrong_is_refused_and_a_right_one_opens_the_feed(open_page):
    page = open_page(path="/feed")
    assert page.url.endswith("/login")
    page.get_by_label("Name").fill("shopper")
    page.get_by_label("Password").fill("no such password")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_contain_text("open nothing here")
    page.get_by_label("Name").fill("shopper")
    page.get_by_label("Password").fill("a long password")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Chosen for you")
    page.goto("/shoppers")
    expect(page.get_by_role("heading", level=1)).to_have_text("Not for this login")


def test_a_shopper_is_found_and_the_feed_seen(open_page):
    page = open_page("engineer", "/shoppers")
    page.get_by_label("Find by id").press_sequentially("lon")
    expect(page.locator("#found a")).to_have_count(1)
    page.locator("#found a").click()
    expect(page.locator(".card")).to_have_count(4)
    shown = page.locator(".card img").first
    shown.scroll_into_view_if_needed()
    expect(shown).to_have_js_property("complete", True)
    assert shown.evaluate("image => image.naturalWidth") > 0


def test_the_slider_lays_the_photo_over_the_render(open_page, styled):
    page = open_page("engineer", f"/feed?shopper={styled[0]}")
    compare = page.locator(f"#card-{styled[1]} .compare")
    cut = "one => getComputedStyle(one.querySelector('.as-photographed')).clipPath"
    slider = compare.get_by_role("slider")
    slider.focus()
    before = compare.evaluate(cut)
    slider.press("End")
    assert compare.evaluate(cut) != before
    assert compare.evaluate("one => one.style.getPropertyValue('--cut')") == "100%"


def test_a_clip_is_opened_by_keyboard_and_plays(open_page, accessible, site_with_clips, filmed):
    row = filmed[1]
    page = open_page("engineer", f"/feed?shopper={row['user_id']}", base=site_with_clips)
    card = page.locator(f"#card-{row['rank']}")
    video = card.locator("video")
    expect(video).to_be_hidden()
    card.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(video).to_be_visible()
    accessible(page)
    video.evaluate("one => one.play()")
    expect(video).to_have_js_property("videoHeight", 96)
    page.wait_for_function("one => one.currentTime > 0", arg=video.element_handle())


def test_a_card_is_liked_by_keyboard_and_taken_back(open_page, studio_job, styled):
    page = open_page("engineer", f"/feed?shopper={styled[0]}")
    for _ in range(styled[1]):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("l")
    button = page.locator(f"#card-{styled[1]}").get_by_role("button", name="Like", exact=True)
    expect(button).to_have_attribute("aria-pressed", "true")
    expect(button).to_be_focused()
    assert read_feedback(studio_job)["event_type"].tolist() == ["impression", "click"]
    page.keyboard.press("l")
    expect(button).to_have_attribute("aria-pressed", "false")
    assert read_feedback(studio_job).empty


class DayAfter(datetime):
    """A clock on the day after the log of the tiny shop ended."""

    @classmethod
    def now(cls, tz=None):
        return cls(2025, 5, 2, tzinfo=tz)


def test_a_liked_look_is_liked_more_after_the_next_run(
    open_page, site_of_ones_own, shop, rerun, tmp_path, monkeypatch
):
    out = shop / "out"
    monkeypatch.setattr("pipelines.web.studio.shoppers.datetime", DayAfter)
    known = pd.read_parquet(out / "users.parquet").set_index("user_id")["n_events"]
    affinity = pd.read_parquet(out / "style_affinity.parquet")
    liked = affinity[(affinity["style_id"] != "original") & (affinity["affinity"] > 0)]
    rows = read_feed(out).merge(liked, on=["user_id", "style_id"])
    row = rows.loc[rows["user_id"].map(known).idxmin()]
    page = open_page("engineer", f"/feed?shopper={row['user_id']}", base=site_of_ones_own)
    card, taste = page.locator(f"#card-{row['rank']}"), page.locator(".tastes li")
    shown = taste.filter(has_text=card.locator(".chip .name").inner_text()).locator(".num")
    before = float(shown.inner_text())
    card.get_by_role("button", name="Like", exact=True).click()
    expect(card.get_by_role("status")).to_have_text("Kept for the next run.")
    shutil.copy(shop / "shop" / "events.parquet", tmp_path / "shop.parquet")
    shutil.copy(out / FEEDBACK, tmp_path / "studio.parquet")
    rerun(out, shop / "shop", tmp_path)
    page.reload()
    assert float(shown.inner_text()) > before


def test_a_blend_is_previewed_as_the_controls_change_by_keyboard(open_page, accessible):
    page = open_page("engineer", LOOK)
    page.get_by_role("radio", name="Stripes s4").press("Space")
    result = page.locator("#result")
    expect(result.locator("img[src^='/previews/']")).to_be_visible()
    first = result.locator("img[src^='/previews/']").get_attribute("src")
    page.get_by_label("Second look").select_option("s5")
    page.get_by_label("How much of it").fill("50")
    expect(result).to_contain_text("50 % Stripes s5")
    second = result.locator("img[src^='/previews/']").get_attribute("src")
    assert first != second
    page.get_by_label("Strength").press("Home")
    expect(result).to_contain_text("Shown as photographed")
    accessible(page)


def test_a_picture_of_ones_own_is_uploaded_and_shown(open_page, tmp_path):
    y, x = np.mgrid[0:120, 0:120]
    picture = np.where(((x // 9 + y // 9) % 2 == 0)[..., None], (20, 90, 200), (240, 240, 80))
    Image.fromarray(picture.astype(np.uint8)).save(tmp_path / "mine.png")
    page = open_page("shopper", "/look?rank=2")
    page.get_by_label("JPEG, PNG or WebP").set_input_files(tmp_path / "mine.png")
    page.get_by_role("button", name="Use as a look").press("Enter")
    expect(page.locator("#result img[src^='/previews/']")).to_be_visible()
    expect(page.get_by_role("radio", name="Your picture")).to_be_checked()


def test_words_become_a_look_and_what_was_understood_is_said(open_page):
    page = open_page("shopper", "/look?rank=2")
    page.get_by_label("What is the look like?").fill("calm stripes")
    page.get_by_role("button", name="Find that look").click()
    expect(page.locator("#result")).to_contain_text("Understood: calm, stripes")
    page.get_by_label("What is the look like?").fill("zebras")
    page.get_by_role("button", name="Find that look").click()
    expect(page.locator("#result")).to_contain_text("for the meaning of the whole: zebras")
    page.get_by_label("What is the look like?").fill("unpaid invoice")
    page.get_by_role("button", name="Find that look").click()
    expect(page.locator("main")).to_contain_text("none of these words")


def test_what_the_gate_refused_is_seen_with_its_reason(open_page, accessible):
    page = open_page("engineer", "/failures")
    card = page.locator(".failure").first
    expect(card).to_contain_text("Served as photographed")
    card.get_by_role("button", name=re.compile("Show what was refused")).click()
    expect(card.locator("img[src^='/previews/']")).to_be_visible()
    accessible(page)
    page.locator(".reasons a").nth(1).click()
    expect(page.locator(".reasons a").nth(1)).to_have_attribute("aria-current", "true")


def test_rows_of_the_feed_are_found_while_typing(open_page, studio_job):
    feed = read_feed(studio_job)
    plain = (feed["style_id"] == "original")[feed["user_id"] == "lonely"]
    page = open_page("engineer", "/inspector")
    page.keyboard.press("/")
    page.keyboard.type("lonely")
    expect(page.locator("#inspected tbody tr")).to_have_count(4)
    for served, count in (("look", (~plain).sum()), ("original", plain.sum())):
        page.get_by_role("combobox", name="Served").select_option(served)
        expect(page.locator("#inspected tbody tr")).to_have_count(int(count))


def test_a_mask_is_painted_taken_back_and_kept(open_page, studio_job, accessible):
    page = open_page("engineer", "/mask?item=003")
    canvas = page.locator("canvas[data-ready]")
    canvas.scroll_into_view_if_needed()
    pixels = "one => one.toDataURL()"
    page.mouse.move(1, 1)
    before = canvas.evaluate(pixels)
    box = canvas.bounding_box()
    page.mouse.move(box["x"] + 10, box["y"] + 10)
    page.mouse.down()
    page.mouse.move(box["x"] + 90, box["y"] + 10, steps=4)
    page.mouse.up()
    page.mouse.move(1, 1)
    painted = canvas.evaluate(pixels)
    assert painted != before
    page.get_by_role("button", name="Undo").click()
    assert canvas.evaluate(pixels) == before
    canvas.focus()
    page.keyboard.press("Space")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    page.keyboard.press("s")
    expect(page.get_by_role("status").first).to_contain_text("Saved")
    expect(page.locator("img[src^='/previews/']")).to_have_count(2)
    accessible(page)
    kept = Image.open(find_mask(studio_job, "003"))
    grey = np.asarray(kept.convert("L"))
    assert grey[grey.shape[0] // 2, grey.shape[1] // 2] == 255


def test_the_map_leads_to_each_look_by_keyboard(open_page):
    page = open_page("merchandiser", "/prototypes")
    link = page.locator(".map a").first
    link.focus()
    page.keyboard.press("Enter")
    assert page.url.endswith("#look-1")


def test_all_can_be_read_and_said_with_scripts_off(open_page, studio_job, styled):
    page = open_page("engineer", f"/feed?shopper={styled[0]}", scripts=False)
    card = page.locator(f"#card-{styled[1]}")
    photo, served = card.locator("figure").all()
    assert photo.bounding_box()["x"] + photo.bounding_box()["width"] <= served.bounding_box()["x"]
    expect(card.get_by_role("slider")).to_have_count(0)
    card.get_by_role("button", name="Dislike").click()
    assert read_feedback(studio_job)["event_type"].tolist() == ["impression"]
    page.locator(f"#card-{styled[1]}").get_by_role("button", name="Dislike").click()
    assert read_feedback(studio_job).empty
    page.locator(f"#card-{styled[1]}").get_by_role("link", name=re.compile("Change")).click()
    page.get_by_role("button", name="Preview").click()
    expect(page.locator("#result img[src^='/previews/']")).to_be_visible()


def test_every_page_is_accessible_and_reached_by_tab(open_page, accessible, reachable):
    accessible(open_page(path="/login"))
    page = open_page("engineer")
    for path in PAGES:
        page.goto(path)
        reachable(page)
        accessible(page)


def test_a_shoppers_own_pages_are_accessible(open_page, accessible, reachable):
    page = open_page("shopper")
    for path in ("/feed", "/look?rank=1", "/challenge", "/shoppers"):
        page.goto(path)
        reachable(page)
        accessible(page)


def test_every_page_is_read_with_scripts_off(open_page, readable):
    readable(open_page("engineer"), open_page("engineer", scripts=False), PAGES)


def test_from_the_login_to_a_look_in_words_by_keyboard_alone(open_page, tab_to):
    page = open_page(path="/login")
    tab_to(page, page.get_by_label("Name"))
    page.keyboard.type("engineer")
    tab_to(page, page.get_by_label("Password"))
    page.keyboard.type("a long password")
    page.keyboard.press("Enter")
    page.wait_for_url("**/shoppers")
    page.keyboard.press("/")
    page.keyboard.type("lonely")
    link = page.locator("#found a")
    expect(link).to_have_count(1)
    tab_to(page, link)
    page.keyboard.press("Enter")
    page.wait_for_url("**/feed?*")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("c")
    page.wait_for_url("**/look?*")
    look = page.locator("input[name=look]:checked")
    before = look.input_value()
    tab_to(page, look)
    page.keyboard.press("ArrowRight")
    assert look.input_value() != before
    expect(page.locator("#result img[src^='/previews/']")).to_be_visible()
    tab_to(page, page.get_by_label("What is the look like?"))
    page.keyboard.type("calm stripes")
    page.keyboard.press("Enter")
    expect(page.locator("#result")).to_contain_text("Understood: calm, stripes")
