"""Writes docs/configuration.md from the config classes: `python docs/make_configuration.py`."""

from __future__ import annotations

from pathlib import Path

from pipelines.config import RunConfig
from pipelines.settings_text import sections

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
