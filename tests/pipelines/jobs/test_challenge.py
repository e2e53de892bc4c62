"""The looks of a challenge are ranked by what voters like at least, and the winner becomes one."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest
from typer.testing import CliRunner

from features.images import decode, encode
from features.schema import InputError
from features.tables import validate_styles
from pipelines.cli import app
from pipelines.jobs.challenge import STORE, challenge_table, make_look, wilson_lower_bound
from pipelines.stores import storage
from pipelines.stores.challenge_store import ChallengeStore
from pipelines.stores.picture_files import picture_root, resolve_picture

PNG = encode(np.full((40, 50, 3), (20, 90, 160), np.uint8), "png")


@pytest.fixture
def out(tmp_path):
    store = ChallengeStore(tmp_path / "out" / STORE)
    store.submit("Blue; calm, é", "calm", PNG, "192.0.2.1")
    store.submit("One friend", "", b"another", "192.0.2.1")
    for n in range(40):
        store.vote(1, n % 10 > 0, f"s{n}", f"10.0.{n}.1")
    store.vote(2, True, "friend", "10.1.0.1")
    return tmp_path / "out"


@pytest.mark.parametrize(("likes", "votes"), [(0, 1), (1, 1), (3, 10), (90, 100), (5, 5)])
def test_the_score_is_wilsons_lower_bound(likes, votes):
    interval = binomtest(likes, votes).proportion_ci(0.95, method="wilson")
    assert wilson_lower_bound(likes, votes) == pytest.approx(interval.low, abs=1e-6)
    assert wilson_lower_bound(0, 0) == 0.0


def test_many_good_votes_beat_one_that_is_all_there_is(out):
    assert [row["name"] for row in challenge_table(out)] == ["Blue; calm, é", "One friend"]


@pytest.mark.parametrize(
    ("separator", "ends", "encoding", "last"),
    [
        (",", "\n", "utf-8", "\n"),
        (";", "\r\n", "utf-8-sig", ""),
        (",", "\n", "cp1252", "\n"),
    ],
)
def test_the_winner_is_a_row_of_the_table_and_the_rest_stays_byte_for_byte(
    shop_copy, out, separator, ends, encoding, last
):
    path = shop_copy / "styles.csv"
    table = pd.read_csv(path, dtype="str")
    table["name"] = "Café " + table["name"]
    lines = [separator.join(row) for row in [list(table), *table.to_numpy().tolist()]]
    path.write_bytes((ends.join(lines) + (ends if last else "")).encode(encoding))
    before = path.read_bytes()
    style_id = make_look(out, 1, path)
    assert path.read_bytes().startswith(before)
    styles, rejects = validate_styles(storage.read_input_table(path, "styles"))
    assert rejects.empty
    row = styles[styles["style_id"] == style_id].iloc[0]
    assert row["name"] == "Blue; calm, é"
    found = resolve_picture(row["image_path"], picture_root(styles["image_path"], path.parent))
    assert (decode(found) == decode(PNG)).all()
    # Asked for again, as after a kill, it is the same look.
    after = path.read_bytes()
    assert make_look(out, 1, path) == style_id
    assert path.read_bytes() == after
    assert challenge_table(out)[0]["style_id"] == style_id


def test_a_parquet_table_gets_the_row_too(shop_copy, out):
    path = shop_copy / "styles.parquet"
    pd.read_csv(shop_copy / "styles.csv", dtype="str").to_parquet(path, index=False)
    style_id = make_look(out, 1, path)
    assert pd.read_parquet(path)["style_id"].iloc[-1] == style_id


def test_a_table_that_cannot_be_added_to_is_refused_in_words(out, tmp_path):
    table = tmp_path / "looks.csv"
    table.write_text("id,title\na,b\n")
    with pytest.raises(InputError, match="no column style_id"):
        make_look(out, 1, table)
    with pytest.raises(InputError, match="no submitted look 9"):
        make_look(out, 9, table)
    with pytest.raises(InputError, match="is no file"):
        make_look(out, 1, tmp_path)


def test_the_command_lists_the_looks_and_makes_one(shop_copy, out):
    done = CliRunner().invoke(app, ["challenge", str(out)])
    assert done.exit_code == 0
    assert done.stdout.splitlines()[0].startswith("  1. Blue; calm, é (entry 1): 36 of 40 like it")
    command = ["challenge", str(out), "--winner", "1", "--styles", str(shop_copy / "styles.csv")]
    made = json.loads(CliRunner().invoke(app, [*command, "--json"]).stdout)
    styles = pd.read_csv(shop_copy / "styles.csv", dtype="str")
    assert styles["style_id"].iloc[-1] == made["style_id"]
