"""IPTC-IIM data sets as XMP properties, for files that have no place for IIM.

Mapping of the IPTC Photo Metadata Standard, IPTC Core.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final
from xml.etree.ElementTree import Element

from styletransfer.provenance import xmp

# Data set of record 2 -> prefix, property, and the list that holds its values, if any.
_PROPERTIES: Final = {
    5: ("dc", "title", "Alt"),
    25: ("dc", "subject", "Bag"),
    40: ("photoshop", "Instructions", None),
    80: ("dc", "creator", "Seq"),
    85: ("photoshop", "AuthorsPosition", None),
    90: ("photoshop", "City", None),
    95: ("photoshop", "State", None),
    101: ("photoshop", "Country", None),
    103: ("photoshop", "TransmissionReference", None),
    105: ("photoshop", "Headline", None),
    110: ("photoshop", "Credit", None),
    115: ("photoshop", "Source", None),
    116: ("dc", "rights", "Alt"),
    120: ("dc", "description", "Alt"),
    122: ("photoshop", "CaptionWriter", None),
}
_LANGUAGE: Final = "{http://www.w3.org/XML/1998/namespace}lang"


def as_xmp(iptc: bytes) -> list[Element]:
    """XMP properties with what the IIM data sets say; a damaged block says what comes before."""
    texts: dict[int, list[str]] = {}
    for number, value in _data_sets(iptc):
        if number in _PROPERTIES:
            texts.setdefault(number, []).append(xmp.clean(_decode(value)))
    properties = []
    for number, values in texts.items():
        prefix, local, container = _PROPERTIES[number]
        if container is None:
            properties.append(xmp.text_property(prefix, local, values[0]))
            continue
        element = Element(xmp.name(prefix, local))
        holder = Element(xmp.name("rdf", container))
        # Alternatives are one text in several languages, of which IIM knows one.
        for text in values[:1] if container == "Alt" else values:
            entry = xmp.text_property("rdf", "li", text)
            if container == "Alt":
                entry.set(_LANGUAGE, "x-default")
            holder.append(entry)
        element.append(holder)
        properties.append(element)
    return properties


def _data_sets(iptc: bytes) -> Iterator[tuple[int, bytes]]:
    """Number and value of each data set of record 2, the application record."""
    at = 0
    while at + 5 <= len(iptc) and iptc[at] == 0x1C:
        record, number, size = struct.unpack_from(">xBBH", iptc, at)
        value = iptc[at + 5 : at + 5 + size]
        if size > 0x7FFF or len(value) < size:
            return
        if record == 2:
            yield number, value
        at += 5 + size


def _decode(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")
