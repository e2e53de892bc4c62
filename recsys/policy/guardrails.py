"""Guard-rails: what a shop allows any look policy to do, kept exact in the propensities."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from features.ids import text_ids
from features.schema import ORIGINAL, ContractError, InputError
from recsys.config import GuardRails


def permit_looks(
    eligible: NDArray[np.bool_], style_ids: Sequence[str], rails: GuardRails
) -> NDArray[np.bool_]:
    """`eligible` (n, looks) without the excluded looks; columns are `style_ids`.

    Raises InputError when an excluded look is not among them, since a typing error would show it.
    """
    unknown = sorted(set(rails.excluded) - set(style_ids))
    if unknown:
        raise InputError(f"guard-rails: excluded looks {unknown[:5]} are not among the looks")
    return np.asarray(eligible & ~np.isin(np.asarray(style_ids), rails.excluded))


def find_plain_users(user_ids: Sequence[str], rails: GuardRails) -> NDArray[np.bool_]:
    """Which of `user_ids` (n,) asked for plain photos, bool (n,)."""
    return np.isin(text_ids(user_ids, "user_ids"), list(rails.plain_users))


def apply_guard_rails(
    probabilities: NDArray[np.float64], style_ids: Sequence[str], rails: GuardRails
) -> NDArray[np.float64]:
    """What is drawn from when a policy has `probabilities` (n, looks): float64, rows sum to 1.

    The policy is followed with probability share_personalised; where the original photo then has
    less than its floor it gets the floor, and the looks share the rest as before. Raises
    ContractError when `style_ids` lack the original photo or an excluded look has a probability.
    """
    ids = np.asarray(style_ids)
    column = np.flatnonzero(ids == ORIGINAL)
    if len(column) != 1 or probabilities.shape[1:] != ids.shape:
        raise ContractError(
            f"guard-rails: probabilities {probabilities.shape} for {len(ids)} looks, "
            f"{len(column)} of them {ORIGINAL!r}: expected one column each, and one original"
        )
    if (probabilities[:, np.isin(ids, rails.excluded)] > 0.0).any():
        raise ContractError(
            "guard-rails: an excluded look has a probability: use `permit_looks` first"
        )
    mixed = rails.share_personalised * probabilities
    mixed[:, column] += 1.0 - rails.share_personalised
    plain = mixed[:, column]
    low = plain < rails.original_floor
    scale = np.where(low, (1.0 - rails.original_floor) / np.where(low, 1.0 - plain, 1.0), 1.0)
    result = mixed * scale
    result[:, column] = np.where(low, rails.original_floor, plain)
    return result
