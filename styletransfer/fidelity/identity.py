"""Whether a render is still recognised as its own product among the whole catalogue.

An embedding of a picture tells its ground as much as its product. A render has another ground than
its photo on purpose, so the own item is known by several views, as in retrieval galleries: the
photo, and its product on plain grounds, which no other item lends it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.schema import ContractError

# Grounds a product is shown on: dark, grey, pale, and last the mean of its photo's own.
_GREYS: Final = (30.0, 128.0, 235.0)


@dataclass(frozen=True)
class Identity:
    """`rank` of the own item among the catalogue, from 1, and its lead over the best other item.

    `margin` is a difference of cosines, negative when another item is nearer.
    """

    rank: int
    margin: float


def plain_views(picture: NDArray[np.uint8], alpha: NDArray[np.float32]) -> list[NDArray[np.uint8]]:
    """The product of a picture on plain grounds, each like the picture.

    `picture` is uint8 (h, w, 3), `alpha` its mask, float32 (h, w) in 0..1. Empty where the
    mask leaves no product or no ground.
    """
    ground = alpha < 0.05
    if not ground.any() or not (alpha >= 0.5).any():
        return []
    cover = alpha[..., None]
    grounds = [np.full(3, grey) for grey in _GREYS]
    grounds.append(picture[ground].mean(axis=0))
    return [np.rint(picture * cover + one * (1.0 - cover)).astype(np.uint8) for one in grounds]


def identity(
    embedding: NDArray[np.float32],
    catalogue: NDArray[np.float32],
    own: int,
    views: NDArray[np.float32] | None = None,
) -> Identity:
    """Look the render up in the catalogue by cosine.

    Args:
        embedding: (d,) of the render, from the encoder that made `catalogue`.
        catalogue: (n, d), one row per item's original picture, L2-normalised.
        own: row of the render's own item.
        views: (m, d) embeddings of more pictures of the own item, such as `plain_views`; the
            nearest of all stands for it.

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
    direction = embedding / max(float(np.linalg.norm(embedding)), 1e-12)
    similar = catalogue @ direction
    others = np.delete(similar, own)
    if not len(others):
        return Identity(1, 1.0)
    nearest = float(similar[own])
    if views is not None and len(views):
        lengths = np.maximum(np.linalg.norm(views, axis=1), 1e-12)
        nearest = max(nearest, float((views @ direction / lengths).max()))
    rank = 1 + int((others >= nearest).sum())
    return Identity(rank, nearest - float(others.max()))
