"""A simulated shop before any look is chosen: shoppers, tastes, visits, and items on show.

Every policy is run on the same shop, so the difference of two is the looks' alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from features.ids import check_id_columns, text_ids
from recsys.simulator.config import KINDS, RenderMode, SimulatorConfig
from recsys.simulator.slates import Catalogue, Impressions, draw_slates, read_catalogue
from recsys.simulator.tastes import draw_tastes, family_membership
from recsys.simulator.visits import draw_visits

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Shop:
    """Everything but the looks; L looks, the plain photo is column L.

    kinds: (n_shoppers,) codes of `KINDS`. utility: (n_shoppers, L+1). logging_table: (categories,
    L+1) probability with which the shop itself shows each look. ticket: (n,) uniform numbers that
    the shop's own looks are drawn with. trend: (L+1,) direction of each look's fashion, -1..1.
    seconds: (n,) since the start, session: (n,). Impressions are sorted by shopper, then time.
    """

    config: SimulatorConfig
    style_ids: tuple[str, ...]
    catalogue: Catalogue
    kinds: Ints
    utility: Floats
    impressions: Impressions
    seconds: Floats
    session: Ints
    logging_table: Floats
    ticket: Floats
    trend: Floats

    @property
    def user_ids(self) -> list[str]:
        """Names of the shoppers, in the order of `utility`."""
        return [f"u{number:05d}" for number in range(self.config.n_shoppers)]

    @property
    def n_looks(self) -> int:
        """L; the plain photo is the look of this number."""
        return len(self.style_ids)

    @property
    def truth(self) -> pd.DataFrame:
        """user_id, kind (plain, indifferent or family), utility (list of float32: one number per
        look in the order given, the plain photo last; logits of a click divided by style_effect,
        averaged over the window).
        """
        return pd.DataFrame(
            {
                "user_id": self.user_ids,
                "kind": [KINDS[kind] for kind in self.kinds],
                "utility": list(self.utility.astype(np.float32)),
            }
        )

    def appeal(self, rows: Ints, look: Ints, times_before: ArrayLike, mode: RenderMode) -> Floats:
        """What the looks add to the impressions `rows`, in units of utility.

        look: (rows,) or a row vector (1, looks) to ask for several, rows being (rows, 1) then.
        times_before: how often the shopper has seen that look already.
        """
        is_look = look < self.n_looks
        elapsed = self.seconds[rows] / (self.config.days * 86_400) - 0.5
        appeal = self.utility[self.impressions.shopper[rows], look]
        appeal = appeal + self.config.drift * self.trend[look] * elapsed
        worn = self.config.wear_out * np.log1p(times_before) * is_look
        return np.asarray(appeal - worn + mode.pull * is_look)


def open_shop(
    items: pd.DataFrame,
    style_ids: Sequence[str],
    families: ArrayLike,
    config: SimulatorConfig,
    rng: np.random.Generator,
) -> Shop:
    """Draw the shop of `simulate`: the same arguments and a fresh generator give the same shop.

    items: item_id, category, price (missing prices count as the median). style_ids: the L looks.
    families: one integer per look (L,), or a matrix (L, f) of how much each look belongs to each
    family, 0..1. Raises SchemaError where items or families do not fit.
    """
    check_id_columns(items, ["item_id"], "items")
    text_ids(style_ids, "style_ids")
    membership = family_membership(families, len(style_ids))
    catalogue = read_catalogue(items, config)
    kinds, utility = draw_tastes(membership, config, rng)
    slate_shopper, slate_seconds, slate_session = draw_visits(config, rng)
    seen = draw_slates(catalogue, slate_shopper, config, rng)
    # The policy favours other looks in every category: naive click rates are confounded.
    n_looks = len(style_ids)
    spread = rng.standard_normal((len(catalogue.categories), n_looks))
    weights = np.exp(config.policy_spread * spread)
    shown = (1 - config.null_look_share) * weights / weights.sum(axis=1, keepdims=True)
    table = np.column_stack([shown, np.full(len(weights), config.null_look_share)])
    ticket = rng.random(len(seen.item))
    trend = np.append(rng.uniform(-1, 1, n_looks), 0.0)
    return Shop(
        config,
        tuple(style_ids),
        catalogue,
        kinds,
        utility,
        seen,
        slate_seconds[seen.slate],
        slate_session[seen.slate],
        table,
        ticket,
        trend,
    )
