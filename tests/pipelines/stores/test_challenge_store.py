"""Votes count once for a session and once for a network, however often they are sent."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from features.schema import InputError
from pipelines.stores.challenge_store import (
    ENTRIES_PER_DAY,
    FILE,
    KEY,
    VOTES_PER_HOUR,
    ChallengeStore,
    TooMany,
)

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


@pytest.fixture
def store(tmp_path):
    made = ChallengeStore(tmp_path / "challenge")
    made.submit("Rain on tin", "grey, calm", b"png", "192.0.2.1", NOW)
    return made


def tally(store):
    [entry] = store.entries()
    return entry.likes, entry.votes


def send(store, number, session, address):
    try:
        return store.vote(1, True, session, address, NOW)
    except TooMany:
        return "refused"


def test_vote_stuffing_by_1000_posts_counts_once(store):
    # From one network, every post with a session of its own.
    told = [send(store, n, f"session {n}", f"198.51.100.{n % 256}") for n in range(1000)]
    assert tally(store) == (1, 1)
    assert told.count("counted") == 1
    assert told.count("refused") == 1000 - VOTES_PER_HOUR


def test_one_session_from_1000_networks_counts_once(store):
    for n in range(1000):
        store.vote(1, True, "one session", f"10.{n // 250}.{n % 250}.9", NOW)
    assert tally(store) == (1, 1)


def test_1000_posts_at_once_count_once(store):
    with ThreadPoolExecutor(4) as senders:
        list(senders.map(lambda n: send(store, n, f"{n}", "203.0.113.7"), range(60)))
    assert tally(store) == (1, 1)


def test_voters_of_their_own_networks_all_count_and_may_change_their_minds(store):
    for n in range(10):
        assert store.vote(1, n < 7, f"s{n}", f"10.0.{n}.1", NOW) == "counted"
    assert tally(store) == (7, 10)
    assert store.vote(1, False, "s0", "10.0.0.1", NOW) == "changed"
    assert store.vote(1, False, "s0", "10.9.9.9", NOW) == "changed"
    assert tally(store) == (6, 10)
    assert store.said("s0") == {1: False}
    assert store.said("nobody") == {}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("198.51.100.1", "198.51.100.200"),
        ("2001:db8:1::1", "2001:db8:1:ffff::2"),
        ("198.51.100.1", "::ffff:198.51.100.9"),
    ],
)
def test_addresses_of_one_network_are_one(store, one, other):
    store.vote(1, True, "a", one, NOW)
    assert store.vote(1, True, "b", other, NOW) == "counted before"


def test_a_network_may_vote_again_in_another_hour(store):
    for _ in range(VOTES_PER_HOUR):
        store.vote(1, True, "s", "192.0.2.1", NOW)
    with pytest.raises(TooMany, match="votes an hour"):
        store.vote(1, True, "s", "192.0.2.1", NOW)
    assert store.vote(1, False, "s", "192.0.2.1", NOW + timedelta(hours=1)) == "changed"


def test_neither_addresses_nor_sessions_are_written(store, tmp_path):
    store.vote(1, True, "a secret session", "198.51.100.77", NOW)
    for path in (tmp_path / "challenge").glob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert b"secret session" not in data
            assert b"198.51.100" not in data
    assert (tmp_path / "challenge" / KEY).stat().st_mode & 0o077 == 0


def test_a_look_is_submitted_once_and_a_network_may_submit_a_few(store):
    with pytest.raises(InputError, match="submitted before"):
        store.submit("Again", "", b"png", "192.0.2.99", NOW)
    for n in range(ENTRIES_PER_DAY):
        store.submit(f"look {n}", "", f"png {n}".encode(), "10.1.1.1", NOW)
    with pytest.raises(TooMany, match="looks a day"):
        store.submit("one more", "", b"one more", "10.1.1.1", NOW)
    assert len(store.entries()) == 1 + ENTRIES_PER_DAY


@pytest.mark.parametrize(
    ("name", "tags"), [("", ""), ("a" * 61, ""), ("a\x00", ""), ("a", "b" * 121)]
)
def test_names_and_tags_that_cannot_be_used_are_refused(store, name, tags):
    with pytest.raises(InputError, match="printable characters"):
        store.submit(name, tags, b"other", "10.1.1.1", NOW)


def test_a_look_that_won_takes_no_more_votes(store):
    store.mark_won(1, "rain")
    with pytest.raises(InputError, match="no open look"):
        store.vote(1, True, "s", "10.0.0.1", NOW)
    with pytest.raises(InputError, match="no open look"):
        store.vote(99, True, "s", "10.0.0.1", NOW)


def test_readers_do_not_wait_for_writers(store, tmp_path):
    with sqlite3.connect(tmp_path / "challenge" / FILE) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        connection.execute("BEGIN IMMEDIATE")
        assert tally(store) == (0, 0)


def test_a_challenge_that_nobody_has_entered_is_empty(tmp_path):
    store = ChallengeStore(tmp_path / "none")
    assert store.entries() == []
    assert not (tmp_path / "none").exists()
