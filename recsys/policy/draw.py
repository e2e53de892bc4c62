"""Chooses the look of each (user, item), or item and look together, with its probability.

`recsys.policy.guardrails` bends the probabilities to what the shop allows; `draw` draws from them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from features.schema import ContractError
from recsys.config import PolicyConfig
from recsys.policy.look_policy import Beliefs
from recsys.policy.registry import LOOK_POLICIES


def look_probabilities(
    affinity: NDArray[np.floating],
    eligible: NDArray[np.bool_],
    config: PolicyConfig,
    spread: NDArray[np.floating] | None = None,
    seed: int = 0,
    plain: int | None = None,
) -> NDArray[np.float64]:
    """Probability with which the policy of `config` shows each look.

    `affinity` (n, looks), finite where eligible; `eligible` (n, looks). Thompson sampling and the
    value policy need `spread` (n, looks), the affinities' standard deviations, and draw on `seed`;
    the value policy needs the plain photo's column, `plain`, too. Returns float64 (n, looks), rows
    sum to 1, 0 where not eligible. Equal affinities: the first look is best. Raises ContractError
    as `recsys.policy.look_policy.Beliefs`, and where the policy needs what is not given.
    """
    beliefs = Beliefs(
        np.asarray(affinity, dtype=np.float64),
        np.asarray(eligible, dtype=bool),
        None if spread is None else np.asarray(spread, dtype=np.float64),
        plain,
    )
    return LOOK_POLICIES[config.kind](beliefs, config, seed)


def choose_looks(
    affinity: NDArray[np.floating],
    eligible: NDArray[np.bool_],
    config: PolicyConfig,
    keys: Sequence[str],
    seed: int,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Draw one look per row.

    `affinity` and `eligible` as in `look_probabilities`; `keys` name the rows (n,), for example
    "user item". Returns the chosen column int64 (n,) and the probability float64 (n,) in (0, 1]
    with which it was drawn. A draw depends on `seed` and the row's key alone, so neither the order
    of the rows nor the number of workers changes it. Raises ContractError as `look_probabilities`.
    """
    return draw(look_probabilities(affinity, eligible, config), keys, seed)


def choose_pairs(
    score: NDArray[np.floating],
    eligible: NDArray[np.bool_],
    config: PolicyConfig,
    keys: Sequence[str],
    seed: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Draw one item and its look per row, over all eligible pairs at once.

    `score` and `eligible` (n, items, looks), read as `look_probabilities` reads affinity; `keys`
    (n,). Returns the chosen item and look, int64 (n,), and the probability of the pair, float64
    (n,) in (0, 1]. Equal scores: the first item, then its first look, is best.
    """
    if score.ndim != 3 or score.shape != eligible.shape:
        raise ContractError(
            f"score {score.shape} and eligible {eligible.shape}: expected one (n, items, looks)"
        )
    n, items, looks = score.shape
    flat = (n, items * looks)
    pair, propensity = choose_looks(score.reshape(flat), eligible.reshape(flat), config, keys, seed)
    return pair // looks, pair % looks, propensity


def draw(
    probabilities: NDArray[np.float64], keys: Sequence[str], seed: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Draw one column per row of `probabilities` (n, looks), rows summing to 1.

    Returns the column int64 (n,) and its probability float64 (n,) in (0, 1], as `choose_looks`.
    Raises ContractError unless there is one key per row.
    """
    if len(keys) != len(probabilities):
        raise ContractError(
            f"got {len(keys)} keys for {len(probabilities)} rows: expected one each"
        )
    draws = np.array([uniform(key, seed) for key in keys], dtype=np.float64)
    cumulative = probabilities.cumsum(axis=1)
    # Scaling by the last sum keeps a draw close to 1 inside the row in spite of rounding.
    reached = cumulative > (draws * cumulative[:, -1])[:, None] if len(draws) else cumulative > 0
    choice = np.asarray(reached.argmax(axis=1), dtype=np.int64)
    return choice, probabilities[np.arange(len(choice)), choice]


def uniform(key: str, salt: int | str) -> float:
    """A number in [0, 1) that `key` and `salt` alone decide, evenly spread over keys."""
    digest = hashlib.blake2b(f"{salt}\0{key}".encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) * 2.0**-53
