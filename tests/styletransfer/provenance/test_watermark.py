import io

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from skimage.color import deltaE_ciede2000, rgb2lab

from features.schema import ContractError, InputError
from styletransfer.provenance import convolutional_code, watermark
from styletransfer.provenance.watermark import MAX_TRIALS, MIN_SIDE_PX, detect, embed

KEY = 20240611
PAYLOAD = 0xCAFE1234


def _file(picture, format, quality):
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format=format, quality=quality)
    return np.asarray(Image.open(buffer).convert("RGB"))


def _half(picture, filter=Image.Resampling.BICUBIC):
    height, width = picture.shape[:2]
    half = ((width + 1) // 2, (height + 1) // 2)
    return np.asarray(Image.fromarray(picture).resize(half, filter))


@pytest.fixture(scope="module")
def studio():
    """Makes a textured round product with a soft edge on a pure white ground."""

    def make(height, width, seed=0):
        rng = np.random.default_rng(seed)
        side = max(height, width)
        down, right = np.mgrid[0:height, 0:width] / side
        reach = np.hypot(down - height / side / 2, right - width / side / 2)
        grain = cv2.GaussianBlur(rng.normal(0, 1, (height, width)), (0, 0), 1.2)
        body = rng.uniform(60, 190, 3) * (1.15 - 0.4 * right[..., None])
        body = body + 8 * (grain / grain.std())[..., None]
        inside = np.clip((0.36 - reach) * side / 1.5 + 0.5, 0, 1)[..., None]
        return np.clip(255 * (1 - inside) + body * inside + 0.5, 0, 255).astype(np.uint8)

    return make


ATTACKS = {
    "nothing": lambda p: p,
    "JPEG 75": lambda p: _file(p, "JPEG", 75),
    "WebP 80": lambda p: _file(p, "WEBP", 80),
    "half, bicubic": _half,
    "half, bilinear": lambda p: _half(p, Image.Resampling.BILINEAR),
    "half, nearest pixels averaged": lambda p: cv2.resize(p, None, fx=0.5, fy=0.5),
    "half then JPEG 75": lambda p: _file(_half(p), "JPEG", 75),
    "JPEG 75 then half": lambda p: _half(_file(p, "JPEG", 75)),
    "twice the size": lambda p: cv2.resize(p, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC),
}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
@pytest.mark.parametrize("size", [(384, 288), (287, 384), (768, 768)], ids=str)
def test_the_mark_survives(attack, size, studio):
    marked = embed(studio(*size), PAYLOAD, KEY)
    found = detect(attack(marked), KEY)
    assert found.found
    assert found.payload == PAYLOAD
    assert found.confidence > 0.2


@pytest.mark.parametrize("size", [(192, 192), (192, 144)], ids=str)
def test_the_mark_survives_on_small_painted_pictures(size, make_picture):
    """A look leaves texture everywhere; seeds stand for pictures."""
    survived = 0
    for seed in range(6):
        picture = make_picture(*size, seed=seed)
        strokes = np.random.default_rng(seed).normal(0, 1, (*size, 1))
        painted = picture + 12 * cv2.GaussianBlur(strokes, (0, 0), 1.5)[..., None] * 3
        marked = embed(np.clip(painted, 0, 255).astype(np.uint8), seed, KEY)
        survived += detect(_half(_file(marked, "JPEG", 75)), KEY).payload == seed
        survived += detect(_file(_half(marked), "JPEG", 75), KEY).payload == seed
    assert survived == 12


def test_frames_of_a_clip_tell_together_what_none_of_them_tells(studio):
    rng = np.random.default_rng(3)
    marked = embed(studio(192, 192) // 2 + 64, PAYLOAD, KEY).astype(np.float32)
    noise = rng.normal(0, 8, (24, *marked.shape))
    frames = [np.clip(marked + one, 0, 255).astype(np.uint8) for one in noise]
    frames = [frame for frame in frames if not detect(frame, KEY).found]
    assert len(frames) > 12
    assert watermark.detect_in_frames(frames, KEY).payload == PAYLOAD
    assert not watermark.detect_in_frames(frames, KEY + 1).found


def test_the_mark_cannot_be_seen(studio, make_picture):
    for picture in (studio(384, 384), make_picture(384, 288, seed=3)):
        marked = embed(picture, PAYLOAD, KEY)
        noise = np.mean((marked.astype(float) - picture) ** 2)
        assert 10 * np.log10(255**2 / noise) >= 42
        assert deltaE_ciede2000(rgb2lab(picture), rgb2lab(marked)).mean() <= 0.3


def test_a_flat_ground_beside_a_product_keeps_its_pixels_within_one_level(studio):
    picture = studio(384, 384)
    white = (picture == 255).all(axis=2)
    ground = cv2.erode(white.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    change = np.abs(embed(picture, PAYLOAD, KEY).astype(int) - picture).max(axis=2)
    assert change[ground].max() <= 1
    assert change[ground].mean() < 0.1
    assert change[~white].mean() > 0.5


def test_a_blank_picture_is_marked_within_a_few_levels():
    white = np.full((256, 256, 3), 255, dtype=np.uint8)
    marked = embed(white, PAYLOAD, KEY)
    assert np.abs(marked.astype(int) - white).max() <= 3
    assert detect(marked, KEY).payload == PAYLOAD


@pytest.mark.slow
def test_no_unmarked_picture_and_no_wrong_key_gives_a_mark(studio, make_picture):
    pictures = [studio(160, 160, s) for s in range(20)]
    pictures += [make_picture(128, 160, seed=s) for s in range(20)]
    pictures += [embed(studio(160, 160, s), PAYLOAD, key=s) for s in range(20)]
    detections = [detect(picture, KEY + key) for picture in pictures for key in range(5)]
    assert not any(d.found or d.payload is not None for d in detections)
    assert max(d.confidence for d in detections) < 0.35


def test_a_false_positive_is_rarer_than_one_in_a_million_by_the_check_bits():
    assert MAX_TRIALS / 2**watermark.CHECK_BITS < 1e-6


def test_the_check_bits_pass_by_chance_as_often_as_they_promise():
    rng = np.random.default_rng(5)
    payloads = rng.integers(0, 2**32, 4096).tolist()
    checks = np.stack([watermark._message(p, KEY)[watermark.PAYLOAD_BITS :] for p in payloads])
    # Any 8 of the check's bits, compared between messages, agree once in 256.
    code = np.packbits(checks[:, 5:13], axis=1).ravel()
    agree = (np.bincount(code, minlength=256) ** 2).sum() - len(code)
    expected = len(code) * (len(code) - 1) / 256
    assert abs(agree / expected - 1) < 0.05


def test_no_detection_looks_at_more_messages_than_it_promises(make_picture, monkeypatch):
    tried = []
    decode = convolutional_code.decode

    def count(soft):
        tried.append(len(soft))
        return decode(soft)

    monkeypatch.setattr(convolutional_code, "decode", count)
    detect(make_picture(128, 128), KEY)
    assert sum(tried) == MAX_TRIALS


@settings(max_examples=15, deadline=None)
@given(
    payload=st.integers(0, 2**32 - 1),
    key=st.integers(-(2**70), 2**70),
    height=st.integers(MIN_SIDE_PX, 300),
    width=st.integers(MIN_SIDE_PX, 300),
    seed=st.integers(0, 99),
)
def test_any_payload_key_and_size_is_read_back(payload, key, height, width, seed, make_picture):
    found = detect(embed(make_picture(height, width, seed), payload, key), key)
    assert found.payload == payload


def test_the_payload_of_a_render_is_how_its_key_begins():
    assert f"{watermark.payload_of('00c0ffee' + '5' * 24):08x}" == "00c0ffee"


def test_marking_is_repeatable_and_leaves_its_input_alone(make_picture):
    picture = make_picture(200, 150)
    before = picture.copy()
    np.testing.assert_array_equal(embed(picture, 1, KEY), embed(picture, 1, KEY))
    np.testing.assert_array_equal(picture, before)


@pytest.mark.parametrize("payload", [-1, 2**32])
def test_a_payload_out_of_range_is_refused(payload, make_picture):
    with pytest.raises(ContractError, match="payload"):
        embed(make_picture(96, 96), payload, KEY)


def test_a_picture_too_small_to_carry_a_mark_is_refused(make_picture):
    with pytest.raises(InputError, match="too small"):
        embed(make_picture(63, 200), 1, KEY)


def test_a_tiny_picture_has_no_mark():
    assert not detect(np.zeros((1, 1, 3), dtype=np.uint8), KEY).found


def test_another_array_is_refused():
    with pytest.raises(ContractError, match="uint8"):
        detect(np.zeros((96, 96)), KEY)


def test_the_code_is_read_through_heavy_noise():
    rng = np.random.default_rng(0)
    messages = rng.integers(0, 2, (50, 56)).astype(np.uint8)
    chips = np.stack([convolutional_code.encode(m) for m in messages])
    assert chips.shape == (50, convolutional_code.n_chips(56))
    noisy = (chips + rng.normal(0, 0.7, chips.shape)).astype(np.float32)
    assert (np.sign(noisy) != chips).mean() > 0.06
    np.testing.assert_array_equal(convolutional_code.decode(noisy), messages)


def test_the_code_keeps_messages_ten_chips_apart():
    """The free distance of the code 171, 133 is 10."""
    zero = convolutional_code.encode(np.zeros(20, dtype=np.uint8))
    distances = [
        (convolutional_code.encode(np.array([int(b) for b in f"{m:020b}"], np.uint8)) != zero).sum()
        for m in range(1, 4096)
    ]
    assert min(distances) == 10
