"""Directions in one shared style space are unit vectors about one centre, kept with the job."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from features.schema import ContractError, NotFittedError
from features.style_space import StyleSpace


@settings(max_examples=50, deadline=None)
@given(
    hnp.arrays(
        np.float32,
        st.tuples(st.integers(1, 8), st.integers(1, 6)),
        elements=st.floats(-100, 100, width=32),
    )
)
def test_directions_are_unit_or_zero_and_about_the_mean(codes):
    space = StyleSpace.fit(codes)
    norms = np.linalg.norm(space.unit(codes), axis=1)
    assert np.all((np.abs(norms - 1) < 1e-4) | (norms == 0))
    np.testing.assert_allclose(space.centre, codes.mean(axis=0), atol=1e-3)


def test_every_kind_of_picture_counts_the_same_and_gaps_do_not_count():
    photos = np.array([[0.0, 0.0], [2.0, 0.0], [4.0, 0.0], [np.nan, 1.0]])
    looks = np.array([[4.0, 6.0]])
    np.testing.assert_array_equal(StyleSpace.fit(photos, looks).centre, [3.0, 3.0])
    np.testing.assert_array_equal(StyleSpace.fit(photos[:0], looks).centre, [4.0, 6.0])


def test_a_code_at_the_centre_has_no_direction():
    codes = np.full((3, 5), 0.1, np.float32)
    np.testing.assert_array_equal(StyleSpace.fit(codes).unit(codes), 0)


def test_a_saved_space_gives_the_same_directions_bit_for_bit(tmp_path: Path):
    codes = np.random.default_rng(0).normal(size=(9, 7)).astype(np.float32)
    space = StyleSpace.fit(codes)
    space.save(tmp_path / "style_space.json")
    again = StyleSpace.load(tmp_path / "style_space.json")
    np.testing.assert_array_equal(again.unit(codes), space.unit(codes))
    with pytest.raises(NotFittedError, match="no style space"):
        StyleSpace.load(tmp_path / "none.json")


def test_what_has_no_direction_is_refused():
    with pytest.raises(ContractError, match=r"shape \(n, d\), got \(3,\)"):
        StyleSpace.fit(np.zeros(3, np.float32))
    with pytest.raises(ContractError, match="centre of no style codes"):
        StyleSpace.fit(np.zeros((0, 3), np.float32))
    space = StyleSpace.fit(np.eye(3))
    with pytest.raises(ContractError, match=r"expected \(n, 3\)"):
        space.unit(np.zeros((2, 4)))
    with pytest.raises(ContractError, match="NaN or infinity"):
        space.unit(np.full((2, 3), np.nan))
