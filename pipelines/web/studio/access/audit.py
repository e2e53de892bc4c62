"""The studio's audit log: one JSON line for everything that somebody changed or was refused."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from pipelines.stores import storage
from pipelines.verbosity import warn
from pipelines.web.studio.access.accounts import Account

AUDIT: Final = "studio/audit.jsonl"


class Audit:
    """Appends lines to the log of the job in `out`; a log that cannot be written is a warning.

    A line names the shopper's id, as the feed has it, and the account's role: no address, no name.
    """

    def __init__(self, out: Path) -> None:
        """`out` is the job's folder."""
        self._path = out / AUDIT
        self._lock = threading.Lock()

    def note(
        self,
        account: Account | None,
        action: str,
        outcome: str,
        about: str | None = None,
        **facts: str | int,
    ) -> None:
        """Append who did what, with what outcome.

        `about` is the shopper concerned (None: the account's own), so that `stylefeed forget` finds
        the line; `facts` are short and hold no user's text.
        """
        told: dict[str, str | int | None] = {
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "role": None if account is None else account.role,
            "user_id": about if account is None or about is not None else account.user_id,
            "action": action,
            "outcome": outcome,
        }
        line = json.dumps({**told, **facts}, ensure_ascii=False) + "\n"
        try:
            with self._lock:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                with self._path.open("a", encoding="utf-8") as stream:
                    stream.write(line)
        except OSError as error:
            warn(f"{storage.write_error(self._path, error)}; the studio's audit lacks a line")
