"""The pages' templates, opened one way: escaped, and strict about names that are not given."""

from __future__ import annotations

from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from pipelines.report import formatting

_FILTERS: Final = (
    "number",
    "decimal",
    "percent",
    "seconds",
    "day",
    "short_day",
    "moment",
    "plural",
)


def open_template(name: str) -> Template:
    """The template `name` of `pipelines/templates`; functions of `formatting` are its filters."""
    environment = Environment(
        loader=PackageLoader("pipelines", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update({one: getattr(formatting, one) for one in _FILTERS})
    return environment.get_template(name)
