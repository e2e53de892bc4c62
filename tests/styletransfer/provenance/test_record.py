import io
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from features.images import encode
from features.schema import ContractError, ImageError, InputError
from styletransfer.provenance.record import (
    DIGITAL_SOURCE_TYPES,
    Provenance,
    embed_provenance,
    lost_tags,
    provenance_of_tags,
    provenance_tags,
    read_digital_source_type,
    read_provenance,
)

FORMATS = ("jpeg", "png", "webp")
MADE = Provenance("faithful", "007", "woodblock-waves", 0.7, "0a1b2c", "run-1")
DESCRIPTION = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
    'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
    'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:tiff="http://ns.adobe.com/tiff/1.0/" '
    'xmlns:ext="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" xmlns:shop="http://shop.example/1/" '
    'tiff:Orientation="6" shop:season="spring" ext:DigitalSourceType="http://camera.example">{}'
    "</rdf:Description></rdf:RDF></x:xmpmeta>"
)
RIGHTS = '<dc:rights><rdf:Alt><rdf:li xml:lang="x-default">Ann</rdf:li></rdf:Alt></dc:rights>'
TAGGED = DESCRIPTION.format(RIGHTS).encode()


@pytest.fixture(scope="module")
def picture():
    return np.random.default_rng(0).integers(0, 256, (45, 67, 3)).astype(np.uint8)


def _open(encoded):
    image = Image.open(io.BytesIO(encoded))
    image.load()
    return image


def _packet(encoded):
    packet = _open(encoded).info["xmp"]
    return packet.decode() if isinstance(packet, bytes) else packet


def _exif():
    exif = Image.Exif()
    exif[0x010F] = "Camera & Co"
    exif[0x0112] = 6
    exif[0x8298] = "(c) Ann"
    details = exif.get_ifd(0x8769)
    details[0x9003] = "2024:05:06 07:08:09"
    details[0xA001] = 65535
    details[0xA002] = 4000
    exif.get_ifd(0x8825)[1] = "N"
    return exif


def _iim(*pairs):
    sets = b"".join(struct.pack(">BBBH", 0x1C, 2, n, len(v)) + v for n, v in pairs)
    even = sets + b"\0" * (len(sets) % 2)
    body = b"Photoshop 3.0\0" + struct.pack(">4sHHI", b"8BIM", 0x0404, 0, len(sets)) + even
    return struct.pack(">BBH", 0xFF, 0xED, len(body) + 2) + body


def _photo(format="JPEG", xmp=TAGGED, iim=b""):
    buffer = io.BytesIO()
    options = {"exif": _exif(), "xmp": xmp}
    if format == "PNG":
        options["pnginfo"] = PngImagePlugin.PngInfo()
        options["pnginfo"].add_itxt("XML:com.adobe.xmp", options.pop("xmp").decode())
    if format == "TIFF":
        options["tiffinfo"] = {700: options.pop("xmp"), **_exif()}
    Image.new("RGB", (90, 60), "tan").save(buffer, format=format, **options)
    data = buffer.getvalue()
    return data[:2] + iim + data[2:] if iim else data


@pytest.mark.parametrize("format", FORMATS)
def test_what_is_written_is_read_back_and_pixels_stay(format, picture):
    plain = encode(picture, format)
    marked = embed_provenance(plain, format, MADE)
    assert read_provenance(marked) == MADE
    assert _open(marked).tobytes() == _open(plain).tobytes()
    assert read_provenance(plain) is None


@pytest.mark.parametrize("mode", DIGITAL_SOURCE_TYPES)
def test_the_source_type_is_the_vocabulary_s_uri_of_the_mode(mode, picture):
    made = Provenance(mode, "1", "s", 1.0, "v")
    marked = embed_provenance(encode(picture, "jpeg"), "jpeg", made)
    uri = (
        "http://cv.iptc.org/newscodes/digitalsourcetype/"
        + {
            "faithful": "compositeWithTrainedAlgorithmicMedia",
            "accent": "algorithmicallyEnhanced",
            "artistic": "trainedAlgorithmicMedia",
        }[mode]
    )
    assert read_digital_source_type(marked) == uri
    assert f"<Iptc4xmpExt:DigitalSourceType>{uri}</Iptc4xmpExt:Dig" in _packet(marked)


@pytest.mark.parametrize("format", FORMATS)
def test_of_an_original_no_byte_changes(format, picture):
    plain = encode(picture, format)
    untouched = Provenance("original", "007", "original", 0.0, "v")
    assert embed_provenance(plain, format, untouched, _photo()) == plain


@pytest.mark.parametrize("source_format", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("format", FORMATS)
def test_the_photo_s_tags_are_kept_and_ours_win(format, source_format, picture):
    marked = embed_provenance(encode(picture, format), format, MADE, _photo(source_format))
    packet = _packet(marked)
    assert "<dc:rights><rdf:Alt><rdf:li xml:lang=" in packet
    assert ">spring<" in packet
    assert "camera.example" not in packet
    assert "Orientation" not in packet
    assert read_provenance(marked) == MADE
    exif = _open(marked).getexif()
    assert (exif[0x010F], exif[0x8298], exif[0x0112]) == ("Camera & Co", "(c) Ann", 1)
    assert exif.get_ifd(0x8769) == {0x9003: "2024:05:06 07:08:09", 0xA001: 1, 0xA002: 67}
    assert exif.get_ifd(0x8825)[1] == "N"


def test_a_tiff_photo_s_tags_are_kept_but_for_its_storage(picture):
    marked = embed_provenance(encode(picture, "jpeg"), "jpeg", MADE, _photo("TIFF"))
    exif = dict(_open(marked).getexif())
    assert exif[0x8298] == "(c) Ann"
    assert not {256, 257, 258, 259, 273, 279, 700} & set(exif)
    assert ">spring<" in _packet(marked)


def test_iim_tags_stay_iim_in_jpeg_and_become_xmp_elsewhere(picture):
    photo = _photo(iim=_iim((25, b"chair"), (25, b"oak"), (116, b"(c) Bo"), (105, b"Sp\xe4t")))
    as_jpeg = embed_provenance(encode(picture, "jpeg"), "jpeg", MADE, photo)
    assert b"\x02\x19\x00\x05chair" in _open(as_jpeg).info["photoshop"][0x0404]
    packet = _packet(embed_provenance(encode(picture, "png"), "png", MADE, photo))
    assert "<rdf:Bag><rdf:li>chair</rdf:li><rdf:li>oak</rdf:li></rdf:Bag>" in packet
    assert "<photoshop:Headline>Spät</photoshop:Headline>" in packet
    assert ">Ann<" in packet
    assert "(c) Bo" not in packet


@pytest.mark.parametrize("format", FORMATS)
def test_writing_twice_is_writing_once(format, picture):
    once = embed_provenance(encode(picture, format), format, MADE, _photo())
    assert embed_provenance(once, format, MADE, _photo()) == once
    later = Provenance("accent", "8", "t", 0.2, "v2")
    assert read_provenance(embed_provenance(once, format, later, once)) == later


def test_a_photo_s_thumbnail_does_not_survive(picture):
    thumbnail = io.BytesIO()
    Image.new("RGB", (16, 12), "red").save(thumbnail, "JPEG")
    exif = bytearray(_exif().tobytes())
    # Append a second directory that holds the thumbnail, and point to it from the first.
    start = len(exif) - 6
    (n_tags,) = struct.unpack_from(">H", exif, 14)
    struct.pack_into(">I", exif, 16 + 12 * n_tags, start)
    data = thumbnail.getvalue()
    exif += struct.pack(">HHHIIHHIII", 2, 0x0201, 4, 1, start + 30, 0x0202, 4, 1, len(data), 0)
    buffer = io.BytesIO()
    Image.new("RGB", (90, 60)).save(buffer, "JPEG", exif=bytes(exif) + data)
    assert data in buffer.getvalue()
    marked = embed_provenance(encode(picture, "jpeg"), "jpeg", MADE, buffer.getvalue())
    assert data not in marked
    assert _open(marked).getexif()[0x8298] == "(c) Ann"


BOMB = '<!DOCTYPE x [<!ENTITY a "lol"><!ENTITY b "{}"><!ENTITY c "{}">]>'.format(
    "&a;" * 1000, "&b;" * 1000
) + DESCRIPTION.format("<dc:format>&c;</dc:format>")
THIEF = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>' + DESCRIPTION.format(
    "<dc:format>&a;</dc:format>"
)


@pytest.mark.parametrize(
    "packet",
    [
        BOMB.encode(),
        THIEF.encode(),
        THIEF.encode("utf-16"),
        DESCRIPTION.format("<dc:format>&a;</dc:format>").encode(),
        DESCRIPTION.format("<dc:format>").encode(),
        DESCRIPTION.format("<a>" * 9000 + "</a>" * 9000).encode()[:60_000],
        DESCRIPTION.format("<dc:a>" * 4000 + "</dc:a>" * 4000).encode(),
        b"\xff\xfe\x00",
        b"\x00" * 50,
        b"not XML",
    ],
    ids=[
        "bomb",
        "file",
        "file in UTF-16",
        "undefined",
        "cut",
        "cut deep",
        "deep",
        "odd",
        "nul",
        "no",
    ],
)
def test_a_harmful_or_damaged_packet_counts_as_none(packet, picture):
    marked = embed_provenance(encode(picture, "png"), "png", MADE, _photo("JPEG", packet))
    assert read_provenance(marked) == MADE
    assert len(_packet(marked)) < 1500
    assert "root:" not in _packet(marked)
    assert read_provenance(_photo("JPEG", packet)) is None


def test_a_packet_in_utf_16_is_read(picture):
    photo = _photo("JPEG", DESCRIPTION.format(RIGHTS).encode("utf-16"))
    assert ">Ann<" in _packet(embed_provenance(encode(picture, "png"), "png", MADE, photo))


def test_the_longest_tags_make_room_when_all_do_not_fit(picture):
    history = f"<dc:source>{'x' * 60_000}</dc:source><dc:format>{'y' * 5_000}</dc:format>"
    photo = _photo("WEBP", DESCRIPTION.format(history + RIGHTS).encode())
    packet = _packet(embed_provenance(encode(picture, "jpeg"), "jpeg", MADE, photo))
    assert "xxx" not in packet
    assert "yyy" in packet
    assert ">Ann<" in packet


@pytest.mark.parametrize(
    "source", [b"", b"no picture", _photo()[:400]], ids=["empty", "text", "cut"]
)
def test_a_damaged_photo_has_no_tags_but_stops_nothing(source, picture):
    marked = embed_provenance(encode(picture, "webp"), "webp", MADE, source)
    assert read_provenance(marked) == MADE
    assert "metadata is damaged" in lost_tags(source)


def test_a_sound_photo_loses_no_tags():
    assert lost_tags(_photo()) == ""


def test_damaged_exif_is_left_out(picture):
    buffer = io.BytesIO()
    Image.new("RGB", (9, 9)).save(buffer, "JPEG", exif=b"Exif\0\0no TIFF at all")
    marked = embed_provenance(encode(picture, "jpeg"), "jpeg", MADE, buffer.getvalue())
    assert read_provenance(marked) == MADE
    assert "Exif" in lost_tags(buffer.getvalue())


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("damage", [b"", b"GIF89a", "cut", "other"], ids=str)
def test_bytes_of_another_format_are_refused(format, damage, picture):
    whole = encode(picture, format)
    other = encode(picture, "png" if format == "jpeg" else "jpeg")
    encoded = {"cut": whole[: len(whole) // 40], "other": other}.get(damage, damage)
    with pytest.raises(ImageError, match=format):
        embed_provenance(encoded, format, MADE)


@settings(max_examples=40, deadline=None)
@given(item=st.text(max_size=40), style=st.text(max_size=40), strength=st.floats(0, 1))
def test_any_id_survives(item, style, strength):
    made = Provenance("artistic", item, style, strength, "v")
    plain = encode(np.zeros((16, 16, 3), dtype=np.uint8), "png")
    assert read_provenance(embed_provenance(plain, "png", made)) == made


@pytest.mark.parametrize(
    "item", ["007", " 7 ", "a\r\nb", "\ud800", "%41", "\x00", "<&>\"'", "é\u0085"]
)
def test_odd_ids_survive(item, picture):
    made = Provenance("artistic", item, "", 1.0, "v")
    assert read_provenance(embed_provenance(encode(picture, "jpeg"), "jpeg", made)) == made


def test_ids_that_fit_no_file_are_refused(picture):
    with pytest.raises(InputError, match="shorter"):
        embed_provenance(
            encode(picture, "png"), "png", Provenance("accent", "x" * 70_000, "s", 1.0, "v")
        )


@pytest.mark.parametrize(("mode", "strength"), [("vivid", 0.5), ("faithful", 1.5), ("accent", -1)])
def test_a_mode_or_strength_that_does_not_exist_is_refused(mode, strength):
    with pytest.raises(ContractError, match="provenance"):
        Provenance(mode, "1", "s", strength, "v")


def test_a_packet_of_ours_with_nonsense_in_it_reads_as_none(picture):
    marked = embed_provenance(encode(picture, "png"), "png", MADE)
    for was, now in (
        (b">0.7<", b">nan<"),
        (b">faithful<", b">fruitful<"),
        (b":ItemID", b":ItemIX"),
    ):
        assert read_provenance(_photo("JPEG", _packet(marked).encode().replace(was, now))) is None


@pytest.mark.parametrize(("n_colours", "mode"), [(0, "RGBA"), (0, "RGB")])
def test_a_lossless_webp_keeps_its_transparency(n_colours, mode):
    buffer = io.BytesIO()
    Image.new(mode, (20, 10), (9, 8, 7, 60)[: len(mode)]).save(buffer, "WEBP", lossless=True)
    marked = embed_provenance(buffer.getvalue(), "webp", MADE)
    assert _open(marked).mode == mode
    assert _open(marked).tobytes() == _open(buffer.getvalue()).tobytes()


def test_provenance_is_read_back_from_a_clips_tags_whatever_their_case():
    told = Provenance("faithful", "mug\x00\n%7", "späte Wellen", 0.75, "abc-grain")
    tags = provenance_tags(told)
    assert tags["digital_source_type"] == told.digital_source_type
    assert all(text.isprintable() for text in tags.values())
    assert provenance_of_tags({name.upper(): text for name, text in tags.items()}) == told
    assert provenance_of_tags({"title": "A mug"}) is None
