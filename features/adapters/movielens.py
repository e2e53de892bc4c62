"""MovieLens ratings: 100k, 1m, and the releases with ratings.csv (20m, 25m, latest).

Harper and Konstan, "The MovieLens Datasets: History and Context", 2015, doi 10.1145/2827872.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from features.adapters.source import Tables, find, finish, read_columns
from features.schema import SchemaError
from features.text_files import read_text

LIKED: Final = 4.0
"""Ratings of at least this many stars become purchases, the others views."""

GENRES: Final = (
    *("unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime"),
    *("Documentary", "Drama", "Fantasy", "Film-Noir", "Horror", "Musical", "Mystery"),
    *("Romance", "Sci-Fi", "Thriller", "War", "Western"),
)
"""The 19 flags of u.item, in its order."""


def load_movielens(path: Path) -> Tables:
    """Read a MovieLens folder: u.data and u.item, ratings.dat and movies.dat, or the CSV release.

    A rating of 4 stars or more is a purchase, a lower one a view, at its time. `category` is a
    film's first genre. There are no pictures. Raises InputError or SchemaError for a missing file
    or column, and SchemaError when no line can be read.
    """
    ratings_path = find(path, "u.data", "ratings.dat", "ratings.csv")
    folder = ratings_path.parent
    if ratings_path.suffix == ".csv":
        names = {"userId": "user_id", "movieId": "item_id", "rating": "rating", "timestamp": "s"}
        ratings = read_columns(ratings_path, names)
        films = read_columns(
            find(folder, "movies.csv"), {"movieId": "item_id", "title": "title", "genres": "genres"}
        )
        films["category"] = films["genres"].str.split("|").str[0]
    elif ratings_path.suffix == ".dat":
        ratings = _split_lines(ratings_path, "::", ("user_id", "item_id", "rating", "s"))
        films = _split_lines(find(folder, "movies.dat"), "::", ("item_id", "title", "genres"))
        films["category"] = films["genres"].str.split("|").str[0]
    else:
        ratings = _split_lines(ratings_path, "\t", ("user_id", "item_id", "rating", "s"))
        columns = ("item_id", "title", "released", "video", "url", *GENRES)
        films = _split_lines(find(folder, "u.item"), "|", columns)
        flags = films[list(GENRES)].to_numpy(dtype=object) == "1"
        first = np.asarray(GENRES, dtype=object)[flags.argmax(axis=1)]
        films["category"] = np.where(flags.any(axis=1), first, "")

    seconds = pd.to_numeric(ratings["s"], errors="coerce")
    liked = pd.to_numeric(ratings["rating"], errors="coerce") >= LIKED
    events = ratings.assign(
        timestamp=pd.to_datetime(seconds, unit="s", utc=True),
        event_type=np.where(liked, "purchase", "view"),
    )
    films["category"] = films["category"].replace("(no genres listed)", "")
    return finish(events, films, {})


def _split_lines(path: Path, separator: str, columns: tuple[str, ...]) -> pd.DataFrame:
    # These files quote nothing: a title may hold a lone quotation mark. 10M is UTF-8, 1M Latin-1.
    lines = read_text(path).split("\n")
    rows = [line.split(separator) for line in lines if line]
    wrong = next((row for row in rows if len(row) != len(columns)), None)
    if wrong is not None or not rows:
        raise SchemaError(
            f"{path.name}: expected {len(columns)} fields parted by {separator!r} in each line, "
            f"got {separator.join(wrong) if wrong else 'an empty file'!r}: is this the right file?"
        )
    return pd.DataFrame(rows, columns=list(columns), dtype="str")
