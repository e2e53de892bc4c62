"""Masks as run-length text: one line per photo, `file width height part runs`.

`runs` are lengths in row order, first of background, then of product, and so on.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

MASKS = Path(__file__).with_name("masks.txt")


class HandMask(NamedTuple):
    """One photo's mask (h, w) bool; `part` is dev (to choose parameters on) or test."""

    file: str
    part: str
    mask: NDArray[np.bool_]


def to_line(hand: HandMask) -> str:
    """The mask as one line of text."""
    flat = hand.mask.ravel()
    changes = np.flatnonzero(np.diff(flat)) + 1
    runs = np.diff(np.concatenate([[0], changes, [flat.size]]))
    if flat[0]:
        runs = np.concatenate([[0], runs])
    height, width = hand.mask.shape
    return f"{hand.file} {width} {height} {hand.part} {' '.join(map(str, runs))}"


def from_line(line: str) -> HandMask:
    """The mask written by `to_line`; raises ValueError when its runs do not fill the photo."""
    file, width, height, part, *runs = line.split()
    lengths = np.array(runs, dtype=np.int64)
    if lengths.sum() != int(width) * int(height):
        raise ValueError(f"runs of {file} fill {lengths.sum()} pixels, not {width} x {height}")
    flat = np.repeat(np.arange(len(lengths)) % 2 == 1, lengths)
    return HandMask(file, part, flat.reshape(int(height), int(width)))


def read_masks(path: Path = MASKS) -> list[HandMask]:
    """All masks of a file, in its order."""
    return [from_line(line) for line in path.read_text(encoding="utf-8").splitlines()]
