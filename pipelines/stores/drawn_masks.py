"""Masks that were drawn in the studio: one PNG per item, named by the item's id."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pipelines.stores import storage

FOLDER: Final = "studio/masks"


def mask_name(item_id: str) -> str:
    """The file name of an item's mask: a digest, since an id may be any text."""
    return f"{storage.digest_bytes(item_id.encode(errors='surrogateescape'))}.png"


def keep_mask(out: Path, item_id: str, data: bytes) -> Path:
    """Keep a mask's PNG file in the job's folder `out`; returns where. StorageError as usual."""
    path = out / FOLDER / mask_name(item_id)
    storage.write_bytes(path, data)
    return path


def find_mask(out: Path, item_id: str) -> Path | None:
    """The mask drawn for an item; None where there is none."""
    path = out / FOLDER / mask_name(item_id)
    return path if path.is_file() else None
