"""What a look policy knows, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from features.schema import ContractError
from recsys.config import PolicyConfig


@dataclass(frozen=True, eq=False)
class Beliefs:
    """What is known of every look for every row.

    `affinity` float64 (n, looks), finite where eligible; `eligible` bool (n, looks), one or more in
    each row; `spread` float64 (n, looks), the affinities' standard deviations, None where unknown;
    `plain`, the column of the plain photo, None where it is not known which. Raises ContractError
    on a shape mismatch, a row with no eligible look or a non-finite affinity.
    """

    affinity: NDArray[np.float64]
    eligible: NDArray[np.bool_]
    spread: NDArray[np.float64] | None = None
    plain: int | None = None

    def __post_init__(self) -> None:
        values, allowed = self.affinity, self.eligible
        if values.ndim != 2 or values.shape != allowed.shape:
            raise ContractError(
                f"affinity {values.shape} and eligible {allowed.shape} differ: expected one "
                "(n, looks)"
            )
        empty = np.flatnonzero(~allowed.any(axis=1))
        if len(empty):
            raise ContractError(
                f"row {empty[0]} has no eligible look: keep at least the original photo"
            )
        if not np.isfinite(values[allowed]).all():
            raise ContractError(
                "affinity has a NaN or infinity at an eligible look: expected numbers"
            )

    def known_spread(self, kind: str) -> NDArray[np.float64]:
        """The spread; raises ContractError where the policy `kind` needs it and it is unknown."""
        if self.spread is None:
            raise ContractError(f"policy {kind} needs the affinities' spread, got none")
        return self.spread

    def known_plain(self, kind: str) -> int:
        """The plain photo's column; raises ContractError likewise."""
        if self.plain is None:
            raise ContractError(f"policy {kind} needs the plain photo's column, got none")
        return self.plain


class LookPolicy(Protocol):
    """A way to choose looks."""

    def __call__(self, beliefs: Beliefs, config: PolicyConfig, seed: int) -> NDArray[np.float64]:
        """Probability of every look in every row, (n, looks): rows sum to 1, 0 where not eligible.

        A row's result depends on the row, `config` and `seed` alone.
        """
        ...
