"""A saved taste model is opened by its kind."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.schema import NotFittedError
from recsys.preference import BrowsingPreferenceModel
from recsys.preference.registry import TASTE_MODELS, load_tastes
from recsys.preference.taste_model import save_tastes


def test_a_model_is_read_back_as_what_it_was(tmp_path: Path) -> None:
    codes = np.eye(3, 100, dtype=np.float32)
    views = pd.DataFrame({"user_id": ["u", "u", "v"], "item_id": ["a", "b", "c"]})
    items = pd.DataFrame({"item_id": ["a", "b", "c"], "category": ["x", "x", "x"]})
    model = BrowsingPreferenceModel().fit(views, items, ["a", "b", "c"], codes, ["s"], codes[:1])
    save_tastes(model, tmp_path)
    found = load_tastes(tmp_path)
    assert isinstance(found, BrowsingPreferenceModel)
    pd.testing.assert_frame_equal(found.affinity(), model.affinity())


def test_a_kind_that_is_not_known_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFittedError, match="save a fitted taste model there"):
        load_tastes(tmp_path)
    (tmp_path / "kind.json").write_text(json.dumps({"kind": "guess"}))
    with pytest.raises(NotFittedError, match="kind 'guess': expected one of looks shown, photos"):
        load_tastes(tmp_path)


def test_every_kind_has_a_name_of_its_own() -> None:
    assert len(TASTE_MODELS) == 2
