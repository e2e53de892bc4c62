"""Input tables: Parquet in its forms, and folders of parts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.schema import InputError, SchemaError
from features.tables import check_events
from pipelines.stores.storage import digest_input, read_input_table


def log() -> pd.DataFrame:
    n = 12
    return pd.DataFrame(
        {
            "user_id": [f"{i % 3:03}" for i in range(n)],
            "item_id": [f"{i % 4:03}" for i in range(n)],
            "timestamp": pd.date_range("2026-01-01", periods=n, freq="9h", tz="UTC"),
            "event_type": ["impression", "click"] * (n // 2),
            "position": pd.array([1, None] * (n // 2), dtype="Int16"),
        }
    )


def same_log(path: Path) -> bool:
    read = check_events(read_input_table(path, "events")).table
    expected = check_events(log()).table
    order = ["timestamp", "user_id"]
    a, b = (x.sort_values(order, ignore_index=True) for x in (read, expected))
    return bool(a.equals(b))


@pytest.mark.parametrize("name", ["a.parquet", "a.pq", "A.PARQUET", "a"])
def test_parquet_is_told_by_its_bytes(tmp_path: Path, name: str) -> None:
    log().to_parquet(tmp_path / name, index=False)
    assert same_log(tmp_path / name)


@pytest.mark.parametrize("index", ["user_id", "timestamp", ["user_id", "item_id"]])
def test_a_saved_index_is_a_column(tmp_path: Path, index: str | list[str]) -> None:
    log().set_index(index).to_parquet(tmp_path / "a.parquet")
    assert same_log(tmp_path / "a.parquet")
    log().iloc[::-1].to_parquet(tmp_path / "b.parquet")
    assert same_log(tmp_path / "b.parquet")


def test_a_folder_of_parts_is_one_table(tmp_path: Path) -> None:
    folder = tmp_path / "spark"
    folder.mkdir()
    for i, rows in enumerate(np.array_split(np.arange(12), 3)):
        log().iloc[rows].to_parquet(folder / f"part-0000{i}.snappy.parquet", index=False)
    (folder / "_SUCCESS").touch()
    (folder / ".part.crc").write_bytes(b"x")
    assert same_log(folder)
    before = digest_input(folder)
    log().iloc[:1].to_csv(folder / "part-9.csv", index=False)
    assert digest_input(folder) != before
    assert len(read_input_table(folder, "events")) == 13


def test_hive_partitions_are_columns_of_text(tmp_path: Path) -> None:
    log().assign(day=log()["timestamp"].dt.strftime("%Y-%m-%d")).to_parquet(
        tmp_path / "days.parquet", partition_cols=["day"]
    )
    assert same_log(tmp_path / "days.parquet")
    log().to_parquet(tmp_path / "users", partition_cols=["user_id"])
    assert same_log(tmp_path / "users")


def test_columns_of_other_writers_are_read(tmp_path: Path) -> None:
    raw = log()
    ids = ("user_id", "item_id", "event_type")
    for name, change in (
        ("binary", lambda values: pa.array([value.encode() for value in values])),
        ("dictionary", lambda values: pa.array(values).cast(pa.large_string()).dictionary_encode()),
    ):
        columns = {c: change(raw[c]) if c in ids else pa.array(raw[c]) for c in raw.columns}
        pq.write_table(pa.table(columns), tmp_path / f"{name}.parquet")
        assert same_log(tmp_path / f"{name}.parquet")
    table = pa.Table.from_pandas(raw, preserve_index=False)
    pq.write_table(table, tmp_path / "int96.parquet", use_deprecated_int96_timestamps=True)
    assert same_log(tmp_path / "int96.parquet")


@pytest.mark.parametrize("name", ["a.parquet", "a.csv"])
def test_two_columns_of_one_name_are_refused(tmp_path: Path, name: str) -> None:
    table = pa.Table.from_pandas(log().assign(style_id="s1"), preserve_index=False)
    table = table.append_column("style_id", pa.array(["s2"] * 12))
    if name.endswith("csv"):
        table.to_pandas().to_csv(tmp_path / name, index=False)
    else:
        pq.write_table(table, tmp_path / name)
    with pytest.raises(SchemaError, match="column 'style_id' occurs more than once"):
        check_events(read_input_table(tmp_path / name, "events"))


def test_nothing_there_and_other_formats_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no file in the folder"):
        read_input_table(tmp_path / "empty", "events")
    (tmp_path / "a.json").write_text("{}")
    with pytest.raises(InputError, match=r"ends in '.json'; expected a .parquet or .csv table"):
        read_input_table(tmp_path / "a.json", "events")
