import numpy as np
import pandas as pd

from pipelines.report.rows import Rows


def test_rows_are_those_of_to_dict_whatever_the_types_of_columns():
    table = pd.DataFrame(
        {
            "text": ["a", None, "c"],
            "whole": [1, 2, 3],
            "float": np.array([0.5, np.nan, 1.5], np.float32),
            "flag": [True, False, True],
            "time": pd.to_datetime(["2026-01-01", None, "2026-01-03"], utc=True),
            "kind": pd.Categorical(["x", "y", "x"]),
            "nested": [{"a": 1}, None, {"a": 2}],
            "vector": [np.zeros(2), np.ones(2), np.ones(2)],
        }
    )
    for positions in (np.array([0, 2]), np.array([1, 2]), np.empty(0, np.intp)):
        found, expected = Rows(table).at(positions), table.iloc[positions].to_dict("records")
        assert [{k: repr(v) for k, v in row.items()} for row in found] == [
            {k: repr(v) for k, v in row.items()} for row in expected
        ]
