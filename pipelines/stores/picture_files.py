"""Where a table's pictures are: one root folder, and paths that never leave it."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Any, Final

from features.schema import InputError

_SAMPLED: Final = 64
_MOST_PARENTS: Final = 2
# Limits of one name and of a whole path, in bytes: the ones of Linux, macOS and Windows alike.
_NAME_BYTES: Final = 255
_PATH_BYTES: Final = 4095
_DRIVE: Final = re.compile(r"[A-Za-z]:/")
_ADDRESS: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


def job_root(job: dict[str, Any], table: str, paths: Iterable[str]) -> Path:
    """Picture root of a job's `table` (items or styles), whose picture paths are `paths`.

    `job` is what `job.json` holds. Raises InputError as `picture_root` does.
    """
    return picture_root(paths, Path(job["inputs"][table]).parent, job.get("pictures"))


def picture_root(paths: Iterable[str], table_folder: Path, given: Path | str | None = None) -> Path:
    """The one folder that a table's pictures are read from, absolute and without links.

    That is the folder `given`, unless none of the paths sampled is a file in it while one is in
    the table's own folder: products and looks may be kept apart. Where nothing is given it is the
    table's folder, or the nearest of the two above it that holds every sampled path that any of
    them holds, and more than half of the sample; never the root of the file system. Paths that
    `resolve_picture` refuses whatever the root are not sampled. Raises InputError when `given` is
    no folder.
    """
    own = _absolute(table_folder)
    sample = _sample(paths)
    if given is not None:
        root = _absolute(Path(given))
        if not root.is_dir():
            raise InputError(
                f"pictures: {given} is no folder; expected the folder that the paths in "
                "image_path start from"
            )
        return own if not _held(sample, root) and _held(sample, own) else root
    parents = [folder for folder in own.parents[:_MOST_PARENTS] if folder.parent != folder]
    held = {folder: _held(sample, folder) for folder in (own, *parents)}
    anywhere = set().union(*held.values())
    for folder, found in held.items():
        if found == anywhere and 2 * len(found) > len(sample):
            return folder
    return own


def resolve_picture(image_path: str, root: Path) -> Path:
    """The file that a table's `image_path` names below `root`, absolute and without links.

    Paths are relative to the root, or absolute and inside it; both kinds of slashes separate.
    Raises InputError when the path climbs with `..`, leaves the root (through a link too), holds
    a NUL, has a name too long for any disk, or names no regular file.
    """
    path = _checked(image_path)
    shown = _shortened(image_path)
    try:
        # The root itself may have been given through a link, and an absolute path likewise.
        base = root.resolve()
        if path.is_absolute() and not Path(path).resolve().is_relative_to(base):
            raise InputError(
                f"unsafe path {shown}; expected a path relative to {root} or inside it"
            )
        real = (base / path).resolve(strict=True)
        if not real.is_relative_to(base):
            raise InputError(
                f"unsafe path {shown}: it leaves {root} through a link; copy the file there"
            )
        kind = real.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(
            f"no file at {shown} in {root}; correct the path, or name the folder that the "
            "paths start from with --pictures"
        ) from None
    except (OSError, RuntimeError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) else str(error)
        raise InputError(f"the file at {shown} in {root} cannot be reached: {said}") from None
    if not stat.S_ISREG(kind):
        raise InputError(f"{shown} in {root} is no regular file; expected a picture or a clip")
    return real


def _absolute(folder: Path) -> Path:
    try:
        return folder.resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise InputError(f"pictures: {folder} cannot be reached: {error}") from None


def _checked(image_path: str) -> PurePosixPath:
    """`image_path` as a path; InputError when it names no file safely, whatever the root is."""
    shown = _shortened(image_path)
    text = image_path.replace("\\", "/")
    if _ADDRESS.match(text):
        raise InputError(
            f"{shown} is a web address; nothing is read from there: download it and give its path"
        )
    path = PurePosixPath(text)
    if "\0" in text or ".." in path.parts or _DRIVE.match(text) or not path.parts:
        raise InputError(
            f"unsafe path {shown}; expected a path relative to the folder of pictures, without '..'"
        )
    names = [len(name.encode("utf-8", "surrogatepass")) for name in path.parts]
    if max(names) > _NAME_BYTES or sum(names) + len(names) > _PATH_BYTES:
        raise InputError(
            f"the path {shown} has {sum(names) + len(names)} bytes, {max(names)} in one name; "
            f"expected at most {_PATH_BYTES} and {_NAME_BYTES}: shorten it"
        )
    return path


def _sample(paths: Iterable[str]) -> list[str]:
    """Up to `_SAMPLED` of the relative paths, evenly from all over the table."""
    plain = [path for path in dict.fromkeys(paths) if isinstance(path, str) and _is_relative(path)]
    step = max(len(plain) / _SAMPLED, 1.0)
    return [plain[int(step * place)] for place in range(min(len(plain), _SAMPLED))]


def _is_relative(path: str) -> bool:
    try:
        return not _checked(path).is_absolute()
    except InputError:
        return False


def _held(sample: list[str], root: Path) -> set[str]:
    """Which of the sampled paths name files that may be read below `root`."""
    held = set()
    for path in sample:
        try:
            resolve_picture(path, root)
        except InputError:
            continue
        held.add(path)
    return held


def _shortened(text: str) -> str:
    """`text` in quotes, its control characters escaped, its middle left out when it is long."""
    return repr(text if len(text) <= 120 else f"{text[:60]}...{text[-40:]}")
