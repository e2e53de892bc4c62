"""Campaigns that wait, are worked on and have ended: a folder each, with records as JSON.

What is asked for is written once, a wish to cancel is a file of its own, and how it goes is written
by the one process that works: so nobody overwrites what another wrote, and a kill loses nothing.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

from features.schema import InputError
from pipelines.stores import storage

State = Literal["queued", "running", "cancelling", "done", "failed", "cancelled"]
ENDED: Final[tuple[State, ...]] = ("done", "failed", "cancelled")
_REQUEST: Final = "request.json"
_STATE: Final = "state.json"
_CANCEL: Final = "cancel"
_CLEARED: Final = ".cleared"
_ID: Final = re.compile(r"\d{4,9}")


@dataclass(frozen=True)
class QueuedCampaign:
    """One campaign of the queue: what is asked for, and how it goes.

    `told` is what its work returned, or {}; `problem` why it failed, or "". Times are ISO 8601.
    """

    campaign_id: str
    folder: Path
    request: Mapping[str, Any]
    state: State
    created_utc: str
    ended_utc: str
    problem: str
    told: Mapping[str, Any]

    @property
    def has_ended(self) -> bool:
        """Whether nothing more is done about it."""
        return self.state in ENDED


class CampaignQueue:
    """The campaigns in one folder, first come first served."""

    def __init__(self, root: Path) -> None:
        """`root` is made when something is added."""
        self.root = root

    def add(self, request: Mapping[str, Any]) -> str:
        """Queue what is asked for, JSON-able; returns its id."""
        storage.make_folder(self.root)
        number = 1 + max((int(name) for name in self._ids()), default=0)
        while True:
            folder = self.root / f"{number:04d}"
            try:
                folder.mkdir()
                break
            except FileExistsError:
                number += 1
            except OSError as error:
                raise storage.write_error(folder, error) from error
        storage.write_json(folder / _REQUEST, {"request": dict(request), "created_utc": _now()})
        return folder.name

    def entries(self) -> list[QueuedCampaign]:
        """All that are not cleared, the newest first."""
        found = (self.find(name) for name in sorted(self._ids(), reverse=True))
        return [entry for entry in found if entry is not None]

    def find(self, campaign_id: str) -> QueuedCampaign | None:
        """The campaign of that id; None where there is none."""
        folder = self.root / campaign_id
        asked = storage.find_json(folder / _REQUEST) if _ID.fullmatch(campaign_id) else None
        if asked is None:
            return None
        told = storage.find_json(folder / _STATE) or {}
        state: State = told.get("state", "queued")
        if state not in ENDED and (folder / _CANCEL).exists():
            state = "cancelled" if state == "queued" else "cancelling"
        return QueuedCampaign(
            campaign_id,
            folder,
            asked["request"],
            state,
            asked["created_utc"],
            told.get("ended_utc", ""),
            told.get("problem", ""),
            told.get("told", {}),
        )

    def cancel(self, campaign_id: str) -> None:
        """Ask that no more is done about a campaign. Raises InputError where there is none."""
        entry = self.find(campaign_id)
        if entry is None:
            raise InputError(f"there is no campaign {campaign_id!r}: it may have been cleared")
        if not entry.has_ended:
            storage.write_bytes(entry.folder / _CANCEL, b"")

    def clear(self) -> int:
        """Take away those that have ended, with their pictures; `restore` brings them back until
        the next call. Returns how many."""
        ended = [entry for entry in self.entries() if entry.has_ended]
        cleared = self.root / _CLEARED
        if ended:
            shutil.rmtree(cleared, ignore_errors=True)
            storage.make_folder(cleared)
        for entry in ended:
            entry.folder.rename(cleared / entry.campaign_id)
        return len(ended)

    def restore(self) -> int:
        """Bring back what the last `clear` took away; returns how many."""
        found = sorted((self.root / _CLEARED).glob("*"))
        for folder in found:
            folder.rename(self.root / folder.name)
        return len(found)

    @property
    def n_cleared(self) -> int:
        """How many `restore` would bring back."""
        return len(list((self.root / _CLEARED).glob("*")))

    def next_waiting(self) -> QueuedCampaign | None:
        """The one to work on next: what a killed worker left, then the oldest that is queued."""
        waiting = [entry for entry in self.entries() if entry.state in ("queued", "running")]
        return min(waiting, key=lambda e: (e.state == "queued", e.campaign_id), default=None)

    def note(
        self, entry: QueuedCampaign, state: State, problem: str = "", told: Any = None
    ) -> None:
        """Write how a campaign goes; for the process that works on it alone."""
        record = {"state": state, "problem": problem, "told": told or {}}
        if state in ENDED:
            record["ended_utc"] = _now()
        storage.write_json(entry.folder / _STATE, record)

    def is_cancelled(self, entry: QueuedCampaign) -> bool:
        """Whether somebody asked that no more is done about it."""
        return (entry.folder / _CANCEL).exists()

    def _ids(self) -> list[str]:
        with suppress(OSError):
            kept = [path.name for path in self.root.iterdir() if _ID.fullmatch(path.name)]
            gone = [path.name for path in (self.root / _CLEARED).glob("*")]
            return [*kept, *(name for name in gone if _ID.fullmatch(name))]
        return []


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
