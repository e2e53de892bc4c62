"""The matrix has users as rows and items as columns, and says so when the input is wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from features.ids import IdMap
from features.schema import ContractError, InputError, NotFittedError, SchemaError
from recsys.candidates import Interactions

TABLE = pd.DataFrame(
    {
        "user_id": ["b", "a", "b", "b"],
        "item_id": ["007", "7", "007", "9"],
        "weight": [1.0, 2.0, 3.0, 0.0],
    }
)


def test_rows_are_users_and_columns_items_with_weights_summed() -> None:
    interactions = Interactions.from_table(TABLE)
    assert interactions.users.ids.tolist() == ["a", "b"]
    assert interactions.items.ids.tolist() == ["007", "7", "9"]
    np.testing.assert_array_equal(interactions.matrix.toarray(), [[0, 2, 0], [4, 0, 0]])
    assert interactions.matrix.dtype == np.float32
    assert interactions.n_seen.tolist() == [1, 1]
    np.testing.assert_allclose(interactions.popularity, [4 / 6, 2 / 6, 0])


def test_given_axes_keep_untouched_ids_and_leave_out_unknown_ones() -> None:
    interactions = Interactions.from_table(TABLE, IdMap(["b", "z"]), IdMap(["9", "007"]))
    np.testing.assert_array_equal(interactions.matrix.toarray(), [[0, 4], [0, 0]])
    assert interactions.is_cold(np.array([-1, 0, 1])).tolist() == [True, False, True]
    np.testing.assert_array_equal(
        interactions.rows(np.array([1, -1, 0])).toarray(), [[0, 0], [0, 0], [0, 4]]
    )


def test_saving_and_loading_keeps_ids_and_weights(tmp_path: Path) -> None:
    interactions = Interactions.from_table(TABLE)
    interactions.save(tmp_path)
    loaded = Interactions.load(tmp_path)
    assert loaded.items.ids.tolist() == ["007", "7", "9"]
    np.testing.assert_array_equal(loaded.matrix.toarray(), interactions.matrix.toarray())
    with pytest.raises(NotFittedError, match=r"no interactions\.npz"):
        Interactions.load(tmp_path / "nothing")


def test_bad_input_is_refused_with_what_was_expected() -> None:
    with pytest.raises(SchemaError, match="no column 'weight'"):
        Interactions.from_table(TABLE.drop(columns="weight"))
    with pytest.raises(InputError, match="interaction 0 has weight nan"):
        Interactions.from_table(TABLE.assign(weight=[np.nan, 1.0, 1.0, 1.0]))
    with pytest.raises(ContractError, match=r"\(3, 2\): expected \(users, items\) = \(2, 3\)"):
        Interactions(sparse.csr_matrix((3, 2)), IdMap(["a", "b"]), IdMap(["x", "y", "z"]))
