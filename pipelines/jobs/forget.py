"""Forgets shoppers: takes them out of a job's folder, proves it, and keeps them out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from features.schema import InputError
from pipelines.stores.folder_lock import hold_folder
from pipelines.stores.shopper_keys import add_tombstones, pseudonym, read_key
from pipelines.stores.shopper_removal import remove_shoppers
from pipelines.stores.shopper_search import is_distinctive, search_folder


def forget(out: Path, users: Sequence[str]) -> dict[str, Any]:
    """Take `users`, by the ids of the log or their pseudonyms, out of the job in `out`.

    A tombstone of each is kept first, so that no rerun brings them back and a forget that was
    killed can be repeated. Returns, JSON-able and without an id, how many `users`, `tombstones`
    that are new, where they were `found` and where any is still found (`left`), the `rows` taken
    out of each file, the files `deleted`, and how many users are `ambiguous`: their ids are too
    short, or too short a number, to be told from other bytes. Raises ConfigError without a key,
    InputError where `out` holds no job or one works there.
    """
    if not (out / "job.json").is_file():
        raise InputError(f"{out} holds no job: give the folder that `stylefeed run` wrote")
    key = read_key("stylefeed forget")
    given = sorted(set(users))
    names = sorted({*given, *(pseudonym(user, key) for user in given)})
    with hold_folder(out):
        new = add_tombstones(out, names, key)
        found = search_folder(out, names)
        removal = remove_shoppers(out, names)
        left = search_folder(out, names)
    return {
        "users": len(given),
        "tombstones": new,
        "found": [asdict(finding) for finding in found],
        "rows": removal.rows,
        "deleted": removal.deleted,
        "left": [asdict(finding) for finding in left],
        "ambiguous": sum(not is_distinctive(user) for user in given),
    }


def forget_lines(done: dict[str, Any]) -> list[str]:
    """The result of `forget` for people."""
    rows = sum(done["rows"].values())
    files = len({finding["file"] for finding in done["found"]})
    lines = [f"{done['users']:,} shoppers: found in {files:,} files"]
    lines += [f"removed: {n:,} rows of {file}" for file, n in sorted(done["rows"].items())]
    lines += [f"deleted: {file}" for file in done["deleted"]]
    if done["ambiguous"]:
        lines.append(
            f"{done['ambiguous']:,} ids are too short to be told from other bytes: of those, "
            "decoded values alone were searched"
        )
    if done["left"]:
        left = [f"still found: {n['count']:,} in {n['file']} ({n['where']})" for n in done["left"]]
        return [*lines, *left, "what is left must be removed by hand"]
    lines.append(f"removed {rows:,} rows; a search of every file and column now finds nothing")
    if done["deleted"]:
        lines.append("`stylefeed run` makes again, without them, what was deleted")
    return lines
