"""`stylefeed check`: what a run would find and do, without running it."""

import dataclasses
import json

import pandas as pd
import pytest
from typer.testing import CliRunner

from features.schema import ConfigError, InputError
from pipelines.cli import app
from pipelines.config import RunConfig, parse_config
from pipelines.jobs.check import check_shop, why_a_run_stops
from pipelines.jobs.plan import Size, plan_of
from pipelines.limits import LimitConfig
from pipelines.stores.shopper_keys import KEY_VARIABLE, pseudonym

KEY = "a key of the tests, long enough"


def plan(settings, users=100, items=50, pictures=40, looks=3):
    config = dataclasses.replace(parse_config(settings), workers=2)
    return plan_of(Size(1_000, users, items, pictures, looks, 10_000), config)


def test_renders_are_bounded_by_rows_by_pairs_and_by_the_budget():
    assert plan({"top_k": 1})["renders"] == 100
    assert plan({})["renders"] == 40 * 3
    assert plan({"render": {"max_renders": 7}})["renders"] == 7
    assert plan({"max_users": 2})["rows"] == 20


def test_without_pictures_there_is_nothing_to_render():
    unpictured = plan({}, pictures=0)
    assert (unpictured["renders"], unpictured["rows"]) == (0, 1_000)
    assert unpictured["seconds"] < plan({})["seconds"]


def test_larger_renders_cost_more_time_and_more_disk():
    small, large = plan({}), plan({"render": {"size_px": 768}})
    assert large["seconds"] > small["seconds"]
    assert large["bytes"] - 10_000 == pytest.approx(4 * (small["bytes"] - 10_000), abs=4)


def test_every_picture_format_has_a_size():
    for name in ("jpeg", "png", "webp"):
        assert plan({"render": {"format": name}})["bytes"] > 10_000


def test_a_run_stops_where_no_picture_can_be_read_but_not_where_none_is_named():
    named = pd.DataFrame({"image_path": ["a.jpg"]})
    unnamed = pd.DataFrame({"image_path": [None]})
    none, one = pd.DataFrame(), pd.DataFrame({"id": ["a"]})
    bad = [{"table": "items", "id": "a", "reason": "truncated"}]
    read = {"items": none, "styles": one}
    tables = {"events": named, "items": named, "styles": named}
    tables["rejects"] = pd.DataFrame({"table": [], "reason": []})
    assert "truncated" in why_a_run_stops(tables, read, bad, LimitConfig())
    assert why_a_run_stops({**tables, "items": unnamed}, read, [], LimitConfig()) == ""


def test_a_run_stops_where_too_much_of_a_table_is_set_aside():
    row = pd.DataFrame({"image_path": ["a.jpg"]})
    rejects = pd.DataFrame({"table": ["events"] * 3, "reason": ["item_id is unknown"] * 3})
    tables = {"events": row, "items": row, "styles": row, "rejects": rejects}
    read = {"items": row, "styles": row}
    stops = why_a_run_stops(tables, read, [], LimitConfig())
    assert stops.startswith("prepare: 3 of 4 events were set aside (75 %): 3 x item_id is unknown")
    assert why_a_run_stops(tables, read, [], LimitConfig(0.75)) == ""


@pytest.mark.slow
def test_a_shop_is_checked_and_nothing_is_written(shop_copy, tmp_path):
    items = pd.read_csv(shop_copy / "items.csv", dtype="str")
    (shop_copy / items["image_path"][3]).write_bytes(b"no picture")
    events = pd.read_parquet(shop_copy / "events.parquet")
    events.loc[0, "item_id"] = "unheard-of"
    events.to_parquet(shop_copy / "events.parquet")
    before = sorted(path.name for path in shop_copy.rglob("*"))
    tables = ["events.parquet", "items.csv", "styles.csv"]
    given = [part for name in tables for part in (f"--{name.split('.')[0]}", str(shop_copy / name))]
    settings = tmp_path / "settings.toml"
    settings.write_text("top_k = 2\n[quality]\nmin_side_px = 4000\n")
    options = ["--config", str(settings), "--workers", "1", "--json"]
    done = CliRunner().invoke(app, ["check", *given, *options])
    assert done.exit_code == 0, done.exception
    found = json.loads(done.stdout)
    assert sorted(path.name for path in shop_copy.rglob("*")) == before
    assert [(row["table"], row["id"]) for row in found["unreadable"]] == [("items", "003")]
    reasons = {row["reason"]: row["rows"] for row in found["rejects"]}
    assert reasons["item_id is not in the items table"] == 1
    assert found["plan"]["pictures"] == 11
    assert found["quality"]["pictures"]["broken"] == 1
    assert found["quality"]["pictures"]["too_small"] == 11
    assert found["stops"] == ""


def test_with_pseudonyms_the_examples_of_a_check_name_no_shopper(shop_copy, monkeypatch):
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    inputs = {"events": shop_copy / "events.parquet"}
    inputs |= {name: shop_copy / f"{name}.csv" for name in ("items", "styles")}
    settings = {"workers": 1, "privacy": {"pseudonymise": True}}
    plain = check_shop(inputs, parse_config({**settings, "privacy": {}}))["quality"]
    hidden = check_shop(inputs, parse_config(settings))["quality"]
    ids = [name for name in _examples(plain) if name in set(_users(inputs["events"]))]
    assert "lonely" in ids
    told = set(_examples(hidden))
    assert {pseudonym(name, KEY.encode()) for name in ids} <= told
    assert not told & set(_users(inputs["events"]))
    monkeypatch.delenv(KEY_VARIABLE)
    with pytest.raises(ConfigError, match=f"needs a key in {KEY_VARIABLE}"):
        check_shop(inputs, parse_config(settings))


def _users(path):
    return pd.read_parquet(path)["user_id"].unique()


def _examples(quality):
    return [
        value
        for part in quality.values()
        for name, values in part.items()
        if name.endswith("_examples")
        for value in values
        if isinstance(value, str)
    ]


def test_a_table_that_is_not_there_ends_the_check_in_one_line(tmp_path):
    given = ["--events", "e.csv", "--items", "i.csv", "--styles", "s.csv"]
    refused = CliRunner().invoke(app, ["check", *given])
    assert isinstance(refused.exception, InputError)
    assert "no file at" in str(refused.exception)


def test_the_plan_of_the_defaults_is_made():
    assert plan_of(Size(0, 0, 0, 0, 0, 0), RunConfig())["renders"] == 0
