"""A product's mask stays on the product between the frames in which it is estimated."""

import numpy as np
import pytest

from features.matting import Mask
from styletransfer.video.mask_track import EVERY, track_masks
from styletransfer.video.reader import Frame


def clip(make_frames, count, step=2):
    """A square of its own texture that moves over another; with its exact masks."""
    ground = make_frames(1, 96, 160)[0]
    product = 255 - np.ascontiguousarray(make_frames(1, 40, 40)[0][::-1])
    frames, masks = [], []
    for number in range(count):
        picture, mask = ground.copy(), np.zeros((96, 160), np.float32)
        at = np.s_[28:68, 20 + step * number : 60 + step * number]
        picture[at], mask[at] = product, 1
        frames.append(Frame(picture, number))
        masks.append(mask)
    return frames, masks


def overlap(mask, true):
    inside, other = mask.alpha >= 0.5, true >= 0.5
    return (inside & other).sum() / (inside | other).sum()


class Estimator:
    """Answers with the exact mask of a picture, and counts."""

    def __init__(self, frames, masks, confidence=0.99):
        self.known = {
            frame.picture.tobytes(): mask for frame, mask in zip(frames, masks, strict=True)
        }
        self.confidence = dict.fromkeys(self.known, confidence)
        self.asked = 0

    def __call__(self, picture, alpha):
        self.asked += 1
        name = picture.tobytes()
        return Mask(self.known[name], self.confidence[name], "estimated")


def test_masks_between_keyframes_are_carried_along(make_frames):
    frames, masks = clip(make_frames, 2 * EVERY + 1)
    estimate = Estimator(frames, masks)
    tracked = list(track_masks(iter(frames), estimate))
    assert [one.frame.pts for one in tracked] == list(range(len(frames)))
    assert min(overlap(one.mask, true) for one, true in zip(tracked, masks, strict=True)) > 0.85
    assert estimate.asked < EVERY
    assert tracked[0].motion is None
    assert all(one.motion is not None for one in tracked[1:])
    assert all(one.mask.confidence == 0.99 for one in tracked)


def test_a_keyframe_without_trust_is_passed_over_where_the_next_one_is_trusted(make_frames):
    frames, masks = clip(make_frames, EVERY + 1)
    estimate = Estimator(frames, masks)
    estimate.known[frames[0].picture.tobytes()] = np.ones_like(masks[0])
    estimate.confidence[frames[0].picture.tobytes()] = 0.3
    tracked = list(track_masks(iter(frames), estimate))
    assert overlap(tracked[0].mask, masks[0]) > 0.7
    assert tracked[0].mask.confidence == 0.99


def test_without_any_trusted_keyframe_no_mask_is_trusted(make_frames):
    frames, masks = clip(make_frames, EVERY + 1)
    tracked = list(track_masks(iter(frames), Estimator(frames, masks, 0.4)))
    assert max(one.mask.confidence for one in tracked) == 0.4


def test_where_two_keyframes_disagree_keyframes_are_added_between(make_frames):
    frames, masks = clip(make_frames, EVERY + 1, step=1)
    for mask in masks:
        # The product grows narrower: no motion tells so.
        mask[:, 60:] = 0
    estimate = Estimator(frames, masks)
    tracked = list(track_masks(iter(frames), estimate))
    assert estimate.asked > 3
    assert min(overlap(one.mask, true) for one, true in zip(tracked, masks, strict=True)) > 0.85
    assert tracked[6].mask.confidence == 0.99


def test_each_shot_begins_anew(make_frames):
    first, masks = clip(make_frames, 4)
    second, others = clip(make_frames, 4)
    turned = [Frame(255 - frame.picture[::-1, ::-1], 4 + frame.pts) for frame in second]
    others = [mask[::-1, ::-1] for mask in others]
    estimate = Estimator(first + turned, masks + others)
    tracked = list(track_masks(iter(first + turned), estimate))
    assert [one.motion is None for one in tracked] == [place in (0, 4) for place in range(8)]


def test_every_frame_of_a_spin_has_its_own_estimate_and_no_cut_parts_it(make_frames):
    first, masks = clip(make_frames, 4)
    turned = [Frame(255 - frame.picture[::-1, ::-1], 4 + frame.pts) for frame in first]
    estimate = Estimator(first + turned, masks + [mask[::-1, ::-1] for mask in masks])
    whole = list(track_masks(iter(first + turned), estimate, spin=True))
    assert [one.motion is None for one in whole] == [place == 0 for place in range(8)]
    assert estimate.asked == 8


def test_where_a_mask_would_jump_the_one_before_holds_on_with_less_trust(make_frames):
    frames, masks = clip(make_frames, 3 * EVERY + 1, step=1)
    wrong = [np.zeros_like(mask) for mask in masks]
    for number, mask in enumerate(wrong):
        mask[28:68, 20 + number : 40 + number] = 1
    estimate = Estimator(frames, masks[:20] + wrong[20:26] + masks[26:], 0.95)
    tracked = list(track_masks(iter(frames), estimate))
    assert min(overlap(one.mask, true) for one, true in zip(tracked, masks, strict=True)) > 0.8
    assert tracked[22].mask.confidence == pytest.approx(0.95 * 0.97)
    estimate = Estimator(frames, masks[:10] + wrong[10:], 0.95)
    assert min(one.mask.confidence for one in track_masks(iter(frames), estimate)) < 0.9


def test_a_clip_that_brings_its_masks_keeps_them(make_frames):
    frames, masks = clip(make_frames, 5)
    clear = [
        Frame(frame.picture, frame.pts, (255 * mask).astype(np.uint8))
        for frame, mask in zip(frames, masks, strict=True)
    ]
    tracked = list(track_masks(iter(clear), Estimator(frames, masks)))
    assert all(np.array_equal(t.mask.alpha, mask) for t, mask in zip(tracked, masks, strict=True))


def test_a_single_frame_is_a_shot(make_frames):
    frames, masks = clip(make_frames, 1)
    (one,) = track_masks(iter(frames), Estimator(frames, masks))
    assert np.array_equal(one.mask.alpha, masks[0])
