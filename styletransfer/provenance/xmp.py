"""XMP packets as lists of properties: parsed safely, written in one canonical form.

ISO 16684-1. A property is an XML element that stands directly in an `rdf:Description`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

MAX_PARSED_BYTES: Final = 1_000_000

_META: Final = "adobe:ns:meta/"
_RDF: Final = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_FORBIDDEN: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_XML: Final = "http://www.w3.org/XML/1998/namespace"
_PREFIXES: Final = {
    "x": _META,
    "rdf": _RDF,
    "dc": "http://purl.org/dc/elements/1.1/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "xmpRights": "http://ns.adobe.com/xap/1.0/rights/",
    "xmpMM": "http://ns.adobe.com/xap/1.0/mm/",
    "photoshop": "http://ns.adobe.com/photoshop/1.0/",
    "tiff": "http://ns.adobe.com/tiff/1.0/",
    "exif": "http://ns.adobe.com/exif/1.0/",
    "aux": "http://ns.adobe.com/exif/1.0/aux/",
    "plus": "http://ns.useplus.org/ldf/xmp/1.0/",
    "Iptc4xmpCore": "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/",
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "stylefeed": "urn:stylefeed:provenance:1.0#",
}
for _prefix, _uri in _PREFIXES.items():
    ElementTree.register_namespace(_prefix, _uri)


def name(prefix: str, local: str) -> str:
    """Qualified name, `{uri}local`, of a property in one of the well-known namespaces."""
    return f"{{{_PREFIXES[prefix]}}}{local}"


def text_property(prefix: str, local: str, value: str) -> Element:
    """A property with a plain text value."""
    element = Element(name(prefix, local))
    element.text = value
    return element


def clean(text: str) -> str:
    """`text` without the characters that XML cannot hold."""
    return _FORBIDDEN.sub("", text)


def parse(packet: bytes) -> list[Element]:
    """The properties of an XMP packet, each name once; of a damaged or dubious packet, none.

    XMP knows no document type, so a packet that declares one, and with it any entity, is refused.
    """
    if len(packet) > MAX_PARSED_BYTES:
        return []
    try:
        text = _text(packet)
        if "<!DOCTYPE" in text or "<!ENTITY" in text:
            return []
        root = ElementTree.fromstring(text)
    except (ElementTree.ParseError, UnicodeError, ValueError):
        return []
    found: dict[str, Element] = {}
    for description in root.iter(f"{{{_RDF}}}RDF"):
        for node in description.findall(f"{{{_RDF}}}Description"):
            for key, value in node.attrib.items():
                if key.startswith("{") and not key.startswith((f"{{{_RDF}}}", f"{{{_XML}}}")):
                    short = Element(key)
                    short.text = value
                    found.setdefault(key, short)
            for child in node:
                found.setdefault(child.tag, child)
    return list(found.values())


def write(properties: Sequence[Element]) -> bytes:
    """An XMP packet of `properties`, UTF-8, in their order.

    Raises RecursionError on a property nested deeper than Python can follow.
    """
    root = Element(f"{{{_META}}}xmpmeta")
    description = ElementTree.SubElement(
        ElementTree.SubElement(root, f"{{{_RDF}}}RDF"),
        f"{{{_RDF}}}Description",
        {f"{{{_RDF}}}about": ""},
    )
    description.extend(properties)
    body = ElementTree.tostring(root, encoding="unicode")
    return (
        f'<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>{body}<?xpacket end="w"?>'
    ).encode()


def _text(packet: bytes) -> str:
    if packet[:2] in (b"\xff\xfe", b"\xfe\xff"):
        text = packet.decode("utf-16")
    else:
        text = packet.decode("utf-8-sig")
    return text.strip("\0 \t\r\n\ufeff")
