"""MovieLens -> canonical tables."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from features.adapters.movielens import load_movielens
from features.schema import SchemaError

RATINGS = [(196, 242, 3, 881250949), (186, 302, 4, 891717742), (22, 242, 5, 878887116)]
FLAGS_COMEDY = "|".join("1" if index == 5 else "0" for index in range(19))
FLAGS_CRIME_DRAMA = "|".join("1" if index in (6, 8) else "0" for index in range(19))


def write(folder: Path, layout: str) -> Path:
    folder.mkdir()
    if layout == "100k":
        lines = ["\t".join(map(str, row)) for row in RATINGS]
        (folder / "u.data").write_text("\n".join(lines) + "\n")
        films = (
            f'242|"Colisée|24-Jan-1997||http://x|{FLAGS_COMEDY}\n'
            f"302|L.A. Confidential (1997)|01-Jan-1997||http://y|{FLAGS_CRIME_DRAMA}\n"
        )
        (folder / "u.item").write_text(films, encoding="latin-1")
    elif layout == "1m":
        lines = ["::".join(map(str, row)) for row in RATINGS]
        (folder / "ratings.dat").write_text("\n".join(lines) + "\n")
        films = '242::"Colisée::Comedy\n302::L.A. Confidential (1997)::Crime|Drama\n'
        (folder / "movies.dat").write_text(films, encoding="latin-1")
    else:
        lines = ["userId,movieId,rating,timestamp", *(",".join(map(str, row)) for row in RATINGS)]
        (folder / "ratings.csv").write_text("\n".join(lines) + "\n")
        films = 'movieId,title,genres\n242,"""Colisée",Comedy\n'
        films += "302,L.A. Confidential (1997),Crime|Drama\n"
        (folder / "movies.csv").write_text(films, encoding="utf-8")
    return folder


@pytest.mark.parametrize("layout", ["100k", "1m", "latest"])
def test_every_release_gives_the_same_tables(tmp_path: Path, layout: str) -> None:
    tables = load_movielens(write(tmp_path / layout, layout))
    events = tables.events
    assert events["user_id"].tolist() == ["196", "186", "22"]
    assert events["item_id"].tolist() == ["242", "302", "242"]
    assert events["event_type"].tolist() == ["view", "purchase", "purchase"]
    assert events["timestamp"].iloc[0] == pd.Timestamp("1997-12-04 15:55:49", tz="UTC")
    assert tables.items[["item_id", "title", "category"]].to_numpy().tolist() == [
        ["242", '"Colisée', "Comedy"],
        ["302", "L.A. Confidential (1997)", "Crime"],
    ]
    assert tables.set_aside == {}
    assert_frame_equal(tables.events, load_movielens(write(tmp_path / "x", "latest")).events)


def test_half_stars_below_four_are_views_and_ratings_of_unlisted_films_are_counted(
    tmp_path: Path,
) -> None:
    folder = write(tmp_path / "latest", "latest")
    with (folder / "ratings.csv").open("a") as file:
        file.write("1,302,3.5,881250949\n1,999,4.0,881250949\n1,242,4.0,\n")
    tables = load_movielens(folder)
    assert tables.events["event_type"].tolist() == ["view", "purchase", "purchase", "view"]
    assert tables.set_aside == {
        "item_id is not in the items table": 1,
        "timestamp is missing": 1,
    }


def test_a_file_of_another_layout_is_refused(tmp_path: Path) -> None:
    folder = write(tmp_path / "100k", "100k")
    (folder / "u.item").write_text("242|Title\n")
    with pytest.raises(
        SchemaError, match=r"u.item: expected 24 fields parted by '\|'.*'242\|Title'"
    ):
        load_movielens(folder)
    (folder / "u.data").write_text("")
    with pytest.raises(SchemaError, match=r"u.data: .*got 'an empty file'"):
        load_movielens(folder)


@pytest.mark.parametrize(
    ("title", "encoding"),
    [
        ("Misérables, Les (1995)", "latin-1"),
        ("Misérables, Les (1995)", "utf-8"),
        ("Ålandsfilm (1995)", "utf-8"),  # its bytes hold a line end of Latin-1
        ("A\u2028B\x85C (1995)", "utf-8"),
    ],
)
def test_titles_are_read_in_the_encoding_of_the_release(
    tmp_path: Path, encoding: str, title: str
) -> None:
    (tmp_path / "ratings.dat").write_text("1::1::5::838985046\n2::1::3::838985047\n")
    (tmp_path / "movies.dat").write_bytes(f"1::{title}::Drama|Comedy\n".encode(encoding))
    assert load_movielens(tmp_path).items["title"].tolist() == [title]
