"""Titles -> hashed TF-IDF vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.feature_extraction.text import HashingVectorizer

from features.schema import ConfigError, NotFittedError

# Wide enough that two terms of a catalogue rarely share a bucket while terms are being counted.
_COUNTING_BUCKETS: Final = 2**18


class TitleEncoder:
    """Embeds titles by their words and word pairs, hashed, weighted by TF-IDF.

    Terms seen in a single title (article numbers, say) are dropped: they tell no two items alike
    and would only fill the vector. No vocabulary is kept, so new titles need no new fit.
    """

    def __init__(self, size: int = 512) -> None:
        """Embed in `size` dimensions; a divisor of 2**18 spreads the terms evenly."""
        if not 1 <= size <= _COUNTING_BUCKETS:
            raise ConfigError(f"title size must be from 1 to {_COUNTING_BUCKETS}, got {size}")
        self.size = size
        self._idf: NDArray[np.float32] | None = None
        self._hash = HashingVectorizer(
            n_features=_COUNTING_BUCKETS,
            ngram_range=(1, 2),
            token_pattern=r"(?u)\b\w+\b",
            strip_accents="unicode",
            norm=None,
            alternate_sign=False,
            dtype=np.float32,
        )

    def fit(self, titles: Sequence[str]) -> Self:
        """Learn how telling each term is from `titles`, one per item; '' for none."""
        seen = (self._hash.transform(list(titles)) > 0).astype(np.int32)
        n_titles_with = np.asarray(seen.sum(axis=0)).ravel()
        idf = np.log((1 + len(titles)) / (1 + n_titles_with)) + 1
        self._idf = np.where(n_titles_with >= 2, idf, 0).astype(np.float32)
        return self

    def encode(self, titles: Sequence[str]) -> NDArray[np.float32]:
        """Vectors, float32 (n, size), L2-normalised; zeros for a title without known terms.

        Raises NotFittedError before `fit`.
        """
        if self._idf is None:
            raise NotFittedError("TitleEncoder has no term weights yet: call fit(titles) first")
        terms = self._hash.transform(list(titles)).tocoo()
        weighted = np.log1p(terms.data) * self._idf[terms.col]
        # The bits above the dimension give the sign, so that terms which share a dimension
        # cancel as often as they add.
        sign = np.where((terms.col // self.size) % 2, -1, 1).astype(np.float32)
        folded = sparse.csr_matrix(
            (weighted * sign, (terms.row, terms.col % self.size)), shape=(len(titles), self.size)
        )
        vectors = np.asarray(folded.toarray(), dtype=np.float32)
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        np.divide(vectors, norms, out=vectors, where=norms > 0)
        return vectors
