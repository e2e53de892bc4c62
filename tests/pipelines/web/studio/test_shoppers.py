"""Feeds as the studio shows them, and what is said of them."""

import re
import shutil

import pytest

from features.exposures import exposures
from features.tables import validate_events
from pipelines.jobs.forget import forget
from pipelines.stores.feed_versions import read_feed
from pipelines.stores.feedback_events import FEEDBACK, read_feedback
from pipelines.stores.input_tables import read_input_table
from pipelines.stores.shopper_keys import KEY_VARIABLE
from pipelines.web.studio.access.accounts import ACCOUNTS
from pipelines.web.studio.access.audit import AUDIT
from pipelines.web.studio.access.sessions import Sessions
from pipelines.web.studio.app import studio_app


@pytest.fixture
def rows(studio_job):
    feed = read_feed(studio_job)
    return feed[feed["user_id"] == "lonely"].sort_values("rank")


def test_every_shopper_of_the_feed_is_found_by_a_part_of_the_id(engineer, studio_job):
    users = sorted(read_feed(studio_job)["user_id"].unique())
    page = engineer.get("/shoppers").text
    assert all(f"/feed?shopper={user}" in page for user in users)
    page = engineer.get("/shoppers?find=LONE").text
    assert "1 shopper" in page
    assert "Nobody of that id" in engineer.get("/shoppers?find=no-such").text


def test_a_feed_shows_every_item_with_its_photo_its_look_and_why(engineer, rows):
    page = engineer.get("/feed?shopper=lonely").text
    cards = page.split('class="card"')[1:]
    assert len(cards) == len(rows)
    for card, row in zip(cards, rows.to_dict("records"), strict=True):
        assert row["reason"].split("'")[0][:20] in card.replace("&#39;", "'")
        assert len(re.findall(r"<img[^>]+alt=\"[^\"]+\"", card)) >= (
            1 if row["style_id"] == "original" else 2
        )


def test_a_shopper_who_is_not_in_the_feed_is_said_so_in_words(engineer):
    response = engineer.get("/feed?shopper=nobody")
    assert response.status_code == 404
    assert "knows no shopper" in response.text


def test_pictures_are_fetched_once_and_named_by_content(engineer):
    page = engineer.get("/feed?shopper=lonely").text
    links = sorted(set(re.findall(r'src="(/pictures/[^"]+)"', page)))
    assert links
    for link in links:
        response = engineer.client.get(link)
        assert response.headers["content-type"] == "image/jpeg"
        assert "immutable" in response.headers["cache-control"]
        tag = {"if-none-match": response.headers["etag"]}
        assert engineer.client.get(link, headers=tag).status_code == 304


@pytest.mark.parametrize(
    "path",
    [
        "/pictures/..%2f..%2fetc%2fpasswd-a-160.jpg",
        "/pictures/../../etc/passwd",
        "/pictures/0123456789abcdef0123-a-160.jpg",
        "/pictures/0123456789abcdef0123-a-100000.jpg",
        "/static/x/../../pages.py",
        "/static/000000000000/studio.css",
    ],
)
def test_no_path_leads_to_a_file_that_no_page_names(engineer, path):
    assert engineer.get(path).status_code == 404


def test_pages_are_small_before_their_pictures(engineer):
    for path in ("/shoppers", "/feed?shopper=lonely"):
        page = engineer.get(path)
        linked = re.findall(r'(?:href|src)="(/static/[^"]+)"', page.text)
        total = len(page.content) + sum(len(engineer.client.get(link).content) for link in linked)
        assert total < 200_000


def test_what_is_said_is_kept_once_for_the_next_run(shopper, studio_job, rows):
    row = rows.iloc[0]
    for _ in range(2):
        answer = shopper.post("/feedback", {"rank": str(row["rank"]), "opinion": "like"})
        assert answer.status_code == 303
    said = read_feedback(studio_job)
    assert said["event_type"].tolist() == ["impression", "click"]
    assert (said["item_id"] == row["item_id"]).all()
    assert said["propensity"].iloc[0] == pytest.approx(row["style_propensity"])
    assert 'aria-pressed="true"' in shopper.get("/feed").text
    shopper.post("/feedback", {"rank": "all", "opinion": "none"})
    assert read_feedback(studio_job).empty


def test_plain_photos_please_is_said_of_all_that_is_shown_in_a_look(shopper, studio_job, rows):
    shopper.post("/feedback", {"rank": "all", "opinion": "plain"})
    said = read_feedback(studio_job)
    styled = int((rows["style_id"] != "original").sum())
    assert said["position"].nunique() == styled
    assert (said["event_type"] == "click").sum() == styled
    assert said.loc[said["event_type"] == "click", "style_id"].isna().all()
    shopper.post("/feedback", {"rank": "all", "opinion": "none"})


@pytest.mark.parametrize(
    "form",
    [
        {"rank": "99", "opinion": "like"},
        {"rank": "1", "opinion": "adore"},
        {"rank": "-1", "opinion": "like"},
        {"rank": "", "opinion": "like"},
        {"rank": "1" * 500, "opinion": "like"},
    ],
)
def test_what_cannot_be_said_is_refused_and_nothing_is_kept(shopper, studio_job, form):
    assert shopper.post("/feedback", form).status_code in (404, 422)
    assert read_feedback(studio_job).empty


def test_a_script_gets_the_part_of_the_page_that_changed(shopper):
    headers = {"hx-request": "true"}
    answer = shopper.post("/feedback", {"rank": "1", "opinion": "like"}, headers=headers)
    assert answer.text.lstrip().startswith("<form")
    assert 'aria-pressed="true"' in answer.text
    shopper.post("/feedback", {"rank": "all", "opinion": "none"})


def test_the_log_of_the_next_run_may_hold_both_tables(shopper, studio_job, tiny_shop, tmp_path):
    shopper.post("/feedback", {"rank": "all", "opinion": "plain"})
    shutil.copy(tiny_shop / "events.parquet", tmp_path / "shop.parquet")
    shutil.copy(studio_job / FEEDBACK, tmp_path / "studio.parquet")
    said = read_feedback(studio_job)
    log, rejects = validate_events(read_input_table(tmp_path, "events"))
    before, _ = validate_events(read_input_table(tiny_shop / "events.parquet", "events"))
    assert rejects.empty
    assert len(log) == len(before) + len(said)
    added = exposures(log)[lambda shown: shown["session_id"].fillna("").str.startswith("studio-")]
    assert added["clicked"].sum() == (said["event_type"] == "click").sum()
    shopper.post("/feedback", {"rank": "all", "opinion": "none"})


def test_who_is_forgotten_is_gone_from_the_studio_too(
    studio_job, new_visitor, tmp_path, monkeypatch
):
    out = tmp_path / "out"
    shutil.copytree(studio_job, out)
    app = studio_app(out, Sessions(), ("127.0.0.1",))
    for name in ("shopper", "engineer"):
        visitor = new_visitor(app)
        visitor.log_in(name)
        path = "/feedback?shopper=lonely"
        assert visitor.post(path, {"rank": "1", "opinion": "like"}).status_code == 303
    assert "lonely" in (out / AUDIT).read_text()
    monkeypatch.setenv(KEY_VARIABLE, "k" * 32)
    forget(out, ["lonely"])
    assert read_feedback(out).empty
    for kept in (AUDIT, ACCOUNTS):
        assert "lonely" not in (out / kept).read_text()


def test_a_card_shows_the_clip_that_its_row_names_whole_or_in_parts(filmed, new_visitor):
    out, row = filmed
    visitor = new_visitor(studio_app(out, Sessions(), ("127.0.0.1",)))
    assert visitor.log_in("engineer").status_code == 303
    page = visitor.get(f"/feed?shopper={row['user_id']}").text
    assert (
        page.count("<video")
        == read_feed(out).query("user_id == @row.user_id")["video_uri"].notna().sum()
    )
    card = page.split(f'id="card-{row["rank"]}"')[1].split("</li>")[0]
    (link,) = re.findall(r'<video [^>]*src="(/clips/[^"]+)"', card)
    data = (out / row["video_uri"]).read_bytes()
    whole = visitor.client.get(link)
    assert (whole.status_code, whole.headers["content-type"]) == (200, "video/mp4")
    assert whole.content == data
    part = visitor.client.get(link, headers={"range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, data[100:200])


def test_files_that_no_row_names_are_no_clips(filmed, new_visitor, visitor):
    out, row = filmed
    engineer = new_visitor(studio_app(out, Sessions(), ("127.0.0.1",)))
    engineer.log_in("engineer")
    for name in ("job.json", "..%2Fjob.json", row["video_uri"].split("/")[-1]):
        assert engineer.get(f"/clips/{name}").status_code == 404
    assert visitor.get("/clips/x.mp4").status_code == 303
