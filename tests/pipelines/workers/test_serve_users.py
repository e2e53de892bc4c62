"""What a shopper gets follows from their own events and the models, not from who is beside them."""

import numpy as np
import pandas as pd
import pytest

from pipelines.config import LookConfig
from pipelines.stages import score as stage
from pipelines.stores import event_buckets
from pipelines.stores.event_buckets import FACTS, LogFacts, read_events, user_bucket, user_chunks
from pipelines.stores.feed_versions import read_feed
from pipelines.stores.workspace import Workspace
from pipelines.workers.look_choice import LookSettings
from pipelines.workers.serve_users import ServeSettings, open_models, serve_users
from recsys.config import GuardRails, PolicyConfig
from recsys.preference import BrowsingPreferenceModel

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def models(finished_job):
    out, _ = finished_job
    styles = pd.read_parquet(out / "tables" / "styles.parquet")["style_id"]
    looks = LookSettings(
        tuple(styles), frozenset(styles), LookConfig(), PolicyConfig(), GuardRails(), 3
    )
    return open_models(out, ServeSettings(4, 300.0, None, looks))


@pytest.fixture(scope="module")
def events(finished_job):
    """The log, and every third shopper once more as a stranger to the models."""
    log = read_events(Workspace(finished_job[0]))
    some = sorted(log["user_id"].unique())[::3]
    again = log[log["user_id"].isin(some)]
    strangers = again.assign(user_id="stranger " + again["user_id"])
    return pd.concat([log, strangers], ignore_index=True)


@pytest.mark.parametrize("large", [False, True], ids=["small catalogue", "large catalogue"])
def test_the_rows_are_the_same_whatever_the_batch(models, events, large, monkeypatch):
    if large:
        for module in ("recsys.candidates.union", "recsys.candidates.sparse_selection"):
            monkeypatch.setattr(f"{module}.LARGE_FROM", 1)
    whole = serve_users(models, events)
    for size in (1, 5):
        parts = [serve_users(models, part) for part in user_chunks(events, size)]
        for name in ("shoppers", "rows", "users", "affinity"):
            joined = pd.concat([getattr(part, name) for part in parts], ignore_index=True)
            pd.testing.assert_frame_equal(joined, getattr(whole, name), check_exact=True)


def test_a_stranger_is_served_by_what_they_did(models, events):
    served = serve_users(models, events)
    known = served.users.set_index("user_id")
    strangers = [user for user in known.index if user.startswith("stranger ")]
    twins = [user.removeprefix("stranger ") for user in strangers]
    ours, theirs = known.loc[twins], known.loc[strangers]
    assert (ours["n_events"].to_numpy() == theirs["n_events"].to_numpy()).all()
    assert not theirs["cold"].iloc[:-1].all()
    affinity = served.affinity.pivot(index="user_id", columns="style_id", values="affinity")
    pairs = [
        np.corrcoef(affinity.loc[a], affinity.loc[b])[0, 1]
        for a, b in zip(twins, strangers, strict=True)
    ]
    assert np.nanmedian(pairs) > 0.9
    items = served.rows.groupby("user_id")["item_id"].agg(set)
    shared = [len(items[a] & items[b]) / 4 for a, b in zip(twins, strangers, strict=True)]
    assert np.mean(shared) > 0.7


def test_other_buckets_give_the_same_rows(finished_job, job_copy, rerun, monkeypatch):
    monkeypatch.setattr(event_buckets, "ROWS_PER_BUCKET", 40)
    for name in ("prepare", "score", "render", "feed"):
        (job_copy / "stages" / f"{name}.json").unlink()
    assert {"prepare", "score"} <= set(rerun(job_copy)["worked"])
    assert LogFacts.load(job_copy / FACTS).buckets > 16
    for name, key in (
        ("users.parquet", ["user_id"]),
        ("style_affinity.parquet", ["user_id", "style_id"]),
    ):
        ours, theirs = (
            pd.read_parquet(out / name).sort_values(key, ignore_index=True)
            for out in (job_copy, finished_job[0])
        )
        pd.testing.assert_frame_equal(ours, theirs, check_exact=True)
    rows = ["user_id", "rank", "item_id", "score", "style_id", "style_propensity"]
    ours, theirs = (
        read_feed(out).sort_values(["user_id", "rank"], ignore_index=True)[rows]
        for out in (job_copy, finished_job[0])
    )
    pd.testing.assert_frame_equal(ours, theirs, check_exact=True)


def test_more_workers_give_the_same_bytes(finished_job, job_copy, rerun, monkeypatch):
    monkeypatch.setattr(stage, "_USERS_PER_WORKER", 1)
    (job_copy / "stages" / "score.json").unlink()
    assert "score" in rerun(job_copy, workers=2)["worked"]
    for name in ("users.parquet", "style_affinity.parquet"):
        assert (job_copy / name).read_bytes() == (finished_job[0] / name).read_bytes()
    for file in sorted((finished_job[0] / "tables" / "chosen").iterdir()):
        assert (job_copy / "tables" / "chosen" / file.name).read_bytes() == file.read_bytes()
        rows = pd.read_parquet(file)
        assert set(user_bucket(rows["user_id"], 16)) == {int(file.stem[-2:])}


def test_only_the_first_shoppers_by_id_are_asked_for(finished_job):
    out = finished_job[0]
    facts = LogFacts.load(out / FACTS)
    shoppers = sorted(pd.read_parquet(out / "users.parquet")["user_id"])
    assert stage._last_user(Workspace(out), facts, 5) == shoppers[4]
    assert stage._last_user(Workspace(out), facts, 99) is None


def test_shoppers_who_opted_out_count_among_those_asked_for(job_copy):
    facts = LogFacts.load(job_copy / FACTS)
    known = sorted(pd.read_parquet(job_copy / "users.parquet")["user_id"])
    plain = pd.DataFrame({"user_id": ["", " "]}).astype("str")
    plain.to_parquet(job_copy / "tables" / "opted_out.parquet")
    assert stage._last_user(Workspace(job_copy), facts, 5) == known[2]
    assert stage._last_user(Workspace(job_copy), facts, 2) == " "
    assert stage._last_user(Workspace(job_copy), facts, facts.users + 1) == known[-2]


def test_a_browsing_shop_is_served_the_same_whatever_the_batch(rerun, shop_copy, tmp_path):
    path = shop_copy / "events.parquet"
    pd.read_parquet(path).assign(style_id=None).to_parquet(path)
    out = tmp_path / "out"
    rerun(out, shop_copy)
    styles = tuple(pd.read_parquet(out / "tables" / "styles.parquet")["style_id"])
    looks = LookSettings(styles, frozenset(styles), LookConfig(), PolicyConfig(), GuardRails(), 3)
    models = open_models(out, ServeSettings(4, 300.0, None, looks))
    assert isinstance(models.tastes, BrowsingPreferenceModel)
    log = read_events(Workspace(out))
    events = pd.concat([log, log.assign(user_id="stranger " + log["user_id"])], ignore_index=True)
    whole = serve_users(models, events)
    for size in (1, 5):
        parts = [serve_users(models, part) for part in user_chunks(events, size)]
        for name in ("shoppers", "rows", "users", "affinity"):
            joined = pd.concat([getattr(part, name) for part in parts], ignore_index=True)
            pd.testing.assert_frame_equal(joined, getattr(whole, name), check_exact=True)
