"""Mask files of every kind give the same mask: 255 on the product, turned as the photo is."""

import io

import numpy as np
import pytest
from PIL import Image

from features.images import decode_file
from features.matting.mask_file import read_mask
from features.schema import ImageError

SHAPE = (60, 90)
TRUTH = np.zeros(SHAPE, np.uint8)
TRUTH[10:40, 20:50] = 255
TRUTH[40:55, 30:35] = 255
SOFT = TRUTH.copy()
SOFT[9, 20:50] = 100


def _file(image, format="PNG", **settings):
    buffer = io.BytesIO()
    image.save(buffer, format, **settings)
    return buffer.getvalue()


def _cut_out(mode):
    """A photo without its ground: the hidden pixels still hold it."""
    photo = np.random.default_rng(0).integers(0, 255, (*SHAPE, 3)).astype(np.uint8)
    image = Image.fromarray(photo).convert("L" if mode == "LA" else "RGB")
    image.putalpha(Image.fromarray(TRUTH))
    if mode == "P":
        image = image.quantize(64)
    return image


def _palette(colours, transparency=None):
    image = Image.fromarray((TRUTH > 0).astype(np.uint8), mode="P")
    image.putpalette([level for colour in colours for level in colour])
    return image


def _white_on_clear():
    image = Image.new("RGB", SHAPE[::-1], "white")
    image.putalpha(Image.fromarray(TRUTH))
    return image


def _opaque():
    image = Image.fromarray(TRUTH).convert("RGB")
    image.putalpha(255)
    return image


def _labels_with_a_border():
    labels = np.where(TRUTH > 0, 1, 0).astype(np.uint8)
    labels[20, 20:50] = 2
    image = Image.fromarray(labels, mode="P")
    image.putpalette([0, 0, 0, 128, 0, 0, 224, 224, 192])
    return image


KINDS = {
    "grey": Image.fromarray(TRUTH),
    "rgb": Image.fromarray(TRUTH).convert("RGB"),
    "one bit": Image.fromarray(TRUTH).convert("1"),
    "0 and 1": Image.fromarray(TRUTH // 255),
    "0 and 128": Image.fromarray(TRUTH // 255 * 128),
    "40 and 200": Image.fromarray(np.where(TRUTH, 200, 40).astype(np.uint8)),
    "16 bits": Image.fromarray(TRUTH.astype(np.uint16) * 257),
    "16 bits, 0 and 1": Image.fromarray(TRUTH.astype(np.uint16) // 255),
    "16 bits, 0 and 255": Image.fromarray(TRUTH.astype(np.uint16)),
    "cut-out": _cut_out("RGBA"),
    "grey cut-out": _cut_out("LA"),
    "white on clear": _white_on_clear(),
    "opaque with alpha": _opaque(),
    "palette of labels": _palette([(0, 0, 0), (128, 0, 0)]),
    "palette of greys": _palette([(0, 0, 0), (255, 255, 255)]),
    "palette of near blacks": _palette([(0, 0, 0), (1, 1, 1)]),
    "palette of two colours": _palette([(0, 0, 90), (250, 240, 20)]),
    "labels with a border": _labels_with_a_border(),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_mask_file_is_read_alike(kind):
    [values] = read_mask(_file(KINDS[kind]), SHAPE)
    np.testing.assert_array_equal(values, TRUTH)


@pytest.mark.parametrize(
    "values", [TRUTH.astype(np.int32), TRUTH.astype(np.int32) // 255, TRUTH / np.float32(255)]
)
def test_masks_of_32_bits_are_read(values):
    [read] = read_mask(_file(Image.fromarray(values), "TIFF"), SHAPE)
    np.testing.assert_array_equal(read, TRUTH)


def test_a_palette_cut_out_is_read_by_its_transparency():
    image = _cut_out("RGBA").convert("RGB").quantize(32)
    indices = np.where(TRUTH > 0, np.maximum(np.asarray(image), 1), 0).astype(np.uint8)
    clear = Image.fromarray(indices, mode="P")
    clear.putpalette(image.getpalette())
    [values] = read_mask(_file(clear, transparency=0), SHAPE)
    np.testing.assert_array_equal(values, TRUTH)


def test_soft_edges_are_kept_and_jpeg_noise_is_no_mask():
    [values] = read_mask(_file(Image.fromarray(SOFT)), SHAPE)
    np.testing.assert_array_equal(values, SOFT)
    [jpeg] = read_mask(_file(Image.fromarray(TRUTH), "JPEG"), SHAPE)
    assert np.abs(jpeg.astype(int) - TRUTH).mean() < 4
    noise = np.random.default_rng(0).random(SHAPE) < 0.001
    [empty] = read_mask(_file(Image.fromarray((noise * 3).astype(np.uint8))), SHAPE)
    assert empty.max() <= 3


@pytest.mark.parametrize("orientation", range(2, 9))
def test_a_mask_is_turned_as_its_photo_is(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    back = {2: 2, 3: 3, 4: 4, 5: 5, 6: 8, 7: 7, 8: 6}[orientation]
    exif_back = Image.Exif()
    exif_back[0x0112] = back
    # The pixels as the camera stored them: turned the other way.
    stored = decode_file(_file(Image.fromarray(np.dstack([TRUTH] * 3)), exif=exif_back)).picture
    photo = decode_file(_file(Image.fromarray(stored), exif=exif))
    np.testing.assert_array_equal(photo.picture[..., 0], TRUTH)
    mask = Image.fromarray(stored[..., 0])
    with_exif = read_mask(_file(mask, exif=exif), SHAPE, photo.turned)
    np.testing.assert_array_equal(with_exif[0], TRUTH)
    without = read_mask(_file(mask), SHAPE, photo.turned)
    np.testing.assert_array_equal(without[-1], TRUTH)
    upright = read_mask(_file(Image.fromarray(TRUTH)), SHAPE, photo.turned)
    np.testing.assert_array_equal(upright[0], TRUTH)


@pytest.mark.parametrize(
    ("size", "fits"),
    [((90, 60), True), ((45, 30), True), ((180, 120), True), ((91, 60), True), ((23, 16), True),
     ((60, 90), False), ((60, 60), False), ((100, 60), False), ((16, 16), False)],
)  # fmt: skip
def test_a_mask_of_the_photos_proportions_fits(size, fits):
    data = _file(Image.fromarray(TRUTH).resize(size))
    if fits:
        [values] = read_mask(data, SHAPE)
        assert values.shape == size[::-1]
    else:
        with pytest.raises(ImageError, match=rf"is a mask of {size[0]}x{size[1]} px, expected"):
            read_mask(data, SHAPE)
