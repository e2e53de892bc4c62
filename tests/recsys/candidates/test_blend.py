"""A blend hears every model alike, whatever its scale."""

from __future__ import annotations

import numpy as np
import pytest

from features.schema import ContractError
from recsys.candidates.blend import blended


def test_scale_and_offset_of_a_model_do_not_matter() -> None:
    one, two = np.random.default_rng(0).normal(size=(2, 4, 9)).astype(np.float32)
    np.testing.assert_allclose(
        blended([one, two], [1.0, 3.0]),
        blended([100.0 * one + 7.0, two], [0.5, 1.5]),
        atol=1e-4,
    )


def test_all_the_weight_on_one_model_keeps_its_order() -> None:
    one, two = np.random.default_rng(1).normal(size=(2, 4, 9)).astype(np.float32)
    alone = blended([one, two], [0.0, 2.0])
    np.testing.assert_array_equal(alone.argsort(axis=1), two.argsort(axis=1))


def test_a_model_without_an_opinion_changes_nothing() -> None:
    one = np.random.default_rng(2).normal(size=(3, 5)).astype(np.float32)
    both = blended([one, np.ones_like(one)], [1.0, 1.0])
    np.testing.assert_allclose(both, blended([one], [1.0]) / 2.0, atol=1e-6)


@pytest.mark.parametrize("weights", [[1.0], [0.0, 0.0], [-1.0, 2.0]])
def test_weights_that_do_not_fit_are_refused(weights: list[float]) -> None:
    with pytest.raises(ContractError, match="expected one per model"):
        blended([np.ones((1, 2), np.float32)] * 2, weights)
