"""Mappings on the command line: `a=b,c=d`."""

from __future__ import annotations

from features.schema import ConfigError


def parse_mapping(text: str, option: str) -> dict[str, str]:
    """`a=b,c=d` -> {"a": "b", "c": "d"}. Raises ConfigError on anything else."""
    pairs = {}
    for part in (part for part in text.split(",") if part.strip()):
        left, sign, right = part.partition("=")
        if not sign or not left.strip() or not right.strip():
            raise ConfigError(
                f"{option}: got {part.strip()!r}: expected pairs such as a=b, with commas between"
            )
        pairs[left.strip()] = right.strip()
    return pairs
