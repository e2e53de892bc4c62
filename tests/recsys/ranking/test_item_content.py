"""Items without a picture stand near items of their kind, and the others stay where they were."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from features.ids import IdMap
from features.schema import InputError
from recsys.ranking.item_content import complete_content

N = 40


def catalogue() -> pd.DataFrame:
    kinds = ["lamp", "sofa"]
    return pd.DataFrame(
        {
            "item_id": [f"i{n:02d}" for n in range(N)],
            "title": [f"{('brass', 'velvet')[n % 2]} {kinds[n % 2]} {n}" for n in range(N)],
            "category": [kinds[n % 2] for n in range(N)],
            "price": [20.0 + 300.0 * (n % 2) for n in range(N)],
        }
    )


def content() -> np.ndarray:
    """Even items point one way, odd items another; the first six have no picture."""
    rng = np.random.default_rng(0)
    vectors = np.eye(8)[np.arange(N) % 2] + 0.1 * rng.normal(size=(N, 8))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors[:6] = 0.0
    return vectors.astype(np.float32)


def filled(items: pd.DataFrame, vectors: np.ndarray) -> np.ndarray:
    return complete_content(vectors, items, IdMap([f"i{n:02d}" for n in range(N)]), seed=0)


def test_unknown_items_get_the_vector_of_their_kind_and_known_ones_keep_theirs() -> None:
    got = filled(catalogue(), content())
    np.testing.assert_array_equal(got[6:], content()[6:])
    assert got.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(got[:6], axis=1), 1.0, rtol=1e-5)
    assert (got[:6].argmax(axis=1) == np.arange(6) % 2).all()


def test_the_order_of_the_catalogue_and_items_outside_it_change_nothing() -> None:
    items = catalogue()
    got = filled(items.sample(frac=1.0, random_state=1), content())
    np.testing.assert_allclose(got, filled(items, content()), atol=1e-5)
    assert filled(items.iloc[1:], content())[0].tolist() == [0.0] * 8


def test_without_any_picture_titles_and_prices_stand_in() -> None:
    got = filled(catalogue(), np.zeros((N, 8), dtype=np.float32))
    cosine = got @ got.T
    same = np.arange(N) % 2 == np.arange(N)[:, None] % 2
    assert cosine[same].mean() > cosine[~same].mean() + 0.5


def test_where_nothing_is_known_zeros_stay() -> None:
    bare = catalogue()[["item_id"]]
    assert not filled(bare, content())[:6].any()
    assert not filled(bare, np.zeros((N, 8), dtype=np.float32)).any()


def test_a_negative_price_is_refused() -> None:
    with pytest.raises(InputError, match="negative price"):
        filled(catalogue().assign(price=-1.0), content())
