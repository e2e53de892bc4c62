"""Keyed hashes of shoppers' ids: pseudonyms, and tombstones of the shoppers who were forgotten.

The key is read from the environment and is never written: who has the folder alone can neither
turn a pseudonym or a tombstone back into an id, nor test a guess.
"""

from __future__ import annotations

import hmac
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from features.schema import ConfigError, InputError
from pipelines.stores import storage

KEY_VARIABLE: Final = "STYLEFEED_PRIVACY_KEY"
TOMBSTONES: Final = "privacy/tombstones.json"
_FEWEST_BYTES: Final = 16
_PSEUDONYM: Final = re.compile(r"p_[0-9a-f]{32}")


def read_key(what_for: str) -> bytes:
    """The key from the environment; raises ConfigError where there is none, or it is too short."""
    key = os.environ.get(KEY_VARIABLE, "").encode()
    if len(key) < _FEWEST_BYTES:
        got = f"{len(key)} bytes" if key else "nothing"
        raise ConfigError(
            f"{what_for} needs a key in {KEY_VARIABLE}: got {got}, expected at least "
            f"{_FEWEST_BYTES} bytes: set it to what `openssl rand -hex 32` prints, and keep it"
        )
    return key


def pseudonym(user_id: str, key: bytes) -> str:
    """`p_` and the first 32 hex digits of HMAC-SHA256(`key`, "pseudonym", 0 byte, `user_id`)."""
    return f"p_{_keyed('pseudonym', user_id, key)[:32]}"


def is_pseudonym(user_id: str) -> bool:
    """Whether `user_id` has the form of a pseudonym."""
    return _PSEUDONYM.fullmatch(user_id) is not None


def tombstone(user_id: str, key: bytes) -> str:
    """Hex HMAC-SHA256 of `user_id`, unlike its pseudonym."""
    return _keyed("tombstone", user_id, key)


def key_check(key: bytes) -> str:
    """What tells whether another key is the same, and nothing else about it."""
    return _keyed("key", "", key)[:16]


def read_tombstones(out: Path) -> frozenset[str]:
    """Tombstones kept in the folder `out`, none where nobody was forgotten.

    Raises ConfigError where the environment holds no key or another one than they were made with:
    then nobody could be recognised, and who was forgotten would come back. Raises InputError where
    the file is torn.
    """
    if not (out / TOMBSTONES).is_file():
        return frozenset()
    key = read_key(f"{out}, where shoppers were forgotten,")
    kept = _read(out)
    if kept["key_check"] != key_check(key):
        raise ConfigError(
            f"{KEY_VARIABLE} is not the key that the tombstones in {out} were made with: those who "
            "were forgotten would come back: set the key that `stylefeed forget` had"
        )
    return frozenset(kept["tombstones"])


def add_tombstones(out: Path, user_ids: Iterable[str], key: bytes) -> int:
    """Keep tombstones of `user_ids` in `out`; returns how many are new. Raises as
    `read_tombstones`."""
    before = read_tombstones(out)
    kept = before | {tombstone(user, key) for user in user_ids}
    storage.write_json(out / TOMBSTONES, {"key_check": key_check(key), "tombstones": sorted(kept)})
    return len(kept - before)


def _read(out: Path) -> dict[str, Any]:
    kept = storage.find_json(out / TOMBSTONES)
    if kept is None or not {"key_check", "tombstones"} <= set(kept):
        raise InputError(
            f"{out / TOMBSTONES} cannot be read, so who was forgotten would come back: expected "
            "what `stylefeed forget` wrote: bring the file back from a backup"
        )
    return kept


def _keyed(purpose: str, text: str, key: bytes) -> str:
    return hmac.digest(key, f"{purpose}\0{text}".encode(), "sha256").hex()
