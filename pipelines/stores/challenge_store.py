"""A challenge's looks and the votes on them: one SQLite file that many processes may write.

A vote counts once for a session and once for a network. Neither is kept: rows hold their hashes
under a key that lies beside the file, and nobody can test a guess once the key is deleted.
"""

from __future__ import annotations

import hashlib
import ipaddress
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

from features.schema import InputError
from pipelines.stores import storage

FILE: Final = "challenge.sqlite"
KEY: Final = "challenge.key"
PICTURES: Final = "challenge"
VOTES_PER_HOUR: Final = 120
"""Most votes that one network may send, counted or not."""
ENTRIES_PER_DAY: Final = 5
"""Most looks that one network may submit."""
MOST_ENTRIES: Final = 500
_LONGEST: Final = {"name": 60, "tags": 120}
_WAIT_S: Final = 10.0
# Providers hand whole blocks to one household or one machine.
_NETWORK_BITS: Final = {4: 24, 6: 48}
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS entries (
    entry_id INTEGER PRIMARY KEY, name TEXT NOT NULL, tags TEXT NOT NULL,
    picture TEXT NOT NULL UNIQUE, network BLOB NOT NULL, submitted_utc TEXT NOT NULL, style_id TEXT
) STRICT;
CREATE TABLE IF NOT EXISTS votes (
    entry_id INTEGER NOT NULL REFERENCES entries, session BLOB NOT NULL, network BLOB NOT NULL,
    liked INTEGER NOT NULL, voted_utc TEXT NOT NULL,
    PRIMARY KEY (entry_id, session), UNIQUE (entry_id, network)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sent (
    network BLOB NOT NULL, kind TEXT NOT NULL, period TEXT NOT NULL, times INTEGER NOT NULL,
    PRIMARY KEY (network, kind, period)
) STRICT, WITHOUT ROWID;
"""

Outcome = Literal["counted", "changed", "counted before"]


@dataclass(frozen=True)
class Entry:
    """A look that was submitted. `picture` is its file's name, of its content; `style_id` is the
    look that it became, None as long as it has not won."""

    entry_id: int
    name: str
    tags: str
    picture: str
    submitted_utc: str
    style_id: str | None
    likes: int
    votes: int


class ChallengeStore:
    """The challenge in one folder."""

    def __init__(self, folder: Path) -> None:
        """`folder` is made when something is submitted."""
        self._folder = folder

    def submit(
        self, name: str, tags: str, png: bytes, address: str, now: datetime | None = None
    ) -> int:
        """Keep a look's picture, a PNG file made from decoded pixels; returns its entry's id.

        Raises InputError on a name or tags that cannot be used, a picture that was submitted
        before, or more than a day's from the network of `address`.
        """
        words = {"name": " ".join(name.split()), "tags": " ".join(tags.split())}
        for what, text in words.items():
            if (
                len(text) > _LONGEST[what]
                or not text.isprintable()
                or (what == "name" and not text)
            ):
                raise InputError(
                    f"a look's {what} has {'1' if what == 'name' else '0'} to {_LONGEST[what]} "
                    f"printable characters, got {len(text)}"
                )
        moment = now or datetime.now(UTC)
        picture = f"{storage.digest_content(png)}.png"
        with self._writing() as connection:
            network = self._network(address)
            day = moment.strftime("%Y-%m-%d")
            self._spend(connection, network, "entry", day, ENTRIES_PER_DAY, "looks a day")
            if connection.execute("SELECT count(*) FROM entries").fetchone()[0] >= MOST_ENTRIES:
                raise InputError(f"the challenge is full: {MOST_ENTRIES} looks were submitted")
            storage.write_bytes(self._folder / PICTURES / picture, png)
            try:
                made = connection.execute(
                    "INSERT INTO entries (name, tags, picture, network, submitted_utc) "
                    "VALUES (?, ?, ?, ?, ?)",
                    (words["name"], words["tags"], picture, network, _text(moment)),
                )
            except sqlite3.IntegrityError:
                raise InputError("that picture was submitted before: choose another") from None
            return int(made.lastrowid or 0)

    def vote(
        self, entry_id: int, liked: bool, session: str, address: str, now: datetime | None = None
    ) -> Outcome:
        """Keep whether a look is liked, once for the `session` and once for the `address`' network.

        A session may change its mind. Another session of a network that has voted on the look
        changes nothing. Raises InputError where there is no such entry, it has won already, or the
        network has sent more votes than it may in an hour.
        """
        moment = now or datetime.now(UTC)
        with self._writing() as connection:
            network, voter = self._network(address), self._hash("session", session)
            hour = moment.strftime("%Y-%m-%dT%H")
            self._spend(connection, network, "vote", hour, VOTES_PER_HOUR, "votes an hour")
            found = connection.execute(
                "SELECT style_id FROM entries WHERE entry_id = ?", (entry_id,)
            ).fetchone()
            if found is None or found[0] is not None:
                raise InputError("there is no open look of that number: reload the page")
            changed = connection.execute(
                "UPDATE votes SET liked = ?, voted_utc = ? WHERE entry_id = ? AND session = ?",
                (int(liked), _text(moment), entry_id, voter),
            )
            if changed.rowcount:
                return "changed"
            added = connection.execute(
                "INSERT OR IGNORE INTO votes VALUES (?, ?, ?, ?, ?)",
                (entry_id, voter, network, int(liked), _text(moment)),
            )
            return "counted" if added.rowcount else "counted before"

    def entries(self) -> list[Entry]:
        """All looks with their votes, the oldest first."""
        if not (self._folder / FILE).is_file():
            return []
        with self._open() as connection:
            rows = connection.execute(
                "SELECT entry_id, name, tags, picture, submitted_utc, style_id, "
                "coalesce(sum(liked), 0), count(liked) FROM entries LEFT JOIN votes "
                "USING (entry_id) GROUP BY entry_id ORDER BY entry_id"
            ).fetchall()
        return [Entry(*row) for row in rows]

    def said(self, session: str) -> dict[int, bool]:
        """What a session said of each look."""
        if not (self._folder / FILE).is_file():
            return {}
        with self._open() as connection:
            rows = connection.execute(
                "SELECT entry_id, liked FROM votes WHERE session = ?",
                (self._hash("session", session),),
            ).fetchall()
        return {int(entry): bool(liked) for entry, liked in rows}

    def picture_path(self, picture: str) -> Path:
        """The file of an entry's `picture`."""
        return self._folder / PICTURES / picture

    def mark_won(self, entry_id: int, style_id: str) -> None:
        """Keep which look an entry became."""
        with self._writing() as connection:
            connection.execute(
                "UPDATE entries SET style_id = ? WHERE entry_id = ?", (style_id, entry_id)
            )

    def _spend(
        self, connection: sqlite3.Connection, network: bytes, kind: str, period: str, most: int,
        words: str,
    ) -> None:  # fmt: skip
        """Count one more of `kind` from a network in a period; InputError where it has no more."""
        connection.execute("DELETE FROM sent WHERE kind = ? AND period <> ?", (kind, period))
        times = connection.execute(
            "INSERT INTO sent VALUES (?, ?, ?, 1) ON CONFLICT DO UPDATE SET times = times + 1 "
            "RETURNING times",
            (network, kind, period),
        ).fetchone()[0]
        if times > most:
            raise TooMany(f"at most {most} {words} are taken from one network: try again later")

    def _network(self, address: str) -> bytes:
        """Hash of the network that an address is of; an address that is none is its own."""
        try:
            told = ipaddress.ip_address(address)
        except ValueError:
            return self._hash("network", address)
        mapped = getattr(told, "ipv4_mapped", None)
        told = mapped or told
        block = ipaddress.ip_network((told, _NETWORK_BITS[told.version]), strict=False)
        return self._hash("network", str(block))

    def _hash(self, purpose: str, text: str) -> bytes:
        path = self._folder / KEY
        try:
            key = path.read_bytes()
        except FileNotFoundError:
            key = secrets.token_bytes(32)
            storage.write_bytes(path, key)
            path.chmod(0o600)
        person = purpose.encode()
        data = text.encode(errors="surrogatepass")
        return hashlib.blake2b(data, digest_size=16, key=key, person=person).digest()

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        path = self._folder / FILE
        storage.make_folder(self._folder)
        with (
            storage.naming_write_errors(path),
            closing(sqlite3.connect(path, timeout=_WAIT_S, isolation_level=None)) as connection,
        ):
            # Readers do not wait for writers, and a kill leaves a whole file; a power cut may take
            # the last votes.
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute("PRAGMA foreign_keys = ON")
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """A connection in a transaction of its own: kept whole, or not at all where it fails.

        What was sent too often is counted all the same.
        """
        with self._open() as connection:
            connection.executescript(_SCHEMA)
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except TooMany:
                connection.execute("COMMIT")
                raise
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")


class TooMany(InputError):
    """More was sent from one network than is taken."""


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")
