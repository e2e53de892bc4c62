"""The store of renders only adds; what is torn in it is painted again, never taken for whole."""

import json

import pandas as pd
import pytest

from pipelines.stores import storage
from pipelines.stores.render_store import (
    INDEX,
    JOURNAL,
    RENDER_COLUMNS,
    TABLE,
    add_to_index,
    journal_lines,
    known_renders,
    whole_renders,
)
from pipelines.stores.workspace import Workspace


def _row(key, item="a", content=b"picture", **more):
    uri = None if content is None else f"renders/{key[:2]}/{key}.png"
    row = dict.fromkeys(RENDER_COLUMNS)
    row |= {"render_key": key, "item_id": item, "style_id": "s0", "strength": 1.0}
    row |= {"requested_mode": "faithful", "served_mode": "faithful", "image_uri": uri}
    row["image_digest"] = None if content is None else storage.digest_content(content)
    return row | {"seconds": 0.5} | more


def _table(*rows):
    return pd.DataFrame(rows, columns=list(RENDER_COLUMNS)).astype(RENDER_COLUMNS)


@pytest.fixture
def store(tmp_path):
    """A store of two pictures and one refusal, finished."""
    rows = [_row("aa1"), _row("bb2", "b"), _row("cc3", "c", None, served_mode="original")]
    for row in rows[:2]:
        storage.write_bytes(tmp_path / row["image_uri"], b"picture")
    workspace = Workspace(tmp_path)
    workspace.write(TABLE, _table(*rows))
    add_to_index(workspace, _table(*rows))
    return workspace


def _keys(workspace):
    return whole_renders(workspace.root, known_renders(workspace))["render_key"].tolist()


def test_what_was_painted_or_refused_is_known(store):
    assert _keys(store) == ["aa1", "bb2", "cc3"]


@pytest.mark.parametrize("damage", [b"", b"pict", b"PICTURE", None])
def test_a_picture_that_is_gone_or_changed_is_not_whole(store, damage):
    path = store.path("renders/aa/aa1.png")
    path.unlink() if damage is None else path.write_bytes(damage)
    assert _keys(store) == ["bb2", "cc3"]


def test_a_smaller_campaign_forgets_and_removes_nothing(store):
    small = _table(_row("bb2", "b"))
    store.write(TABLE, small)
    add_to_index(store, small)
    assert sorted(_keys(store)) == ["aa1", "bb2", "cc3"]
    assert store.path("renders/aa/aa1.png").is_file()


@pytest.mark.parametrize("name", [TABLE, INDEX])
@pytest.mark.parametrize("content", [b"", b"PAR1 half", None])
def test_a_torn_table_is_passed_over(store, name, content):
    path = store.path(name)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2] if content is None else content)
    assert sorted(_keys(store)) == ["aa1", "bb2", "cc3"]
    add_to_index(store, known_renders(store))
    assert sorted(_keys(store)) == ["aa1", "bb2", "cc3"]


def test_the_journal_of_a_killed_job_is_read_but_for_torn_lines(store):
    row = _row("dd4", "d", text=float("nan"))
    storage.write_bytes(store.path("renders/dd/dd4.png"), b"picture")
    lines = "null\n[3]\n{}\n" + journal_lines([row]) + "\0\0\n" + journal_lines([row])[:40]
    store.path(JOURNAL).write_text(lines)
    assert sorted(_keys(store)) == ["aa1", "bb2", "cc3", "dd4"]
    add_to_index(store, known_renders(store))
    assert not store.path(JOURNAL).exists()
    assert sorted(_keys(store)) == ["aa1", "bb2", "cc3", "dd4"]


def test_the_last_word_on_a_render_counts(store):
    again = _row("aa1", content=b"other")
    store.path(JOURNAL).write_text(json.dumps(again) + "\n")
    assert _keys(store) == ["bb2", "cc3"]
    storage.write_bytes(store.path("renders/aa/aa1.png"), b"other")
    assert sorted(_keys(store)) == ["aa1", "bb2", "cc3"]


def test_equal_stores_have_equal_indexes_whatever_the_order_and_time(tmp_path):
    rows = [_row("bb2", "b"), _row("aa1")]
    for name, order in (("x", rows), ("y", [{**row, "seconds": 9.0} for row in rows[::-1]])):
        add_to_index(Workspace(tmp_path / name), _table(*order))
    assert (tmp_path / "x" / INDEX).read_bytes() == (tmp_path / "y" / INDEX).read_bytes()


def test_a_folder_without_renders_knows_none(tmp_path):
    assert known_renders(Workspace(tmp_path)).empty
    assert whole_renders(tmp_path, known_renders(Workspace(tmp_path))).empty
