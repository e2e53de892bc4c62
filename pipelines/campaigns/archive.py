"""A campaign packed to send: pictures, contact sheets, manifest and provenance in one ZIP."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from pipelines.stores import storage

PROVENANCE: Final = (
    *("file", "item_id", "style_id", "channel", "mode", "digital_source_type"),
    *("model_version", "render_key", "watermark_found", "digest"),
)
_ALWAYS: Final = (1980, 1, 1, 0, 0, 0)


def write_archive(
    path: Path, folder: Path, files: Sequence[str], made: Mapping[str, bytes]
) -> None:
    """Write the ZIP at `path`, whole or not at all: `files` below `folder`, and what is `made`.

    The same files give the same bytes. Pictures are stored as they are: they are compressed.
    """
    with storage.replace_file(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name in sorted({*files, *made}):
            data = made[name] if name in made else (folder / name).read_bytes()
            entry = zipfile.ZipInfo(name, _ALWAYS)
            entry.external_attr = 0o644 << 16
            packed = name.endswith((".json", ".csv", ".txt"))
            entry.compress_type = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
            archive.writestr(entry, data)


def provenance_table(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """CSV: how every file was made, as its own tags say it; a plain photo's are empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(PROVENANCE)
    for row in rows:
        values = [row.get(name) for name in PROVENANCE]
        writer.writerow(["" if value is None else _harmless(value) for value in values])
    return text.getvalue().encode()


def manifest_json(manifest: Mapping[str, Any]) -> bytes:
    """The manifest as the ZIP holds it."""
    return (json.dumps(manifest, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()


def _harmless(value: Any) -> Any:
    """An id that a spreadsheet would take for a formula, in quotes."""
    text = str(value)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else value
