"""Measures of steadiness are zero for what moves as it should, and grow with flicker."""

import numpy as np
import pytest

from styletransfer.video.measures import tof, warping_error


@pytest.fixture(scope="module")
def pair(make_frames):
    return make_frames(2, 96, 128, (0, 3))


def test_what_moves_as_told_has_no_warping_error(pair):
    before, now = pair
    back = np.full((96, 128, 2), (3, 0), np.float32)
    known = np.zeros((96, 128), bool)
    known[:, :120] = True
    assert warping_error(before, now, back, known) < 1e-5
    brighter = np.clip(now.astype(int) + 20, 0, 255).astype(np.uint8)
    assert warping_error(before, brighter, back, known) == pytest.approx(
        3 * (20 / 255) ** 2, rel=0.01
    )
    assert np.isnan(warping_error(before, now, back, np.zeros_like(known)))


def test_a_clip_that_moves_as_its_source_has_no_tof(pair):
    before, now = pair
    everywhere = np.ones((96, 128), bool)
    assert tof(before, now, before, now, everywhere) == 0
    assert tof(before, before, before, now, everywhere) > 2
