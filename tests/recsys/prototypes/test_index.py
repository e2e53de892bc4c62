from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.schema import ContractError, NotFittedError
from recsys.prototypes.drift import chance_stability
from recsys.prototypes.index import FLAT_LIMIT, PrototypeIndex


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
    with pytest.raises(ContractError, match=r"\['new'\] are in the index already"):
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
    with pytest.raises(ContractError, match="no prototype 'proto-99'"):
        index.members("proto-99")
    with pytest.raises(ContractError, match=r"n_prototypes must lie in 1\.\.30"):
        PrototypeIndex.fit(ids, codes, n_prototypes=31)
    with pytest.raises(ContractError, match="at least one look"):
        PrototypeIndex.fit([], codes[:0])
    holed = codes.copy()
    holed[3, 5] = np.nan
    with pytest.raises(ContractError, match=r"looks \['s003'\] have no finite style code"):
        PrototypeIndex.fit(ids, holed)
    with pytest.raises(ContractError, match=r"expected \(n, 100\)"):
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


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 6), st.floats(0.1, 5.0))
def test_memberships_are_shares_that_agree_with_the_nearest_of_equal_prototypes(
    seed: int, count: int, spread: float
) -> None:
    ids, codes = _looks(seed, groups=count, each=4)
    index = PrototypeIndex.fit(ids, codes, n_prototypes=count, seed=seed)
    noise = np.random.default_rng(seed).normal(0, spread, codes.shape)
    users = (codes + noise).astype("float32")
    shares = index.memberships(users)
    assert shares.dtype == np.float32
    assert shares.shape == (len(users), count)
    assert (shares >= 0).all()
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-5)
    sizes = index.prototypes["members"].map(len)
    if sizes.nunique() == 1:
        nearest = index.search(users, 1)[0][:, 0]
        top = shares[np.arange(len(users)), index.prototypes["prototype_id"].searchsorted(nearest)]
        np.testing.assert_allclose(top, shares.max(axis=1), atol=1e-5)


def test_an_unknown_taste_belongs_to_prototypes_as_looks_do() -> None:
    ids, codes = _looks()
    index = PrototypeIndex.fit(ids[:24], codes[:24], n_prototypes=4)
    np.testing.assert_allclose(index.memberships(codes[:24].mean(axis=0)[None]), 0.25, atol=1e-4)


def test_memberships_outlive_a_save_and_follow_an_added_look(tmp_path: Path) -> None:
    ids, codes = _looks()
    index = PrototypeIndex.fit(ids, codes, n_prototypes=5)
    index.save(tmp_path)
    loaded = PrototypeIndex.load(tmp_path)
    np.testing.assert_array_equal(loaded.memberships(codes), index.memberships(codes))
    fresh = np.random.default_rng(7).normal(8, 1, size=(1, 100)).astype("float32")
    loaded.add(["new"], fresh)
    shares = loaded.memberships(fresh)[0]
    assert shares.shape == (6,)
    assert int(shares.argmax()) == 5


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000))
def test_adding_leaves_the_answers_about_the_old_prototypes_alone(seed: int) -> None:
    ids, codes = _looks(seed)
    index = PrototypeIndex.fit(ids, codes, n_prototypes=5, seed=seed)
    old_ids, old_cosines = index.search(codes, 5)
    fresh = np.random.default_rng(seed).normal(8, 1, size=(3, 100)).astype("float32")
    index.add(["a", "b", "c"], fresh)
    new_ids, new_cosines = index.search(codes, 8)
    kept = ~np.isin(new_ids, ["a", "b", "c"])
    np.testing.assert_array_equal(new_ids[kept].reshape(-1, 5), old_ids)
    np.testing.assert_allclose(new_cosines[kept].reshape(-1, 5), old_cosines, atol=1e-6)


def test_an_index_of_an_earlier_version_asks_to_be_fitted_again(tmp_path: Path) -> None:
    ids, codes = _looks()
    PrototypeIndex.fit(ids, codes, n_prototypes=5).save(tmp_path)
    with np.load(tmp_path / "prototypes.npz") as arrays:
        older = {name: arrays[name] for name in ("center", "vectors")}
    np.savez(tmp_path / "prototypes.npz", **older)
    with pytest.raises(NotFittedError, match="fit it again"):
        PrototypeIndex.load(tmp_path)


def test_drift_names_the_prototype_that_gained() -> None:
    ids, codes = _looks()
    index = PrototypeIndex.fit(ids, codes, n_prototypes=5)
    gained = index.search(codes[:1], 1)[0][0, 0]
    report = index.drift(codes, np.concatenate([codes, *[codes[:6]] * 4]))
    assert report.columns.tolist() == [
        "prototype_id",
        "share_before",
        "share_after",
        "distance_before",
        "distance_after",
        "stability",
    ]
    rise = (report["share_after"] - report["share_before"]).to_numpy()
    assert report["prototype_id"][int(np.argmax(rise))] == gained
    assert report["stability"].sum() > 0.25


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 40))
def test_drift_is_nothing_between_equals_and_never_negative(seed: int, count: int) -> None:
    ids, codes = _looks()
    index = PrototypeIndex.fit(ids, codes, n_prototypes=5)
    rng = np.random.default_rng(seed)
    other = rng.normal(8, 1, size=(count, 100)).astype("float32")
    moved, still = index.drift(codes, other), index.drift(other, other)
    assert (moved["stability"] >= 0).all()
    assert (still["stability"] == 0).all()
    for column in ("share_before", "share_after"):
        assert moved[column].sum() == pytest.approx(1)
    assert moved[["distance_before", "distance_after"]].to_numpy().min() >= 0
    with pytest.raises(ContractError, match="no codes after the change"):
        index.drift(codes, codes[:0])


def test_where_nothing_moved_chance_passes_its_bound_once_in_twenty_times() -> None:
    rng = np.random.default_rng(3)
    shares, n, m = np.array([0.4, 0.3, 0.2, 0.1]), 400, 300
    before = rng.multinomial(n, shares, 4000) / n
    after = rng.multinomial(m, shares, 4000) / m
    index = ((after - before) * np.log(after / before)).sum(axis=1)
    assert (index > chance_stability(n, m, 4)).mean() == pytest.approx(0.05, abs=0.015)
