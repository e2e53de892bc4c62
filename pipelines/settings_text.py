"""The settings as text: a commented TOML file, and what documentation is made from."""

from __future__ import annotations

import dataclasses
import inspect
import json
from collections.abc import Iterator
from textwrap import wrap
from typing import Any

from pipelines.config import RunConfig

HEAD = """\
# Settings of `stylefeed run --config settings.toml`.
#
# Every line that begins with `#` and a key holds its default: take the `#` off to change it. An
# unknown key is refused by name.
"""


def sections(kind: Any, name: str) -> Iterator[tuple[str, str, list[tuple[str, str, str]]]]:
    """Yield (section name, docstring, [(key, type, default)]) of `kind` and all inside it."""
    yield from _sections(kind(), name)


def _sections(section: Any, name: str) -> Iterator[tuple[str, str, list[tuple[str, str, str]]]]:
    rows, inner = [], []
    for field in dataclasses.fields(section):
        default = getattr(section, field.name)
        if dataclasses.is_dataclass(default):
            inner.append((default, f"{name}.{field.name}".lstrip(".")))
        else:
            rows.append((field.name, str(field.type), toml_value(default)))
    yield name, inspect.getdoc(type(section)) or "", rows
    for part, part_name in inner:
        yield from _sections(part, part_name)


def toml_value(value: Any) -> str:
    """`value` as TOML writes it; `none` for None, which TOML cannot."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return "[" + ", ".join(toml_value(part) for part in value) + "]"
    return f'"{value}"' if isinstance(value, str) else repr(value)


def settings_toml() -> str:
    """A settings file in which every key is named, explained and commented out."""
    parts = [HEAD]
    for name, doc, rows in sections(RunConfig, ""):
        lines = [f"\n[{name}]"] if name else [""]
        for paragraph in doc.split("\n\n"):
            lines += [f"# {line}" for line in wrap(" ".join(paragraph.split()), 96)]
        lines += [
            f"#{key} =  # {kind}; not set" if default == "none" else f"#{key} = {default}"
            for key, kind, default in rows
        ]
        parts.append("\n".join(lines) + "\n")
    return "".join(parts)


def changed_toml(config: RunConfig) -> str:
    """A settings file with every key of `config` that is not at its default, and no other."""
    lines = ["# Settings of `stylefeed run --config`: what is not at its default."]
    lines += _changed(config, RunConfig(), "")
    return "\n".join(lines) + "\n"


def _changed(section: Any, default: Any, name: str) -> list[str]:
    rows, inner = [], []
    for field in dataclasses.fields(section):
        value, usual = getattr(section, field.name), getattr(default, field.name)
        if dataclasses.is_dataclass(value):
            inner += _changed(value, usual, f"{name}.{field.name}".lstrip("."))
        elif value != usual and value is not None:
            rows.append(f"{field.name} = {_written(value)}")
    return [*(["", f"[{name}]"] if rows and name else []), *rows, *inner]


def _written(value: Any) -> str:
    """`value` as TOML writes it, whatever its text holds."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        # A basic string of TOML is one of JSON, but for the character DEL.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_written(part) for part in value) + "]"
    if isinstance(value, dict):
        pairs = (f"{_written(str(key))} = {_written(part)}" for key, part in value.items())
        return "{" + ", ".join(pairs) + "}"
    return repr(value)
