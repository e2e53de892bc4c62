from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.schema import InputError, NotFittedError, SchemaError
from recsys.prototypes import FLAT_LIMIT, PrototypeIndex


def _looks(seed: int = 0, groups: int = 5, each: int = 6) -> tuple[list[str], np.ndarray]:
    """Well separated groups of looks around a far common mean, as raw style codes are."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(groups, 100))
    codes = 8 + np.repeat(centres, each, axis=0) + 0.3 * rng.normal(size=(groups * each, 100))
    return [f"s{number:03d}" for number in range(groups * each)], codes.astype("float32")


def test_groups_of_looks_become_prototypes_without_a_given_number() -> None:
    ids, codes = _looks()
    index = PrototypeIndex.fit(ids, codes)
    table = index.prototypes
    assert table["prototype_id"].tolist() == [f"proto-{number:02d}" for number in range(5)]
    groups = sorted(tuple(members) for members in table["members"])
    assert groups == [tuple(ids[start : start + 6]) for start in range(0, 30, 6)]
    assert all(look in members for look, members in zip(table.style_id, table.members, strict=True))


def test_prototypes_come_by_falling_size_and_every_look_has_one() -> None:
    ids, codes = _looks()
    table = PrototypeIndex.fit(ids[:27], codes[:27], n_prototypes=5).prototypes
    sizes = table["members"].map(len).tolist()
    assert sizes == sorted(sizes, reverse=True)
    assert sorted(name for members in table["members"] for name in members) == ids[:27]


def test_the_medoid_is_the_member_nearest_to_the_others() -> None:
    ids, codes = _looks(groups=2, each=5)
    table = PrototypeIndex.fit(ids, codes, n_prototypes=2).prototypes
    unit = codes - codes.mean(axis=0)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    for look, members in zip(table.style_id, table.members, strict=True):
        rows = [ids.index(name) for name in members]
        total = unit[rows] @ unit[rows].sum(axis=0)
        assert look == members[int(np.argmax(total))]


def test_a_look_finds_its_own_prototype() -> None:
    ids, codes = _looks()
    index = PrototypeIndex.fit(ids, codes, n_prototypes=5)
    found, cosine = index.search(codes, k=2)
    assert found.shape == cosine.shape == (30, 2)
    for name, nearest in zip(ids, found[:, 0], strict=True):
        assert name in index.members(nearest)
    assert (cosine[:, 0] >= cosine[:, 1]).all()
    assert np.abs(cosine).max() <= 1 + 1e-5


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 12))
def test_exact_search_equals_brute_force(seed: int, k: int) -> None:
    ids, codes = _looks(seed, groups=3, each=3)
    index = PrototypeIndex.fit(ids, codes, n_prototypes=9, seed=seed)
    queries = codes + np.random.default_rng(seed).normal(size=codes.shape).astype("float32")
    found, _ = index.search(queries, k)
    center = codes.mean(axis=0)
    unit = (codes - center) / np.linalg.norm(codes - center, axis=1, keepdims=True)
    looks = index.prototypes["style_id"].map(ids.index).to_numpy()
    cosine = (queries - center) @ unit[looks].T
    best = index.prototypes["prototype_id"].to_numpy()[np.argsort(-cosine, axis=1)[:, :k]]
    np.testing.assert_array_equal(found, best)


def test_added_looks_are_found_and_their_ids_kept() -> None:
    ids, codes = _looks()
    index = PrototypeIndex.fit(ids, codes, n_prototypes=5)
    fresh = np.random.default_rng(7).normal(8, 1, size=(2, 100)).astype("float32")
    index.add(["007", "new"], fresh)
    assert len(index) == 7
    assert index.search(fresh, k=1)[0][:, 0].tolist() == ["007", "new"]
    assert index.members("007") == ["007"]
    with pytest.raises(InputError, match=r"\['new'\] are in the index already"):
        index.add(["new"], fresh[:1])


def test_save_and_load_give_the_same_answers(tmp_path: Path) -> None:
    ids, codes = _looks()
    index = PrototypeIndex.fit(ids, codes, n_prototypes=5)
    index.save(tmp_path)
    loaded = PrototypeIndex.load(tmp_path)
    pd.testing.assert_frame_equal(loaded.prototypes, index.prototypes)
    for before, after in zip(index.search(codes, 3), loaded.search(codes, 3), strict=True):
        np.testing.assert_array_equal(before, after)
    loaded.add(["later"], codes[:1])
    assert len(loaded) == len(index) + 1


def test_the_same_seed_gives_the_same_prototypes() -> None:
    ids, codes = _looks(groups=4, each=4)
    one, two = (PrototypeIndex.fit(ids, codes, seed=3).prototypes for _ in range(2))
    pd.testing.assert_frame_equal(one, two)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_handful_of_looks_is_enough(count: int) -> None:
    ids, codes = _looks(groups=1, each=count)
    index = PrototypeIndex.fit(ids, codes)
    found, _ = index.search(codes, k=10)
    assert found.shape == (count, len(index))


def test_bad_input_is_refused_in_one_clear_line(tmp_path: Path) -> None:
    ids, codes = _looks()
    index = PrototypeIndex.fit(ids, codes, n_prototypes=5)
    with pytest.raises(InputError, match="no prototype 'proto-99'"):
        index.members("proto-99")
    with pytest.raises(InputError, match=r"n_prototypes must lie in 1\.\.30"):
        PrototypeIndex.fit(ids, codes, n_prototypes=31)
    with pytest.raises(SchemaError, match="at least one look"):
        PrototypeIndex.fit([], codes[:0])
    holed = codes.copy()
    holed[3, 5] = np.nan
    with pytest.raises(SchemaError, match=r"looks \['s003'\] have no finite style code"):
        PrototypeIndex.fit(ids, holed)
    with pytest.raises(SchemaError, match=r"expected \(n, 100\)"):
        index.search(codes[:, :50], k=1)
    with pytest.raises(NotFittedError, match="save a PrototypeIndex there first"):
        PrototypeIndex.load(tmp_path)


@pytest.mark.slow
def test_approximate_search_above_the_limit_recalls_the_exact_answer() -> None:
    rng = np.random.default_rng(0)
    ids, codes = _looks()
    index = PrototypeIndex.fit(ids, codes, n_prototypes=5)
    many = rng.normal(8, 1, size=(FLAT_LIMIT + 2_000, 100)).astype("float32")
    index.add([f"look-{number}" for number in range(len(many))], many)
    assert not index.exact
    queries = rng.normal(8, 1, size=(200, 100)).astype("float32")
    found, _ = index.search(queries, k=10)
    center = codes.mean(axis=0)
    unit = (many - center) / np.linalg.norm(many - center, axis=1, keepdims=True)
    exact = np.argsort(-((queries - center) @ unit.T), axis=1)[:, :10]
    names = [{f"look-{number}" for number in row} for row in exact]
    recall = np.mean([len(names[row] & set(found[row])) / 10 for row in range(len(queries))])
    assert recall >= 0.95
