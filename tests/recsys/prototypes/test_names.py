from __future__ import annotations

import pandas as pd
import pytest

from features.schema import SchemaError
from recsys.prototypes.names import prototype_names

PROTOTYPES = pd.DataFrame(
    {
        "prototype_id": ["proto-00", "proto-01", "proto-02"],
        "style_id": ["a", "d", "e"],
        "members": [["a", "b", "c"], ["d"], ["e", "f"]],
    }
)


def _styles(**columns: list[str | None]) -> pd.DataFrame:
    return pd.DataFrame({"style_id": list("abcdef"), **columns})


def test_a_prototype_is_called_by_its_medoid_and_what_its_looks_share() -> None:
    styles = _styles(
        name=["Sunset", "Dawn", "Noon", "Delft", "Kilim", "Batik"],
        tags=["warm, oil", "oil;warm", "oil|loose", "ceramic", "wool", None],
    )
    names = prototype_names(PROTOTYPES, styles)
    assert names.to_dict() == {
        "proto-00": "Sunset (oil, warm)",
        "proto-01": "Delft (ceramic)",
        "proto-02": "Kilim",
    }


def test_prototypes_of_one_name_are_told_apart_and_a_nameless_look_keeps_its_id() -> None:
    styles = _styles(name=["Blue", "x", "x", "Blue", None, "x"])
    assert prototype_names(PROTOTYPES, styles).tolist() == ["Blue [a]", "Blue [d]", "e"]


def test_styles_without_names_are_refused() -> None:
    with pytest.raises(SchemaError, match="no column 'name'"):
        prototype_names(PROTOTYPES, _styles())
