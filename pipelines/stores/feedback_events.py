"""What shoppers said of their feed in the studio: an events table that a run can learn from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal, get_args

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock

from features.schema import ContractError, InputError
from pipelines.stores import storage

FEEDBACK: Final = "studio/events.parquet"
Opinion = Literal["like", "dislike", "plain"]
_COLUMNS: Final = {
    "user_id": "str",
    "item_id": "str",
    "timestamp": "datetime64[us, UTC]",
    "event_type": "str",
    "style_id": "str",
    "style_drawn": "str",
    "position": "int64",
    "propensity": "float64",
    "session_id": "str",
    "channel": "str",
    "feedback": "str",
}


def read_feedback(out: Path) -> pd.DataFrame:
    """The table, empty where nobody has said anything: the columns of `events`, and `feedback`.

    Raises InputError where it is damaged.
    """
    path = out / FEEDBACK
    if not path.is_file():
        return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in _COLUMNS.items()})
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise _damaged(path, error) from error


def opinions(out: Path, user_id: str, version: str) -> dict[int, Opinion]:
    """What a shopper said of the feed `version`: opinion by rank."""
    path = out / FEEDBACK
    if not path.is_file():
        return {}
    mine = [("user_id", "=", user_id), ("session_id", "=", _session(version))]
    try:
        said = pq.read_table(path, columns=["position", "feedback"], filters=mine)
    except (OSError, pa.ArrowException) as error:
        raise _damaged(path, error) from error
    return dict(zip(*(column.to_pylist() for column in said.columns), strict=True))


def keep_opinion(
    out: Path,
    user_id: str,
    rows: Sequence[Mapping[str, Any]],
    version: str,
    opinion: Opinion | None,
    now: datetime,
) -> int:
    """Keep what a shopper says of cards of the feed; returns of how many of them it is new.

    `rows` are the feed's, all of `user_id`; what was said of a card before is replaced, with None
    taken back. All of it are events: the impression with the look served, the look drawn and its
    propensity; for `like` a click on it; for `plain` an impression and a click of the plain photo,
    which was asked for and not drawn, so it has no propensity. Raises InputError where the table is
    damaged, StorageError where it cannot be written.
    """
    if opinion is not None and opinion not in get_args(Opinion):
        raise ContractError(f"an opinion is one of {get_args(Opinion)}, got {opinion!r}")
    path = out / FEEDBACK
    storage.make_folder(path.parent)
    with hold_feedback(out):
        said = read_feedback(out)
        mine = (said["user_id"] == user_id) & (said["session_id"] == _session(version))
        before = dict(zip(said.loc[mine, "position"], said.loc[mine, "feedback"], strict=True))
        changed = [row for row in rows if before.get(row["rank"]) != opinion]
        if not changed:
            return 0
        gone = mine & said["position"].isin([row["rank"] for row in changed])
        parts = [said[~gone]]
        if opinion is not None:
            parts += [_events(row, version, opinion, now) for row in changed]
        kept = pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)
        storage.write_table(path, kept)
    return len(changed)


@contextmanager
def hold_feedback(out: Path) -> Iterator[None]:
    """Let nobody else change the table while the block runs."""
    path = out / FEEDBACK
    if not path.parent.is_dir():
        yield
        return
    with FileLock(path.with_suffix(".lock")):
        yield


def _events(row: Mapping[str, Any], version: str, opinion: Opinion, now: datetime) -> pd.DataFrame:
    served = None if row["style_id"] == "original" else row["style_id"]
    shown = {
        "user_id": row["user_id"],
        "item_id": row["item_id"],
        "timestamp": pd.Timestamp(now.astimezone(UTC)),
        "event_type": "impression",
        "style_id": served,
        "style_drawn": row["style_drawn"],
        "position": int(row["rank"]),
        "propensity": float(row["style_propensity"]),
        "session_id": _session(version),
        "channel": "studio",
        "feedback": opinion,
    }
    rows = [shown]
    if opinion == "like":
        rows.append({**shown, "event_type": "click"})
    if opinion == "plain" and served is not None:
        plain = {**shown, "style_id": None, "style_drawn": None, "propensity": None}
        rows += [plain, {**plain, "event_type": "click"}]
    return pd.DataFrame(rows, columns=list(_COLUMNS)).astype(_COLUMNS)


def _damaged(path: Path, error: Exception) -> InputError:
    return InputError(
        f"{path} cannot be read ({str(error).splitlines()[0]}): bring it back from a backup, or "
        "delete it: what was said in the studio is lost then"
    )


def _session(version: str) -> str:
    return f"studio-{version}"
