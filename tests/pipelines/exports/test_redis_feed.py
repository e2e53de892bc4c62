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
from pipelines.stores.feed_versions import current_version


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
