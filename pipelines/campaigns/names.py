"""Names of files that are sent out: readable, safe everywhere, and different for different ids."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from typing import Final

_LONGEST: Final = 40
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9]+")


def readable(text: str) -> str:
    """Of an id what any disk and shop takes: letters a-z, digits and hyphens, at most 40."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return _UNSAFE.sub("-", plain).strip("-")[:_LONGEST].strip("-")


def file_name(item_id: str, style_id: str, version: str) -> str:
    """A file's name without its ending; `style_id` "" is the main picture, without a look.

    Ids that read alike have names that differ, by a hash of the ids and of what the picture is
    made from, `version`.
    """
    parts = "\0".join((item_id, style_id, version))
    mark = hashlib.blake2b(parts.encode(errors="surrogatepass"), digest_size=4).hexdigest()
    return "-".join(filter(None, (readable(item_id), readable(style_id) or "main", mark)))
