"""What of a log is not to be used is used nowhere, and named nowhere."""

import hmac
import shutil

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.config import LogConfig
from features.ids import IdMap
from features.schema import ORIGINAL, ConfigError, SchemaError
from pipelines.config import parse_config
from pipelines.stages.canonical import canonical_log
from pipelines.stages.withhold import Withholding, private_settings
from pipelines.stores.event_buckets import read_events
from pipelines.stores.feed_versions import read_feed
from pipelines.stores.shopper_keys import (
    KEY_VARIABLE,
    add_tombstones,
    pseudonym,
    tombstone,
)
from pipelines.stores.shopper_search import search_folder
from pipelines.stores.workspace import Workspace

KEY = b"a key of the tests, long enough"
DAY = pd.Timedelta(days=1)
START = pd.Timestamp("2026-01-01", tz="UTC")


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setenv(KEY_VARIABLE, KEY.decode())


def _log(users, days=None, **columns):
    """A view of item 1 by each of `users`, a day apart."""
    days = range(len(users)) if days is None else days
    table = pd.DataFrame({"user_id": pd.Series(users, dtype=object), "item_id": "1"})
    table["timestamp"] = [START + day * DAY for day in days]
    return table.assign(event_type="view", **columns)


def test_a_pseudonym_is_what_the_documented_formula_gives():
    told = hmac.new(KEY, b"pseudonym\0u1", "sha256").hexdigest()
    assert pseudonym("u1", KEY) == "p_" + told[:32]


@given(st.text(min_size=1), st.text(min_size=1))
def test_pseudonyms_and_tombstones_of_other_ids_or_keys_differ(one, other):
    names = {pseudonym(one, KEY), tombstone(one, KEY), pseudonym(one, KEY + b"2")}
    assert len(names) == 3
    assert (pseudonym(one, KEY) == pseudonym(other, KEY)) == (one == other)


def test_pseudonyms_reach_the_log_and_its_rejects_and_no_id_does():
    log = _log(["ann-1", "ann-1", None, "bob-2"], [0, 0, 1, 2])
    log.loc[3, "timestamp"] = pd.NaT
    cleaned = canonical_log(log, LogConfig(), rule=Withholding(KEY, pseudonymise=True))
    assert set(cleaned.events["user_id"]) == {pseudonym("ann-1", KEY)}
    assert set(cleaned.rejects["key"]) == {pseudonym("ann-1", KEY), pseudonym("bob-2", KEY), ""}
    plain = canonical_log(log, LogConfig())
    assert set(plain.rejects["key"]) == {"ann-1", "bob-2", ""}
    told = cleaned.rejects.to_csv() + cleaned.value_rejects.to_csv() + cleaned.lost.to_csv()
    assert "ann-1" not in told
    assert "bob-2" not in told


@pytest.mark.parametrize("pseudonymise", [False, True])
@pytest.mark.parametrize("by_pseudonym", [False, True])
def test_a_tombstone_keeps_a_shopper_out_of_log_and_rejects_and_counts_the_events(
    pseudonymise, by_pseudonym
):
    log = _log(["17", "17", "18", "17"], [0, 0, 1, 2])
    log.loc[3, "timestamp"] = pd.NaT
    name = pseudonym("17", KEY) if by_pseudonym else "17"
    rule = Withholding(KEY, pseudonymise, frozenset({tombstone(name, KEY)}))
    cleaned = canonical_log(log, LogConfig(), rule=rule)
    assert len(cleaned.events) == 1
    assert cleaned.rejects.empty
    assert cleaned.withheld["events_forgotten"] == 2


def test_a_log_of_forgotten_shoppers_alone_is_refused_in_one_line():
    rule = Withholding(KEY, tombstones=frozenset({tombstone("u", KEY)}))
    with pytest.raises(SchemaError, match=r"none of 2 rows may be used \(2 forgotten, 0 opted out"):
        canonical_log(_log(["u", "u"]), LogConfig(), rule=rule)


@pytest.mark.parametrize("as_of", [None, "2026-01-11T00:00:00Z"])
def test_events_past_retention_are_counted_and_not_listed(as_of):
    log = _log(["u", "v", "u", "v"], [0, 5, 7.5, 10])
    cleaned = canonical_log(log, LogConfig(retention_days=5.0, as_of=as_of))
    assert len(cleaned.events) == 3
    assert cleaned.events["timestamp"].min() == START + 5 * DAY
    assert cleaned.withheld["events_past_retention"] == 1
    assert cleaned.rejects.empty
    assert len(canonical_log(log, LogConfig()).events) == 4


@pytest.mark.parametrize("days", [0.0, -1.0, np.inf])
def test_a_retention_that_keeps_nothing_or_forever_is_refused(days):
    with pytest.raises(ConfigError, match="retention_days is"):
        LogConfig(retention_days=days)


def test_the_last_event_decides_who_has_opted_out():
    log = _log(["in", "out", "in", "out", "never"], opt_out=[True, False, False, True, None])
    cleaned = canonical_log(log, LogConfig())
    assert cleaned.opted_out == ["out"]
    assert set(cleaned.events["user_id"]) == {"in", "never"}
    assert cleaned.withheld["events_opted_out"] == 2
    assert "opt_out" not in cleaned.events


@pytest.mark.parametrize(
    "damage",
    [{"item_id": "gone"}, {"event_type": "purge"}, {"style_id": "gone"}, {"event_type": "hover"}],
)
@pytest.mark.parametrize("pseudonymise", [False, True])
def test_an_opt_out_on_a_row_that_is_set_aside_is_an_opt_out(damage, pseudonymise):
    log = _log(["out", "in", "out"], style_id=None, opt_out=[False, False, True])
    log = log.astype({"style_id": object})
    for column, value in damage.items():
        log.loc[2, column] = value
    cleaned = canonical_log(
        log,
        LogConfig(event_types={"purge": "ignore"}),
        IdMap.sorted(["1"]),
        IdMap.sorted(["look"]),
        rule=Withholding(KEY, pseudonymise),
    )
    names = [pseudonym(name, KEY) if pseudonymise else name for name in ("out", "in")]
    assert cleaned.opted_out == names[:1]
    assert set(cleaned.events["user_id"]) == set(names[1:])
    assert cleaned.withheld["events_opted_out"] == 1
    assert not set(names[:1]) & set(cleaned.rejects["key"])


def test_an_opt_out_that_a_later_row_set_aside_takes_back_is_none():
    log = _log(["u", "v", "u"], opt_out=[True, False, False])
    log.loc[2, "item_id"] = "gone"
    assert canonical_log(log, LogConfig(), IdMap.sorted(["1"])).opted_out == []


def test_those_who_asked_for_plain_photos_are_named_as_the_job_names_them(tmp_path):
    add_tombstones(tmp_path, ["gone"], KEY)
    settings = {"guard_rails": {"plain_users": ["ann", "gone"]}}
    kept = private_settings(parse_config(settings), tmp_path)
    assert kept.guard_rails.plain_users == ("ann",)
    hidden = parse_config({**settings, "privacy": {"pseudonymise": True}})
    once = private_settings(hidden, tmp_path)
    assert once.guard_rails.plain_users == (pseudonym("ann", KEY),)
    assert private_settings(once, tmp_path) == once


def test_pseudonyms_without_a_key_are_refused_in_one_line(monkeypatch, tmp_path, rerun):
    monkeypatch.delenv(KEY_VARIABLE)
    with pytest.raises(ConfigError, match=f"privacy.pseudonymise needs a key in {KEY_VARIABLE}"):
        rerun(tmp_path / "out", privacy={"pseudonymise": True})
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_job_of_pseudonyms_names_nobody_and_opted_out_shoppers_get_plain_popular_items(
    shop_copy, job_copy, rerun, capfd
):
    path = shop_copy / "events.parquet"
    log = pd.read_parquet(path)
    users = sorted(log["user_id"].unique())
    chosen, out = users[3], job_copy
    log["opt_out"] = log["user_id"] == chosen
    log.loc[log.index[:5], "timestamp"] = pd.Timestamp("1970-01-01", tz="UTC")
    log.to_parquet(path, index=False)
    # Earlier feeds stay as they are; what is painted may be used again.
    shutil.rmtree(out / "feed")
    settings = {"pseudonymise": True}
    counts = rerun(out, shop_copy, privacy=settings, log={"retention_days": 400.0})["counts"]
    told = "".join(capfd.readouterr())
    assert search_folder(out, users) == []
    assert not [user for user in users if user in told]
    assert counts["prepare"]["users_opted_out"] == 1
    assert counts["score"]["users"] == len(users)
    feed = read_feed(out)
    theirs = feed[feed["user_id"] == pseudonym(chosen, KEY)]
    assert len(theirs) == 4
    assert (theirs["style_id"] == ORIGINAL).all()
    table = pd.read_parquet(out / "users.parquet").set_index("user_id")
    assert table.loc[pseudonym(chosen, KEY), "cold"]
    learned = read_events(Workspace(out))["user_id"]
    assert pseudonym(chosen, KEY) not in set(learned)
