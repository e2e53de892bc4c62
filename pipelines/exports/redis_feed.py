"""The feed in a Redis or Valkey server: keys of a version, and one key that names the version."""

from __future__ import annotations

import dataclasses
import json
import secrets
import time
import zlib
from typing import TYPE_CHECKING, Any, Final

from features.schema import InputError
from pipelines.exports.contract import FORMAT, About, Entry

try:
    import redis
    import redis.asyncio
except ModuleNotFoundError as error:
    raise InputError(
        f"{error.name} is not installed: pip install 'stylefeed[redis]', or use SQLite, without "
        "--redis"
    ) from error

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipelines.exports.answers import Answers

CURRENT: Final = "stylefeed:current"
_SLOTS: Final = 256
_AT_ONCE: Final = 1_000
_KEPT_S: Final = 3600
"""How long the version before stays, and what a killed export left."""
_FOLLOW_S: Final = 0.25


def write_redis(url: str, answers: Answers, source: str) -> About:
    """Write `answers`, made from the version with the digest `source`; returns what was written.

    Shoppers are fields of 256 hashes whose names begin with the version's prefix. `CURRENT` is set
    last, in one step; the keys it named before expire an hour later, and so do those of an export
    that was killed. Raises InputError where the server cannot be reached or is out of memory.
    """
    with _connect(url) as server, _naming_failures(url):
        before = _read_pointer(server.get(CURRENT))
        # Never the keys that readers read now, even where the version is the same.
        prefix = f"stylefeed:{answers.version}:{secrets.token_hex(4)}:"
        written: set[str] = set()
        for part in _in_parts(answers.entries()):
            pipe = server.pipeline(transaction=False)
            for user, entry in part:
                pipe.hset(_key(prefix, user), user, entry.pack())
            written |= {_key(prefix, user) for user, _ in part}
            for key in written:
                pipe.expire(key, _KEPT_S)
            pipe.execute()
        about = answers.about(source)
        pipe = server.pipeline(transaction=True)
        for key in written:
            pipe.persist(key)
        pipe.set(f"{prefix}unknown", answers.unknown().pack())
        pipe.set(CURRENT, json.dumps({"prefix": prefix, "about": dataclasses.asdict(about)}))
        if before is not None:
            for key in (*_keys(before[0]), f"{before[0]}unknown"):
                pipe.expire(key, _KEPT_S)
        pipe.execute()
    return about


def read_about(url: str) -> About | None:
    """What the server's current export holds; None where there is none, or an old one."""
    with _connect(url) as server, _naming_failures(url):
        found = _read_pointer(server.get(CURRENT))
    return None if found is None else found[1]


def remove_from_redis(url: str, names: list[str]) -> int:
    """Take the answers of the shoppers `names` out of every export that the server still holds.

    Returns how many. The next `write_redis` writes the feed anew. Raises InputError as it does.
    """
    with _connect(url) as server, _naming_failures(url):
        keys = list(server.scan_iter(match="stylefeed:*", count=_AT_ONCE, _type="hash"))
        return sum(int(server.hdel(key, *names)) for key in keys)


class RedisFeed:
    """Reads the current export of a server; a new one is followed within a quarter of a second.

    Every look-up is answered from the keys of one version. Raises InputError where the server
    cannot be reached or has no export.
    """

    def __init__(self, url: str) -> None:
        """Read from the server at `url`, such as `redis://127.0.0.1:6379/0`."""
        self._url = url
        with _naming_failures(url, ValueError):
            self._server = redis.asyncio.Redis.from_url(url)
        self._prefix = ""
        self._about: About | None = None
        self._unknown: Entry | None = None
        self._followed = float("-inf")

    async def about(self) -> About:
        """What the export that is read now holds."""
        with _naming_failures(self._url):
            return await self._follow()

    async def find(self, user_id: str) -> Entry | None:
        """The entry of a shopper; None for one whom the feed does not know."""
        with _naming_failures(self._url):
            await self._follow()
            value: Any = await self._server.hget(_key(self._prefix, user_id), user_id)
        return None if value is None else Entry.unpack(value)

    async def unknown(self) -> Entry:
        """The entry for a shopper whom the feed does not know."""
        with _naming_failures(self._url):
            await self._follow()
        if self._unknown is None:
            raise _no_export(self._url)
        return self._unknown

    async def close(self) -> None:
        """Close the connections."""
        await self._server.aclose()

    async def _follow(self) -> About:
        now = time.monotonic()
        if self._about is not None and now - self._followed < _FOLLOW_S:
            return self._about
        found = _read_pointer(await self._server.get(CURRENT))
        if found is None:
            raise _no_export(self._url)
        prefix, about = found
        if prefix != self._prefix:
            value: Any = await self._server.get(f"{prefix}unknown")
            if value is None:
                raise _no_export(self._url)
            unknown = Entry.unpack(value)
            self._prefix, self._about, self._unknown = prefix, about, unknown
        self._followed = now
        return about


def _connect(url: str) -> redis.Redis:
    """A connection to the server at `url`, which answers. Raises InputError."""
    # Outside the client's own errors: what a URL says, and a name that is none.
    with _naming_failures(url, ValueError):
        server = redis.Redis.from_url(url)
        server.ping()
        return server


class _naming_failures:
    """Raise InputError, one line that names the server, where the client says that it failed, or
    raises one of `others`."""

    def __init__(self, url: str, *others: type[Exception]) -> None:
        self._url = url
        self._kinds: tuple[type[Exception], ...] = (redis.RedisError, *others)

    def __enter__(self) -> None: ...

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, self._kinds):
            raise InputError(
                f"the Redis server at {_without_password(self._url)} failed ({error}): start it, "
                "or give the URL of one that runs, with room for the feed"
            ) from error


def _no_export(url: str) -> InputError:
    return InputError(
        f"the Redis server at {_without_password(url)} holds no export of this format: make one "
        "with `stylefeed export-feed --redis`"
    )


def _without_password(url: str) -> str:
    scheme, found, rest = url.partition("://")
    return f"{scheme}{found}{rest.rpartition('@')[2]}"


def _read_pointer(value: Any) -> tuple[str, About] | None:
    try:
        found = json.loads(value)
        about = About(**found["about"])
        return (str(found["prefix"]), about) if about.format == FORMAT else None
    except (TypeError, ValueError, KeyError):
        return None


def _key(prefix: str, user_id: str) -> str:
    return f"{prefix}{zlib.crc32(user_id.encode()) % _SLOTS:02x}"


def _keys(prefix: str) -> list[str]:
    return [f"{prefix}{slot:02x}" for slot in range(_SLOTS)]


def _in_parts(entries: Iterator[tuple[str, Entry]]) -> Iterator[list[tuple[str, Entry]]]:
    part: list[tuple[str, Entry]] = []
    for pair in entries:
        part.append(pair)
        if len(part) == _AT_ONCE:
            yield part
            part = []
    if part:
        yield part
