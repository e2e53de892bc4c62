"""Motion of pixels and of the camera is that of the clip; shots end where they end."""

import numpy as np
import pytest

from styletransfer.video.motion import (
    STILL,
    camera_motion,
    compose,
    find_motion,
    follow,
    is_cut,
)


@pytest.fixture(scope="module")
def pair(make_frames):
    before, now = make_frames(2, 128, 160, (1, 3), blur=2.5)
    return before, now, find_motion(before, now)


def test_pixels_are_led_back_to_where_they_were(pair):
    before, now, motion = pair
    inner = np.s_[12:-12, 12:-12]
    assert np.abs(motion.back[inner] - [3, 1]).mean() < 0.2
    assert np.abs(motion.ahead[inner] + [3, 1]).mean() < 0.2
    assert motion.valid[inner].mean() > 0.98
    moved = follow(before, motion.back)
    assert np.abs(moved - now)[inner].mean() < 2


def test_larger_frames_have_flows_of_their_own_size(make_frames):
    before, now = make_frames(2, 300, 600, (0, 4))
    motion = find_motion(before, now)
    assert motion.back.shape == (300, 600, 2)
    assert np.abs(motion.back[30:-30, 30:-30] - [4, 0]).mean() < 0.4


def test_the_camera_moves_as_the_surroundings_do(pair):
    _, now, motion = pair
    product = np.zeros(now.shape[:2], np.float32)
    product[50:80, 60:100] = 1
    found = camera_motion(now, motion, product)
    assert np.allclose(found, [[1, 0, 3], [0, 1, 1]], atol=0.2)


def test_a_plain_ground_says_nothing_of_the_camera(make_frames):
    frames = [np.full((96, 96, 3), 240, np.uint8) for _ in range(2)]
    for place, frame in enumerate(frames):
        frame[30:60, 30 + 3 * place : 60 + 3 * place] = make_frames(1, 30, 30)[0]
    product = (frames[1].min(axis=2) < 235).astype(np.float32)
    assert np.array_equal(camera_motion(frames[1], find_motion(*frames), product), STILL)


def test_only_another_scene_is_a_cut(pair, make_frames):
    before, now, motion = pair
    assert not is_cut(before, now, motion)
    other = 255 - np.ascontiguousarray(make_frames(1, 128, 160, blur=2.5)[0][::-1, ::-1, ::-1])
    assert is_cut(before, other, find_motion(before, other))


def test_maps_are_done_one_after_the_other():
    turn = np.array([[0.0, -1, 2], [1, 0, 0]])
    shift = np.array([[1.0, 0, 5], [0, 1, 7]])
    point = np.array([3.0, 4, 1])
    then = shift @ np.append(turn @ point, 1)
    assert np.allclose(compose(turn, shift) @ point, then)
