"""IdMap: external ids <-> positions."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.ids import IdMap
from features.schema import ContractError, InputError

IDS = st.lists(st.text(max_size=8), unique=True, max_size=30)


@settings(deadline=None, max_examples=50)
@given(IDS)
def test_positions_and_ids_round_trip(ids: list[str]) -> None:
    names = IdMap(ids)
    positions = names.to_index(ids)
    assert positions.tolist() == list(range(len(ids)))
    assert names.to_ids(positions).tolist() == ids
    assert all(name in names for name in ids)


@settings(deadline=None, max_examples=50)
@given(IDS, st.randoms(use_true_random=False))
def test_sorted_maps_do_not_depend_on_the_order_of_rows(ids: list[str], random: object) -> None:
    shuffled = [*ids, *ids]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert IdMap.sorted(shuffled).ids.tolist() == sorted(ids)


def test_ids_are_opaque_so_007_is_not_7() -> None:
    names = IdMap.sorted(["7", "007"])
    assert len(names) == 2
    assert names.to_index(["007", "7"]).tolist() == [0, 1]


def test_unknown_ids_and_nulls_get_minus_one() -> None:
    names = IdMap(["a", "b"])
    asked = pd.Series(["b", "z", None], dtype="str")
    assert names.to_index(asked).tolist() == [1, -1, -1]
    assert names.to_index([]).dtype == np.int64
    assert "z" not in names


def test_to_ids_keeps_the_shape_of_the_positions() -> None:
    assert IdMap(["a", "b"]).to_ids(np.array([[0, 1], [1, 0]])).tolist() == [["a", "b"], ["b", "a"]]


@pytest.mark.parametrize("position", [-1, 2])
def test_a_position_outside_the_map_is_refused_instead_of_wrapping_round(position: int) -> None:
    with pytest.raises(ContractError, match=rf"positions must be in 0..1, got {position}"):
        IdMap(["a", "b"]).to_ids(np.array([0, position]))


def test_a_repeated_id_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="ids must be unique, got 'a' more than once"):
        IdMap(["a", "b", "a"])
