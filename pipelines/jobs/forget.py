"""Forgets shoppers: takes them out of a job's folder, proves it, and keeps them out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from features.schema import ConfigError, InputError
from pipelines.stores import storage
from pipelines.stores.feedback_events import hold_feedback
from pipelines.stores.folder_lock import hold_folder
from pipelines.stores.shopper_keys import (
    KEY_VARIABLE,
    add_tombstones,
    is_pseudonym,
    key_check,
    pseudonym,
    read_key,
    read_tombstones,
    tombstone,
)
from pipelines.stores.shopper_removal import Removal, remove_shoppers
from pipelines.stores.shopper_search import (
    found_names,
    is_distinctive,
    require_no_links,
    search_folder,
)


def forget(out: Path, users: Sequence[str], redis_url: str | None = None) -> dict[str, Any]:
    """Take `users`, by the ids of the log or their pseudonyms, out of the job in `out`.

    A tombstone of each is kept first, so that no rerun brings them back and a forget that was
    killed can be repeated. With `redis_url` their answers leave the exports in that server too.
    Returns, JSON-able and without an id, how many `users`, `tombstones` that are new, where they
    were `found` and where any is still found (`left`), the `rows` taken out of each file, the files
    `deleted`, how many answers were taken out of the server (`redis`, None without it), how many
    users are `unknown`, found in no table, feed or list of rejects and not forgotten before, and
    how many `ambiguous`: their ids are too short, or too short a number, to be told from other
    bytes. Raises ConfigError without the job's key, InputError where `out` holds no job or one
    works there, where a link leads out of it, where a pseudonym is given of a job that has none,
    and where a file cannot be decoded.
    """
    job = storage.find_json(out / "job.json")
    if job is None:
        raise InputError(f"{out} holds no job: give the folder that `stylefeed run` wrote")
    key = _read_key(out, job)
    given = sorted(set(users))
    names_of = {user: {user, pseudonym(user, key)} for user in given}
    names = sorted(set().union(*names_of.values()))
    with hold_folder(out):
        require_no_links(out)
        known = found_names(out, names)
        before = read_tombstones(out)
        unknown = [
            user
            for user in given
            if not names_of[user] & known and tombstone(user, key) not in before
        ]
        if not job.get("privacy", {}).get("pseudonyms") and any(map(is_pseudonym, unknown)):
            raise InputError(
                f"the job in {out} has no pseudonyms, and one was given: expected ids as in the log"
            )
        new = add_tombstones(out, names, key)
        answers = None if redis_url is None else _remove_from_redis(redis_url, names)
        # A studio goes on meanwhile: what it read before would be written again with them in it.
        with hold_feedback(out):
            found = search_folder(out, names)
            removal = remove_shoppers(out, names) if found or new else Removal()
            left = search_folder(out, names)
    return {
        "users": len(given),
        "unknown": len(unknown),
        "tombstones": new,
        "found": [asdict(finding) for finding in found],
        "rows": removal.rows,
        "deleted": removal.deleted,
        "redis": answers,
        "left": [asdict(finding) for finding in left],
        "ambiguous": sum(not is_distinctive(user) for user in given),
    }


def forget_lines(done: dict[str, Any]) -> list[str]:
    """The result of `forget` for people."""
    rows = sum(done["rows"].values())
    files = len({finding["file"] for finding in done["found"]})
    lines = [f"{done['users']:,} shoppers: found in {files:,} files"]
    if done["unknown"]:
        lines.append(
            f"{done['unknown']:,} shoppers were found nowhere: expected ids as in the log, or "
            "pseudonyms of this job; their tombstones keep them out"
        )
    lines += [f"removed: {n:,} rows of {file}" for file, n in sorted(done["rows"].items())]
    lines += [f"deleted: {file}" for file in done["deleted"]]
    if done["redis"] is not None:
        lines.append(f"removed: {done['redis']:,} answers of the Redis server")
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


def _read_key(out: Path, job: dict[str, Any]) -> bytes:
    key = read_key("stylefeed forget")
    used = job.get("privacy", {}).get("pseudonyms")
    if used is not None and used != key_check(key):
        raise ConfigError(
            f"{KEY_VARIABLE} is not the key that the pseudonyms in {out} were made with: nobody "
            "would be found: set the key that the job had"
        )
    return key


def _remove_from_redis(url: str, names: list[str]) -> int:
    from pipelines.exports.redis_feed import remove_from_redis

    return remove_from_redis(url, names)
