"""An item's clip is in the feed in the look that the row serves, or null with the reason."""

import os
import shutil
import signal
from datetime import UTC, datetime, timedelta
from functools import partial

import pandas as pd
import pytest

from features.schema import ORIGINAL
from pipelines.jobs.check_folder import check_folder
from pipelines.jobs.forget import forget
from pipelines.jobs.prune import prune
from pipelines.stages.clips import NO_READER, UNREADABLE
from pipelines.stores import storage
from pipelines.stores.clip_store import TABLE
from pipelines.stores.feed_versions import read_feed
from pipelines.stores.shopper_keys import KEY_VARIABLE
from pipelines.workers.film import PAST_DEADLINE, film_maker
from styletransfer.provenance.record import provenance_of_tags
from styletransfer.video.reader import ClipReader, read_tags


@pytest.fixture(scope="module")
def items(finished_job):
    """The item of most rows in a look, and another one in a look."""
    feed = read_feed(finished_job[0])
    counts = feed.loc[feed["style_id"] != ORIGINAL, "item_id"].value_counts()
    first, second = sorted(counts.index, key=lambda item: (-counts[item], item))[:2]
    assert (feed.loc[feed["item_id"] == first, "style_id"] == ORIGINAL).any()
    return first, second


@pytest.fixture
def shop(shop_copy, write_clip):
    """A shop with two clips, of which one lacks its end."""
    write_clip(shop_copy / "pictures" / "sound.mp4")
    write_clip(shop_copy / "pictures" / "long.mp4", range(40))
    data = (shop_copy / "pictures" / "long.mp4").read_bytes()
    (shop_copy / "pictures" / "cut.mp4").write_bytes(data[: len(data) * 2 // 3])
    return shop_copy


@pytest.fixture
def make(run_clips, job_copy, shop):
    """Runs the stages `clips` and `feed` with clips named for items; returns their counts."""
    return partial(run_clips, job_copy, shop)


def _files(out):
    return {path.name: path.read_bytes() for path in (out / "clips").rglob("*") if path.is_file()}


def test_a_row_has_the_clip_in_its_look_and_a_second_run_takes_it_from_the_store(
    make, job_copy, items, finished_job
):
    named = {items[0]: "pictures/sound.mp4"}
    clips, feed = make(named)
    assert (clips["clips"], clips["made"], clips["rejects"]) == (1, 1, 0)
    rows = read_feed(job_copy)
    mine = rows[rows["item_id"] == items[0]]
    assert feed["with_clip"] == len(mine)
    styled = mine[mine["style_id"] != ORIGINAL]
    (uri,) = styled["video_uri"].unique()
    assert uri.startswith("clips/")
    told = provenance_of_tags(read_tags(job_copy / uri))
    assert (told.item_id, told.style_id) == (items[0], styled["style_id"].iloc[0])
    with ClipReader(job_copy / uri, 512) as reader:
        assert len(list(reader.frames())) == 3
    (filmed,) = mine.loc[mine["style_id"] == ORIGINAL, "video_uri"].unique()
    assert filmed.startswith("originals/")
    assert read_tags(job_copy / filmed).get("stylefeed_key") is None
    # All other rows are as they were.
    before = read_feed(finished_job[0])
    assert before["video_uri"].isna().all()
    pd.testing.assert_frame_equal(
        rows.assign(video_uri=before["video_uri"]), before, check_exact=True
    )
    kept = _files(job_copy)
    # As though it had been made for a row that was drawn stronger and served at this strength.
    (record,) = (job_copy / "clips").rglob("*.json")
    storage.write_json(record, {**storage.read_json(record), "strength": 1.5})
    again, _ = make(named)
    assert set(read_feed(job_copy).loc[styled.index, "video_uri"]) == {uri}
    record.write_bytes(kept[record.name])
    again, _ = make(named)
    assert (again["clips"], again["made"]) == (1, 0)
    assert _files(job_copy) == kept
    (job_copy / uri).write_bytes(b"torn")
    repaired, _ = make(named)
    assert repaired["made"] == 1
    assert _files(job_copy) == kept


def test_a_clip_that_is_damaged_costs_its_own_row_its_clip_alone(make, job_copy, items, shop):
    paths = {items[0]: "pictures/sound.mp4", items[1]: "pictures/cut.mp4"}
    clips, _ = make(paths)
    assert (clips["clips"], clips["rejects"], len(clips["rejects_by_reason"])) == (1, 1, 1)
    rejects = pd.read_csv(job_copy / "rejects/clips.csv", dtype="str")
    assert rejects["key"].tolist() == [items[1]]
    assert rejects["got"].tolist() == ["pictures/cut.mp4"]
    assert "cut.mp4" in rejects["reason"].iloc[0]
    rows = read_feed(job_copy)
    lost = rows[rows["item_id"] == items[1]]
    assert lost["video_uri"].isna().all()
    assert lost["image_uri"].notna().all()
    assert lost["render_note"].str.endswith(f"no clip: {UNREADABLE}").all()
    assert str(shop) not in "".join(rows["render_note"])
    outside, _ = make({items[0]: "../events.parquet", items[1]: "pictures/none.mp4"})
    assert (outside["clips"], outside["rejects"]) == (0, 2)


def _deadly(*given):
    """The worker of clips, killed by one that is named so."""
    make = film_maker(*given)

    def work(batch):
        if batch[0].path.endswith("deadly.mp4"):
            os.kill(os.getpid(), signal.SIGKILL)
        return make(batch)

    return work


@pytest.mark.slow
def test_a_clip_whose_worker_dies_is_given_up_in_that_look_alone(
    make, job_copy, items, shop, monkeypatch
):
    shutil.copy(shop / "pictures" / "sound.mp4", shop / "pictures" / "deadly.mp4")
    named = {items[0]: "pictures/deadly.mp4", items[1]: "pictures/sound.mp4"}
    with monkeypatch.context() as patched:
        patched.setattr("pipelines.workers.film.film_maker", _deadly)
        clips, _ = make(named, workers=2)
    assert (clips["clips"], clips["rejects"]) == (1, 1)
    table = pd.read_parquet(job_copy / TABLE).set_index("item_id")["state"]
    assert table.to_dict() == {items[0]: "failed", items[1]: "made"}
    # The clip itself is sound: rows that show the photo have it as it was filmed.
    rows = read_feed(job_copy)
    mine = rows[rows["item_id"] == items[0]]
    assert (mine["video_uri"].notna() == (mine["style_id"] == ORIGINAL)).all()
    clips, _ = make(named)
    assert (clips["clips"], clips["rejects"]) == (2, 0)


def test_what_budget_deadline_or_a_missing_extra_leave_out_is_null_and_made_later(
    make, job_copy, items, monkeypatch
):
    named = {items[0]: "pictures/sound.mp4"}
    tried = len(pd.read_parquet(job_copy / "renders.parquet"))
    clips, _ = make(named, render={"size_px": 96, "max_renders": tried})
    assert (clips["clips"], clips["left_out_by_budget"]) == (0, 1)
    past = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    clips, _ = make(named, limits={"deadline": past})
    assert (clips["clips"], clips["left_for_next_run"]) == (0, 1)
    rows = read_feed(job_copy)
    styled = rows[(rows["item_id"] == items[0]) & (rows["style_id"] != ORIGINAL)]
    assert styled["video_uri"].isna().all()
    assert styled["render_note"].eq(f"no clip: {PAST_DEADLINE}").all()
    with monkeypatch.context() as patched:
        patched.setattr("pipelines.stages.clips.find_spec", lambda name: None)
        clips, _ = make(named)
    assert (clips["clips"], clips["left_for_next_run"]) == (0, 1)
    assert read_feed(job_copy)["render_note"].str.contains(NO_READER, regex=False).any()
    clips, _ = make(named)
    assert (clips["clips"], clips["left_for_next_run"]) == (1, 0)


def test_clips_stay_while_a_feed_names_them_and_shoppers_who_are_forgotten_leave_their_rows(
    make, job_copy, items, monkeypatch
):
    make({items[0]: "pictures/sound.mp4"})
    made = set(_files(job_copy))
    rows = read_feed(job_copy)
    user = rows.loc[rows["video_uri"].notna(), "user_id"].iloc[0]
    monkeypatch.setenv(KEY_VARIABLE, "a key that is long enough to be taken for one")
    assert forget(job_copy, [user])["left"] == []
    assert user not in set(read_feed(job_copy)["user_id"])
    assert set(_files(job_copy)) == made
    assert prune(job_copy)["clips"] == 0
    missing = check_folder(job_copy)["feeds"]
    assert not any(missing.values())
    make({})
    shutil.rmtree(job_copy / "originals")
    gone = prune(job_copy, keep=1)
    assert gone["clips"] == 1
    assert _files(job_copy) == {}
    assert pd.read_parquet(job_copy / TABLE).empty
