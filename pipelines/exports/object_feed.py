"""The feed's versions, their pictures and clips copied to an object store, their pointer last.

A store has no rename: the files of a version are written under names that nobody reads yet, then
the pointer is written, one object that the store replaces whole.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from features.schema import InputError
from pipelines.exports.answers import digest_version
from pipelines.stores import storage
from pipelines.stores.feed_versions import POINTER, bucket_files, shown_files, version_history
from pipelines.verbosity import warn

try:
    import fsspec
except ModuleNotFoundError:
    raise InputError(
        "fsspec is not installed: pip install 'stylefeed[s3]', or export without --to"
    ) from None


def write_objects(url: str, out: Path) -> dict[str, Any]:
    """Make the store at `url` hold the versions that the job in `out` keeps, and their pictures.

    `url` is one of fsspec's: s3://BUCKET/PREFIX, or a folder. Files keep their names relative to
    `out`. Objects of a version that are there, by the digest of the version, and pictures, by name
    and size, are left as they are; versions that the job no longer keeps are deleted after the
    pointer is written. Returns the `version`, how many `files` and `bytes` were written and whether
    anything had to be done (`worked`).
    Raises InputError where the store fails or refuses.
    """
    versions = version_history(out)
    digests = {name: digest_version(out / "feed" / name) for name in versions}
    wanted = _pictures(out, versions)
    with _naming_failures(url):
        store, root = fsspec.core.url_to_fs(url, skip_instance_cache=True)
        root = root.rstrip("/")
        pointer = {"version": versions[0], "history": versions, "digests": digests}
        before = _find_pointer(store, f"{root}/{POINTER}")
        found = {} if before is None else dict(before.get("digests") or {})
        there = {
            name.removeprefix(f"{root}/"): int(about["size"])
            for name, about in store.find(root, detail=True).items()
        }
        sent = [name for name in wanted if there.get(name) != (out / name).stat().st_size]
        for name in versions:
            files = sorted((out / "feed" / name).iterdir())
            names = [file.relative_to(out).as_posix() for file in files]
            same = found.get(name) == digests[name]
            sent += [
                one for one in names if not (same and there.get(one) == (out / one).stat().st_size)
            ]
        for name in sent:
            _put(store, (out / name).read_bytes(), f"{root}/{name}")
        if before != pointer:
            _put(store, json.dumps(pointer, indent=2).encode(), f"{root}/{POINTER}")
        kept = {f"feed/{name}" for name in versions}
        old = [
            name
            for name in there
            if name.startswith("feed/") and name != POINTER and name.rpartition("/")[0] not in kept
        ]
        if old:
            store.rm([f"{root}/{name}" for name in old])
    size = sum((out / name).stat().st_size for name in sent)
    return {
        "version": versions[0],
        "files": len(sent),
        "bytes": size,
        "deleted": len(old),
        "worked": bool(sent or old or before != pointer),
    }


def _put(store: Any, data: bytes, name: str) -> None:
    """Write one object, whole or not at all: an object store's put, or a file that is renamed."""
    # Folders are a file system's; asked for one, S3's client would make the bucket.
    if "file" in store.protocol:
        store.makedirs(name.rpartition("/")[0], exist_ok=True)
    with store.transaction, store.open(name, "wb") as file:
        file.write(data)


def _find_pointer(store: Any, name: str) -> dict[str, Any] | None:
    try:
        told = json.loads(store.cat_file(name))
    except (FileNotFoundError, ValueError):
        return None
    return told if isinstance(told, dict) else None


def _pictures(out: Path, versions: list[str]) -> list[str]:
    """The pictures and clips that the `versions` name and that are there, sorted; the others are
    told."""
    named: set[str] = set()
    for name in versions:
        for bucket in bucket_files(out / "feed" / name):
            try:
                named |= shown_files(bucket)
            except (OSError, ValueError, pa.ArrowException) as error:
                raise storage.read_error(bucket, error) from error
    gone = sorted(name for name in named if not (out / name).is_file())
    if gone:
        warn(
            f"export: {len(gone)} pictures or clips that the feed names are not there, such as "
            f"{gone[0]}; `stylefeed doctor` names them all, and `stylefeed run` makes them again"
        )
    return sorted(named.difference(gone))


@contextmanager
def _naming_failures(url: str) -> Iterator[None]:
    """Turn the failures of a store, of its client and of its address into an InputError."""
    failures: tuple[type[Exception], ...] = (OSError, ImportError, ValueError)
    try:
        # Those of S3's client are no OSError where no credentials or no region are found.
        from botocore.exceptions import BotoCoreError, ClientError

        failures += (BotoCoreError, ClientError)
    except ModuleNotFoundError:
        pass
    try:
        yield
    except failures as error:
        first = (str(error).splitlines() or [""])[0]
        raise InputError(
            f"export: {url} cannot be written: {type(error).__name__}: {first}; check its address, "
            "that it exists and that you may write there (for s3:// the extra `s3` and the usual "
            "AWS variables)"
        ) from error
