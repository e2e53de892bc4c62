"""A Delta Lake table holds the current feed, one commit for each version."""

import json

import pandas as pd
import pytest
from deltalake import DeltaTable
from typer.testing import CliRunner

from features.schema import InputError
from pipelines.cli import app
from pipelines.jobs.export_feed import commit_feed
from pipelines.stores.feed_versions import read_feed


def _sorted(rows):
    return rows.sort_values(["user_id", "rank"], ignore_index=True)


def _read(table):
    return _sorted(pd.DataFrame(DeltaTable(table).to_pyarrow_table().to_pylist()))


def test_each_version_is_one_commit_that_reads_back_and_a_rerun_makes_none(publish_feed, tmp_path):
    out, table = tmp_path / "out", tmp_path / "lake" / "feed"
    publish_feed(out, "one")
    first = commit_feed(out, str(table))
    assert (first["worked"], first["commit"]) == (True, 0)
    columns = ["user_id", "rank", "item_id", "score", "style_id", "style_propensity", "reason"]
    want = _sorted(read_feed(out))
    pd.testing.assert_frame_equal(_read(table)[columns], want[columns], check_dtype=False)
    assert _read(table)["fidelity"].tolist() == want["fidelity"].tolist()

    again = commit_feed(out, str(table))
    assert (again["worked"], again["commit"]) == (False, 0)

    publish_feed(out, "two", users=9)
    asked = ["export-feed", str(out), "--to", f"delta:{table}", "--json"]
    told = json.loads(CliRunner().invoke(app, asked, catch_exceptions=False).stdout)
    assert (told["worked"], told["commit"], told["rows"]) == (True, 1, 36)
    assert set(_read(table)["run_id"]) == {"two"}
    # Whoever reads the commit before still has the whole feed before.
    before = DeltaTable(table, version=0).to_pyarrow_table()
    assert set(before.column("run_id").to_pylist()) == {"one"}
    assert before.num_rows == first["rows"]
    named = [commit["stylefeed.version"] for commit in DeltaTable(table).history()]
    assert named == [told["version"], first["version"]]


def test_rows_that_changed_under_the_same_name_are_a_new_commit(publish_feed, tmp_path):
    out, table = tmp_path / "out", tmp_path / "feed"
    publish_feed(out, "one")
    first = commit_feed(out, str(table))
    (bucket, *_) = sorted((out / "feed" / first["version"]).glob("bucket-*.parquet"))
    bucket.unlink()
    fewer = commit_feed(out, str(table))
    assert (fewer["worked"], fewer["commit"]) == (True, 1)
    assert len(_read(table)) == fewer["rows"] < first["rows"]


def test_a_table_that_cannot_be_is_one_line(publish_feed, tmp_path):
    out = tmp_path / "out"
    publish_feed(out, "one")
    for inside in (out / "exports" / "feed", (out / "feed").as_uri()):
        with pytest.raises(InputError, match="is in the job's folder"):
            commit_feed(out, str(inside))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").write_text("kept")
    with pytest.raises(InputError, match="holds files and no Delta Lake table"):
        commit_feed(out, str(tmp_path / "other"))
    assert [path.name for path in (tmp_path / "other").iterdir()] == ["notes.txt"]
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(InputError, match="cannot be written") as raised:
        commit_feed(out, str(tmp_path / "file" / "feed"))
    assert "\n" not in str(raised.value)
