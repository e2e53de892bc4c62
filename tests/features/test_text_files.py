"""Text tables in the forms people's exports take: the same cells each time."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zipfile
from pathlib import Path

import pytest

from features.schema import SchemaError
from features.text_files import encoding_of, read_text, read_text_chunks, read_text_table

HEAD = ("item_id", "title", "price")
ROWS = [("007", "Café, noir", "1299.5"), ("7", "Übergrößen £5", "2.25"), ("", 'said "hm"', "3")]


def text(separator: str = ",", decimal: str = ".") -> str:
    def cell(value: str, number: bool) -> str:
        value = value.replace(".", decimal) if number else value
        return (
            f'"{value.replace(chr(34), chr(34) * 2)}"' if set(value) & {separator, '"'} else value
        )

    lines = [separator.join(HEAD)]
    lines += [separator.join(cell(v, i == 2) for i, v in enumerate(row)) for row in ROWS]
    return "\n".join(lines) + "\n"


def read(path: Path) -> list[tuple[str, ...]]:
    table = read_text_table(path, "items")
    assert tuple(table.columns) == HEAD
    return [tuple(row) for row in table.fillna("").itertuples(index=False)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_any_encoding_and_separator_gives_the_same_cells(
    tmp_path: Path, encoding: str, separator: str
) -> None:
    path = tmp_path / "items.csv"
    path.write_bytes(text(separator, "," if separator == ";" else ".").encode(encoding))
    assert read(path) == ROWS


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_any_line_ends_give_the_same_cells(tmp_path: Path, ends: str) -> None:
    path = tmp_path / "items.csv"
    path.write_bytes(text().replace("\n", ends).encode())
    assert read(path) == ROWS


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_packed_tables_are_told_by_their_bytes_not_their_name(tmp_path: Path, pack: object) -> None:
    path = tmp_path / "items.csv"
    path.write_bytes(pack(text().encode()))  # type: ignore[operator]
    assert read(path) == ROWS
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(SchemaError, match=r"cannot be read as a text table: .*copy is complete"):
        read_text_table(path, "items")


def test_a_zip_of_one_table_is_read_and_of_two_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "items.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("export/items.csv", text())
        archive.writestr("__MACOSX/items.csv", "x")
    assert read(path) == ROWS
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("more.csv", text())
    with pytest.raises(SchemaError, match=r"holds 2 files \(export/items.csv, more.csv\)"):
        read_text_table(path, "items")


@pytest.mark.parametrize(
    "change",
    [
        lambda lines: ["sep=,", *lines],
        lambda lines: ["", *lines],
        lambda lines: [lines[0], *(f"{line}," for line in lines[1:])],
        lambda lines: [lines[0], *(f"{i},{line}" for i, line in enumerate(lines[1:], 1))],
        lambda lines: [lines[0], *(f"{i},{line}" for i, line in enumerate(lines[1:]))],
        lambda lines: [" item_id , title,price", *lines[1:]],
    ],
    ids=["sep line", "blank line", "trailing commas", "row names", "row names from 0", "spaces"],
)
def test_what_programs_add_to_a_table_is_no_cell_of_it(tmp_path: Path, change: object) -> None:
    path = tmp_path / "items.csv"
    path.write_text("\n".join(change(text().splitlines())) + "\n")  # type: ignore[operator]
    assert read(path) == ROWS


def test_a_saved_index_is_one_column_more(tmp_path: Path) -> None:
    path = tmp_path / "items.csv"
    lines = text().splitlines()
    path.write_text("\n".join([f",{lines[0]}", *(f"{i},{x}" for i, x in enumerate(lines[1:]))]))
    table = read_text_table(path, "items")
    assert table["item_id"].fillna("").tolist() == [row[0] for row in ROWS]


def test_a_row_of_too_many_fields_keeps_its_number_and_loses_its_cells(tmp_path: Path) -> None:
    path = tmp_path / "items.csv"
    path.write_text("item_id,price\na,1\nb,2,3\nc,4\n")
    table = read_text_table(path, "items")
    assert table["item_id"].fillna("").tolist() == ["a", "", "c"]
    path.write_text("item_id,price\na,1,5\nb,2,3\nc,4\n")
    with pytest.raises(SchemaError, match="2 of 3 rows have more fields than the header, which ha"):
        read_text_table(path, "items")


def test_two_columns_of_one_name_both_stay(tmp_path: Path) -> None:
    path = tmp_path / "items.csv"
    path.write_text("style_id,style_id\ns1,s2\n")
    table = read_text_table(path, "events")
    assert list(table.columns) == ["style_id", "style_id"]
    assert table.to_numpy().tolist() == [["s1", "s2"]]


def test_a_lone_quotation_mark_is_named_by_its_row(tmp_path: Path) -> None:
    path = tmp_path / "items.csv"
    path.write_text('item_id,price\na,1\n"b,2\nc,3\n')
    with pytest.raises(SchemaError, match="row 1 opens a quotation mark that is never closed"):
        read_text_table(path, "items")


@pytest.mark.parametrize("data", [b"", b"\n\n"])
def test_an_empty_file_is_refused_and_a_header_alone_is_an_empty_table(
    tmp_path: Path, data: bytes
) -> None:
    path = tmp_path / "items.csv"
    path.write_bytes(data)
    with pytest.raises(SchemaError, match="is empty: expected a header and rows"):
        read_text_table(path, "items")
    path.write_text("item_id,price\n")
    assert read_text_table(path, "items").empty


def test_chunks_are_the_table_in_parts_with_the_columns_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "items.csv"
    path.write_text(text())
    parts = list(read_text_chunks(path, "items", ["title"], 2))
    assert [list(part.columns) for part in parts] == [["title"]] * 2
    assert [title for part in parts for title in part["title"]] == [row[1] for row in ROWS]


def test_a_text_is_read_whole_in_its_encoding(tmp_path: Path) -> None:
    path = tmp_path / "movies.dat"
    for encoding, expected in (("utf-8", "utf-8"), ("latin-1", "cp1252"), ("utf-16", "utf-16")):
        path.write_bytes("Misérables\r\nÅland".encode(encoding))
        assert encoding_of(path) == expected
        assert read_text(path) == "Misérables\nÅland"
    path.write_bytes(b"\x81\xe9")  # no character of Windows-1252
    assert read_text(path) == "\x81é"
