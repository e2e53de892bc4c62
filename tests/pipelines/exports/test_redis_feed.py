"""An export to a real server is switched in one step; what was before goes by itself."""

import asyncio
import json

import pytest
import redis

from features.schema import InputError
from pipelines.exports import redis_feed
from pipelines.exports.answers import Answers
from pipelines.exports.redis_feed import CURRENT, RedisFeed, read_about, write_redis
from pipelines.exports.sqlite_feed import FILE, SqliteFeed
from pipelines.jobs.export_feed import export_feed
from pipelines.jobs.forget import forget
from pipelines.stores.feed_versions import current_version
from pipelines.stores.shopper_keys import KEY_VARIABLE


@pytest.fixture
def server(redis_url):
    with redis.Redis.from_url(redis_url) as connection:
        connection.flushall()
        yield connection
        connection.flushall()


async def _all(source, users):
    try:
        return [await source.find(user) for user in users], await source.unknown()
    finally:
        await source.close()


def test_the_server_holds_the_same_answers_as_the_file(publish_feed, tmp_path, redis_url, server):
    rows = publish_feed(tmp_path, "r1")
    export_feed(tmp_path)
    done = export_feed(tmp_path, redis_url)
    assert (done["worked"], done["to"], done["users"]) == (True, "redis", 23)
    assert export_feed(tmp_path, redis_url)["worked"] is False
    users = [*rows["user_id"].unique(), "nobody"]
    there = asyncio.run(_all(RedisFeed(redis_url), users))
    assert there == asyncio.run(_all(SqliteFeed(tmp_path / FILE), users))
    assert there[0][-1] is None
    assert all(server.ttl(key) == -1 for key in server.keys("stylefeed:*"))


def test_a_new_version_is_followed_and_the_keys_of_the_old_one_expire(
    publish_feed, tmp_path, redis_url, server, monkeypatch
):
    monkeypatch.setattr(redis_feed, "_FOLLOW_S", 0.0)
    publish_feed(tmp_path, "r1")
    export_feed(tmp_path, redis_url)

    async def follow():
        source = RedisFeed(redis_url)
        seen = [json.loads((await source.find("001")).body)["version"]]
        publish_feed(tmp_path, "r2")
        await asyncio.to_thread(export_feed, tmp_path, redis_url)
        seen.append(json.loads((await source.find("001")).body)["version"])
        seen.append(json.loads((await source.unknown()).body)["version"])
        await source.close()
        return seen

    assert asyncio.run(follow()) == ["r1", "r2", "r2"]
    old, new = server.keys("stylefeed:r1:*"), server.keys("stylefeed:r2:*")
    assert len(old) == len(new) > 2
    assert all(0 < server.ttl(key) <= 3600 for key in old)
    assert all(server.ttl(key) == -1 for key in new)


def test_an_export_that_ends_half_way_is_never_read_and_goes_by_itself(
    publish_feed, tmp_path, redis_url, server, monkeypatch
):
    monkeypatch.setattr(redis_feed, "_AT_ONCE", 5)
    publish_feed(tmp_path, "r1")
    export_feed(tmp_path, redis_url)
    pointer = server.get(CURRENT)
    publish_feed(tmp_path, "r2")
    answers = Answers(current_version(tmp_path))
    whole = answers.entries

    def half():
        for number, pair in enumerate(whole()):
            if number == 12:
                raise KeyboardInterrupt
            yield pair

    monkeypatch.setattr(answers, "entries", half)
    with pytest.raises(KeyboardInterrupt):
        write_redis(redis_url, answers, "source")
    left = server.keys("stylefeed:r2:*")
    assert left
    assert all(0 < server.ttl(key) <= 3600 for key in left)
    assert server.get(CURRENT) == pointer
    assert read_about(redis_url).version == "r1"


def test_a_server_that_fails_is_one_line_without_its_password(publish_feed, tmp_path, redis_url):
    publish_feed(tmp_path, "r1")
    with pytest.raises(InputError, match=r"server at redis://127\.0\.0\.1:1/0 failed"):
        export_feed(tmp_path, "redis://:secret@127.0.0.1:1/0")
    with pytest.raises(InputError, match="failed"):
        export_feed(tmp_path, "http://127.0.0.1/")
    empty = RedisFeed(redis_url.removesuffix("0") + "5")
    with pytest.raises(InputError, match="holds no export of this format"):
        asyncio.run(_all(empty, ["001"]))


@pytest.mark.parametrize("error", [OSError("a disk"), ValueError("a table")])
def test_a_failure_that_is_not_the_server_s_is_not_called_so(
    publish_feed, tmp_path, redis_url, server, monkeypatch, error
):
    publish_feed(tmp_path, "r1")
    answers = Answers(current_version(tmp_path))

    def fail():
        raise error
        yield

    monkeypatch.setattr(answers, "entries", fail)
    with pytest.raises(type(error), match=str(error)):
        write_redis(redis_url, answers, "source")


@pytest.mark.parametrize("url", ["redis://a..b:1/0", "redis://127.0.0.1:port/0", "http://x/"])
def test_a_url_that_is_none_is_one_line(publish_feed, tmp_path, url):
    async def ask():
        await RedisFeed(url).about()

    publish_feed(tmp_path, "r1")
    with pytest.raises(InputError, match="failed"):
        export_feed(tmp_path, url)
    with pytest.raises(InputError, match="failed"):
        asyncio.run(ask())


def test_a_shopper_in_two_buckets_is_refused_and_what_was_there_stays(
    publish_feed, tmp_path, redis_url, server
):
    publish_feed(tmp_path, "r1")
    export_feed(tmp_path, redis_url)
    publish_feed(tmp_path, "r2")
    first, second, *_ = sorted((tmp_path / "feed" / "r2").glob("bucket-*"))
    second.write_bytes(first.read_bytes())
    with pytest.raises(InputError, match="shoppers whom another bucket of the version holds too"):
        export_feed(tmp_path, redis_url)
    assert read_about(redis_url).version == "r1"


def test_an_export_whose_answer_for_the_unknown_is_gone_is_none(
    publish_feed, tmp_path, redis_url, server
):
    publish_feed(tmp_path, "r1")
    export_feed(tmp_path, redis_url)
    server.delete(*server.keys("stylefeed:r1:*unknown"))
    with pytest.raises(InputError, match="holds no export of this format"):
        asyncio.run(_all(RedisFeed(redis_url), ["001"]))


def test_a_forgotten_shopper_leaves_every_export_of_the_server(
    publish_feed, tmp_path, redis_url, server, monkeypatch
):
    monkeypatch.setenv(KEY_VARIABLE, "a key of the tests, long enough")
    (tmp_path / "job.json").write_text("{}")
    for run_id in ("r1", "r2"):
        rows = publish_feed(tmp_path, run_id)
        export_feed(tmp_path, redis_url)
    done = forget(tmp_path, ["001"], redis_url)
    assert (done["redis"], done["left"]) == (2, [])
    users = sorted(rows["user_id"].unique())
    found, _ = asyncio.run(_all(RedisFeed(redis_url), users))
    assert [user for user, entry in zip(users, found, strict=True) if entry is None] == ["001"]
    assert export_feed(tmp_path, redis_url)["worked"] is True
    assert export_feed(tmp_path, redis_url)["users"] == 22


def test_a_server_without_room_keeps_the_feed_that_was_there(
    publish_feed, tmp_path, redis_url, server
):
    publish_feed(tmp_path, "r1", users=5)
    export_feed(tmp_path, redis_url)
    publish_feed(tmp_path, "r2", users=60)
    server.config_set("maxmemory", "1")
    try:
        with pytest.raises(InputError, match=r"maxmemory.*with room for the feed"):
            export_feed(tmp_path, redis_url)
    finally:
        server.config_set("maxmemory", "0")
    assert read_about(redis_url).version == "r1"
