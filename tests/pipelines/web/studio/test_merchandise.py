"""The merchandiser's pages: campaigns, channels, the challenge, limits of looks."""

import io
import re
import zipfile

import numpy as np
import pandas as pd
import pytest

from features.images import encode
from pipelines.jobs.campaigns.worker import QUEUE, work_queue
from pipelines.jobs.look_limits import SETTINGS, read_limits
from pipelines.stores import storage
from pipelines.stores.campaign_queue import CampaignQueue
from pipelines.web.studio.access.sessions import Sessions
from pipelines.web.studio.app import studio_app
from pipelines.web.studio.merchandise.limits import AB

ASKED = {
    "name": "Spring",
    "look": ["s0", "s3"],
    "channel": ["email", "app"],
    "size": "96",
    "most": "2",
}
PNG = encode(np.full((64, 80, 3), (20, 90, 160), np.uint8), "png")


@pytest.fixture(scope="module")
def app(shop):
    """The studio over it; nothing works on its queue but where a test does."""
    made = studio_app(shop / "out", Sessions(), ("127.0.0.1",))
    made.state.studio.campaigns.wake = lambda: None
    return made


@pytest.fixture
def queue(shop):
    return CampaignQueue(shop / "out" / QUEUE)


def test_a_plan_says_what_a_campaign_costs_and_queues_nothing(merchandiser, queue):
    answer = merchandiser.post("/campaigns/plan", ASKED, headers={"hx-request": "true"})
    assert "2 products x 2 looks x 2 channels: 4 renders and 8 files" in answer.text
    page = merchandiser.post("/campaigns/plan", ASKED).text
    assert "4 renders and 8 files" in page
    assert re.search(r'value="s3" checked', page)
    assert queue.entries() == []


@pytest.mark.slow
def test_a_campaign_is_queued_made_looked_at_and_taken_away(merchandiser, shop, queue):
    answer = merchandiser.post("/campaigns", ASKED)
    assert answer.status_code == 303
    path = answer.headers["location"]
    assert "queued" in merchandiser.get(path).text
    assert merchandiser.get(f"{path}/archive").status_code == 404
    work_queue(shop / "out")
    page = merchandiser.get(path).text
    assert "Contact sheets" in page
    taken = merchandiser.get(f"{path}/archive")
    assert taken.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(taken.content)) as archive:
        assert {"manifest.json", "provenance.csv"} <= set(archive.namelist())
    for link in re.findall(r'<img src="([^"]+)"', page):
        shown = merchandiser.get(link)
        assert shown.status_code == 200
        assert shown.headers["content-type"].startswith("image/")
    fragment = merchandiser.get(path, headers={"hx-request": "true"}).text
    assert fragment.lstrip().startswith('<div id="progress"')
    assert "every 2s" not in fragment
    channels = merchandiser.get("/channels").text
    assert f"{path}/files/0" in channels
    assert all("Style distance between channels" in text for text in (page, channels))


def test_campaigns_are_cancelled_cleared_and_brought_back(merchandiser, queue):
    path = merchandiser.post("/campaigns", ASKED).headers["location"]
    merchandiser.post(f"{path}/cancel")
    assert "cancelled" in merchandiser.get(path).text
    merchandiser.post("/campaigns/clear")
    assert "Undo clearing" in merchandiser.get("/campaigns").text
    assert merchandiser.get(path).status_code == 404
    merchandiser.post("/campaigns/restore")
    assert merchandiser.get(path).status_code == 200


@pytest.mark.parametrize(
    "change",
    [
        {"look": []},
        {"look": ["s0", "nine"]},
        {"channel": ["fax"]},
        {"channel": []},
        {"name": " "},
        {"size": "99999"},
        {"strength": "0"},
        {"category": ["../.."]},
    ],
)
def test_a_campaign_that_cannot_be_made_is_refused_in_words(merchandiser, queue, change):
    before = len(queue.entries())
    answer = merchandiser.post("/campaigns", {**ASKED, **change})
    assert answer.status_code == 422
    assert len(queue.entries()) == before


@pytest.mark.parametrize(
    "path",
    [
        "/campaigns/9999",
        "/campaigns/..%2f..%2fetc",
        "/campaigns/0001/sheets/..%2frequest.json",
        "/campaigns/0001/sheets/request.json",
        "/campaigns/0001/files/-1",
        "/campaigns/0001/files/100000",
        "/challenge/pictures/..%2fchallenge.key",
        "/challenge/pictures/challenge.key",
    ],
)
def test_no_address_leads_to_a_file_that_no_page_names(merchandiser, path):
    assert merchandiser.get(path).status_code == 404


def test_shoppers_see_the_challenge_and_no_other_page_of_the_merchandiser(shopper):
    for path in ("/campaigns", "/channels", "/limits", "/campaigns/0001"):
        assert shopper.get(path).status_code == 403
    assert shopper.get("/challenge").status_code == 200
    assert shopper.post("/challenge/winner", {"entry": "1"}).status_code == 403
    assert shopper.post("/campaigns", ASKED).status_code == 403


def _enter(visitor, name="Rain", data=PNG):
    files = {"picture": ("../../x.png", data, "text/html")}
    return visitor.post("/challenge/enter", {"name": name, "tags": "calm"}, files=files)


def test_a_look_is_submitted_voted_on_and_becomes_one_of_the_shops(merchandiser, shopper, shop):
    assert _enter(shopper).status_code == 303
    assert _enter(shopper).status_code == 422
    assert _enter(shopper, "no picture", b"<svg/>").status_code == 422
    page = shopper.get("/challenge").text
    assert "Rain" in page
    [link] = re.findall(r'<img src="(/challenge/[^"]+)"', page)
    assert shopper.get(link).headers["content-type"] == "image/png"
    assert shopper.post("/challenge/vote", {"entry": "1", "liked": "yes"}).status_code == 303
    # The same network again, by another session.
    again = merchandiser.post("/challenge/vote", {"entry": "1", "liked": "no"})
    assert again.status_code == 409
    page = shopper.get("/challenge").text
    assert "1 of 1 vote" in page
    assert re.search(r'value="yes" aria-pressed="true"', page)
    assert merchandiser.post("/challenge/winner", {"entry": "1"}).status_code == 303
    styles = pd.read_csv(shop / "shop" / "styles.csv", dtype="str")
    assert styles["name"].iloc[-1] == "Rain"
    assert "Won: the look" in merchandiser.get("/challenge").text
    assert merchandiser.post("/challenge/winner", {"entry": "1"}).status_code == 303
    assert len(pd.read_csv(shop / "shop" / "styles.csv")) == len(styles)


@pytest.mark.parametrize("form", [{"entry": "x"}, {"entry": "1"}, {"entry": "77", "liked": "yes"}])
def test_a_vote_that_is_none_is_refused(engineer, form):
    assert engineer.post("/challenge/vote", form).status_code == 422


def test_limits_are_kept_for_the_next_run(engineer, shop):
    form = {"share": "80", "floor": "5", "epsilon": "10", "excluded": "s2", "strength:s1": "50"}
    assert "--config" not in engineer.get("/limits").text
    assert engineer.post("/limits", form).status_code == 303
    limits = read_limits(shop / "out")
    assert (limits.share_personalised, limits.excluded) == (0.8, ("s2",))
    assert limits.strength_of == {"s1": 0.5}
    page = engineer.get("/limits").text
    assert "--config" in page
    assert "20 %" in page
    everything = {**form, "excluded": [f"s{n}" for n in range(6)]}
    before = (shop / "out" / SETTINGS).read_bytes()
    assert engineer.post("/limits", everything).status_code == 422
    assert (shop / "out" / SETTINGS).read_bytes() == before


def test_a_shop_of_many_looks_and_categories_sends_its_forms_whole(engineer, shop):
    ticked = {**ASKED, "category": ["no such"] * 300}
    assert "no category no such" in engineer.post("/campaigns/plan", ticked).text
    form = {"share": "80", "excluded": ["s2"] * 300}
    assert engineer.post("/limits", form).status_code == 303
    assert read_limits(shop / "out").excluded == ("s2",)


def test_what_a_comparison_of_policies_found_stands_beside_the_limits(merchandiser, shop):
    path = shop / "out" / AB
    path.unlink(missing_ok=True)
    assert "Not judged:" in merchandiser.get("/limits").text
    told = {"verdict": {"sentence": "Looks earn 3 % more."}, "facts": {"judged": 6838}}
    storage.write_json(path, told)
    page = merchandiser.get("/limits").text
    assert "Looks earn 3 % more." in page
    assert "6,838 impressions" in page


def test_no_form_is_taken_without_its_sessions_token(merchandiser):
    for path in (
        "/campaigns",
        "/campaigns/clear",
        "/challenge/vote",
        "/challenge/winner",
        "/limits",
    ):
        answer = merchandiser.client.post(path, data={**ASKED, "csrf": "another"})
        assert answer.status_code == 403


def test_1000_votes_that_are_posted_count_once(merchandiser, shopper, shop):
    _enter(merchandiser, "Stuffed", encode(np.full((64, 64, 3), 90, np.uint8), "png"))
    csrf = merchandiser.csrf()
    form = {"csrf": csrf, "entry": "2", "liked": "yes"}
    statuses = [
        merchandiser.client.post("/challenge/vote", data=form).status_code for _ in range(1000)
    ]
    # Most of them are refused for their number alone.
    assert 429 in statuses
    assert "1 of 1 vote" in merchandiser.get("/challenge").text.split(">2</span>")[1]
