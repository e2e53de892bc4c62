"""Files are whole or absent, and ids stay text."""

import pandas as pd
import pytest

from features.schema import InputError, SchemaError
from pipelines import storage


def test_a_write_that_fails_leaves_the_old_file_and_nothing_beside_it(tmp_path):
    path = tmp_path / "table.parquet"
    storage.write_table(path, pd.DataFrame({"a": [1]}))

    class Unwritable(pd.DataFrame):
        def to_parquet(self, target, **_):
            target.write_bytes(b"half")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        storage.write_table(path, Unwritable())
    assert pd.read_parquet(path)["a"].tolist() == [1]
    assert [p.name for p in tmp_path.iterdir()] == ["table.parquet"]


def test_csv_ids_keep_their_leading_zeros_and_the_word_na(tmp_path):
    path = tmp_path / "items.csv"
    path.write_text("item_id,category,image_path,price\n007,NA,a.jpg,\n010,null,b.jpg,2.5\n")
    table = storage.read_input_table(path, "items")
    assert table["item_id"].tolist() == ["007", "010"]
    assert table["category"].tolist() == ["NA", "null"]
    assert table["price"].isna().tolist() == [True, False]


@pytest.mark.parametrize(
    ("name", "content", "kind", "message"),
    [
        ("events.parquet", b"not parquet", SchemaError, "cannot be read as parquet"),
        ("events.csv", b"", SchemaError, "is empty: expected a header"),
        ("events.xlsx", b"x", InputError, r"expected a \.parquet or \.csv"),
        ("missing.csv", None, InputError, "no file at"),
    ],
)
def test_an_unreadable_table_is_one_clear_line(tmp_path, name, content, kind, message):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(kind, match=message) as raised:
        storage.read_input_table(path, "events")
    assert "\n" not in str(raised.value)


def test_digests_tell_the_parts_apart():
    assert storage.digest_bytes(b"ab", b"c") != storage.digest_bytes(b"a", b"bc")
    assert storage.digest_json({"a": 1, "b": 2}) == storage.digest_json({"b": 2, "a": 1})
