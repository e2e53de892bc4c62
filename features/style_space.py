"""StyleSpace: the one place where raw style codes become directions that can be compared.

Raw codes all point nearly the same way: what tells two pictures apart is what is left of their
codes when a common centre is taken off. Codes that are compared with each other, of looks, photos
or users, must be centred on the same point, so a job fits one space, keeps it, and uses it
everywhere.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import NewType, Self

import numpy as np
from numpy.typing import NDArray

from features.schema import ContractError, NotFittedError

UnitCodes = NewType("UnitCodes", NDArray[np.float32])
"""Directions in a StyleSpace, (n, d) rows of length one, or of zeros where there is no direction;
raw codes are plain arrays."""


@dataclass(frozen=True, eq=False)
class StyleSpace:
    """Style codes less `centre` (d,) float32, at unit length: their dot products are cosines."""

    centre: NDArray[np.float32]

    @classmethod
    def fit(cls, *kinds: NDArray[np.floating]) -> Self:
        """The space centred between the means of several kinds of pictures.

        `kinds`: raw codes float (n, d) of each, such as those of looks and those of photos; a kind
        counts the same however many pictures it has, rows with NaN (no picture) not at all.
        Raises ContractError for another shape, infinite values, or no code at all.
        """
        means = []
        for codes in kinds:
            table = np.asarray(codes, dtype=np.float64)
            if table.ndim != 2 or np.isinf(table).any():
                raise ContractError(
                    f"style codes must be finite numbers or NaN of shape (n, d), got {table.shape}"
                )
            table = table[np.isfinite(table).all(axis=1)]
            if len(table):
                means.append(table.mean(axis=0))
        if not means:
            raise ContractError("the centre of no style codes is undefined: give at least one code")
        return cls(np.mean(means, axis=0).astype(np.float32))

    def unit(self, codes: NDArray[np.floating]) -> UnitCodes:
        """Directions of raw codes (n, d), float32; a code at the centre itself becomes zeros.

        Raises ContractError for another shape, or values that are not finite.
        """
        table = np.asarray(codes, dtype=np.float32)
        if table.ndim != 2 or table.shape[1] != len(self.centre):
            raise ContractError(
                f"style codes have shape {table.shape}: expected (n, {len(self.centre)}), one code "
                "per row"
            )
        if not np.isfinite(table).all():
            raise ContractError(
                "style codes hold NaN or infinity: leave out the pictures without a code"
            )
        moved = table - self.centre
        norms = np.linalg.norm(moved, axis=1, keepdims=True)
        # Rounding leaves a code equal to the centre with a length near 1e-7, not zero, and its
        # direction would be noise.
        real = norms > 1e-6 * max(1.0, float(np.abs(self.centre).max(initial=0.0)))
        return UnitCodes(np.divide(moved, norms, out=np.zeros_like(moved), where=real))

    def save(self, path: Path) -> None:
        """Write the space to `path`, JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        centre = [float(value) for value in self.centre]
        path.write_text(json.dumps({"centre": centre}), encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote; raises NotFittedError if it is not there."""
        if not path.is_file():
            raise NotFittedError(f"no style space at {path}: run the 'encode' stage first")
        return cls(np.array(json.loads(path.read_text(encoding="utf-8"))["centre"], np.float32))
