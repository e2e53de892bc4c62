"""What every visit shows before looks are chosen: items, positions, the shopper's interest."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.schema import SchemaError
from recsys.simulator.config import SimulatorConfig

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Catalogue(NamedTuple):
    """category (n_items,) codes of `categories`; log price relative to the category's mean."""

    item_ids: list[str]
    categories: list[str]
    category: Ints
    relative_price: Floats


class Impressions(NamedTuple):
    """One row per impression, (n,) each; position from 1, interest in logits."""

    slate: Ints
    shopper: Ints
    item: Ints
    position: Ints
    interest: Floats


def read_catalogue(items: pd.DataFrame, config: SimulatorConfig) -> Catalogue:
    """Codes and relative prices of `items` (item_id, category, price; a missing price counts as
    the median). Raises SchemaError for a missing column or fewer items than a slate shows.
    """
    missing = sorted({"item_id", "category", "price"} - set(items.columns))
    if missing or len(items) < config.slate_size:
        raise SchemaError(
            f"items lack {missing or 'rows'} (got {len(items)} rows): expected item_id, category, "
            f"price and at least slate_size={config.slate_size} rows"
        )
    codes, names = pd.factorize(items["category"].fillna("").astype("str"), sort=True)
    category = np.asarray(codes, dtype=np.int64)
    price = pd.Series(items["price"].to_numpy(dtype=np.float64))
    log_price = np.log(np.clip(price.fillna(price.median()).fillna(1.0).to_numpy(), 0.01, None))
    mean = np.bincount(category, weights=log_price) / np.bincount(category)
    ids = items["item_id"].astype("str").tolist()
    return Catalogue(ids, list(names), category, log_price - mean[category])


def draw_slates(
    catalogue: Catalogue,
    slate_shopper: Ints,
    config: SimulatorConfig,
    rng: np.random.Generator,
) -> Impressions:
    """Fill every slate: the shop shows popular items, a little fitted to the shopper."""
    n_items, n_slates, width = len(catalogue.item_ids), len(slate_shopper), config.slate_size
    category = catalogue.category

    n = config.n_shoppers
    popularity = (1.0 + np.arange(n_items)) ** -config.popularity_exponent
    popularity = rng.permutation(popularity / popularity.sum())
    item_factors = rng.standard_normal((n_items, config.n_factors)) / config.n_factors**0.5
    shopper_factors = rng.standard_normal((n, config.n_factors))
    by_category = rng.standard_normal((n, len(catalogue.categories)))
    thrift = np.abs(rng.normal(0.0, 0.8, n))

    n_drawn = min(2 * width, n_items)
    item = np.searchsorted(np.cumsum(popularity), rng.random((n_slates, n_drawn)) * (1 - 1e-12))
    item = np.minimum(item, n_items - 1)
    who = slate_shopper[:, None]
    interest = 0.8 * by_category[who, category[item]] - thrift[who] * catalogue.relative_price[item]
    for factor in range(config.n_factors):
        interest += 0.8 * shopper_factors[who, factor] * item_factors[item, factor]

    # A repeated item in a slate sinks to its end, and goes when there are others enough.
    by_item = np.argsort(item, axis=1, kind="stable")
    ordered = np.take_along_axis(item, by_item, axis=1)
    repeated = np.zeros_like(item, dtype=bool)
    np.put_along_axis(repeated, by_item[:, 1:], ordered[:, 1:] == ordered[:, :-1], axis=1)
    fit = 0.5 * interest + rng.gumbel(size=item.shape)
    order = np.argsort(np.where(repeated, np.inf, -fit), axis=1, kind="stable")[:, :width]
    keep = ~np.take_along_axis(repeated, order, axis=1)
    slate, column = np.nonzero(keep)
    chosen = order[slate, column]
    return Impressions(
        slate,
        slate_shopper[slate],
        item[slate, chosen],
        column + 1,
        interest[slate, chosen],
    )
