"""The files that show a comparison of two look policies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipelines.report.ab_card import policy_card
from pipelines.report.ab_page import ab_page
from pipelines.stores import storage


def write_comparison(out: Path, result: dict[str, Any]) -> None:
    """Write `ab.html`, `policy_card.md` and, last, `ab.json` to the folder `out`."""
    storage.write_bytes(out / "policy_card.md", policy_card(result).encode())
    storage.write_bytes(out / "ab.html", ab_page(result).encode())
    storage.write_json(out / "ab.json", result)
