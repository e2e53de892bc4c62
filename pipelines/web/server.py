"""Runs the feed's HTTP service on one listening socket."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import Final

from pipelines.exports.contract import About
from pipelines.exports.sqlite_feed import FILE, SqliteFeed
from pipelines.stores.feed_versions import version_history
from pipelines.web.feed_api import FeedSource, feed_api
from pipelines.web.listening import answer

# Over the 60 s after which most proxies close a connection, so that it is never closed on them.
_KEEP_ALIVE_S: Final = 75


def open_source(out: Path, redis_url: str | None) -> FeedSource:
    """What the export of the job in `out`, or the Redis server, is read by."""
    if redis_url is None:
        return SqliteFeed(out / FILE)
    from pipelines.exports.redis_feed import RedisFeed

    return RedisFeed(redis_url)


def check_export(out: Path, redis_url: str | None) -> tuple[About, str | None]:
    """What the export holds, and one line where it is not of the current feed of `out`.

    Raises InputError where there is no export, or it cannot be read.
    """

    async def ask() -> About:
        source = open_source(out, redis_url)
        try:
            return await source.about()
        finally:
            await source.close()

    about, current = asyncio.run(ask()), current_name(out)
    if about.version == current:
        return about, None
    return about, (
        f"the export is of version {about.version}, the current feed is {current}: "
        f"run `stylefeed export-feed {out}`; the service follows by itself"
    )


def current_name(out: Path) -> str | None:
    """The name of the current version of the feed in `out`; None where there is none."""
    return next(iter(version_history(out)), None)


def run(out: Path, redis_url: str | None, listening: socket.socket) -> None:
    """Answer on `listening` until the process is asked to stop (SIGINT or SIGTERM)."""
    app = feed_api(lambda: open_source(out, redis_url), lambda: current_name(out))
    answer(app, listening, http="httptools", timeout_keep_alive=_KEEP_ALIVE_S)
