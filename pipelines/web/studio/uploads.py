"""Uploaded pictures: decoded in a process of their own that may take little time and memory."""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final, NamedTuple

from fastapi import HTTPException
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile

from features.config import ImageLimits
from features.schema import ImageError, InputError

MOST_BYTES: Final = 10 * 2**20
LIMITS: Final = ImageLimits(MOST_BYTES, 40_000_000, 48, ("JPEG", "PNG", "WEBP"))
LONGEST_S: Final = 20.0
_CPU_S: Final = 10
# Beyond what the process has when its libraries are loaded.
_MEMORY_BYTES: Final = 768 * 2**20


class Uploaded(NamedTuple):
    """A picture as it is kept: a PNG file made here of its pixels alone, and its size."""

    data: bytes
    width: int
    height: int


async def read_upload(form: FormData, name: str, side: int | None = None) -> Uploaded:
    """The picture that a form's file `name` holds, its longer side at most `side` px.

    What is kept is drawn anew from its pixels: no metadata, and nothing behind the picture. The
    file's name and declared type are not looked at. Raises HTTPException 422 with one line.
    """
    file = form.get(name)
    if not isinstance(file, UploadFile):
        raise HTTPException(422, "Choose a picture first.")
    data = await file.read(MOST_BYTES + 1)
    await file.close()
    if not data:
        raise HTTPException(422, "The file is empty: choose a picture.")
    if len(data) > MOST_BYTES:
        most = MOST_BYTES // 2**20
        raise HTTPException(422, f"The file is too large: at most {most} MB are taken.")
    try:
        return await run_in_threadpool(decode_apart, data, side)
    except InputError as error:
        raise HTTPException(422, str(error)) from None


def decode_apart(data: bytes, side: int | None, seconds: float = LONGEST_S) -> Uploaded:
    """Decode a file's bytes in a fresh process; raises ImageError where that fails, for whatever
    reason, or takes longer than `seconds`."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_decode, args=(theirs, side), daemon=True)
    process.start()
    theirs.close()
    try:
        ours.send_bytes(data)
        if not ours.poll(seconds):
            raise ImageError("The picture takes too long to read: save it again, smaller.")
        kind, value = ours.recv()
    except (EOFError, OSError):
        raise ImageError(
            "The picture takes more memory than is given to one: save it again, smaller."
        ) from None
    finally:
        process.kill()
        process.join()
        ours.close()
    if kind != "done":
        raise ImageError(value)
    return Uploaded(*value)


def _decode(connection: Connection, side: int | None) -> None:
    """Run in the process: read bytes, send what was drawn of them or one line."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    from features.images import decode, encode, resize_longest

    # Warm: what decoding loads is loaded before memory is limited.
    used = _used_bytes()
    resource.setrlimit(resource.RLIMIT_AS, (used + _MEMORY_BYTES, used + _MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_S, _CPU_S))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    data = connection.recv_bytes(MOST_BYTES)
    try:
        picture = decode(data, LIMITS)
        if side is not None:
            picture = resize_longest(picture, side)
        made = encode(picture, "png")
        connection.send(("done", (made, picture.shape[1], picture.shape[0])))
    except ImageError as error:
        connection.send(("refused", str(error)))
    except MemoryError:
        connection.send(("refused", "The picture takes more memory than is given to one."))


def _used_bytes() -> int:
    """Address space of this process; a bound on it where the system does not tell."""
    try:
        pages = Path("/proc/self/statm").read_text().split()[0]
    except OSError:
        return 4 * 2**30
    return int(pages) * os.sysconf("SC_PAGE_SIZE")
