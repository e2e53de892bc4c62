"""Runs the studio on one listening socket."""

from __future__ import annotations

import socket
import sys
from pathlib import Path
from typing import Final

import uvicorn
from fastapi import FastAPI

from pipelines.web.studio.access.sessions import Sessions
from pipelines.web.studio.app import studio_app

_LOOPBACK: Final = ("127.0.0.1", "localhost", "[::1]")
_PATIENCE_S: Final = 5


def open_studio(out: Path, host: str) -> tuple[FastAPI, str]:
    """The studio over the run in `out`, and a token that opens one session of an engineer.

    One that listens on this machine alone answers to its own names only. Raises InputError where
    there is no finished run.
    """
    sessions = Sessions()
    local = host in ("127.0.0.1", "localhost", "::1")
    return studio_app(out, sessions, _LOOPBACK if local else ()), sessions.make_token()


def run(app: FastAPI, listening: socket.socket) -> None:
    """Answer on `listening` until the process is asked to stop (SIGINT or SIGTERM)."""
    # No access log: it would hold the ids of shoppers.
    config = uvicorn.Config(
        app,
        ws="none",
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_PATIENCE_S,
    )
    server = uvicorn.Server(config)
    try:
        server.run(sockets=[listening])
    except KeyboardInterrupt:
        return
    if not server.started:
        sys.exit(1)
