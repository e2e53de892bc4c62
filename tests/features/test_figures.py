"""A figure in a message can be told from the limit beside it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.figures import compare_figures


@pytest.mark.parametrize(
    ("got", "limit", "told"),
    [
        (0.9496, 0.95, ("0.9496", "0.95")),
        (0.949, 0.95, ("0.949", "0.95")),
        (0.94, 0.95, ("0.94", "0.95")),
        (2.5000001, 2.5, ("2.5000001", "2.50")),
        (3.456, 2.5, ("3.46", "2.50")),
        (2, 1, ("2", "1")),
        (16, 10, ("16", "10")),
        (1.0, 1.0, ("1", "1")),
        (0.3, 0.3, ("0.30", "0.30")),
        (1e-9, 0.0, ("0.000000001", "0.00")),
        (float("nan"), 0.5, ("nan", "0.50")),
        (float("inf"), 0.5, ("inf", "0.50")),
    ],
)
def test_the_least_digits_that_tell_them_apart_are_printed(got, limit, told):
    assert compare_figures(got, limit) == told


@given(st.floats(-100, 100), st.floats(-100, 100))
def test_what_differs_reads_differently_and_on_the_same_side(got, limit):
    told_got, told_limit = compare_figures(got, limit)
    assert (float(told_got) > float(told_limit)) == (got > limit)
    assert (float(told_got) < float(told_limit)) == (got < limit)
