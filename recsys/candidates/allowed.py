"""Which items each user may be proposed: what the shop has, less what is hidden from the user."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse


@dataclass(frozen=True)
class Allowed:
    """`items` bool (n_items,): what may be proposed at all; `hidden` CSR (n, n_items): the cells
    stored in it may not, whatever their value."""

    items: NDArray[np.bool_]
    hidden: sparse.csr_matrix

    @classmethod
    def everything(cls, n: int, n_items: int) -> Allowed:
        """All of `n_items` items to each of `n` users."""
        return cls(np.ones(n_items, dtype=bool), no_cells(n, n_items))

    @property
    def n_users(self) -> int:
        """How many users it is about."""
        return int(self.hidden.shape[0])

    def mask(self) -> NDArray[np.bool_]:
        """Dense bool (n, n_items)."""
        allowed = np.tile(self.items, (self.n_users, 1))
        cells = self.hidden.tocoo()
        allowed[cells.row, cells.col] = False
        return allowed

    def of(self, rows: NDArray[np.int64] | slice) -> Allowed:
        """The same for some of the users."""
        return Allowed(self.items, self.hidden[rows])

    def without(self, more: sparse.csr_matrix) -> Allowed:
        """With the cells of `more` (n, n_items) hidden too."""
        return Allowed(self.items, join_cells(self.hidden, more))

    def at(self, user: NDArray[np.int64], item: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether the cells (`user`, `item`) are allowed, bool (rows,)."""
        return np.asarray(self.items[item] & ~holds(self.hidden, user, item), dtype=bool)


def no_cells(n: int, n_items: int) -> sparse.csr_matrix:
    """A matrix (n, n_items) that stores nothing."""
    return sparse.csr_matrix((n, n_items), dtype=np.float32)


def join_cells(one: sparse.csr_matrix, other: sparse.csr_matrix) -> sparse.csr_matrix:
    """CSR of ones in every cell that either stores."""
    parts = [part.tocoo() for part in (one, other)]
    row = np.concatenate([part.row for part in parts])
    column = np.concatenate([part.col for part in parts])
    joined = sparse.csr_matrix((np.ones(len(row), np.float32), (row, column)), shape=one.shape)
    joined.sum_duplicates()
    return joined


def cells_of(
    user: NDArray[np.int64], item: NDArray[np.int64], shape: tuple[int, int]
) -> sparse.csr_matrix:
    """CSR float32 of ones at (`user`, `item`)."""
    return sparse.csr_matrix((np.ones(len(user), np.float32), (user, item)), shape=shape)


def holds(
    matrix: sparse.csr_matrix, user: NDArray[np.int64], item: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Whether `matrix` stores the cells (`user`, `item`), bool (rows,)."""
    stored = matrix.copy()
    stored.data = np.ones(len(stored.data), dtype=np.float32)
    return look_up(stored, user, item) > 0


def look_up(
    matrix: sparse.csr_matrix, user: NDArray[np.int64], item: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Values of `matrix` at (`user`, `item`), float32 (rows,), 0 where nothing is stored."""
    if not len(user):
        return np.zeros(0, dtype=np.float32)
    return np.asarray(matrix[user, item], dtype=np.float32).ravel()
