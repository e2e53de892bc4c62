"""IdMap: external ids <-> positions."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.ids import IdMap, check_id_columns, require_some_known, text_ids
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


@pytest.mark.parametrize(
    ("ids", "place", "said"),
    [
        ([7, 8], 0, "7 (int)"),
        (np.array([7, 8]), 0, "(int"),
        (pd.Series([7.0, np.nan]), 0, "7.0 (float)"),
        (["a", b"b"], 1, "b'b' (bytes)"),
        (["a", True], 1, "True (bool)"),
        (["a", None], 1, "missing"),
        (["a", float("nan")], 1, "missing"),
        (pd.Series(["a", None], dtype="str"), 1, "missing"),
        (["3", 3], 1, "3 (int)"),
        ([("a", "b")], 0, "('a', 'b') (tuple)"),
        (pd.to_datetime(["2026-01-01"]), 0, "Timestamp"),
    ],
)
def test_what_is_no_text_is_refused_by_its_place(ids: object, place: int, said: str) -> None:
    with pytest.raises(ContractError) as caught:
        text_ids(ids, "user_ids")  # type: ignore[arg-type]
    assert str(caught.value).startswith(f"user_ids: id {place} of {len(ids)} is ")  # type: ignore[arg-type]
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    for door in (IdMap, IdMap.sorted):
        with pytest.raises(ContractError, match="expected text in every place"):
            door(ids)  # type: ignore[arg-type]


def test_text_of_any_kind_passes_the_door() -> None:
    told = ["007", "7", ""]
    for ids in (told, tuple(told), iter(told), np.array(told), pd.Series(told), pd.Index(told)):
        assert text_ids(ids).tolist() == told
    categories = pd.Series(told, dtype="category")
    assert text_ids(categories).tolist() == told
    assert text_ids([]).tolist() == []
    assert text_ids(["a", None, pd.NA], nulls=True)[0] == "a"


def test_numbers_asked_of_a_map_of_texts_are_refused_not_unknown() -> None:
    with pytest.raises(ContractError, match=r"id 0 of 1 is 7 \(int\)"):
        IdMap(["7"]).to_index([7])  # type: ignore[list-item]


def test_id_columns_of_a_table_are_checked_by_name() -> None:
    table = pd.DataFrame({"user_id": ["u"], "item_id": [7]})
    check_id_columns(table, ["user_id", "style_id"], "barred")
    with pytest.raises(ContractError, match="barred: item_id: id 0 of 1 is 7"):
        check_id_columns(table, ["user_id", "item_id"], "barred")


def test_ids_of_which_none_is_known_are_an_error() -> None:
    require_some_known(["7", "x"], ["7"], "truth: user_id")
    require_some_known([], ["7"], "truth: user_id")
    require_some_known(["7"], [], "truth: user_id")
    with pytest.raises(InputError, match=r"truth: user_id: none of 2 ids is known: got '7.0'.*'7'"):
        require_some_known(["7.0", "8.0"], ["8", "7"], "truth: user_id")
