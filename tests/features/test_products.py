"""A row of a steady product is the same whatever rows are beside it."""

import numpy as np
import pytest

from features.products import steady_product


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("shape", [(7, 3), (80, 51), (32, 1200), (1280, 90), (100, 1)])
def test_any_rows_alone_are_those_of_all(dtype, shape):
    rng = np.random.default_rng(0)
    left = rng.normal(size=(150, shape[0])).astype(dtype)
    right = rng.normal(size=shape).astype(dtype)
    whole = steady_product(left, right)
    assert whole.dtype == dtype
    np.testing.assert_allclose(whole, left @ right, rtol=1e-3, atol=1e-3)
    for rows in (slice(0, 1), slice(3, 5), slice(64, 65), slice(10, 140), [149, 2, 77]):
        np.testing.assert_array_equal(steady_product(left[rows], right), whole[rows])


def test_no_rows_give_no_rows():
    assert steady_product(np.zeros((0, 3)), np.zeros((3, 4))).shape == (0, 4)
