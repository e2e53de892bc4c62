"""One job at a time in a folder: a lock that ends with its process, and a sweep of leftovers."""

from __future__ import annotations

import errno
import fcntl
import getpass
import json
import os
import shutil
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from features.schema import InputError
from pipelines.stores import storage
from pipelines.verbosity import warn

LOCK: Final = ".lock"
_READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)
_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS)
# Where jobs write, beside the folder itself: nothing else of the user's is looked into.
_SWEPT: Final = (
    *("ab", "exports", "feed", "models", "originals", "privacy", "rejects", "renders"),
    *("sets", "stages", "studio", "tables"),
)


@contextmanager
def hold_folder(out: Path) -> Iterator[None]:
    """Make the folder `out` and keep other jobs out of it while the block runs.

    The lock is the kernel's, so it ends with the process that holds it, however that ends. What
    killed jobs left half written is removed. A folder that cannot be written is not locked: a
    finished job may be looked at, and the first write fails. Raises InputError, one line with the
    owner, host, process and age, when another job holds the folder, StorageError when it cannot be
    made.
    """
    is_new = not out.exists()
    storage.make_folder(out)
    try:
        descriptor = _lock(out)
    except OSError as error:
        if error.errno not in _READ_ONLY:
            raise storage.write_error(out / LOCK, error) from error
        yield
        return
    try:
        sweep_leftovers(out)
        yield
    finally:
        # Removed while it is held: whoever opened it meanwhile finds that it is no longer the one.
        (out / LOCK).unlink(missing_ok=True)
        os.close(descriptor)
        if is_new:
            # A job that was refused before it wrote anything leaves no folder.
            with suppress(OSError):
                out.rmdir()


def _lock(out: Path) -> int:
    path = out / LOCK
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = _read_owner(descriptor)
            os.close(descriptor)
            raise InputError(
                f"{out} is in use by another job ({describe_owner(owner)}): wait until it has "
                "ended, or give another folder"
            ) from None
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                os.close(descriptor)
                raise
            warn(f"the file system of {out} has no locks: start no second job in this folder")
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                break
        os.close(descriptor)
    # The lock holds without these words, so a full disk may keep them away.
    with suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(_owner()).encode(), 0)
    return descriptor


def _owner() -> dict[str, Any]:
    try:
        user = getpass.getuser()
    except (OSError, KeyError):
        user = str(os.getuid())
    return {
        "user": user,
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "started_utc": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": " ".join([Path(sys.argv[0]).name, *sys.argv[1:2]]),
    }


def _read_owner(descriptor: int) -> dict[str, Any]:
    try:
        owner = json.loads(os.pread(descriptor, 4096, 0))
    except (OSError, ValueError):
        return {}
    return owner if isinstance(owner, dict) else {}


def describe_owner(owner: dict[str, Any]) -> str:
    """Words for what a lock file says: user, process, host and age."""
    try:
        started = datetime.fromisoformat(owner["started_utc"])
        seconds = max(0, int((datetime.now(UTC) - started).total_seconds()))
        who = f"user {owner['user']}, process {owner['pid']} on {owner['host']}"
    except (KeyError, TypeError, ValueError):
        return "it has just started"
    if seconds < 120:
        return f"{who}, started {seconds} s ago"
    return f"{who}, started {seconds // 60} min ago"


def sweep_leftovers(out: Path) -> int:
    """Remove what killed jobs left half written below `out`; returns how many files."""
    found = list(out.glob(f"{storage.WRITING}*"))
    for name in _SWEPT:
        found += (out / name).rglob(f"{storage.WRITING}*")
    for path in found:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    return len(found)
