"""Where a picture comes from, written into its file: IPTC digital source type, item, look, model.

IPTC Photo Metadata Standard, Digital Source Type; the rest stands in a namespace of our own.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Final
from urllib.parse import quote, unquote
from xml.etree.ElementTree import Element

from PIL import Image

from features.images import PictureFormat
from features.schema import ORIGINAL, ContractError, ImageError, InputError
from styletransfer.provenance import iptc, xmp
from styletransfer.provenance.exif import of_upright
from styletransfer.provenance.metadata_blocks import (
    MAX_BLOCK_BYTES,
    MetadataBlocks,
    read_blocks,
    write_blocks,
)

_VOCABULARY: Final = "http://cv.iptc.org/newscodes/digitalsourcetype/"
DIGITAL_SOURCE_TYPES: Final = {
    "faithful": _VOCABULARY + "compositeWithTrainedAlgorithmicMedia",
    "accent": _VOCABULARY + "algorithmicallyEnhanced",
    "artistic": _VOCABULARY + "trainedAlgorithmicMedia",
}
"""Mode served -> the URI of what it does to a photo."""

_SOURCE_TYPE: Final = xmp.name("Iptc4xmpExt", "DigitalSourceType")
_OWN: Final = xmp.name("stylefeed", "")
_TEXTS: Final = ("mode", "item_id", "style_id", "model_version")
# What described the source's pixels and would be wrong of ours.
_STALE: Final = frozenset(
    xmp.name(prefix, local)
    for prefix, names in {
        "tiff": "Orientation ImageWidth ImageLength BitsPerSample Compression "
        "PhotometricInterpretation SamplesPerPixel PlanarConfiguration XResolution YResolution "
        "ResolutionUnit",
        "exif": "PixelXDimension PixelYDimension ColorSpace",
        "photoshop": "ICCProfile ColorMode",
        "xmp": "Thumbnails",
    }.items()
    for local in names.split()
) | {"{http://ns.adobe.com/xmp/note/}HasExtendedXMP"}


@dataclass(frozen=True)
class Provenance:
    """What was done to a product photo.

    `mode` is the mode served: faithful, accent, artistic, or original for an untouched photo;
    `strength` in 0..1; `model_version` the hash of the weights that painted. Raises ContractError
    on another mode or strength.
    """

    mode: str
    item_id: str
    style_id: str
    strength: float
    model_version: str
    run_id: str | None = None

    def __post_init__(self) -> None:
        if self.mode != ORIGINAL and self.mode not in DIGITAL_SOURCE_TYPES:
            raise ContractError(
                f"provenance mode is {self.mode!r}: expected one of "
                f"{', '.join(DIGITAL_SOURCE_TYPES)} or {ORIGINAL}"
            )
        if not 0.0 <= self.strength <= 1.0:
            raise ContractError(f"provenance strength is {self.strength}: expected 0 to 1")

    @property
    def digital_source_type(self) -> str | None:
        """URI of the IPTC vocabulary, None for an untouched photo."""
        return DIGITAL_SOURCE_TYPES.get(self.mode)


def embed_provenance(
    encoded: bytes, format: PictureFormat, provenance: Provenance, source: bytes | None = None
) -> bytes:
    """Write `provenance` into an encoded picture, with the tags of the photo it was made from.

    Args:
        encoded: a file of `format` with upright sRGB pixels, as `features.images.encode` makes.
        format: jpeg, png or webp.
        provenance: of an untouched photo (mode original) nothing is written.
        source: the photo's file in any format that can be decoded. Its XMP, Exif and IPTC-IIM
            tags are kept (IIM as XMP in PNG and WebP, which have no place for it), but for those
            that told how its pixels were stored, its thumbnail, and what `provenance` sets.

    Returns:
        The file with the same pixels. The same arguments give the same bytes.

    Raises:
        ImageError: `encoded` is not of `format` or is damaged. What is damaged of the `source`'s
            tags is left out: `lost_tags` says what.
        InputError: ids so long that they do not fit into a file.
    """
    if provenance.mode == ORIGINAL:
        return encoded
    width, height = _size_px(encoded, format)
    kept = MetadataBlocks() if source is None else _kept(source, width, height)[0]
    tags = xmp.parse(kept.xmp) if kept.xmp else []
    if kept.iptc and format != "jpeg":
        present = {element.tag for element in tags}
        tags += [e for e in iptc.as_xmp(kept.iptc) if e.tag not in present]
    blocks = MetadataBlocks(
        exif=kept.exif,
        xmp=_packet(provenance, tags),
        iptc=kept.iptc,
    )
    return write_blocks(encoded, format, blocks)


def embed_tags(encoded: bytes, format: PictureFormat, source: bytes) -> bytes:
    """Write into an encoded picture the tags of the photo `source` that it shows untouched.

    What `embed_provenance` keeps of them is kept; nothing is said of how the picture was made.
    Raises ImageError where `encoded` is not of `format` or is damaged.
    """
    kept = _kept(source, *_size_px(encoded, format))[0]
    tags = xmp.parse(kept.xmp) if kept.xmp else []
    if kept.iptc and format != "jpeg":
        present = {element.tag for element in tags}
        tags += [e for e in iptc.as_xmp(kept.iptc) if e.tag not in present]
    tags = [element for element in tags if element.tag not in _STALE]
    packet = None
    with suppress(RecursionError):
        packet = xmp.write(_fitting(tags, MAX_BLOCK_BYTES - len(xmp.write([])))) if tags else None
    return write_blocks(encoded, format, MetadataBlocks(kept.exif, packet, kept.iptc))


def lost_tags(source: bytes) -> str:
    """What of a photo's tags cannot be kept in pictures made of it, in words; empty: nothing."""
    return "; ".join(_kept(source, 1, 1)[1])


def _kept(source: bytes, width: int, height: int) -> tuple[MetadataBlocks, list[str]]:
    """The photo's blocks as a picture of this size keeps them, and what was lost of them."""
    lost = []
    try:
        found = read_blocks(source)
    except ImageError as error:
        return MetadataBlocks(), [f"{error}: left out"]
    exif = iptc_block = None
    try:
        exif = of_upright(found.exif, width, height) if found.exif else None
    except ImageError as error:
        lost.append(f"{error}: left out")
    if found.iptc and len(found.iptc) > MAX_BLOCK_BYTES:
        lost.append(f"the photo's IPTC block takes {len(found.iptc)} bytes: left out")
    else:
        iptc_block = found.iptc
    return MetadataBlocks(exif, found.xmp, iptc_block), lost


def read_provenance(encoded: bytes) -> Provenance | None:
    """The provenance that `embed_provenance` wrote into a picture file, or None."""
    own = {
        element.tag.removeprefix(_OWN): _unescape(element.text or "")
        for element in _properties(encoded)
        if element.tag.startswith(_OWN)
    }
    try:
        return Provenance(
            mode=own["Mode"],
            item_id=own["ItemID"],
            style_id=own["StyleID"],
            strength=float(own["Strength"]),
            model_version=own["ModelVersion"],
            run_id=own.get("RunID"),
        )
    except (KeyError, ValueError, ContractError):
        return None


def provenance_tags(provenance: Provenance) -> dict[str, str]:
    """`provenance` as the tags of a clip's container, which knows names and texts alone."""
    told = {
        "digital_source_type": provenance.digital_source_type,
        **{f"stylefeed_{name}": value for name, value in asdict(provenance).items()},
    }
    return {name: _escape(str(value)) for name, value in told.items() if value is not None}


def provenance_of_tags(tags: Mapping[str, str]) -> Provenance | None:
    """The provenance that `provenance_tags` wrote, whatever the case of the names, or None."""
    own = {name.lower(): _unescape(text) for name, text in tags.items()}
    try:
        return Provenance(
            **{name: own[f"stylefeed_{name}"] for name in _TEXTS},
            strength=float(own["stylefeed_strength"]),
            run_id=own.get("stylefeed_run_id"),
        )
    except (KeyError, ValueError, ContractError):
        return None


def read_digital_source_type(encoded: bytes) -> str | None:
    """The IPTC digital source type a picture file declares, whoever wrote it: a URI or None."""
    return next((e.text for e in _properties(encoded) if e.tag == _SOURCE_TYPE), None)


def _size_px(encoded: bytes, format: PictureFormat) -> tuple[int, int]:
    try:
        with Image.open(io.BytesIO(encoded), formats=[format.upper()]) as image:
            return image.size
    except (OSError, SyntaxError, ValueError) as error:
        raise ImageError(
            f"provenance cannot be written: the bytes are no {format} file ({error}): encode the "
            "picture with features.images.encode"
        ) from error


def _properties(encoded: bytes) -> list[Element]:
    try:
        packet = read_blocks(encoded).xmp
    except ImageError:  # another program's file, of which nothing can be read
        return []
    return [] if packet is None else xmp.parse(packet)


def _packet(provenance: Provenance, source: Iterable[Element]) -> bytes:
    values = {
        "Mode": provenance.mode,
        "ItemID": provenance.item_id,
        "StyleID": provenance.style_id,
        "Strength": repr(float(provenance.strength)),
        "ModelVersion": provenance.model_version,
        "RunID": provenance.run_id,
    }
    ours = [
        xmp.text_property("Iptc4xmpExt", "DigitalSourceType", provenance.digital_source_type or "")
    ] + [
        xmp.text_property("stylefeed", local, _escape(value))
        for local, value in values.items()
        if value is not None
    ]
    kept = [
        element
        for element in source
        if element.tag not in _STALE
        and element.tag != _SOURCE_TYPE
        and not element.tag.startswith(_OWN)
    ]
    alone = xmp.write(ours)
    if len(alone) > MAX_BLOCK_BYTES:
        raise InputError(
            f"provenance takes {len(alone)} bytes: expected at most {MAX_BLOCK_BYTES}: "
            "use shorter item, look and run ids"
        )
    # What is too deeply nested to be written can only be meant to do harm.
    with suppress(RecursionError):
        return xmp.write(ours + _fitting(kept, MAX_BLOCK_BYTES - len(alone)))
    return alone


def _fitting(properties: list[Element], n_bytes: int) -> list[Element]:
    """As many properties as fit into `n_bytes`: editing histories go before captions."""
    empty = len(xmp.write([]))
    if len(xmp.write(properties)) - empty <= n_bytes:
        return properties
    sizes = [len(xmp.write([element])) - empty for element in properties]
    total = sum(sizes)
    dropped = set()
    for place in sorted(range(len(sizes)), key=lambda place: -sizes[place]):
        if total <= n_bytes:
            break
        dropped.add(place)
        total -= sizes[place]
    return [element for place, element in enumerate(properties) if place not in dropped]


# Ids are opaque: what XML cannot hold, or would change, is kept as in URLs.
_UNSAFE: Final = re.compile("[%\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def _escape(text: str) -> str:
    return _UNSAFE.sub(lambda match: quote(match[0], errors="surrogatepass"), text)


def _unescape(text: str) -> str:
    return unquote(text, errors="surrogatepass")
