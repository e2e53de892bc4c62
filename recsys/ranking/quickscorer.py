"""Scores of a forest, many rows at a time, without walking a single tree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

MOST_LEAVES: Final = 64
_CHUNK: Final = 512
"""Rows at a time: their bit vectors stay in the second-level cache."""
_ZERO: Final = np.float32(1e-35)
"""LightGBM takes values this near to 0 for 0 when it reads a row."""


@dataclass(frozen=True)
class _Split:
    """One inner node: values over `threshold`, and NaN if `nan_right`, rule out leaves `left`."""

    feature: int
    threshold: float
    nan_right: bool
    tree: int
    left: int


@dataclass(frozen=True)
class _Column:
    """What one feature leaves: row i of `masks` is for values over i of `thresholds`.

    `thresholds` float32 (t,) ascending; `masks` unsigned (t + 2, trees), the last row for NaN.
    """

    feature: int
    thresholds: NDArray[np.float32]
    masks: NDArray[Any]


class ForestScorer:
    """QuickScorer (Lucchese et al. 2015): which leaf is left when every feature ruled some out.

    Each leaf is a bit, the leftmost the lowest. A split whose test fails rules out the leaves on
    its left, whatever the other features are; the lowest bit that no split ruled out is the leaf
    that walking down the tree would reach.
    """

    def __init__(self, booster: Any) -> None:
        """Read a LightGBM booster for which `is_known` holds."""
        trees = booster.dump_model()["tree_info"]
        splits: list[_Split] = []
        leaves = [_read(tree["tree_structure"], n, splits, []) for n, tree in enumerate(trees)]
        most = max(map(len, leaves), default=1)
        self._kind = np.dtype(f"uint{16 if most <= 16 else 32 if most <= 32 else 64}")
        self._values = np.zeros((len(trees), 8 * self._kind.itemsize))
        for tree, values in enumerate(leaves):
            self._values[tree, : len(values)] = values
        by_feature: dict[int, list[_Split]] = {}
        for split in splits:
            by_feature.setdefault(split.feature, []).append(split)
        self._columns = [
            _column(by_feature[feature], len(trees), self._kind) for feature in sorted(by_feature)
        ]

    @staticmethod
    def is_known(booster: Any) -> bool:
        """Whether its splits are numerical with zero a number, and its trees have 64 leaves."""
        nodes = booster.trees_to_dataframe()
        inner = nodes["left_child"].notna()
        known = (nodes["decision_type"] == "<=") & (nodes["missing_type"] != "Zero")
        leaves = (~inner).groupby(nodes["tree_index"]).sum()
        return bool(known[inner].all() and leaves.max() <= MOST_LEAVES)

    def score(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Sum of the leaves that `features` (rows, features) reach, NaN allowed, float64 (rows,).

        As the booster's own raw prediction, up to the order in which the trees are added.
        """
        given = np.asarray(features, dtype=np.float32)
        first_leaf = np.arange(len(self._values)) * self._values.shape[1]
        scores = np.empty(len(given))
        left = np.empty((min(_CHUNK, len(given)), len(self._values)), dtype=self._kind)
        masks = np.empty_like(left)
        for start in range(0, len(given), _CHUNK):
            part = given[start : start + _CHUNK]
            columns = np.ascontiguousarray(np.where(np.abs(part) <= _ZERO, 0, part).T)
            mine, found = left[: columns.shape[1]], masks[: columns.shape[1]]
            mine.fill(np.iinfo(self._kind).max)
            for column in self._columns:
                values = columns[column.feature]
                row = np.searchsorted(column.thresholds, values)
                row[np.isnan(values)] = len(column.masks) - 1
                np.take(column.masks, row, axis=0, out=found, mode="clip")
                np.bitwise_and(mine, found, out=mine)
            leaf = np.bitwise_count(~mine & (mine - 1))
            reached = self._values.take(first_leaf + leaf)
            scores[start : start + _CHUNK] = reached.sum(axis=1)
        return scores


def _read(
    node: dict[str, Any], tree: int, splits: list[_Split], leaves: list[float]
) -> list[float]:
    """Append the `leaves` under `node`, from the left, and its `splits`."""
    if "leaf_value" in node:
        leaves.append(node["leaf_value"])
        return leaves
    first = len(leaves)
    _read(node["left_child"], tree, splits, leaves)
    left = (1 << len(leaves)) - (1 << first)
    _read(node["right_child"], tree, splits, leaves)
    threshold = float(node["threshold"])
    # Without NaN in training LightGBM takes it for 0.
    nan_right = not node["default_left"] if node["missing_type"] == "NaN" else threshold < 0.0
    splits.append(_Split(node["split_feature"], threshold, nan_right, tree, left))
    return leaves


def _column(splits: list[_Split], n_trees: int, kind: np.dtype[Any]) -> _Column:
    exact = np.array([split.threshold for split in splits])
    with np.errstate(over="ignore"):
        near = exact.astype(np.float32)
    # The float32 next below parts float32 values as the float64 threshold does.
    below = np.where(near > exact, np.nextafter(near, np.float32(-np.inf)), near)
    thresholds, place = np.unique(below, return_inverse=True)
    everything = int(np.iinfo(kind).max)
    masks = np.full((len(thresholds) + 2, n_trees), everything, dtype=kind)
    for split, at in zip(splits, place, strict=True):
        kept = kind.type(everything ^ split.left)
        masks[at + 1 : -1, split.tree] &= kept
        if split.nan_right:
            masks[-1, split.tree] &= kept
    return _Column(splits[0].feature, thresholds, masks)
