"""Models are compared with the served one, user by user."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from recsys.evaluation.held_out import gains_over


def test_gains_over_the_served_model_are_paired_by_user():
    base = np.random.default_rng(0).random(200)
    ndcg = pd.DataFrame({"ease": base, "two-stage": base + 0.01, "popularity": base[::-1]})
    gains = gains_over(ndcg, "ease", seed=0)
    assert list(gains) == ["two-stage", "popularity"]
    # Each shopper gains the same, so that resampling shoppers changes nothing.
    for value in gains["two-stage"].values():
        assert value == pytest.approx(0.01)
    assert gains["popularity"]["gain_low"] < 0.0 < gains["popularity"]["gain_high"]


def test_one_shopper_tells_no_interval():
    assert gains_over(pd.DataFrame({"ease": [0.1], "popularity": [0.2]}), "ease", seed=0) == {}
