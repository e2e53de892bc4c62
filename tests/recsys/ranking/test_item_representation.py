from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.ids import IdMap
from features.schema import ConfigError, ContractError, InputError, NotFittedError, SchemaError
from recsys.candidates import Content, Interactions
from recsys.ranking.item_representation import BlockWeights, ItemRepresentation
from recsys.ranking.snapshot import ItemFeatures

KINDS = ("mug", "chair", "lamp")
WORDS = ("stoneware mug", "oak chair", "reading lamp")


def _shop(seed: int = 0, each: int = 12) -> tuple[pd.DataFrame, ItemFeatures, np.ndarray]:
    """Three kinds of items that differ a little in every source."""
    rng = np.random.default_rng(seed)
    kind = np.repeat(np.arange(3), each)
    colour = rng.choice(["blue", "white", "green"], len(kind))
    items = pd.DataFrame(
        {
            "item_id": [f"{number:03d}" for number in range(len(kind))],
            "title": [f"{tint} {WORDS[k]}" for tint, k in zip(colour, kind, strict=True)],
            "price": np.exp(2 + kind + 0.3 * rng.normal(size=len(kind))),
            "category": [KINDS[k] for k in kind],
        }
    )
    content = rng.normal(size=(3, 40))[kind] + rng.normal(size=(len(kind), 40))
    style = 5 + rng.normal(size=(len(kind), 100))
    ids = items["item_id"].to_numpy(dtype=object)
    return items, ItemFeatures(ids, content.astype("float32"), style.astype("float32")), kind


def _alike(vectors: np.ndarray, row: int, kind: np.ndarray, k: int = 5) -> float:
    """Share of the row's k nearest that are of its kind."""
    cosine = vectors @ vectors[row]
    cosine[row] = -2
    return float((kind[np.argsort(-cosine)[:k]] == kind[row]).mean())


@pytest.mark.parametrize(
    "missing",
    [("title",), ("price",), ("category",), ("title", "price", "category"), ("picture",)],
)
def test_a_new_item_lies_near_its_kind_whatever_one_source_does_not_tell(
    missing: tuple[str, ...],
) -> None:
    items, features, kind = _shop()
    fresh, pictures, kind_of_fresh = _shop(each=4)
    fresh = fresh.assign(item_id="new-" + fresh["item_id"])
    ids = fresh["item_id"].to_numpy(dtype=object)
    old = np.flatnonzero(np.arange(len(kind)) % 12 < 4)
    content, style = features.content[old] + 0.1, pictures.style_codes
    if "picture" in missing:
        ids, content, style = ids[:0], content[:0], style[:0]
    for column in set(missing) & set(fresh.columns):
        fresh[column] = None if column != "price" else np.nan
    model = ItemRepresentation(size=16).fit(items, features)
    known = model.encode(items, features)
    cold = model.encode(fresh, ItemFeatures(ids, content, style))
    for vector, expected in zip(cold, kind_of_fresh, strict=True):
        nearest = np.argsort(-(known @ vector))[:5]
        assert (kind[nearest] == expected).mean() >= 0.8


def test_together_the_sources_tell_kinds_apart_better_than_the_picture_alone() -> None:
    items, clear, kind = _shop(seed=3)
    noise = np.random.default_rng(3).normal(0, 3, clear.content.shape).astype("float32")
    features = ItemFeatures(clear.item_ids, clear.content + noise, clear.style_codes)
    alone = BlockWeights(content=1, style=0, title=0, price=0, category=0)
    fused, picture = (
        ItemRepresentation(16, weights).fit(items, features).encode(items, features)
        for weights in (BlockWeights(), alone)
    )
    rows = range(len(kind))
    assert np.mean([_alike(fused, row, kind) for row in rows]) > np.mean(
        [_alike(picture, row, kind) for row in rows]
    )


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 40), st.data())
def test_rows_are_unit_in_the_given_order_and_apart_from_their_neighbours(
    seed: int, size: int, data: st.DataObject
) -> None:
    items, features, _ = _shop(seed, each=4)
    holes = data.draw(st.lists(st.integers(0, 11), max_size=12, unique=True))
    items.loc[holes, ["title", "category"]] = None
    items.loc[holes[::2], "price"] = np.nan
    model = ItemRepresentation(size, seed=seed).fit(items, features)
    vectors = model.encode(items, features)
    assert vectors.dtype == np.float32
    assert vectors.shape == (12, min(size, 12))
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    order = data.draw(st.permutations(range(12)))[:5]
    part = model.encode(items.iloc[list(order)], features)
    np.testing.assert_allclose(part, vectors[list(order)], atol=1e-5)


def test_every_direction_kept_keeps_the_cosines_of_the_blocks() -> None:
    items, features, _ = _shop(each=5)
    alone = BlockWeights(content=1, style=0, title=0, price=0, category=0)
    vectors = ItemRepresentation(15, alone).fit(items, features).encode(items, features)
    centred = features.content - features.content.mean(axis=0)
    centred /= np.linalg.norm(centred, axis=1, keepdims=True)
    np.testing.assert_allclose(vectors @ vectors.T, centred @ centred.T, atol=1e-4)


def test_the_same_seed_gives_the_same_vectors() -> None:
    items, features, _ = _shop()
    one, two = (
        ItemRepresentation(8, seed=5).fit(items, features).encode(items, features) for _ in "ab"
    )
    np.testing.assert_array_equal(one, two)


def test_an_item_of_which_nothing_is_known_has_no_vector() -> None:
    items, features, _ = _shop()
    model = ItemRepresentation(8).fit(items, features)
    assert not model.encode(pd.DataFrame({"item_id": ["ghost"]}), features).any()
    bare = ItemRepresentation(8).fit(items[["item_id"]], features).encode(items, features)
    assert bare.any(axis=1).all()


def test_content_candidates_reach_items_nobody_touched() -> None:
    items, features, kind = _shop()
    vectors = ItemRepresentation(16).fit(items, features).encode(items, features)
    touched = items.loc[kind == 1, "item_id"].iloc[:3]
    log = Interactions.from_table(
        pd.DataFrame({"user_id": "u", "item_id": touched, "weight": 1.0}),
        items=IdMap(items["item_id"].tolist()),
    )
    found, _ = Content(vectors).fit(log).recommend(np.array([0]), 9)
    assert (kind[found[0]] == 1).all()


def test_bad_input_is_refused_in_one_clear_line() -> None:
    items, features, _ = _shop()
    with pytest.raises(NotFittedError):
        ItemRepresentation().encode(items, features)
    with pytest.raises(SchemaError, match="no column 'item_id'"):
        ItemRepresentation().fit(items[["title"]], features)
    with pytest.raises(InputError, match="no items"):
        ItemRepresentation().fit(items[:0], features)
    with pytest.raises(InputError, match=r"\['000'"):
        ItemRepresentation().fit(items.assign(price=-1.0), features)
    other = ItemFeatures(features.item_ids, features.content[:, :9], features.style_codes)
    with pytest.raises(ContractError, match="same encoder"):
        ItemRepresentation().fit(items, features).encode(items, other)
    with pytest.raises(ConfigError, match="1 or more"):
        ItemRepresentation(size=0)
    with pytest.raises(ConfigError, match="0 or more"):
        BlockWeights(price=-1)
