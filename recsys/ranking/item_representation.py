"""One vector per item from its picture, title, price and category, for items nobody touched yet."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils.extmath import randomized_svd

from features.ids import IdMap
from features.schema import ConfigError, ContractError, InputError, NotFittedError, SchemaError
from features.titles import TitleEncoder
from recsys.ranking.snapshot import ItemFeatures


@dataclass(frozen=True)
class BlockWeights:
    """How much each source counts: the root mean square length of its block, 0 to leave it out."""

    content: float = 1.0
    style: float = 0.5
    title: float = 1.0
    price: float = 0.25
    category: float = 1.0

    def __post_init__(self) -> None:
        if min(astuple(self)) < 0 or not sum(astuple(self)) > 0:
            raise ConfigError(f"got {self}: expected weights of 0 or more, one of them above 0")


@dataclass(frozen=True)
class _Block:
    """How one source is standardised: minus `mean` (d,), times `scale`."""

    mean: NDArray[np.float32]
    scale: float


class ItemRepresentation:
    """Fuses what is known of an item into one unit vector, near those of items of its kind.

    Content embedding, style code, hashed TF-IDF title, log price and category each make a block,
    centred on its mean, scaled to its weight and reduced together by truncated SVD (Halko et al.
    2011). An unknown block stands at its mean, so that the others decide.
    """

    def __init__(
        self, size: int = 128, weights: BlockWeights = BlockWeights(), seed: int = 0
    ) -> None:
        """Keep `size` >= 1 dimensions, fewer where the catalogue has no more."""
        if size < 1:
            raise ConfigError(f"item vectors of {size} dimensions: expected 1 or more")
        self.size, self.weights, self.seed = size, weights, seed
        self._titles = TitleEncoder()
        self._categories = IdMap([])
        self._blocks: list[_Block] = []
        self._directions: NDArray[np.float32] | None = None

    def fit(self, items: pd.DataFrame, features: ItemFeatures) -> Self:
        """Learn means, scales, term weights and directions from a catalogue of one row or more.

        items: item_id, optionally title, price (0 or more) and category, each with gaps; features:
        of the items whose pictures could be read. Raises SchemaError without item_id, InputError
        on no items or a negative price.
        """
        _check(items)
        if items.empty:
            raise InputError("no items to represent: expected one row or more")
        self._titles.fit(_texts(items, "title"))
        names = _texts(items, "category")
        self._categories = IdMap(sorted({name for name in names if name}))
        raw = self._raw(items, features)
        self._blocks = [
            _standard(block, weight)
            for block, weight in zip(raw, astuple(self.weights), strict=True)
        ]
        fused = self._fused(raw)
        kept = min(self.size, *fused.shape)
        _, _, directions = randomized_svd(fused, kept, random_state=self.seed, flip_sign=True)
        self._directions = np.ascontiguousarray(directions.T, dtype=np.float32)
        return self

    def encode(self, items: pd.DataFrame, features: ItemFeatures) -> NDArray[np.float32]:
        """Vectors of items, seen at the fit or new, in the order of their rows.

        Returns float32 (n, min(size, what the catalogue had)), L2-normalised, zeros for an item of
        which nothing is known. Raises as `fit`, NotFittedError before it, and ContractError on
        content embeddings of another size.
        """
        if self._directions is None:
            raise NotFittedError("ItemRepresentation was asked before fit")
        _check(items)
        vectors = self._fused(self._raw(items, features)) @ self._directions
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        # Below this only rounding is left of a row whose blocks are all at their means.
        known = norms > 1e-6
        return np.asarray(np.where(known, vectors / np.maximum(norms, 1e-6), 0), dtype=np.float32)

    def _raw(self, items: pd.DataFrame, features: ItemFeatures) -> list[NDArray[np.float32]]:
        """Blocks by the order of BlockWeights, rows of NaN where nothing is known."""
        ids = items["item_id"].tolist()
        picture = IdMap(features.item_ids.tolist()).to_index(ids)
        title = self._titles.encode(_texts(items, "title"))
        title[~title.any(axis=1)] = np.nan
        price = np.full((len(items), 1), np.nan, dtype=np.float32)
        if "price" in items:
            price[:, 0] = np.log1p(items["price"].to_numpy(dtype=np.float64, na_value=np.nan))
        category = np.zeros((len(items), len(self._categories)), dtype=np.float32)
        place = self._categories.to_index(_texts(items, "category"))
        category[np.flatnonzero(place >= 0), place[place >= 0]] = 1.0
        category[place < 0] = np.nan
        return [
            _picked(features.content, picture),
            _picked(features.style_codes, picture),
            title,
            price,
            category,
        ]

    def _fused(self, raw: list[NDArray[np.float32]]) -> NDArray[np.float32]:
        parts = []
        for block, rule in zip(raw, self._blocks, strict=True):
            if block.shape[1] != len(rule.mean):
                raise ContractError(
                    f"a block of item features has {block.shape[1]} columns, expected the fit's "
                    f"{len(rule.mean)}: encode the pictures with the same encoder"
                )
            parts.append(np.nan_to_num((block - rule.mean) * np.float32(rule.scale)))
        return np.concatenate(parts, axis=1, dtype=np.float32)


def _check(items: pd.DataFrame) -> None:
    if "item_id" not in items:
        raise SchemaError(f"items have no column 'item_id': got {list(items.columns)}")
    if "price" in items and (items["price"] < 0).any():
        bad = items.loc[items["price"] < 0, "item_id"].head(3).tolist()
        raise InputError(f"items {bad} have a negative price: expected 0 or more, or none")


def _texts(items: pd.DataFrame, column: str) -> list[str]:
    if column not in items:
        return [""] * len(items)
    return [str(text) for text in items[column].astype(object).where(items[column].notna(), "")]


def _picked(rows: NDArray[np.float32], position: NDArray[np.int64]) -> NDArray[np.float32]:
    """`rows` at `position`, NaN where it is -1 or a row is not finite."""
    picked = np.full((len(position), rows.shape[1]), np.nan, dtype=np.float32)
    picked[position >= 0] = rows[position[position >= 0]]
    picked[~np.isfinite(picked).all(axis=1)] = np.nan
    return picked


def _standard(block: NDArray[np.float32], weight: float) -> _Block:
    known = block[np.isfinite(block).all(axis=1)].astype(np.float64)
    if not known.size:
        return _Block(np.zeros(block.shape[1], dtype=np.float32), 0.0)
    mean = known.mean(axis=0)
    length = float(np.sqrt(((known - mean) ** 2).sum(axis=1).mean()))
    # A block that is the same for all tells nothing apart; its rounding must not be blown up.
    flat = length <= 1e-6 * max(1.0, float(np.abs(mean).max()))
    return _Block(mean.astype(np.float32), 0.0 if flat else weight / length)
