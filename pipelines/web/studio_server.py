"""Runs the studio on one listening socket."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Final

from fastapi import FastAPI

from pipelines.web.listening import answer
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
    answer(app, listening, timeout_graceful_shutdown=_PATIENCE_S)
