"""Contact sheets: a campaign's products down, its looks across, as they would be sent out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from features.images import DEFAULT_LIMITS, ImageLimits, decode, encode, resize_longest
from features.schema import ImageError

ROWS: Final = 10
_TILE: Final = 240
_GAP: Final = 14
_HEAD: Final = 118
_NAME: Final = 210
_INK: Final = (34, 31, 28)
_SOFT: Final = (112, 104, 95)
_PAPER: Final = (250, 248, 245)
_EMPTY: Final = (236, 231, 223)
_QUALITY: Final = 86
_Font = ImageFont.ImageFont | ImageFont.FreeTypeFont


def contact_sheets(
    title: str,
    products: Sequence[tuple[str, str, Path]],
    looks: Sequence[tuple[str, str]],
    shown: Mapping[tuple[str, str], Path],
    limits: ImageLimits = DEFAULT_LIMITS,
) -> list[bytes]:
    """JPEG pages of `ROWS` products each.

    `products` are (item_id, words, photo), `looks` (style_id, name), `shown` the pictures in looks
    by (item_id, style_id): what has none is an empty place that says so.
    """
    pages = [products[first : first + ROWS] for first in range(0, len(products), ROWS)]
    return [
        _page(title, f"{number} of {len(pages)}", page, looks, shown, limits)
        for number, page in enumerate(pages, 1)
    ]


def _page(
    title: str,
    number: str,
    products: Sequence[tuple[str, str, Path]],
    looks: Sequence[tuple[str, str]],
    shown: Mapping[tuple[str, str], Path],
    limits: ImageLimits,
) -> bytes:
    step = _TILE + _GAP
    width = _NAME + (len(looks) + 1) * step + _GAP
    height = _HEAD + len(products) * step + _GAP
    page = Image.new("RGB", (width, height), _PAPER)
    draw = ImageDraw.Draw(page)
    big, small = ImageFont.load_default(30), ImageFont.load_default(17)
    draw.text((_GAP + 4, 18), _fitted(draw, title, width - 120, big), _INK, big)
    draw.text((width - _GAP - 4, 28), number, _SOFT, small, anchor="ra")
    for column, name in enumerate(["Photo", *(name for _, name in looks)]):
        x = _NAME + column * step
        draw.text((x, _HEAD - 32), _fitted(draw, name, _TILE, small), _INK, small)
    for row, (item, words, photo) in enumerate(products):
        y = _HEAD + row * step
        lines = _lines(draw, words, _NAME - 2 * _GAP, small)
        draw.multiline_text((_GAP + 4, y + 4), "\n".join(lines), _INK, small, spacing=5)
        draw.text((_GAP + 4, y + 10 + 25 * len(lines)),
                  _fitted(draw, item, _NAME - 2 * _GAP, small), _SOFT, small)  # fmt: skip
        for column, path in enumerate([photo, *(shown.get((item, look)) for look, _ in looks)]):
            _tile(page, draw, (_NAME + column * step, y), path, limits, small)
    return encode(np.asarray(page), "jpeg", _QUALITY)


def _tile(
    page: Image.Image,
    draw: ImageDraw.ImageDraw,
    at: tuple[int, int],
    path: Path | None,
    limits: ImageLimits,
    font: _Font,
) -> None:
    x, y = at
    draw.rectangle((x, y, x + _TILE - 1, y + _TILE - 1), _EMPTY)
    try:
        if path is not None:
            picture = Image.fromarray(resize_longest(decode(path, limits), _TILE))
            offset = (x + (_TILE - picture.width) // 2, y + (_TILE - picture.height) // 2)
            page.paste(picture, offset)
            return
    except ImageError:
        pass
    centre = (x + _TILE // 2, y + _TILE // 2)
    draw.text(centre, "shown as\nphotographed", _SOFT, font, anchor="mm", align="center")


def _fitted(
    draw: ImageDraw.ImageDraw,
    text: str,
    width: int,
    font: _Font,
) -> str:
    """`text`, its end left out where it is wider than `width` px."""
    if draw.textlength(text, font) <= width:
        return text
    while text and draw.textlength(text + "…", font) > width:
        text = text[:-1]
    return text + "…"


def _lines(
    draw: ImageDraw.ImageDraw,
    text: str,
    width: int,
    font: _Font,
) -> list[str]:
    """`text` in at most four lines of `width` px."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if draw.textlength(longer, font) <= width or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    return [_fitted(draw, line, width, font) for line in lines[:4]]
