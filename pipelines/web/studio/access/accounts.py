"""Accounts of the studio: names, roles and salted hashes of passwords, in one file of the job."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal, cast, get_args

from features.schema import ConfigError, InputError
from pipelines.stores import storage

Role = Literal["shopper", "merchandiser", "engineer"]
ACCOUNTS: Final = "studio/accounts.json"
_FEWEST_CHARACTERS: Final = 10
_MOST_CHARACTERS: Final = 200
_LONGEST_NAME: Final = 64
# 16 MB and about 50 ms a try.
_COST: Final = {"n": 2**14, "r": 8, "p": 1, "maxmem": 64 * 2**20}


@dataclass(frozen=True)
class Account:
    """Who enters: `user_id` is the shopper whose feed a shopper sees, None for the other roles."""

    name: str
    role: Role
    user_id: str | None = None


def add_account(out: Path, account: Account, password: str) -> None:
    """Keep `account` in the job's folder `out`; one of the same name is replaced.

    Raises ConfigError on a name, role or password that cannot be used, or a shopper without an id,
    InputError where the file is torn.
    """
    if account.role not in get_args(Role):
        raise ConfigError(f"role is {account.role!r}: expected one of {', '.join(get_args(Role))}")
    if not 1 <= len(account.name) <= _LONGEST_NAME or not account.name.isprintable():
        raise ConfigError(
            f"the name of an account has 1 to {_LONGEST_NAME} printable characters, got "
            f"{len(account.name)}: give another"
        )
    if (account.role == "shopper") != (account.user_id is not None):
        raise ConfigError(
            "an account of the role shopper names its shopper, and no other does: give --shopper "
            "with the id that the feed has"
        )
    if not _FEWEST_CHARACTERS <= len(password) <= _MOST_CHARACTERS:
        raise ConfigError(
            f"the password has {len(password)} characters: expected {_FEWEST_CHARACTERS} to "
            f"{_MOST_CHARACTERS}"
        )
    salt = secrets.token_bytes(16)
    kept = {**asdict(account), "salt": salt.hex(), "hash": _hash(password, salt).hex()}
    others = [entry for entry in _read(out) if entry["name"] != account.name]
    storage.write_json(out / ACCOUNTS, {"users": [*others, kept]})
    (out / ACCOUNTS).chmod(0o600)


def find_account(out: Path, name: str, password: str) -> Account | None:
    """The account of that name and password; None where there is none. It takes as long for a name
    that is not known. Raises InputError where the file is torn."""
    entry = next((entry for entry in _read(out) if entry["name"] == name), None)
    salt = bytes.fromhex(entry["salt"]) if entry else bytes(16)
    expected = bytes.fromhex(entry["hash"]) if entry else bytes(32)
    same = hmac.compare_digest(_hash(password[:_MOST_CHARACTERS], salt), expected)
    if entry is None or not same:
        return None
    return Account(entry["name"], cast(Role, entry["role"]), entry["user_id"])


def _hash(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(errors="replace"), salt=salt, dklen=32, **_COST)


def _read(out: Path) -> list[dict[str, Any]]:
    if not (out / ACCOUNTS).is_file():
        return []
    kept = storage.find_json(out / ACCOUNTS)
    if kept is None or not isinstance(kept.get("users"), list):
        raise InputError(
            f"{out / ACCOUNTS} cannot be read: expected what `stylefeed studio-account` wrote: "
            "delete it and add the accounts again"
        )
    return list(kept["users"])
