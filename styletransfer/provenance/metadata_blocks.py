"""The metadata blocks of a picture file: read from any, replaced in an encoded one.

Pixels are not touched: JPEG segments, PNG chunks and WebP chunks are copied as they are.
"""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from PIL import Image

from features.images import DEFAULT_LIMITS, PictureFormat
from features.schema import ImageError

MAX_BLOCK_BYTES: Final = 65_000
"""Most bytes of one block: a JPEG segment holds 65,533 with its label."""

_EXIF_LABEL: Final = b"Exif\0\0"
_XMP_LABEL: Final = b"http://ns.adobe.com/xap/1.0/\0"
_IPTC_LABEL: Final = b"Photoshop 3.0\0"
_IPTC_RESOURCE: Final = 0x0404
_PNG_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_PNG_XMP: Final = b"XML:com.adobe.xmp\0"
_TIFF_XMP: Final = 700
_TIFF_IPTC: Final = 33723


@dataclass(frozen=True)
class MetadataBlocks:
    """Blocks as bytes without labels, None where there is none.

    `exif` is a TIFF structure, `xmp` a packet, `iptc` the data sets of IPTC-IIM.
    """

    exif: bytes | None = None
    xmp: bytes | None = None
    iptc: bytes | None = None


# What Pillow raises on damaged tags; anything else is a fault of ours.
DAMAGE: Final = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    AttributeError,
    KeyError,
    IndexError,
    OverflowError,
    struct.error,
    Image.DecompressionBombError,
)


def read_blocks(encoded: bytes) -> MetadataBlocks:
    """Blocks of a picture file in any format that can be decoded; ImageError when damaged."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(io.BytesIO(encoded), formats=DEFAULT_LIMITS.formats) as image:
                tiff = image.getexif() if image.format == "TIFF" else {}
                photoshop = image.info.get("photoshop")
                resources = photoshop if isinstance(photoshop, dict) else {}
                exif = image.getexif().tobytes() if tiff else image.info.get("exif")
                xmp = image.info.get("xmp", tiff.get(_TIFF_XMP))
                iptc = resources.get(_IPTC_RESOURCE, tiff.get(_TIFF_IPTC))
        except DAMAGE as error:
            raise ImageError(f"the picture's metadata is damaged: {error}") from error
    exif, xmp, iptc = (
        bytes(block) if isinstance(block, bytes | bytearray) and block else None
        for block in (exif, xmp, iptc)
    )
    return MetadataBlocks(exif.removeprefix(_EXIF_LABEL) if exif else None, xmp, iptc)


def write_blocks(encoded: bytes, format: PictureFormat, blocks: MetadataBlocks) -> bytes:
    """`encoded` with its metadata blocks replaced by `blocks`; its pixels stay as they are.

    PNG and WebP have no place for IPTC-IIM. Raises ImageError when `encoded` is not of `format`,
    is damaged, or a block has more than 65,000 bytes.
    """
    for block in (blocks.exif, blocks.xmp, blocks.iptc):
        if block is not None and len(block) > MAX_BLOCK_BYTES:
            raise ImageError(
                f"metadata block has {len(block)} bytes: expected at most {MAX_BLOCK_BYTES}"
            )
    try:
        return {"jpeg": _write_jpeg, "png": _write_png, "webp": _write_webp}[format](
            encoded, blocks
        )
    except (struct.error, IndexError, ValueError) as error:
        raise ImageError(
            f"picture is no whole {format} file, its metadata cannot be written ({error}): "
            "encode it with features.images.encode"
        ) from error


def _write_jpeg(encoded: bytes, blocks: MetadataBlocks) -> bytes:
    new = []
    if blocks.exif is not None:
        new.append((0xE1, _EXIF_LABEL + blocks.exif))
    if blocks.xmp is not None:
        new.append((0xE1, _XMP_LABEL + blocks.xmp))
    if blocks.iptc is not None:
        even = blocks.iptc + b"\0" * (len(blocks.iptc) % 2)
        resource = struct.pack(">4sHHI", b"8BIM", _IPTC_RESOURCE, 0, len(blocks.iptc)) + even
        new.append((0xED, _IPTC_LABEL + resource))
    if encoded[:2] != b"\xff\xd8":
        raise ValueError("no JPEG signature")
    first, kept = b"", b""
    at = 2
    while encoded[at + 1] != 0xDA:
        marker, size = struct.unpack_from(">xBH", encoded, at)
        segment = encoded[at : at + 2 + size]
        if encoded[at] != 0xFF or len(segment) < 2 + size:
            raise ValueError("damaged segment")
        # JFIF wants to be the first segment of all.
        if marker == 0xE0:
            first += segment
        elif marker not in (0xE1, 0xED):
            kept += segment
        at += 2 + size
    written = b"".join(struct.pack(">BBH", 0xFF, m, 2 + len(data)) + data for m, data in new)
    return b"\xff\xd8" + first + written + kept + encoded[at:]


def _write_png(encoded: bytes, blocks: MetadataBlocks) -> bytes:
    if encoded[:8] != _PNG_SIGNATURE:
        raise ValueError("no PNG signature")
    new = b""
    if blocks.exif is not None:
        new += _png_chunk(b"eXIf", blocks.exif)
    if blocks.xmp is not None:
        # Uncompressed, no language, no translated keyword.
        new += _png_chunk(b"iTXt", _PNG_XMP + b"\0\0\0\0" + blocks.xmp)
    out = [_PNG_SIGNATURE]
    at = 8
    while at < len(encoded):
        (size,) = struct.unpack_from(">I", encoded, at)
        chunk = encoded[at : at + 12 + size]
        if len(chunk) < 12 + size:
            raise ValueError("damaged chunk")
        is_xmp = chunk[4:8] == b"iTXt" and chunk[8:].startswith(_PNG_XMP)
        if chunk[4:8] != b"eXIf" and not is_xmp:
            out.append(chunk)
        if chunk[4:8] == b"IHDR":
            out.append(new)
        at += 12 + size
    return b"".join(out)


def _png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _write_webp(encoded: bytes, blocks: MetadataBlocks) -> bytes:
    chunks = [c for c in _webp_chunks(encoded) if c[0] not in (b"EXIF", b"XMP ")]
    flags = 0
    if chunks[0][0] == b"VP8X":
        flags = chunks.pop(0)[1][0] & ~0x0C
    elif chunks[0][0] == b"VP8L" and chunks[0][1][4] & 0x10:
        flags = 0x10
    if blocks.exif is not None:
        flags |= 0x08
        chunks.append((b"EXIF", blocks.exif))
    if blocks.xmp is not None:
        flags |= 0x04
        chunks.append((b"XMP ", blocks.xmp))
    with Image.open(io.BytesIO(encoded), formats=["WEBP"]) as image:
        width, height = ((side - 1).to_bytes(3, "little") for side in image.size)
    chunks.insert(0, (b"VP8X", bytes([flags, 0, 0, 0]) + width + height))
    body = b"WEBP" + b"".join(
        kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)
        for kind, data in chunks
    )
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _webp_chunks(encoded: bytes) -> Iterator[tuple[bytes, bytes]]:
    if encoded[:4] != b"RIFF" or encoded[8:12] != b"WEBP":
        raise ValueError("no WebP signature")
    at = 12
    while at < len(encoded):
        kind, size = struct.unpack_from("<4sI", encoded, at)
        data = encoded[at + 8 : at + 8 + size]
        if len(data) < size:
            raise ValueError("damaged chunk")
        yield kind, data
        at += 8 + size + size % 2
