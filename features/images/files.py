"""Picture files -> bytes, never more of them than the limits allow."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from features.config import ImageLimits
from features.schema import ImageError


def read_picture(path: Path, limits: ImageLimits) -> bytes:
    """The bytes of the picture file at `path`, at most `limits.max_bytes` of them.

    Its kind and its size are looked at before anything is read. Raises ImageError for a file that
    is missing, no regular file, empty, larger than that, or that cannot be read.
    """
    name = f"picture {path}"
    try:
        # A pipe would wait for its writer, were it opened without this flag.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        try:
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode):
                raise ImageError(f"{name} is no regular file; expected a picture file")
            check_bytes(status.st_size, name, limits)
            with os.fdopen(handle, "rb", closefd=False) as file:
                # One byte beyond the limit is enough to notice a file that grows meanwhile.
                data = file.read(limits.max_bytes + 1)
        finally:
            os.close(handle)
    except FileNotFoundError:
        raise ImageError(f"{name} does not exist: check the path") from None
    except (OSError, ValueError) as error:
        raise ImageError(f"{name} cannot be read ({error}): check the path and its rights") from (
            error
        )
    check_bytes(len(data), name, limits)
    return data


def check_bytes(n_bytes: int, name: str, limits: ImageLimits) -> None:
    """Raise ImageError unless a file `name` of `n_bytes` is within `limits` and not empty."""
    if n_bytes == 0:
        raise ImageError(f"{name} is empty (0 bytes): upload it again")
    if n_bytes > limits.max_bytes:
        raise ImageError(
            f"{name} has {n_bytes} bytes, expected at most {limits.max_bytes}: "
            "scale it down or raise images.max_bytes"
        )
