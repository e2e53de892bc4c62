"""When each user touched each item, and how people come back to items, by one moment."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from features.array_files import map_arrays, sparse_from, sparse_parts, write_arrays
from features.ids import IdMap
from features.schema import NotFittedError
from recsys.candidates.allowed import look_up, no_cells
from recsys.candidates.itemknn import similarity
from recsys.config import ItemKNNConfig

TOUCH_COLUMNS: Final = (
    *("own_visits", "own_last_days", "own_gap_days", "own_due"),
    *("user_visits", "user_last_days", "user_basket"),
    *("item_buyers", "item_repeat_rate", "item_week_share", "basket_similarity"),
)
_PAIRS: Final = ("visits", "last_days", "first_days", "basket", "together")
_COMPANY: Final = ItemKNNConfig(neighbours=100, shrink=5.0)
_PRIOR_BUYERS = 20.0
_FILE = "touches.safetensors"


@dataclass(frozen=True)
class Touches:
    """A visit is a day (UTC) on which a user touched anything.

    CSR float32 (users, items): `visits` on which the user touched the item, `last_days` and
    `first_days` before now (the same cells, above 0), `basket` 1 for the items of the user's last
    visit. `together` (items, items): cosine of the visits two items share. `users` float32 (u, 3):
    visits, days since the last one, items per visit; `items` float32 (n, 3): distinct users, the
    share of them that came back to the item (shrunk to the catalogue's), its share of the touches
    of the last seven days; zeros and NaN where nothing is known.
    """

    visits: sparse.csr_matrix
    last_days: sparse.csr_matrix
    first_days: sparse.csr_matrix
    basket: sparse.csr_matrix
    together: sparse.csr_matrix
    users: NDArray[np.float32]
    items: NDArray[np.float32]

    def columns(
        self, users: NDArray[np.int64], user: NDArray[np.int64], item: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """Values float32 (rows, 11) by TOUCH_COLUMNS, NaN unknown, of rows (`user`, `item`).

        `users` int64 (n,), -1 unknown; `user` (rows,) indexes it.
        """
        known = users >= 0
        at = np.where(known, users, 0)
        visits, last, first = (
            look_up(self._of(matrix, at, known), user, item)
            for matrix in (self.visits, self.last_days, self.first_days)
        )
        never = np.where(visits > 0, np.float32(1.0), np.float32(np.nan))
        gap = np.where(visits > 1, (first - last) / np.maximum(visits - 1.0, 1.0), np.nan)
        own = self.users[at] if len(self.users) else np.zeros((len(users), 3), np.float32)
        own = np.where(known[:, None], own, np.float32(np.nan))[user]
        company = look_up(self._of(self.basket, at, known, self.together), user, item)
        stacked = [visits, last * never, gap, last / np.maximum(gap, 1.0), *own.T]
        stacked += [*self.items[item].T, company]
        return np.stack([np.asarray(column, dtype=np.float32) for column in stacked], axis=1)

    @staticmethod
    def _of(
        matrix: sparse.csr_matrix,
        at: NDArray[np.int64],
        known: NDArray[np.bool_],
        times: sparse.csr_matrix | None = None,
    ) -> sparse.csr_matrix:
        """Rows of `matrix` (times another one), empty for unknown users."""
        if not matrix.shape[0]:
            return no_cells(len(at), matrix.shape[1])
        rows = sparse.diags(known.astype(np.float32)) @ matrix[at]
        return sparse.csr_matrix(rows if times is None else rows @ times)

    def save(self, directory: Path) -> None:
        """Write touches.safetensors into `directory`."""
        arrays: dict[str, NDArray[np.generic]] = {"users": self.users, "items": self.items}
        for name in _PAIRS:
            arrays |= sparse_parts(name, getattr(self, name))
        write_arrays(directory / _FILE, arrays)

    @classmethod
    def load(cls, directory: Path) -> Touches:
        """Read what `save` wrote; raises NotFittedError if it is not there."""
        if not (directory / _FILE).is_file():
            raise NotFittedError(f"no {_FILE} in {directory}: save a fitted model there")
        arrays = map_arrays(directory / _FILE)
        users, items = arrays["users"], arrays["items"]
        matrices = {}
        for name in _PAIRS:
            rows = len(items) if name == "together" else len(users)
            matrices[name] = sparse_from(name, arrays, (rows, len(items)))
        return cls(**matrices, users=users, items=items)


def gather_touches(
    events: pd.DataFrame,
    users: IdMap,
    items: IdMap,
    now: pd.Timestamp,
    known: Touches | None = None,
) -> Touches:
    """What `events` (canonical, all before `now`) tell; impressions are no touches.

    What is told of items is taken from `known` where it is given: then `events` are those of other
    users, who do not change it.
    """
    touched = events[events["event_type"] != "impression"]
    table = pd.DataFrame(
        {
            "user": users.to_index(touched["user_id"]),
            "item": items.to_index(touched["item_id"]),
            "ago": ((now - touched["timestamp"]).dt.total_seconds() / 86_400.0).to_numpy(),
            "day": touched["timestamp"].dt.floor("D").astype("int64").to_numpy(),
        }
    )
    table = table[(table["user"] >= 0) & (table["item"] >= 0)]
    shape = (len(users), len(items))
    pairs = table.groupby(["user", "item"], as_index=False).agg(
        visits=("day", "nunique"), last=("ago", "min"), first=("ago", "max")
    )
    at = (pairs["user"].to_numpy(), pairs["item"].to_numpy())
    visits, last, first = (
        _matrix(pairs[name].to_numpy(), at, shape) for name in ("visits", "last", "first")
    )
    days = table.drop_duplicates(["user", "day", "item"])
    latest = days[days["day"] == days.groupby("user")["day"].transform("max")]
    basket = _matrix(
        np.ones(len(latest)), (latest["user"].to_numpy(), latest["item"].to_numpy()), shape
    )
    own = _users(days, table, len(users))
    if known is not None:
        return Touches(visits, last, first, basket, known.together, own, known.items)
    visit = days.groupby(["user", "day"], sort=True).ngroup().to_numpy()
    shared = _matrix(
        np.ones(len(days)),
        (visit, days["item"].to_numpy()),
        (int(visit.max(initial=-1)) + 1, len(items)),
    )
    together = similarity(shared, _COMPANY).T.tocsr()
    return Touches(
        visits=visits,
        last_days=last,
        first_days=first,
        basket=basket,
        together=sparse.csr_matrix(together, dtype=np.float32),
        users=own,
        items=_items(pairs, table, len(items)),
    )


def _users(days: pd.DataFrame, table: pd.DataFrame, n_users: int) -> NDArray[np.float32]:
    by_user = days.groupby("user")
    n_visits = by_user["day"].nunique()
    columns = [n_visits, table.groupby("user")["ago"].min(), by_user.size() / n_visits]
    filled = [column.reindex(range(n_users)).to_numpy() for column in columns]
    filled[0] = np.nan_to_num(filled[0])
    return np.stack(filled, axis=1).astype(np.float32)


def _items(pairs: pd.DataFrame, table: pd.DataFrame, n_items: int) -> NDArray[np.float32]:
    buyers = np.bincount(pairs["item"], minlength=n_items)
    again = np.bincount(pairs.loc[pairs["visits"] > 1, "item"], minlength=n_items)
    rate = again.sum() / max(buyers.sum(), 1)
    week = np.bincount(table.loc[table["ago"] <= 7.0, "item"], minlength=n_items)
    repeat = (again + _PRIOR_BUYERS * rate) / (buyers + _PRIOR_BUYERS)
    return np.stack([buyers, repeat, week / max(week.sum(), 1)], axis=1).astype(np.float32)


def _matrix(
    values: NDArray[np.floating],
    at: tuple[NDArray[np.integer], NDArray[np.integer]],
    shape: tuple[int, int],
) -> sparse.csr_matrix:
    return sparse.csr_matrix((values.astype(np.float32), at), shape=shape)
