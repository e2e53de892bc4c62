"""The user-item matrix that candidate models learn from."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from features.ids import IdMap
from features.schema import ContractError, InputError, NotFittedError, SchemaError


@dataclass(frozen=True)
class Interactions:
    """Who touched what, how much.

    `matrix`: CSR float32 (users, items), positive weights, sorted indices; its rows are positions
    of `users`, its columns positions of `items`. `shares` float32 (items,): each item's share of
    the total weight where that was learned from more users than these (None: from these).
    """

    matrix: sparse.csr_matrix
    users: IdMap
    items: IdMap
    shares: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        expected = (len(self.users), len(self.items))
        if self.matrix.shape != expected:
            raise ContractError(
                f"the matrix has shape {self.matrix.shape}: expected (users, items) = {expected}"
            )

    @classmethod
    def from_table(
        cls, table: pd.DataFrame, users: IdMap | None = None, items: IdMap | None = None
    ) -> Interactions:
        """Sum the rows of `table` (user_id, item_id, weight) into a matrix.

        `users` and `items` fix the axes, so that users without rows and items never touched keep
        their place; without them the axes are the table's ids, ascending. Rows of other ids and of
        weight 0 are left out. Raises SchemaError on a missing column, InputError on a negative,
        infinite or missing weight.
        """
        for column in ("user_id", "item_id", "weight"):
            if column not in table.columns:
                raise SchemaError(
                    f"interactions have no column {column!r}: got {list(table.columns)}, "
                    "expected user_id, item_id and weight"
                )
        weight = table["weight"].to_numpy(dtype=np.float64)
        bad = ~(np.isfinite(weight) & (weight >= 0.0))
        if bad.any():
            raise InputError(
                f"interaction {np.flatnonzero(bad)[0]} has weight {weight[bad][0]}: "
                "expected a finite number, 0 or more"
            )
        users = IdMap.sorted(table["user_id"]) if users is None else users
        items = IdMap.sorted(table["item_id"]) if items is None else items
        rows, columns = users.to_index(table["user_id"]), items.to_index(table["item_id"])
        kept = (rows >= 0) & (columns >= 0) & (weight > 0.0)
        matrix = sparse.coo_matrix(
            (weight[kept], (rows[kept], columns[kept])), shape=(len(users), len(items))
        ).tocsr()
        matrix.sum_duplicates()
        return cls(matrix.astype(np.float32), users, items)

    def of_others(self, table: pd.DataFrame, users: IdMap) -> Interactions:
        """Rows of other `users`, from `table` as `from_table` takes it, among the same items.

        Items keep the popularity that they have here.
        """
        theirs = Interactions.from_table(table, users, self.items)
        return replace(theirs, shares=self.popularity)

    @cached_property
    def popularity(self) -> NDArray[np.float32]:
        """Each item's share of the total weight, float32 (items,), in [0, 1]."""
        if self.shares is not None:
            return self.shares
        total = np.asarray(self.matrix.sum(axis=0, dtype=np.float64)).ravel()
        return np.asarray(total / max(total.sum(), 1e-12), dtype=np.float32)

    @cached_property
    def by_popularity(self) -> NDArray[np.int64]:
        """Item positions by falling popularity, equal ones ascending, int64 (items,)."""
        return np.argsort(-self.popularity, kind="stable")

    @cached_property
    def n_seen(self) -> NDArray[np.int64]:
        """How many items each user touched, int64 (users,)."""
        return np.asarray(np.diff(self.matrix.indptr), dtype=np.int64)

    def is_cold(self, user_positions: NDArray[np.int64]) -> NDArray[np.bool_]:
        """True for users that are unknown (-1) or touched nothing."""
        if not len(self.users):
            return np.ones(len(user_positions), dtype=bool)
        return np.asarray((user_positions < 0) | (self.n_seen[user_positions] == 0), dtype=bool)

    def rows(self, user_positions: NDArray[np.int64]) -> sparse.csr_matrix:
        """Rows of the matrix, (n, items), empty for unknown users (-1)."""
        known = user_positions >= 0
        picked = sparse.csr_matrix(
            (np.ones(known.sum(), np.float32), (np.flatnonzero(known), user_positions[known])),
            shape=(len(user_positions), len(self.users)),
        )
        return sparse.csr_matrix(picked @ self.matrix)

    def save(self, directory: Path) -> None:
        """Write interactions.npz and interactions.json into `directory`."""
        directory.mkdir(parents=True, exist_ok=True)
        sparse.save_npz(directory / "interactions.npz", self.matrix)
        ids = {"users": self.users.ids.tolist(), "items": self.items.ids.tolist()}
        (directory / "interactions.json").write_text(json.dumps(ids), encoding="utf-8")

    @classmethod
    def load(cls, directory: Path) -> Interactions:
        """Read what `save` wrote; raises NotFittedError if it is not there."""
        path = directory / "interactions.npz"
        if not path.is_file():
            raise NotFittedError(f"no interactions.npz in {directory}: save a fitted model there")
        ids = json.loads((directory / "interactions.json").read_text(encoding="utf-8"))
        matrix = sparse.csr_matrix(sparse.load_npz(path))
        return cls(matrix, IdMap(ids["users"]), IdMap(ids["items"]))
