"""Pictures of every kind decode to upright sRGB; what is broken or too big is an ImageError."""

import contextlib
import io
import os
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from features.images import ImageLimits, decode, decode_file, decode_with_alpha, read_picture
from features.schema import ImageError


@pytest.fixture(scope="module")
def photo():
    rows, columns = np.mgrid[0:40, 0:60]
    return np.stack([rows * 6, columns * 4, 255 - rows * 3], axis=-1).astype(np.uint8)


def file_bytes(image, format="PNG", **settings):
    buffer = io.BytesIO()
    image.save(buffer, format=format, **settings)
    return buffer.getvalue()


def test_path_and_bytes_give_the_same_pixels(photo, tmp_path):
    data = file_bytes(Image.fromarray(photo))
    (tmp_path / "a.png").write_bytes(data)
    from_path = decode(tmp_path / "a.png")
    np.testing.assert_array_equal(from_path, photo)
    np.testing.assert_array_equal(decode(data), photo)
    assert from_path.dtype == np.uint8
    assert from_path.flags.writeable


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["PNG", "TIFF", "WEBP"])
def test_exif_orientation_is_applied(photo, orientation, format):
    # What a camera stores for each orientation, so that turning it back shows the photo.
    stored = {
        1: photo,
        2: photo[:, ::-1],
        3: photo[::-1, ::-1],
        4: photo[::-1],
        5: photo.transpose(1, 0, 2),
        6: np.rot90(photo, 1),
        7: np.rot90(photo.transpose(1, 0, 2), 2),
        8: np.rot90(photo, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    lossless = {"lossless": True} if format == "WEBP" else {}
    data = file_bytes(Image.fromarray(stored.copy()), format, exif=exif, **lossless)
    np.testing.assert_array_equal(decode(data), photo)


def test_icc_profile_is_converted_to_srgb(photo):
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = _profile_with_red_and_green_swapped(srgb)
    np.testing.assert_array_equal(
        decode(file_bytes(Image.fromarray(photo), icc_profile=srgb)), photo
    )
    seen = decode(file_bytes(Image.fromarray(photo), icc_profile=swapped)).astype(int)
    assert np.abs(seen - photo[..., [1, 0, 2]]).mean() < 2
    # A profile of another colour space, or no profile at all, is ignored.
    for useless in (lab, b"not a profile"):
        data = file_bytes(Image.fromarray(photo), icc_profile=useless)
        np.testing.assert_array_equal(decode(data), photo)


def _profile_with_red_and_green_swapped(srgb: bytes) -> bytes:
    swapped = bytearray(srgb)
    for index in range(struct.unpack(">I", srgb[128:132])[0]):
        entry = 132 + 12 * index
        tag = bytes(srgb[entry : entry + 4])
        new = {b"rXYZ": b"gXYZ", b"gXYZ": b"rXYZ", b"rTRC": b"gTRC", b"gTRC": b"rTRC"}.get(tag, tag)
        swapped[entry : entry + 4] = new
    return bytes(swapped).replace(b"s\0R\0G\0B", b"o\0d\0d\0!")


def _profile(space: bytes, *tags: tuple[bytes, bytes]) -> bytes:
    """A display profile of colour `space` with `tags`, that calls itself sRGB."""
    name = (
        b"mluc"
        + struct.pack(">IIIHHII", 0, 1, 12, 0x656E, 0x5553, 8, 28)
        + "sRGB".encode("utf-16-be")
    )
    white = b"XYZ " + struct.pack(">Iiii", 0, 63190, 65536, 54061)
    table, data = b"", b""
    entries = [(b"desc", name), (b"cprt", name), (b"wtpt", white), *tags]
    for tag, body in entries:
        table += struct.pack(">4sII", tag, 132 + 12 * len(entries) + len(data), len(body))
        data += body + bytes(-len(body) % 4)
    header = struct.pack(">I4sI4s4s4s", 0, b"lcms", 0x04300000, b"mntr", space, b"XYZ ")
    header += bytes(12) + b"acsp" + bytes(28) + struct.pack(">iii", 63190, 65536, 54061)
    whole = header + bytes(128 - len(header)) + struct.pack(">I", len(entries)) + table + data
    return struct.pack(">I", len(whole)) + whole[4:]


LINEAR = b"curv" + struct.pack(">III", 0, 0, 0)


def _levels(linear):
    """sRGB levels of linear light in 0..1."""
    return 255 * np.where(linear > 0.0031308, 1.055 * linear ** (1 / 2.4) - 0.055, 12.92 * linear)


def test_a_linear_profile_that_calls_itself_srgb_is_converted(photo):
    primaries = [
        (b"rXYZ", 28576, 14581, 912),
        (b"gXYZ", 25238, 46983, 6362),
        (b"bXYZ", 9376, 3972, 46787),
    ]
    tags = [(name, b"XYZ " + struct.pack(">Iiii", 0, *xyz)) for name, *xyz in primaries]
    curves = [(name, LINEAR) for name in (b"rTRC", b"gTRC", b"bTRC")]
    decoded = decode_file(
        file_bytes(Image.fromarray(photo), icc_profile=_profile(b"RGB ", *tags, *curves))
    )
    assert decoded.notes == ()
    np.testing.assert_allclose(decoded.picture, _levels(photo / 255), atol=3)


def test_a_grey_profile_is_converted_whatever_holds_the_grey(photo):
    linear = _profile(b"GRAY", (b"kTRC", LINEAR))
    grey = Image.fromarray(photo[..., 1])
    opaque = Image.merge("LA", (grey, Image.new("L", grey.size, 255)))
    expected = np.repeat(_levels(photo[..., 1:2] / 255), 3, axis=2)
    for image in (grey, opaque):
        decoded = decode_file(file_bytes(image, icc_profile=linear))
        assert decoded.notes == ()
        # Grey curves are tabulated, coarsely near black.
        np.testing.assert_allclose(decoded.picture[:, 4:], expected[:, 4:], atol=3)


def test_a_profile_of_rgb_is_used_for_a_grey_picture(photo):
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    grey = photo[..., 0]
    decoded = decode_file(file_bytes(Image.fromarray(grey), icc_profile=srgb))
    assert decoded.notes == ()
    np.testing.assert_array_equal(decoded.picture, np.dstack([grey] * 3))


@pytest.mark.parametrize("mode", ["RGB", "CMYK"])
def test_a_profile_that_does_not_fit_is_noted_and_ignored(photo, mode):
    image = Image.fromarray(photo).convert(mode)
    plain = decode(file_bytes(image, "TIFF"))
    for useless in (b"not a profile", _profile(b"GRAY", (b"kTRC", LINEAR))):
        decoded = decode_file(file_bytes(image, "TIFF", icc_profile=useless))
        np.testing.assert_array_equal(decoded.picture, plain)
        [note] = decoded.notes
        assert "colours are taken as sRGB" in note


@pytest.mark.parametrize(
    ("format", "suffix"),
    [("JPEG", "jpg"), ("PNG", "png"), ("WEBP", "webp"), ("GIF", "gif"), ("BMP", "bmp"),
     ("TIFF", "tif"), ("AVIF", "avif")],
)  # fmt: skip
def test_the_suffix_is_that_of_the_format_decoded(photo, format, suffix, tmp_path):
    (tmp_path / "page.html").write_bytes(file_bytes(Image.fromarray(photo), format) + b"<script>")
    decoded = decode_file(tmp_path / "page.html")
    assert decoded.suffix == suffix
    assert np.abs(decoded.picture.astype(int) - photo).mean() < 12


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("missing", [1, 2, 3, 10])
def test_a_jpeg_without_its_last_bytes_opens_as_in_browsers(photo, missing, progressive):
    whole = file_bytes(Image.fromarray(np.tile(photo, (4, 4, 1))), "JPEG", progressive=progressive)
    for tail in (b"", bytes(100)):
        decoded = decode_file(whole[:-missing] + tail)
        assert np.abs(decoded.picture.astype(int) - decode(whole)).mean() < 2
        assert tail or "lacks its end" in decoded.notes[0]


def test_what_follows_the_end_of_a_jpeg_is_no_fault(photo):
    whole = file_bytes(Image.fromarray(photo), "JPEG")
    decoded = decode_file(whole + b"a phone's own trailer" * 20)
    assert decoded.notes == ()
    np.testing.assert_array_equal(decoded.picture, decode(whole))


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("kept", [0.3, 0.5, 0.8])
def test_a_jpeg_that_lacks_much_of_its_picture_is_refused(photo, kept, progressive):
    whole = file_bytes(Image.fromarray(np.tile(photo, (4, 4, 1))), "JPEG", progressive=progressive)
    part = whole[: round(kept * len(whole))]
    for tail in (b"", bytes(len(whole) - len(part)), bytes(40 * len(whole))):
        with pytest.raises(ImageError, match="damaged or incomplete"):
            decode(part + tail)


def test_transparency_is_laid_on_white_and_returned(photo):
    alpha = np.full(photo.shape[:2], 255, np.uint8)
    alpha[:10], alpha[10:20] = 0, 128
    data = file_bytes(Image.fromarray(np.dstack([photo, alpha])))
    picture, got = decode_with_alpha(data)
    np.testing.assert_array_equal(got, alpha)
    np.testing.assert_array_equal(picture[:10], 255)
    np.testing.assert_array_equal(picture[20:], photo[20:])
    share = 128 / 255
    expected = photo[10:20] * share + 255 * (1 - share)
    np.testing.assert_allclose(picture[10:20], expected, atol=0.51)


def test_an_opaque_picture_has_no_alpha(photo):
    opaque = np.dstack([photo, np.full(photo.shape[:2], 255, np.uint8)])
    picture, alpha = decode_with_alpha(file_bytes(Image.fromarray(opaque)))
    assert alpha is None
    np.testing.assert_array_equal(picture, photo)


def test_alpha_turns_with_the_picture(photo):
    alpha = np.full(photo.shape[:2], 255, np.uint8)
    alpha[0] = 0
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = np.rot90(np.dstack([photo, alpha]), 1)
    picture, got = decode_with_alpha(file_bytes(Image.fromarray(stored.copy()), exif=exif))
    np.testing.assert_array_equal(got, alpha)
    assert picture.shape == photo.shape


def test_palette_transparency_and_grey_alpha_are_read(photo):
    palette = Image.fromarray(photo).quantize(8)
    palette.info["transparency"] = 0
    picture, alpha = decode_with_alpha(file_bytes(palette, transparency=0))
    index = np.asarray(palette)
    np.testing.assert_array_equal(alpha == 0, index == 0)
    np.testing.assert_array_equal(picture[index == 0], 255)

    grey = np.dstack([photo[..., 0], np.full(photo.shape[:2], 51, np.uint8)])
    picture, alpha = decode_with_alpha(file_bytes(Image.fromarray(grey)))
    np.testing.assert_array_equal(alpha, 51)
    np.testing.assert_allclose(picture[..., 1], grey[..., 0] * 0.2 + 204, atol=0.51)


def test_grey_bilevel_and_palette_become_rgb(photo):
    grey = photo[..., 0]
    np.testing.assert_array_equal(decode(file_bytes(Image.fromarray(grey))), np.dstack([grey] * 3))
    bilevel = Image.fromarray(grey).convert("1")
    assert set(np.unique(decode(file_bytes(bilevel)))) == {0, 255}
    palette = Image.fromarray(photo).quantize(16)
    np.testing.assert_array_equal(decode(file_bytes(palette)), np.asarray(palette.convert("RGB")))


def test_sixteen_bit_grey_keeps_its_range():
    values = np.linspace(0, 65535, 40 * 60).reshape(40, 60).astype(np.uint16)
    for format in ("PNG", "TIFF"):
        picture = decode(file_bytes(Image.fromarray(values), format))
        np.testing.assert_allclose(picture[..., 0], values / 257, atol=0.51)


def test_cmyk_becomes_rgb():
    ink = np.zeros((32, 32, 4), np.uint8)
    ink[:16, :, 1:3] = 255
    image = Image.fromarray(ink, mode="CMYK")
    for data in (file_bytes(image, "TIFF"), file_bytes(image, "JPEG", quality=95)):
        picture = decode(data).astype(int)
        np.testing.assert_allclose(picture[:12], np.tile([255, 0, 0], (12, 32, 1)), atol=4)
        np.testing.assert_allclose(picture[20:], 255, atol=4)


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG", "TIFF"])
def test_the_first_frame_of_an_animation_is_taken(format):
    frames = [Image.new("RGB", (32, 32), colour) for colour in ("#ff0000", "#0000ff")]
    lossless = {"lossless": True} if format == "WEBP" else {}
    data = file_bytes(frames[0], format, save_all=True, append_images=frames[1:], **lossless)
    np.testing.assert_array_equal(decode(data)[16, 16], [255, 0, 0])


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "GIF"])
def test_a_truncated_file_is_an_image_error(photo, format):
    data = file_bytes(Image.fromarray(np.tile(photo, (4, 4, 1))), format)
    with pytest.raises(ImageError, match=r"cannot be decoded, it is damaged or incomplete"):
        decode(data[: len(data) // 2])


def test_what_is_no_picture_is_an_image_error(tmp_path):
    with pytest.raises(
        ImageError, match=r"is not a picture that can be read: expected one of JPEG"
    ):
        decode(b"<html>not found</html>")
    with pytest.raises(ImageError, match="is empty"):
        decode(b"")
    with pytest.raises(ImageError, match=r"nowhere\.png does not exist"):
        decode(tmp_path / "nowhere.png")
    with pytest.raises(ImageError, match="is no regular file"):
        decode(tmp_path)
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(ImageError, match="is no regular file"):
        decode(tmp_path / "pipe.png")


def test_a_huge_file_is_refused_by_its_size_before_it_is_read(tmp_path):
    with (tmp_path / "sparse.jpg").open("wb") as file:
        file.truncate(1 << 40)
    for read in (decode, lambda path: read_picture(path, ImageLimits())):
        with pytest.raises(ImageError, match="has 1099511627776 bytes, expected at most"):
            read(tmp_path / "sparse.jpg")


def test_formats_that_are_not_allowed_are_not_tried(photo):
    data = file_bytes(Image.fromarray(photo), "PPM")
    with pytest.raises(ImageError, match="not a picture that can be read"):
        decode(data)
    gif = file_bytes(Image.fromarray(photo), "GIF")
    with pytest.raises(ImageError, match="expected one of PNG, JPEG"):
        decode(gif, ImageLimits(formats=("PNG", "JPEG")))


def png_header_only(width, height):
    def chunk(kind, body):
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    idat = zlib.compress(b"\0" * 100)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", idat) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("side", [8_000, 12_000, 60_000])
def test_a_decompression_bomb_is_refused_by_its_header(side):
    with pytest.raises(
        ImageError, match=r"pixels.*expected at most 50000000: scale it down|safely"
    ):
        decode(png_header_only(side, side))


def test_a_small_pixel_limit_is_kept(photo):
    with pytest.raises(ImageError, match=r"60 x 40 = 2400 pixels, expected at most 2399"):
        decode(file_bytes(Image.fromarray(photo)), ImageLimits(max_pixels=2399))


def test_too_many_bytes_are_refused_before_decoding(photo, tmp_path):
    (tmp_path / "a.png").write_bytes(b"x" * 101)
    for source in (tmp_path / "a.png", b"x" * 101):
        with pytest.raises(ImageError, match="has 101 bytes, expected at most 100"):
            decode(source, ImageLimits(max_bytes=100))


def test_tiny_pictures_are_refused():
    with pytest.raises(ImageError, match=r"40 x 15 px, expected both sides to be at least 16 px"):
        decode(file_bytes(Image.new("RGB", (40, 15))))


def test_float_pictures_are_refused():
    data = file_bytes(Image.fromarray(np.ones((20, 20), np.float32)), "TIFF")
    with pytest.raises(ImageError, match="32 bits per channel"):
        decode(data)


def test_damaged_exif_leaves_the_picture_as_stored(photo):
    data = file_bytes(Image.fromarray(photo), exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    np.testing.assert_array_equal(decode(data), photo)


@settings(max_examples=150, deadline=None)
@given(data=st.data(), format=st.sampled_from(["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"]))
def test_damaged_bytes_give_a_picture_or_an_image_error(data, format):
    pixels = np.arange(32 * 32 * 3, dtype=np.uint32).reshape(32, 32, 3).astype(np.uint8)
    damaged = bytearray(file_bytes(Image.fromarray(pixels), format))
    for _ in range(data.draw(st.integers(1, 8))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    # Anything but an ImageError escapes `suppress` and fails the test.
    with contextlib.suppress(ImageError):
        picture = decode(bytes(damaged), ImageLimits(max_pixels=1_000_000))
        assert picture.dtype == np.uint8
        assert picture.ndim == 3
        assert picture.shape[2] == 3


def test_importing_images_does_not_import_torch():
    code = "import sys, features.images; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
