"""`stylefeed init`: a settings file, and what is there and what is missing."""

import tomllib

import pandas as pd
import pytest
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.config import RunConfig, load_config, parse_config
from pipelines.jobs.init import init_shop
from pipelines.settings_text import settings_toml


def told(folder):
    done = CliRunner().invoke(app, ["init", str(folder)])
    assert done.exit_code == 0, done.exception
    return done.stdout


def test_the_settings_file_holds_every_default_and_changes_nothing(tmp_path):
    text = settings_toml()
    (tmp_path / "settings.toml").write_text(text)
    assert load_config(tmp_path / "settings.toml") == RunConfig()
    lines = [line for line in text.splitlines() if not line.endswith("not set")]
    uncommented = "\n".join(
        line[1:] if line[:1] == "#" and line[1:2].isalpha() else line for line in lines
    )
    assert parse_config(tomllib.loads(uncommented)) == RunConfig()
    assert "#temperature = 0.03" in text


def test_one_key_of_a_section_leaves_its_other_defaults_as_they_are():
    ranking = parse_config({"ranking": {"als": {"iterations": 20}}}).ranking
    assert (ranking.als.iterations, ranking.als.factors) == (20, RunConfig().ranking.als.factors)


def test_a_settings_file_that_is_there_is_kept(tmp_path):
    (tmp_path / "settings.toml").write_text("seed = 5\n")
    assert "settings.toml: kept" in told(tmp_path)
    assert (tmp_path / "settings.toml").read_text() == "seed = 5\n"


def test_an_empty_folder_is_told_which_tables_it_needs(tmp_path):
    lines = told(tmp_path / "new").splitlines()
    assert [line.split(":")[0] for line in lines[1:4]] == ["events", "items", "styles"]
    assert all("missing" in line for line in lines[1:4])
    assert "user_id, item_id, timestamp, event_type" in lines[1]
    assert "stylefeed import" in lines[4]


def test_tables_pictures_and_the_next_command_are_named(shop_copy):
    items = pd.read_csv(shop_copy / "items.csv", dtype="str")
    (shop_copy / items["image_path"][0]).unlink()
    found = init_shop(shop_copy)["tables"]
    assert (found["items"]["pictures"], found["items"]["pictures_missing"]) == (11, 1)
    lines = told(shop_copy)
    assert "items: items.csv, 12 rows, 11 pictures, 1 missing" in lines
    assert f"next: stylefeed check --events {shop_copy / 'events.parquet'}" in lines


@pytest.mark.parametrize("damage", ["user,item\n1,2\n", "", "user_id"])
def test_a_table_that_cannot_be_used_is_told_and_not_a_crash(tmp_path, damage):
    (tmp_path / "events.csv").write_text(damage)
    assert "events: " in told(tmp_path)
    assert init_shop(tmp_path)["tables"]["events"]["problem"]
