"""A longer log: models stay while it grew little, and shoppers who did nothing keep their rows."""

import shutil

import pandas as pd
import pytest

from features.schema import ConfigError
from pipelines.config import parse_config
from pipelines.stages.road import open_job, run_stages
from pipelines.stores.event_digests import log_digest, shopper_digests
from pipelines.stores.workspace import Workspace, read_record

pytestmark = pytest.mark.slow
STAGES = ["prepare", "encode", "fit", "score", "evaluate"]
SERVED = ("users.parquet", "style_affinity.parquet")


def _run(shop, out, events, refit_after=0.3):
    events.to_parquet(shop / "events.parquet", index=False)
    inputs = {
        "events": shop / "events.parquet",
        "items": shop / "items.csv",
        "styles": shop / "styles.csv",
    }
    settings = {"top_k": 4, "seed": 3, "workers": 1, "fit": {"refit_after": refit_after}}
    config = parse_config(settings)
    workspace, job = open_job(out, inputs, config)
    return run_stages(workspace, job, config, STAGES, lambda _: None)


def _bytes(out):
    paths = [out / name for name in SERVED]
    paths += sorted((out / "tables" / "chosen").iterdir())
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in paths}


@pytest.fixture(scope="module")
def log(tiny_shop):
    return pd.read_parquet(tiny_shop / "events.parquet").sort_values("timestamp", kind="stable")


@pytest.fixture(scope="module")
def yesterday(tiny_shop, log, tmp_path_factory):
    """(shop, out) after a run on the log but for its last events."""
    shop = tmp_path_factory.mktemp("shop") / "shop"
    shutil.copytree(tiny_shop, shop)
    out = tmp_path_factory.mktemp("day") / "out"
    assert _run(shop, out, log.iloc[:-12]) == STAGES
    return shop, out


@pytest.fixture
def today(yesterday, tmp_path):
    """Yesterday's shop, and a copy of its job of one's own."""
    shutil.copytree(yesterday[1], tmp_path / "out")
    return yesterday[0], tmp_path / "out"


def test_a_day_of_new_events_touches_only_the_shoppers_who_did_them(today, log):
    shop, out = today
    users = pd.read_parquet(out / "users.parquet").set_index("user_id")
    rows = pd.concat(pd.read_parquet(path) for path in (out / "tables" / "chosen").iterdir())
    log = pd.concat([log, log.iloc[[-1]].assign(user_id="a newcomer")])
    assert _run(shop, out, log) == ["prepare", "score"]
    active = set(log["user_id"].iloc[-13:])
    counts = read_record(Workspace(out), "score")["counts"]
    assert counts["users_as_before"] == len(users.index.difference(active)) > 0
    assert read_record(Workspace(out), "fit")["counts"]["events_since"] > 0
    idle = sorted(users.index.difference(active))
    again = pd.read_parquet(out / "users.parquet").set_index("user_id")
    pd.testing.assert_frame_equal(again.loc[idle], users.loc[idle])
    assert (
        again["n_events"].loc[sorted(active)] > users["n_events"].reindex(sorted(active)).fillna(0)
    ).all()
    new_rows = pd.concat(pd.read_parquet(path) for path in (out / "tables" / "chosen").iterdir())
    theirs = [
        table[table["user_id"].isin(idle)].reset_index(drop=True) for table in (rows, new_rows)
    ]
    pd.testing.assert_frame_equal(*theirs)

    # Everybody served by the same models gives the same bytes.
    touched = _bytes(out)
    (out / "tables" / "served.json").unlink()
    (out / "stages" / "score.json").unlink()
    assert _run(shop, out, log) == ["score"]
    assert "users_as_before" not in read_record(Workspace(out), "score")["counts"]
    assert _bytes(out) == touched


@pytest.mark.parametrize("change", ["much", "late", "gone", "settings", "damaged", "release"])
def test_models_are_fitted_anew_where_they_may_not_stay(today, log, change, monkeypatch):
    shop, out = today
    events, refit_after = log, 0.3
    if change == "much":
        refit_after = 0.001
    if change == "late":
        events = pd.concat([log.iloc[:-12], log.iloc[[0]].assign(event_type="purchase")])
    if change == "gone":
        events = log.iloc[1:]
    if change == "settings":
        refit_after = 0.0
    if change == "release":
        for module in ("refit", "road", "score"):
            monkeypatch.setattr(f"pipelines.stages.{module}.version", lambda _: "9.9")
    if change == "damaged":
        (out / "models" / "two_stage" / "two_stage.json").write_text("{}")
    worked = set(_run(shop, out, events, refit_after))
    assert {"fit", "score"} <= worked
    assert ("evaluate" in worked) == (change != "damaged")
    assert (out / "models" / "learned_from.json").is_file() == (refit_after > 0)


def test_digests_do_not_depend_on_order_and_tell_any_change(log):
    events = log.reset_index(drop=True)
    mixed = events.sample(frac=1.0, random_state=0)
    assert log_digest(mixed) == log_digest(events)
    pd.testing.assert_series_equal(shopper_digests(mixed), shopper_digests(events))
    halves = (log_digest(events.iloc[:100]) + log_digest(events.iloc[100:])) % 2**64
    assert halves == log_digest(events)
    for column, value in (("item_id", "x"), ("event_type", "cart"), ("user_id", "x")):
        other = events.copy()
        other.loc[5, column] = value
        assert log_digest(other) != log_digest(events)
    moved = events.copy()
    moved.loc[5, "timestamp"] += pd.Timedelta(microseconds=1)
    assert log_digest(moved) != log_digest(events)


def test_a_share_outside_its_range_is_refused():
    with pytest.raises(ConfigError, match="refit_after is 2"):
        parse_config({"fit": {"refit_after": 2.0}})
