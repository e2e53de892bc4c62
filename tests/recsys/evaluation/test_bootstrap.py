"""Resampled sums are those of whole rows, drawn alike for every column."""

from __future__ import annotations

import numpy as np
import pytest

from features.schema import ContractError
from recsys.evaluation.bootstrap import mean_interval, resample_sums


def test_sums_are_those_of_rows_drawn_with_repeats_whatever_the_block(monkeypatch) -> None:
    values = np.random.default_rng(0).random((9, 2))
    rng = np.random.default_rng(4)
    expected = [values[rng.integers(0, 9, 9)].sum(axis=0) for _ in range(30)]
    np.testing.assert_allclose(resample_sums(values, 30, seed=4), expected)
    monkeypatch.setattr("recsys.evaluation.bootstrap._CELLS_PER_BLOCK", 20)
    np.testing.assert_allclose(resample_sums(values, 30, seed=4), expected)


def test_the_interval_of_a_mean_is_about_two_standard_errors_wide() -> None:
    values = np.random.default_rng(1).normal(0.3, 1.0, 4_000)
    low, high = mean_interval(values, 2_000, seed=0)
    error = values.std() / np.sqrt(len(values))
    assert low == pytest.approx(values.mean() - 1.96 * error, abs=0.2 * error)
    assert high == pytest.approx(values.mean() + 1.96 * error, abs=0.2 * error)


def test_no_draws_and_no_rows_are_refused() -> None:
    with pytest.raises(ContractError, match="got 0 bootstrap draws of 2 rows"):
        resample_sums(np.ones((2, 1)), 0, seed=0)
    with pytest.raises(ContractError, match="of 0 rows"):
        resample_sums(np.ones((0, 1)), 5, seed=0)
