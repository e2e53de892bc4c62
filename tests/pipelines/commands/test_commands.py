"""The command line: what every command shares."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from features.schema import ConfigError
from pipelines import commands, verbosity
from pipelines.cli import app
from pipelines.commands.app import say
from pipelines.config import load_config
from pipelines.verbosity import warn


def call(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_every_file_of_the_folder_is_a_command_that_help_lists():
    folder = Path(commands.__file__).parent
    shared = {"__init__", "app", "part"}
    names = {path.stem for path in folder.glob("*.py")} - shared
    listed = call("--help").stdout
    for name in names:
        command = name.removesuffix("_log").replace("_", "-")
        assert f"\n  {command} " in listed, name


def test_the_version_is_told():
    assert call("--version").stdout == "stylefeed 0.1.0\n"


@pytest.mark.parametrize("name", ["taken", "taken/deeper/out"])
def test_an_output_folder_that_is_a_file_is_refused_in_one_line(tmp_path, name):
    (tmp_path / "taken").write_text("a letter")
    refused = call("score", "--out", tmp_path / name)
    assert isinstance(refused.exception, ConfigError)
    assert "is a file; expected a folder" in str(refused.exception)
    assert (tmp_path / "taken").read_text() == "a letter"


@pytest.mark.parametrize("shoppers", [0, -3])
def test_a_simulation_of_nobody_is_refused_in_one_line(tmp_path, shoppers):
    tables = ["--items", "i.csv", "--styles", "s.csv", "--out", tmp_path / "out"]
    refused = call("simulate", *tables, "--shoppers", shoppers)
    assert str(refused.exception) == f"--shoppers is {shoppers}: expected at least 1"


def test_flags_are_laid_over_the_section_of_the_settings_file(tmp_path):
    path = tmp_path / "settings.toml"
    path.write_text(
        'seed = 3\n[render]\nmode = "accent"\nsize_px = 512\n[render.budget]\nmin_ssim = 0.9\n'
    )
    settings = load_config(path, render={"size_px": 256, "mode": None}, workers=1)
    assert (settings.seed, settings.workers) == (3, 1)
    assert (settings.render.mode, settings.render.size_px) == ("accent", 256)
    assert settings.render.budget.min_ssim == 0.9


def test_a_section_written_as_a_value_is_refused_by_name(tmp_path):
    path = tmp_path / "settings.toml"
    path.write_text("render = 3\n")
    with pytest.raises(ConfigError, match="render"):
        load_config(path, render={"size_px": 256})


def test_a_settings_file_that_is_a_folder_is_refused_in_one_line(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(tmp_path)


@pytest.mark.parametrize("seed", [-1, 2**31])
def test_a_seed_that_not_every_library_takes_is_refused_in_one_line(seed):
    with pytest.raises(ConfigError, match=f"seed is {seed}: expected 0 to"):
        load_config(None, seed=seed)


@pytest.mark.parametrize("option", ["--max-items", "--max-styles"])
def test_a_campaign_of_nothing_is_refused_in_one_line(tmp_path, option):
    tables = ["--items", "i.csv", "--styles", "s.csv", "--out", tmp_path / "out"]
    refused = call("render", *tables, option, 0)
    assert str(refused.exception).endswith("is 0: expected at least 1, or leave it out")


def test_a_campaign_of_a_catalogue_without_pictures_is_refused_in_one_line(tmp_path):
    (tmp_path / "items.csv").write_text("item_id,image_path\n007,\n")
    (tmp_path / "styles.csv").write_text("style_id,name,image_path\ns,S,s.jpg\n")
    tables = ["--items", tmp_path / "items.csv", "--styles", tmp_path / "styles.csv"]
    refused = call("render", *tables, "--out", tmp_path / "out")
    assert "no item names a picture" in str(refused.exception)


def test_quiet_leaves_warnings(capsys, monkeypatch):
    monkeypatch.setattr(verbosity, "quiet", True)
    say("encode: 3 s")
    warn("3 of 7 looks were set aside")
    assert capsys.readouterr().err == "warning: 3 of 7 looks were set aside\n"
