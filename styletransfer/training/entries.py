"""What is trained on: pictures by name, parted so that no maker is on two sides."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from features.schema import InputError

_LEAST: Final = {"photos": 3, "looks": 4}
_NUMBERED: Final = re.compile(r"[\W_]*\d.*$")


@dataclass(frozen=True)
class Entry:
    """A picture file: its name, who or what made it (`group`), and its mask's file if there is one.

    The group is a photographer, a painter or a material: what a test must not share with training.
    """

    name: str
    group: str
    path: Path
    mask: Path | None = None


@dataclass(frozen=True)
class Parts:
    """Entries to train on, to watch health on, and to test on; no group is in two of them."""

    train: tuple[Entry, ...]
    validation: tuple[Entry, ...]
    test: tuple[Entry, ...]


def group_of(name: str) -> str:
    """The maker that a file's name tells of: `fabric_tile005` is of `fabric_tile`."""
    return _NUMBERED.sub("", name) or name


def part(entries: Sequence[Entry], what: str, held_out: float) -> Parts:
    """Part `entries` (`what`: photos or looks) by group: `held_out` of the groups for each side.

    Decided by a hash of the group's name, so an order or a renamed folder changes nothing. Raises
    InputError where fewer than four looks or three photos, or as many groups, are there.
    """
    groups = sorted({entry.group for entry in entries}, key=_hashed)
    if len(groups) < _LEAST[what]:
        raise InputError(
            f"{what}: got {len(entries)} of {len(groups)} different makers, expected at least "
            f"{_LEAST[what]} to train on, validate and test: add {what}"
        )
    count = max(round(held_out * len(groups)), 1)
    sides = {group: number // count for number, group in enumerate(groups[: 2 * count])}
    ordered = sorted(entries, key=lambda entry: entry.name)
    return Parts(
        tuple(entry for entry in ordered if entry.group not in sides),
        tuple(entry for entry in ordered if sides.get(entry.group) == 0),
        tuple(entry for entry in ordered if sides.get(entry.group) == 1),
    )


def spread(entries: Sequence[Entry], count: int) -> tuple[Entry, ...]:
    """At most `count` of the entries, chosen by a hash of their names, in the order given."""
    kept = set(sorted((entry.name for entry in entries), key=_hashed)[:count])
    return tuple(entry for entry in entries if entry.name in kept)


def _hashed(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=8).digest()
