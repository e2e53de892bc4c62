"""The job learns tastes from looks where looks were shown, and from plain photos where not."""

import json

import numpy as np
import pandas as pd
import pytest

from features.schema import ORIGINAL, ConfigError
from pipelines.config import parse_config
from pipelines.jobs.check import check_shop
from pipelines.jobs.dry_run import dry_run
from pipelines.stages.road import run
from pipelines.stages.tastes import TasteFitter
from pipelines.stores.event_buckets import write_log
from pipelines.stores.feed_versions import read_feed
from pipelines.stores.shopper_keys import KEY_VARIABLE
from pipelines.stores.workspace import Workspace
from recsys.preference import BrowsingPreferenceModel, StylePreferenceModel
from recsys.preference.registry import load_tastes

SIZE = 100


def _shop(seed: int = 0):
    """Thirty shoppers like the first direction of style, thirty its opposite, sixty a category."""
    rng = np.random.default_rng(seed)
    items = pd.DataFrame({"item_id": [f"i{n:03}" for n in range(160)]})
    items["category"] = np.where(np.arange(160) % 2, "lamp", "sofa")
    codes = (1.0 + rng.normal(size=(160, SIZE)) / np.arange(1, SIZE + 1)).astype(np.float32)
    looks = (1.0 + rng.normal(size=(8, SIZE)) / np.arange(1, SIZE + 1)).astype(np.float32)
    rows = []
    for shopper in range(120):
        pull = (3.0 if shopper < 30 else -3.0) * (codes[:, 0] - 1.0)
        if shopper >= 60:
            pull = 4.0 * (np.arange(160) % 2 == shopper % 2)
        viewed = np.argsort(-(pull + rng.gumbel(size=160)))[:24]
        rows += [(f"u{shopper:03}", f"i{item:03}") for item in viewed]
    events = pd.DataFrame(rows, columns=["user_id", "item_id"]).astype("str")
    moment = pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(np.arange(len(rows)), "min")
    events = events.assign(timestamp=moment, event_type="view", style_id=None)
    pictures = items[["item_id"]].assign(style_code=list(codes))
    styles = pd.DataFrame({"style_id": [f"s{n}" for n in range(8)], "style_code": list(looks)})
    return events, styles, items, pictures


def test_plain_browsing_tells_who_has_a_taste(tmp_path):
    events, styles, items, pictures = _shop()
    facts = write_log(Workspace(tmp_path), events)
    fitter = TasteFitter(facts, styles, items, pictures, parse_config({}))
    assert not fitter.looks_shown
    users = fitter.tastes(events).set_index("user_id")["style_strength"]
    fond, indifferent = users.iloc[:60], users.iloc[60:]
    assert (fond > 0.5).mean() > 0.9
    assert (indifferent < 0.5).mean() > 0.9


def test_one_look_shown_is_enough_to_learn_from_looks(tmp_path):
    events, styles, items, pictures = _shop()
    shown = events.head(1).assign(event_type="impression", style_id="s0", position=1)
    shown = shown.assign(session_id="a", propensity=0.5)
    log = pd.concat([events.assign(session_id=None, position=pd.NA), shown])
    job = Workspace(tmp_path)
    tables = (("styles", styles), ("look_pictures", styles), ("items", items))
    for name, table in (*tables, ("item_pictures", pictures)):
        job.write(f"tables/{name}.parquet", table)
    for written, looks_shown in ((events, False), (log, True)):
        write_log(job, written)
        assert TasteFitter.of(job, parse_config({})).looks_shown == looks_shown


@pytest.fixture(scope="module")
def browsed(tiny_shop, tmp_path_factory):
    """(inputs, folder, manifest) of a finished job over views of plain photos only."""
    events = pd.read_parquet(tiny_shop / "events.parquet")
    plain = events[events["event_type"] != "impression"].drop(
        columns=["style_id", "propensity", "position"], errors="ignore"
    )
    folder = tmp_path_factory.mktemp("browsed")
    plain.to_parquet(folder / "events.parquet", index=False)
    inputs = {
        "events": folder / "events.parquet",
        "items": tiny_shop / "items.csv",
        "styles": tiny_shop / "styles.csv",
    }
    settings = {"top_k": 3, "render": {"size_px": 96}}
    return inputs, folder / "out", run(folder / "out", inputs, parse_config(settings), print)


@pytest.mark.slow
def test_a_log_without_looks_goes_all_the_way_to_a_feed(browsed):
    _, out, _ = browsed
    assert isinstance(load_tastes(out / "models" / "preference"), BrowsingPreferenceModel)
    feed, users = read_feed(out), pd.read_parquet(out / "users.parquet")
    assert (feed.groupby("user_id").size() == 3).all()
    assert set(feed["user_id"]) == set(users["user_id"])
    assert users["style_strength"].between(0.0, 1.0).all()
    assert json.loads((out / "metrics.json").read_text())["looks"].keys() == {"impressions"}
    assert (out / "report.html").is_file()
    affinity = pd.read_parquet(out / "style_affinity.parquet")
    assert set(affinity["style_id"]) == {*(f"s{n}" for n in range(6)), ORIGINAL}


@pytest.mark.slow
def test_looks_in_the_log_replace_tastes_from_photos(browsed, tiny_shop):
    inputs, out, _ = browsed
    inputs = {**inputs, "events": tiny_shop / "events.parquet"}
    run(out, inputs, parse_config({"top_k": 3, "render": {"size_px": 96}}), print)
    assert isinstance(load_tastes(out / "models" / "preference"), StylePreferenceModel)


@pytest.mark.slow
def test_thompson_sampling_goes_by_how_likely_a_taste_is_where_no_look_was_shown(browsed):
    inputs, out, _ = browsed
    settings = {"top_k": 3, "render": {"size_px": 96}, "policy": {"kind": "thompson"}}
    run(out, inputs, parse_config(settings), print)
    drawn = pd.read_parquet(out / "tables" / "chosen")
    assert drawn["style_propensity"].between(0.0, 1.0, inclusive="right").all()
    assert (drawn["style_id"] != ORIGINAL).any()


def test_private_tastes_need_looks_shown_and_a_key(tmp_path, monkeypatch):
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    events, styles, items, pictures = _shop()
    config = parse_config({"preference": {"dp_epsilon": 1.0}})
    plain = write_log(Workspace(tmp_path / "plain"), events)
    with pytest.raises(ConfigError, match="no look: tastes learned from photos"):
        TasteFitter(plain, styles, items, pictures, config).fit(events)
    looked = events.assign(event_type="impression", style_id="s1")
    facts = write_log(Workspace(tmp_path / "looked"), looked)
    with pytest.raises(ConfigError, match=f"needs a key in {KEY_VARIABLE}"):
        TasteFitter(facts, styles, items, pictures, config).fit(looked)
    out = tmp_path / "out"
    for start in (
        lambda: check_shop({}, config),
        lambda: dry_run(out, {}, config),
        lambda: run(out, {}, config, print),
    ):
        with pytest.raises(ConfigError, match=f"needs a key in {KEY_VARIABLE}"):
            start()
    assert not out.exists()
