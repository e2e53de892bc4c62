"""Writes docs/configuration.md from the config classes: `python docs/make_configuration.py`."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipelines.config import RunConfig

HEAD = """# Configuration

Made from the code by `python docs/make_configuration.py`; edit the classes, not this page.

Settings are read from a TOML file, `stylefeed run --config settings.toml`. Every key has a default,
an unknown key is refused by name. A section below is a TOML table: `[policy]`, `[ranking.als]`.

```toml
seed = 7
top_k = 20

[policy]
kind = "softmax"
temperature = 0.2

[render]
size_px = 512
format = "webp"
```
"""


def sections(kind: Any, name: str) -> Iterator[tuple[str, str, list[tuple[str, str, str]]]]:
    """Yield (section name, docstring, [(key, type, default)]) of `kind` and all inside it."""
    rows, inner = [], []
    for field in dataclasses.fields(kind):
        default = (
            field.default_factory()
            if field.default_factory is not dataclasses.MISSING
            else field.default
        )
        if dataclasses.is_dataclass(default):
            inner.append((type(default), f"{name}.{field.name}".lstrip(".")))
        else:
            rows.append((field.name, str(field.type), _toml(default)))
    yield name, inspect.getdoc(kind) or "", rows
    for section, section_name in inner:
        yield from sections(section, section_name)


def _toml(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml(part) for part in value) + "]"
    return f'"{value}"' if isinstance(value, str) else repr(value)


def page() -> str:
    """The whole of docs/configuration.md."""
    parts = [HEAD]
    for name, doc, rows in sections(RunConfig, ""):
        parts.append(f"## {'Top level' if not name else f'`[{name}]`'}\n\n{doc}\n")
        if rows:
            table = ["| key | type | default |", "|---|---|---|"]
            for key, kind, default in rows:
                escaped = kind.replace("|", "\\|")
                table.append(f"| `{key}` | {escaped} | `{default}` |")
            parts.append("\n".join(table) + "\n")
    return "\n".join(parts)


if __name__ == "__main__":
    Path(__file__).with_name("configuration.md").write_text(page(), encoding="utf-8")
