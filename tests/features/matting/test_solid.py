"""A product's inside is opaque; holes that are holes stay."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from features.matting.solid import make_solid


def test_specks_are_closed_and_the_inside_is_opaque_while_real_holes_stay():
    alpha = np.zeros((384, 384), np.float32)
    alpha[100:300, 100:300] = 0.8
    alpha[150:153, 150:153] = 0.0
    alpha[220:260, 200:240] = 0.0
    solid = make_solid(alpha)
    assert solid[140:160, 140:160].min() == 1.0
    assert solid[230:250, 210:230].max() == 0.0
    assert solid[:90].max() == 0.0


@given(st.integers(0, 1000))
def test_nothing_is_taken_away(seed):
    alpha = np.random.default_rng(seed).random((40, 60)).astype(np.float32)
    solid = make_solid(alpha)
    assert (solid >= alpha).all()
    assert solid.max() <= 1.0
