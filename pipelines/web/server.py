"""Runs the feed's HTTP service on one listening socket."""

from __future__ import annotations

import asyncio
import socket
import sys
from pathlib import Path
from typing import Final

import uvicorn
from uvicorn.config import LOGGING_CONFIG

from features.schema import InputError
from pipelines import verbosity
from pipelines.exports.contract import About
from pipelines.exports.sqlite_feed import FILE, SqliteFeed
from pipelines.stores.feed_versions import version_history
from pipelines.web.feed_api import FeedSource, feed_api

_BACKLOG: Final = 2048
# Over the 60 s after which most proxies close a connection, so that it is never closed on them.
_KEEP_ALIVE_S: Final = 75


def listen(host: str, port: int) -> socket.socket:
    """A socket on `host` and `port` (0: a free one). Raises InputError if there is none."""
    try:
        return socket.create_server((host, port), backlog=_BACKLOG)
    except OSError as error:
        raise InputError(
            f"cannot listen on {host}:{port}: {error.strerror or error}; give another --port or "
            "--host"
        ) from error


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
    # No access log: it would hold the ids of shoppers.
    config = uvicorn.Config(
        app,
        http="httptools",
        ws="none",
        # Its own lines, or through the root logger as JSON objects.
        log_config=None if verbosity.as_json else LOGGING_CONFIG,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE_S,
    )
    server = uvicorn.Server(config)
    try:
        server.run(sockets=[listening])
    except KeyboardInterrupt:
        return
    if not server.started:
        sys.exit(1)
