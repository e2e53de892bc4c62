"""What the studio's OpenAPI description says of forms, and of answers that are no page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from fastapi import Response

Answers = dict[int | str, dict[str, Any]]
Field = dict[str, Any]

TEXT: Final[Field] = {"type": "string", "maxLength": 200}
PICTURE: Final[Field] = {"type": "string", "format": "binary"}
_PROBLEM: Final = {
    "type": "object",
    "properties": {"detail": {"type": "string"}},
    "required": ["detail"],
}


def _told(description: str) -> dict[str, Any]:
    """A problem in words: a page or a part of one, `detail`, or one line of the guard's."""
    kinds = {"text/html": {}, "application/json": {"schema": _PROBLEM}, "text/plain": {}}
    return {"description": description, "content": kinds}


ANY: Final[Answers] = {
    303: {"description": "To the login, or to the page that shows what was done."},
    401: _told("Nobody is logged in."),
    403: _told("The role may not, or the form's token is not that of the login."),
    421: _told("The studio does not answer to that host name."),
    422: _told("What was sent cannot be used."),
    429: _told("Too many requests: try again after `Retry-After` seconds."),
}
"""What every address may answer beside its own."""
NOT_FOUND: Final[Answers] = {404: _told("There is no such thing here.")}
NOT_CHANGED: Final[Answers] = {304: {"description": "The picture is the one of If-None-Match."}}
CLIP: Final[Answers] = {
    200: {"description": "The whole clip.", "content": {"video/*": {}}},
    206: {
        "description": "The parts that Range asks for.",
        "content": {"video/*": {}, "multipart/byteranges": {}},
    },
    400: {"description": "Range cannot be read.", "content": {"text/plain": {}}},
    416: {"description": "The clip has no such part.", "content": {"text/plain": {}}},
}
COUNTED_BEFORE: Final[Answers] = {409: _told("It was counted before.")}
_FORM: Final[Answers] = {
    400: _told("The body is no form."),
    413: _told("The body is too large."),
}


class Jpeg(Response):
    """A JPEG picture."""

    media_type = "image/jpeg"


class Png(Response):
    """A PNG picture."""

    media_type = "image/png"


class Zip(Response):
    """A ZIP archive."""

    media_type = "application/zip"


def number_from(low: float, high: float) -> Field:
    """A number of a form."""
    return {"type": "number", "minimum": low, "maximum": high}


def one_of(*words: str) -> Field:
    """A word of a form."""
    return {"type": "string", "enum": list(words)}


def some_of(longest: int = 300) -> Field:
    """A field that a form may hold more than once."""
    return {"type": "array", "items": {"type": "string", "maxLength": longest}}


def sends(
    required: Mapping[str, Field], optional: Mapping[str, Field] | None = None, **answers: Answers
) -> dict[str, Any]:
    """Arguments of a route that takes a form: its fields, and what it may answer.

    `answers` are those beside `ANY` and those that every form may get. The token of the login is
    a field of the form, or the header `X-CSRF-Token`.
    """
    fields = {**required, **(optional or {}), "csrf": TEXT}
    has_file = PICTURE in required.values()
    kind = "multipart/form-data" if has_file else "application/x-www-form-urlencoded"
    schema: dict[str, Any] = {"type": "object", "properties": fields}
    if required:
        schema["required"] = list(required)
    responses = dict(_FORM)
    for told in answers.values():
        responses |= told
    return {
        "responses": responses,
        "openapi_extra": {"requestBody": {"required": True, "content": {kind: {"schema": schema}}}},
    }
