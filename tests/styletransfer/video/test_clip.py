"""A clip in a look: the product its own pixels, its surroundings steady, whole or not at all."""

import weakref
from dataclasses import replace
from fractions import Fraction

import cv2
import numpy as np
import pytest

from features.matting import product_mask
from features.networks.encoders import StyleEncoder
from features.schema import InputError
from styletransfer.config import FidelityBudget, RenderConfig
from styletransfer.faithful.gate import look_anchor
from styletransfer.look import Look
from styletransfer.renderer import open_painter
from styletransfer.sets.shelf import SetShelf
from styletransfer.video.clip import ClipGate, restyle_clip
from styletransfer.video.mask_track import EVERY
from styletransfer.video.reader import Frame
from styletransfer.video.writer import ClipWriter

CONFIG = RenderConfig(size_px=128)


@pytest.fixture(scope="module")
def look(make_frames):
    picture = cv2.resize(make_frames(1, 96, 96)[0], (128, 128)).copy()
    picture[::8] //= 3
    (code,) = StyleEncoder().encode([picture])
    return Look("stripes", code, picture=picture)


@pytest.fixture(scope="module")
def painter():
    return open_painter(CONFIG)


@pytest.fixture(scope="module")
def shelf():
    return SetShelf()


@pytest.fixture(scope="module")
def mug():
    """A round product with a pattern on a plain ground that moves a little to the right."""

    def draw(count, step=1, noise=0.0, height=128, width=128):
        rng = np.random.default_rng(0)
        pattern = cv2.GaussianBlur(rng.uniform(0, 1, (60, 60, 3)).astype(np.float32), (0, 0), 4)
        pattern = (50 + 150 * np.clip((pattern - 0.5) * 6 + 0.5, 0, 1)).astype(np.uint8)
        y, x = np.mgrid[:60, :60]
        disc = np.hypot(y - 29.5, x - 29.5) < 28
        frames = []
        for number in range(count):
            picture = np.full((height, width, 3), 244, np.uint8)
            part = picture[36:96, 24 + step * number : 84 + step * number]
            part[disc] = pattern[disc]
            noisy = picture + rng.normal(0, noise, picture.shape)
            frames.append(Frame(noisy.clip(0, 255).round().astype(np.uint8), number))
        return frames

    return draw


class Kept:
    """Keeps frames, and shows them as they are."""

    def __init__(self):
        self.pictures = []
        self.times = []

    def write(self, picture, pts):
        self.pictures.append(picture)
        self.times.append(pts)
        return [picture]

    def finish(self):
        return []


def restyle(frames, look, painter, shelf, config=CONFIG, sink=None, **more):
    sink = sink or Kept()
    return restyle_clip(iter(frames), sink, look, config, painter, shelf, **more), sink


def inside(frame):
    product = (frame.picture.min(axis=2) < 225).astype(np.uint8)
    return cv2.erode(product, np.ones((7, 7), np.uint8)) > 0


def test_the_product_keeps_its_pixels_and_the_set_stays_where_it_is(mug, look, painter, shelf):
    frames = mug(15)
    report, kept = restyle(frames, look, painter, shelf)
    assert (report.served_mode, report.frames, report.shots) == ("faithful", 15, 1)
    assert report.delta_e < 0.5
    assert kept.times == list(range(15))
    for frame, shown in zip(frames, kept.pictures, strict=True):
        where = inside(frame)
        assert np.abs(shown.astype(int) - frame.picture)[where].mean() < 1
        assert np.abs(shown.astype(int) - frame.picture)[:20].mean() > 10
    corner = np.stack([shown[:16, :16] for shown in kept.pictures]).astype(float)
    assert corner.std(axis=0).max() < 3


def test_a_set_moves_with_the_camera(make_frames, look, painter, shelf, mug):
    ground = make_frames(1, 128, 168, blur=2.5)[0]
    (still,) = mug(1)
    product = (still.picture.min(axis=2) < 225)[..., None]
    frames = []
    for number in range(6):
        window = np.roll(ground, -3 * number, axis=1)[:, :128]
        moved = np.roll(np.where(product, still.picture, 0), -3 * number, axis=1)
        covers = np.roll(product, -3 * number, axis=1)
        alpha = (255 * covers[..., 0]).astype(np.uint8)
        frames.append(Frame(np.where(covers, moved, window).astype(np.uint8), number, alpha))
    report, kept = restyle(frames, look, painter, shelf)
    assert report.served_mode == "faithful"
    first, last = (kept.pictures[place].astype(float)[4:24] for place in (0, 5))
    held = np.abs(first[:, :100] - last[:, :100]).mean()
    followed = np.abs(first[:, 15:115] - last[:, :100]).mean()
    assert followed < held / 3


def test_paint_of_a_real_ground_hardly_changes_from_frame_to_frame(
    mug, look, painter, shelf, make_frames
):
    ground = make_frames(1, 128, 128)[0] // 2 + 90
    rng = np.random.default_rng(1)
    frames = []
    for frame in mug(5, step=0):
        product = frame.picture.min(axis=2) < 225
        seen = np.where(product[..., None], frame.picture, ground) + rng.normal(0, 2, ground.shape)
        alpha = (255 * product).astype(np.uint8)
        frames.append(Frame(seen.clip(0, 255).astype(np.uint8), frame.pts, alpha))
    config = replace(CONFIG, surroundings="paint")
    config = replace(config, budget=FidelityBudget(least_arrival=0.0))
    report, kept = restyle(frames, look, painter, shelf, config)
    assert report.served_mode == "faithful"
    anew = [
        restyle([frame], look, painter, shelf, config)[1].pictures[0].astype(float)
        for frame in frames
    ]
    far = np.s_[:30]
    steady = np.abs(kept.pictures[4][far].astype(float) - kept.pictures[3][far]).mean()
    assert steady < 0.6 * np.abs(anew[4][far] - anew[3][far]).mean()


def test_a_clip_whose_mask_is_not_trusted_falls_back_as_a_whole(look, painter, shelf, make_frames):
    frames = [Frame(picture, number) for number, picture in enumerate(make_frames(3, 128, 128))]
    report, _ = restyle(frames, look, painter, shelf)
    assert report.served_mode == "original"
    assert report.reason.startswith("1 of 1 frames are out of the budget, such as frame 1: ")


def test_what_a_viewer_sees_is_judged(mug, look, painter, shelf):
    class Coarse(Kept):
        def write(self, picture, pts):
            return [picture // 64 * 64]

    report, _ = restyle(mug(2), look, painter, shelf, sink=Coarse())
    assert report.served_mode == "original"
    assert "delta-E" in report.reason


@pytest.mark.parametrize(
    ("expected", "frames", "early", "failed"),
    [(100, 100, False, False), (99, 99, True, True), (0, 100, True, False), (200, 99, False, True)],
)
def test_one_bad_frame_of_a_hundred_is_let_pass(
    mug, look, painter, shelf, expected, frames, early, failed
):
    (frame,) = mug(1)
    _, kept = restyle([frame], look, painter, shelf)
    mask, good = product_mask(frame.picture), kept.pictures[0]
    gate = ClipGate(CONFIG.budget, look_anchor(look.picture), 1.0, True, expected)
    for number in range(frames):
        gate.expect(frame.picture, mask, mask.alpha)
        gate.judge([good if number else good // 64 * 64])
        if not number:
            assert gate.has_failed == early
    gate.end()
    report = gate.report()
    assert (report.served_mode == "original", report.out_of_budget) == (failed, 1)


def test_no_more_frames_are_held_than_a_segment_and_the_encoder_need(
    tmp_path, mug, look, painter, shelf
):
    alive = weakref.WeakSet()
    most = 0

    def frames():
        nonlocal most
        for frame in mug(5 * EVERY, step=0, height=96, width=112):
            # A copy: the fixture's own list holds all of them.
            one = Frame(frame.picture.copy(), frame.pts)
            alive.add(one)
            most = max(most, len(alive))
            yield one

    size = (96, 112)
    with ClipWriter(tmp_path / "a.mp4", *size, Fraction(1, 24), Fraction(24), {}) as writer:
        report, _ = restyle(frames(), look, painter, shelf, sink=writer, expected=5 * EVERY)
    assert report.frames == 5 * EVERY
    assert most <= EVERY + 3


def test_one_frame_is_a_clip(mug, look, painter, shelf):
    report, kept = restyle(mug(1), look, painter, shelf)
    assert (report.served_mode, len(kept.pictures)) == ("faithful", 1)


def test_no_frame_is_refused(look, painter, shelf):
    with pytest.raises(InputError, match="has no frames"):
        restyle([], look, painter, shelf)


def test_a_file_of_the_clip_is_judged_as_it_is_decoded(tmp_path, mug, look, painter, shelf):
    frames = mug(30, noise=1.0)
    path = tmp_path / "a.mp4"
    with ClipWriter(path, 128, 128, Fraction(1, 24), Fraction(24), {}) as writer:
        report, _ = restyle(frames, look, painter, shelf, sink=writer, expected=30)
    assert (report.served_mode, report.frames) == ("faithful", 30)
    assert 0.1 < report.delta_e <= 2.5
