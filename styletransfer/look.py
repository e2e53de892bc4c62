"""A look as the renderer takes it: a style code, and the picture it was read from."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from features.schema import ORIGINAL, STYLE_CODE_SIZE, ContractError
from styletransfer.faithful.gate import LookAnchor


@dataclass(frozen=True, eq=False)
class Look:
    """A look to paint in: its id, its raw style code float32 (100,) and a strength in 0..1.

    The null look (`style_id` "original") and any look at strength 0 stand for the picture itself.
    `anchor` (made once per look's picture by `look_anchor`) is what renders are judged against; a
    blend, which has neither anchor nor picture, is judged against its own paint. `picture`, uint8
    (h, w, 3) sRGB of any size, is what sets are made of, and what methods other than the generator
    paint from. `verbatim` says that the picture may be shown as it is: the shop's, or a pattern.
    Raises ContractError on a code of another shape or not finite, or a strength out of range.
    """

    style_id: str
    code: NDArray[np.float32]
    strength: float = 1.0
    anchor: LookAnchor | None = field(default=None, repr=False)
    picture: NDArray[np.uint8] | None = field(default=None, repr=False)
    verbatim: bool = False

    def __post_init__(self) -> None:
        if np.shape(self.code) != (STYLE_CODE_SIZE,) or not np.all(np.isfinite(self.code)):
            raise ContractError(
                f"look {self.style_id!r} has an unusable style code: got shape "
                f"{np.shape(self.code)}, expected {STYLE_CODE_SIZE} finite numbers: encode its "
                "picture with features.networks.encoders.StyleEncoder"
            )
        if not 0.0 <= self.strength <= 1.0:
            raise ContractError(
                f"look {self.style_id!r} has strength {self.strength}: expected 0 to 1"
            )

    @property
    def is_null(self) -> bool:
        """Whether this look leaves the picture as it is."""
        return self.style_id == ORIGINAL or self.strength == 0.0


def mix_codes(codes: NDArray[np.float32], weights: NDArray[np.floating]) -> NDArray[np.float32]:
    """The style code of a blend of looks: the weighted mean of their codes.

    `codes` float32 (k, 100), `weights` (k,) of any non-negative scale; returns float32 (100,).
    Raises ContractError on other shapes, a negative weight, or weights that are all zero.
    """
    shares = np.asarray(weights, dtype=np.float64)
    if codes.ndim != 2 or codes.shape[1] != STYLE_CODE_SIZE or shares.shape != codes.shape[:1]:
        raise ContractError(
            f"looks cannot be blended: got codes {codes.shape} and weights {shares.shape}, "
            f"expected (k, {STYLE_CODE_SIZE}) and (k,)"
        )
    if not 0.0 < shares.sum() < np.inf or shares.min() < 0:
        raise ContractError(
            f"looks cannot be blended by weights {shares.tolist()}: expected finite numbers, "
            "none negative and one at least above zero"
        )
    return np.asarray(shares @ codes / shares.sum(), dtype=np.float32)
