"""Places of a list for items that the ranking would not have shown, drawn with a known chance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recsys.config import RerankConfig
from recsys.lists.rerank import full
from recsys.policy.draw import uniform


def explore_places(
    order: NDArray[np.int64],
    categories: NDArray[np.int64],
    config: RerankConfig,
    user_id: str,
    seed: int,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """`order` (k,) with `config.exploration_slots` places drawn anew, and every item's propensity.

    `order`: positions among the candidates, best first; `categories` int64 (n,) of the candidates,
    -1 for none. The last items of `order` make room. For each slot in turn an item is drawn evenly
    from the candidates that are not in the list and fit under the category cap, then its place,
    evenly from those after the first; the others keep their order. Propensity float64 (k,) in
    (0, 1] is the chance of that draw of an item, 1 for those not drawn. The user and `seed` alone
    decide. With nothing to draw from the list stays as it is.
    """
    slots = min(config.exploration_slots, max(len(order) - 1, 0))
    kept = order[: len(order) - slots].tolist()
    left = np.ones(len(categories), dtype=bool)
    left[kept] = False
    drawn: list[int] = []
    chances: list[float] = []
    for slot in range(slots):
        open_ = left & ~full(categories, [*kept, *drawn], config.max_per_category)
        eligible = np.flatnonzero(open_ if open_.any() else left)
        at = int(uniform(f"{user_id}\0item of slot {slot}", seed) * len(eligible))
        drawn.append(int(eligible[at]))
        chances.append(1.0 / len(eligible))
        left[drawn[-1]] = False
    free = list(range(1, len(order)))
    places = [
        free.pop(int(uniform(f"{user_id}\0place of slot {slot}", seed) * len(free)))
        for slot in range(slots)
    ]
    mixed = np.full(len(order), -1, dtype=np.int64)
    propensity = np.ones(len(order))
    mixed[places], propensity[places] = drawn, chances
    mixed[mixed < 0] = kept
    return mixed, propensity
