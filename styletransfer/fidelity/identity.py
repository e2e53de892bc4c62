"""Whether a render is still recognised as its own product among the whole catalogue."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.schema import ContractError


@dataclass(frozen=True)
class Identity:
    """`rank` of the own item among the catalogue, from 1, and its lead over the best other item.

    `margin` is a difference of cosines, negative when another item is nearer.
    """

    rank: int
    margin: float


def identity(embedding: NDArray[np.float32], catalogue: NDArray[np.float32], own: int) -> Identity:
    """Look the render up in the catalogue by cosine.

    Args:
        embedding: (d,) of the render, from the encoder that made `catalogue`.
        catalogue: (n, d), one row per item's original picture, L2-normalised.
        own: row of the render's own item.

    Returns:
        An `Identity`; an item exactly as near as the own one counts as nearer, so that a catalogue
        of equal rows proves nothing.

    Raises:
        ContractError: shapes that do not fit, or `own` outside the catalogue.
    """
    if embedding.shape != catalogue.shape[1:] or not 0 <= own < len(catalogue):
        raise ContractError(
            f"identity cannot be judged: got an embedding {embedding.shape}, a catalogue "
            f"{catalogue.shape} and own row {own}: expected (d,), (n, d) and 0 <= own < n"
        )
    length = float(np.linalg.norm(embedding))
    similar = catalogue @ embedding / max(length, 1e-12)
    others = np.delete(similar, own)
    if not len(others):
        return Identity(1, 1.0)
    rank = 1 + int((others >= similar[own]).sum())
    return Identity(rank, float(similar[own] - others.max()))
