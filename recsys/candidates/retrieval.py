"""Each user's best items by inner product: a coarse scan of the catalogue, then exact scores."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from threadpoolctl import threadpool_limits

from features.schema import ContractError
from recsys.candidates.allowed import Allowed
from recsys.candidates.selection import top_k

_MOST_USERS, _FEWEST_USERS = 256, 32
_CELLS = 1 << 25
_CHUNKS_PER_PLACE = 4
_LONGEST_CHUNK = 32
_SHORTEST_CHUNK = 4
# Outside these sizes a product could leave bfloat16's normal numbers, and the bound would not hold.
_SMALLEST, _LARGEST = 1e-30, 1e30


@cache
def _fast_bfloat16() -> bool:
    found: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(found.get("avx512_bf16") or found.get("amx_bf16"))


class InnerProductIndex:
    """The `k` items of highest inner product of many users, exactly, ties by item position.

    `items` float32 (n_items, d), finite. A scan scores all pairs coarsely, in bfloat16 where the
    processor multiplies it (`bfloat16` None asks it), else in float32. The `k`-th largest of the
    maxima of disjoint chunks of items is at most the `k`-th largest score, so an item whose score
    is under it by more than twice the scan's error cannot be among the best. That error is
    bounded by Cauchy and Schwarz from the lengths of what rounding took from the vectors. The few
    items left are scored anew in float32; a pair's score depends on its two vectors alone.
    Raises ContractError on items that are not a finite matrix.
    """

    def __init__(self, items: NDArray[np.float32], bfloat16: bool | None = None) -> None:
        self._items = _finite_matrix("items", items)
        self._bfloat16 = _fast_bfloat16() if bfloat16 is None else bfloat16
        coarse = torch.from_numpy(self._items)
        rounding = 2.0**-24
        if self._bfloat16:
            coarse, rounding = coarse.bfloat16(), 2.0**-8
        self._coarse = coarse
        self._rounding = rounding
        # Long products are the quicker ones, as long as their scores stay in bounded memory.
        self._batch = max(_FEWEST_USERS, min(_MOST_USERS, _CELLS // max(len(self._items), 1)))
        self._longest = _longest(self._items)
        self._longest_loss = _longest(self._items - coarse.float().numpy())

    def search(
        self, users: NDArray[np.float32], k: int, excluded: sparse.csr_matrix | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Item positions int64 (n, k) and scores float32 (n, k) of `users` (n, d), best first.

        `excluded` (n, n_items): cells stored in it are never returned, whatever their value.
        -1 and -inf where a user has fewer than `k` items left. With items for users and the
        diagonal excluded, these are the items most like each. Raises ContractError on k < 1, a
        number that is not finite, or shapes that do not fit. One thread; O(n n_items d).
        """
        users = _finite_matrix("users", users)
        n, n_items = len(users), len(self._items)
        if k < 1:
            raise ContractError(f"k is {k}: expected at least 1")
        if users.shape[1] != self._items.shape[1]:
            raise ContractError(f"users are {users.shape}: expected (n, {self._items.shape[1]})")
        if excluded is not None and excluded.shape != (n, n_items):
            raise ContractError(f"excluded is {excluded.shape}: expected {(n, n_items)}")
        positions = np.full((n, k), -1, dtype=np.int64)
        values = np.full((n, k), -np.inf, dtype=np.float32)
        left = np.arange(n)
        with threadpool_limits(1):
            chunk = min(_LONGEST_CHUNK, n_items // (_CHUNKS_PER_PLACE * k))
            if chunk >= _SHORTEST_CHUNK:
                left = self._scan(users, k, chunk, excluded, positions, values)
            for start in range(0, len(left), self._batch):
                rows = left[start : start + self._batch]
                scores = users[rows] @ self._items.T
                if excluded is not None:
                    hidden = excluded[rows].tocoo()
                    scores[hidden.row, hidden.col] = -np.inf
                positions[rows], values[rows] = top_k(scores, k)
        return positions, values

    def _scan(
        self,
        users: NDArray[np.float32],
        k: int,
        chunk: int,
        excluded: sparse.csr_matrix | None,
        positions: NDArray[np.int64],
        values: NDArray[np.float32],
    ) -> NDArray[np.int64]:
        """Fills the users' rows; returns those of users whom the scan cannot serve."""
        n_items, d = self._items.shape
        coarse = torch.from_numpy(users)
        coarse = coarse.bfloat16() if self._bfloat16 else coarse
        # Rounding of the vectors, then of the sum of d products.
        rounded = coarse.float().numpy()
        error = _lengths(users - rounded) * self._longest
        error += _lengths(rounded) * (self._longest_loss + (d + 2) * 2.0**-23 * self._longest)
        scores = torch.empty((self._batch, n_items), dtype=coarse.dtype)
        bits = scores.view(torch.int16 if self._bfloat16 else torch.int32).numpy()
        hidden = np.iinfo(bits.dtype).min
        passed = np.zeros((self._batch, n_items), dtype=bool)
        n_chunks = n_items // chunk
        unserved = []
        for start in range(0, len(users), self._batch):
            n = min(self._batch, len(users) - start)
            rows = slice(start, start + n)
            torch.mm(coarse[rows], self._coarse.T, out=scores[:n])
            if excluded is not None:
                first, last = excluded.indptr[start], excluded.indptr[start + n]
                who = np.repeat(np.arange(n), np.diff(excluded.indptr[start : start + n + 1]))
                bits[who, excluded.indices[first:last]] = hidden
            # As integers the bits of numbers over 0 keep their order, and the rest lie below.
            peaks = bits[:n, : chunk * n_chunks].reshape(n, chunk, n_chunks).max(axis=1)
            kth = np.partition(peaks, n_chunks - k, axis=1)[:, n_chunks - k]
            bound = self._lowest(kth, error[rows])
            fine = (bound > _SMALLEST) & (error[rows] < _LARGEST)
            np.greater_equal(bits[:n], self._as_bits(bound)[:, None], out=passed[:n])
            passed[:n][~fine] = False
            passed[n:] = False
            served = self._place(users[rows], _cells(passed), k, positions[rows], values[rows])
            unserved.append(start + np.flatnonzero(~served))
        return np.concatenate([np.empty(0, dtype=np.int64), *unserved])

    def _lowest(
        self, kth: NDArray[np.signedinteger], error: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """The lowest coarse score that one of the best k can have, float64; -inf for none."""
        wide = kth.astype(np.int32)
        known = (wide << 16 if self._bfloat16 else wide).view(np.float32).astype(np.float64)
        known = np.where(wide > 0, known, -np.inf)
        low: NDArray[np.float64] = (known * (1 - self._rounding) - 2 * error) * (1 - self._rounding)
        return low

    def _as_bits(self, bound: NDArray[np.float64]) -> NDArray[np.signedinteger]:
        """`bound` in the scan's bits, rounded down, for a comparison as integers."""
        low = np.nextafter(np.maximum(bound, 0.0).astype(np.float32), np.float32(0.0))
        bits = low.view(np.int32)
        return (bits >> 16).astype(np.int16) if self._bfloat16 else bits

    def _place(
        self,
        users: NDArray[np.float32],
        cells: NDArray[np.int64],
        k: int,
        positions: NDArray[np.int64],
        values: NDArray[np.float32],
    ) -> NDArray[np.bool_]:
        """Fills the rows that have at least `k` cells and not a large part of all; says which."""
        n_items = len(self._items)
        row = cells // n_items
        count = np.bincount(row, minlength=len(users))
        served = np.asarray((count >= k) & (count <= n_items // 8 + k), dtype=bool)
        cells, row, count = cells[served[row]], row[served[row]], count * served
        item = cells - row * n_items
        slot = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
        exact = np.einsum("ij,ij->i", self._items[item], users[row]) + np.float32(0.0)
        bits = exact.view(np.int32).astype(np.int64)
        ascending = np.where(bits < 0, bits ^ 0x7FFFFFFF, bits)
        # One integer per cell that sorts by falling score, then by item.
        keys = np.full((len(users), max(k, int(count.max()))), np.iinfo(np.int64).max)
        keys[row, slot] = (~ascending << 32) | item
        keys.sort(axis=1)
        best = keys[:, :k]
        falling = (~(best >> 32)).astype(np.int32)
        found = np.where(falling < 0, falling ^ 0x7FFFFFFF, falling).astype(np.int32)
        positions[served] = (best & 0xFFFFFFFF)[served]
        values[served] = found.view(np.float32)[served]
        return served


def _cells(passed: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Flat positions of what is true, eight cells looked at in one step."""
    words = np.flatnonzero(passed.reshape(-1).view(np.uint64) != 0)
    inside = np.flatnonzero(passed.reshape(-1, 8)[words])
    return np.asarray(words[inside >> 3] * 8 + (inside & 7), dtype=np.int64)


def _finite_matrix(name: str, matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    matrix = np.ascontiguousarray(matrix, dtype=np.float32)
    if matrix.ndim != 2 or not np.isfinite(matrix).all():
        raise ContractError(f"{name} are {matrix.shape}: expected a matrix of finite numbers")
    return matrix


def _lengths(matrix: NDArray[np.float32]) -> NDArray[np.float64]:
    squares = np.einsum("ij,ij->i", matrix, matrix, dtype=np.float64)
    return np.asarray(np.sqrt(squares) * (1 + 1e-6), dtype=np.float64)


def _longest(matrix: NDArray[np.float32]) -> float:
    return float(_lengths(matrix).max(initial=0.0))


class AllowedIndex:
    """An `InnerProductIndex` of those items that may be proposed, made anew when they change."""

    def __init__(self, items: NDArray[np.float32], known: NDArray[np.bool_] | None = None) -> None:
        """`items` float32 (n_items, d); only those that are `known`, bool (n_items,), are found."""
        self._items = items
        self._known = np.ones(len(items), dtype=bool) if known is None else known
        self._for: NDArray[np.bool_] | None = None

    def search(self, users: NDArray[np.float32], k: int, allowed: Allowed) -> NDArray[np.int64]:
        """The best `k` items that `users` (n, d) may be proposed, int64 (n, k), -1 for none."""
        if self._for is None or not np.array_equal(self._for, allowed.items):
            self._for = allowed.items
            self._places = np.flatnonzero(allowed.items & self._known)
            self._index = InnerProductIndex(self._items[self._places])
        if not len(self._places) or not len(users):
            return np.full((len(users), k), -1, dtype=np.int64)
        best, _ = self._index.search(users, k, allowed.hidden[:, self._places])
        return np.where(best >= 0, self._places[np.maximum(best, 0)], -1)
