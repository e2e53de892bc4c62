"""What a shopper gets follows from their own events and the models, not from who is beside them."""

import numpy as np
import pandas as pd
import pytest

from pipelines.config import LookConfig
from pipelines.stages import score as stage
from pipelines.stores.event_buckets import read_events, user_bucket, user_chunks
from pipelines.stores.workspace import Workspace
from pipelines.workers import serve_users as worker
from pipelines.workers.look_choice import LookSettings
from pipelines.workers.serve_users import ServeSettings, open_models, serve_users
from recsys.config import GuardRails, PolicyConfig

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
        for name in ("rows", "users", "affinity"):
            joined = pd.concat([getattr(part, name) for part in parts], ignore_index=True)
            pd.testing.assert_frame_equal(joined, getattr(whole, name), check_exact=True)
        for name, count in whole.counts.items():
            assert sum(part.counts[name] for part in parts) == count


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


def test_other_buckets_and_other_workers_give_the_same_rows(
    finished_job, job_copy, rerun, monkeypatch
):
    # 16 buckets served by two processes in place of one, two shoppers at a time.
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
    shoppers = sorted(pd.read_parquet(out / "users.parquet")["user_id"])
    last = stage._last_user(Workspace(out), worker.LogFacts.load(out / worker.FACTS), 5)
    assert last == shoppers[4]
    assert stage._last_user(Workspace(out), worker.LogFacts.load(out / worker.FACTS), 99) is None
