"""A listening socket, and an application that answers on it until it is asked to stop."""

from __future__ import annotations

import socket
import sys
from typing import Any, Final

import uvicorn
from fastapi import FastAPI
from uvicorn.config import LOGGING_CONFIG

from features.schema import InputError
from pipelines import verbosity

_BACKLOG: Final = 2048


def listen(host: str, port: int) -> socket.socket:
    """A socket on `host` and `port` (0: a free one). Raises InputError if there is none."""
    try:
        return socket.create_server((host, port), backlog=_BACKLOG)
    except OSError as error:
        raise InputError(
            f"cannot listen on {host}:{port}: {error.strerror or error}; give another --port or "
            "--host"
        ) from error


def answer(app: FastAPI, listening: socket.socket, **options: Any) -> None:
    """Answer with `app` on `listening` until the process is asked to stop (SIGINT or SIGTERM).

    `options` are uvicorn's. There is no access log: it would hold the ids of shoppers.
    """
    config = uvicorn.Config(
        app,
        ws="none",
        # Its own lines, or through the root logger as JSON objects.
        log_config=None if verbosity.as_json else LOGGING_CONFIG,
        log_level="warning",
        access_log=False,
        server_header=False,
        **options,
    )
    server = uvicorn.Server(config)
    try:
        server.run(sockets=[listening])
    except KeyboardInterrupt:
        return
    if not server.started:
        sys.exit(1)
