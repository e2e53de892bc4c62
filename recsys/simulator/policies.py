"""Policies that a simulated shop can run: the probability of every look at every impression."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from features.schema import ContractError
from recsys.simulator.shop import Shop

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

Policy = Callable[[Shop, Ints], Floats]
"""Maps a shop and numbers of impressions (rows,) to probabilities (rows, L+1), plain photo last."""


def logging_policy(shop: Shop, rows: Ints) -> Floats:
    """The shop's own exploration: other favourite looks in every category."""
    return shop.logging_table[shop.catalogue.category[shop.impressions.item[rows]]]


def one_look(look: int) -> Policy:
    """Everybody sees the look of this number, 0..L; L is the plain photo."""

    def policy(shop: Shop, rows: Ints) -> Floats:
        if not 0 <= look <= shop.n_looks:
            raise ContractError(f"look is {look}: expected a number in 0..{shop.n_looks}")
        return np.broadcast_to(np.eye(shop.n_looks + 1)[look], (len(rows), shop.n_looks + 1))

    return policy


def per_shopper(probabilities: Floats) -> Policy:
    """Each shopper has their own odds: (n_shoppers, L+1), rows sum to 1.

    Take them from `recsys.policy.draw.look_probabilities` to run the policy that a feed would use.
    """

    def policy(shop: Shop, rows: Ints) -> Floats:
        if probabilities.shape != shop.utility.shape:
            raise ContractError(
                f"probabilities have shape {probabilities.shape}: expected {shop.utility.shape}, "
                "one row per shopper and one column per look and for the plain photo"
            )
        return probabilities[shop.impressions.shopper[rows]]

    return policy


def draw_looks(shop: Shop, policy: Policy, ticket: Floats) -> tuple[Ints, Floats]:
    """Look of every impression, the one whose share of 0..1 holds its ticket, and its probability.

    ticket: (n,) uniform numbers. Returns int64 (n,) and float64 (n,) in (0, 1].
    """
    look, propensity = np.empty(len(ticket), dtype=np.int64), np.empty(len(ticket))
    for rows in chunks(len(ticket), shop.n_looks + 1):
        probabilities = policy(shop, rows)
        edges = np.cumsum(probabilities, axis=1)
        # Rounding must leave no ticket without a look, nor give it one of probability 0.
        edges[edges >= edges[:, -1:]] = np.inf
        drawn = (edges > ticket[rows, None]).argmax(axis=1)
        look[rows], propensity[rows] = drawn, probabilities[np.arange(len(rows)), drawn]
    return look, propensity


def chunks(n: int, n_columns: int) -> Iterator[Ints]:
    """Consecutive row numbers whose tables of float64 stay within 16 MB."""
    size = max(1, 2**21 // n_columns)
    for start in range(0, n, size):
        yield np.arange(start, min(start + size, n))
