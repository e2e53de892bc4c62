"""Every command and every snippet of the pages for users runs."""

import re
import runpy
import shlex
import shutil
import sys
import tomllib
from pathlib import Path

import click
import pandas as pd
import pytest
from typer.main import get_command

from pipelines.cli import app, main
from pipelines.config import parse_config

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
TABLES = {"events": "events.parquet", "items": "items.csv", "styles": "styles.csv"}
COMMAND = re.compile(r"^    (stylefeed .+)$", re.MULTILINE)
FENCE = re.compile(r"^```(sh|toml)\n(.*?)^```", re.MULTILINE | re.DOTALL)
SNIPPET = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A folder with the sample shop both at `data/samples` and in the folder itself."""
    folder = tmp_path_factory.mktemp("docs")
    samples = ROOT / "data" / "samples"
    shutil.copytree(samples, folder / "data" / "samples")
    shutil.copytree(samples, folder, dirs_exist_ok=True)
    (folder / "raw").mkdir()
    log = "visitor,item_id,when,what\nu,i,2026-01-01,pageview\nu,i,2026-01-02,order\n"
    (folder / "raw" / "log.csv").write_text(log)
    (folder / "raw" / "products.csv").write_text("item_id,name\ni,Mug\n")
    return folder


@pytest.fixture(scope="module")
def small_shop(shop, tmp_path_factory):
    """Such a folder with a part of the shop, which commands need less time for."""
    small = tmp_path_factory.mktemp("docs_small")
    shutil.copytree(shop, small, dirs_exist_ok=True)
    for folder in (small, small / "data" / "samples"):
        items = pd.read_csv(folder / "items.csv", dtype="str").iloc[::5]
        items.to_csv(folder / "items.csv", index=False)
        log = pd.read_parquet(folder / "events.parquet")
        kept = sorted(log["user_id"].unique())[:90]
        log = log[log["item_id"].isin(items["item_id"])]
        log[log["user_id"].isin(kept)].to_parquet(folder / "events.parquet", index=False)
    settings = "[render]\nsize_px = 96\n[ranking.ranker]\nmax_rounds = 30\n"
    (small / "quick.toml").write_text(settings)
    return small


def call(line, monkeypatch, capsys):
    """Run a command line in this process: starting Python for every line would take most of the
    time."""
    monkeypatch.setattr(sys, "argv", shlex.split(line))
    code = 0
    try:
        main()
    except SystemExit as end:
        code = end.code or 0
    assert code == 0, f"{line}\n{capsys.readouterr().err}"


@pytest.fixture
def first_job(small_shop, monkeypatch, capsys):
    """A finished job of the small shop. Jobs of the pages begin as copies of it and redo what
    differs: whether a job from nothing succeeds is asked once."""
    out = small_shop / "runs" / "first"
    if not out.is_dir():
        monkeypatch.chdir(small_shop)
        tables = " ".join(f"--{name} {file}" for name, file in TABLES.items())
        options = "--max-users 2 --config quick.toml --out runs/first"
        call(f"stylefeed run {tables} {options}", monkeypatch, capsys)
    return out


@pytest.mark.slow
@pytest.mark.parametrize(
    "page", [p for p in PAGES if COMMAND.search(p.read_text())], ids=lambda page: page.name
)
def test_every_command_of_the_page_succeeds(page, small_shop, first_job, monkeypatch, capsys):
    monkeypatch.chdir(small_shop)
    for line in COMMAND.findall(page.read_text()):
        command = shlex.split(line)
        if command[1] in ("run", "fit"):
            command += [] if "--max-users" in command else ["--max-users", "2"]
            command += ["--config", "quick.toml"]
            out = small_shop / command[command.index("--out") + 1]
            if not out.exists():
                shutil.copytree(first_job, out)
        call(shlex.join(command), monkeypatch, capsys)


@pytest.mark.parametrize(
    "page", [p for p in PAGES if SNIPPET.search(p.read_text())], ids=lambda page: page.name
)
def test_every_snippet_of_the_page_runs(page, shop, monkeypatch, capsys):
    monkeypatch.chdir(shop)
    names = {}
    for snippet in SNIPPET.findall(page.read_text()):
        exec(compile(snippet, page.name, "exec"), names)
    assert capsys.readouterr().out


def fences(page, kind):
    return [text for found, text in FENCE.findall(page.read_text()) if found == kind]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_settings_file_of_the_page_is_one(page):
    for text in fences(page, "toml"):
        parse_config(tomllib.loads(text))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_of_a_shell_fence_has_the_options_it_is_given(page):
    """Those that are too slow to run here: their jobs have tests of their own."""
    group = get_command(app)
    for text in fences(page, "sh"):
        for line in re.findall(r"^stylefeed .+$", text.replace("\\\n", " "), re.MULTILINE):
            _, name, *given = shlex.split(line, comments=True)
            command = group.get_command(click.Context(group), name)
            assert command is not None, line
            context = click.Context(command, info_name=name)
            _, left, _ = command.make_parser(context).parse_args(given)
            assert not left or any(p.nargs == -1 for p in command.params), line


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_local_link_of_the_page_leads_somewhere(page):
    for target in re.findall(r"\]\((?!http)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_the_configuration_page_is_made_from_the_code():
    made = runpy.run_path(str(ROOT / "docs" / "make_configuration.py"))["page"]()
    assert (ROOT / "docs" / "configuration.md").read_text() == made


@pytest.mark.parametrize("package", ["features", "styletransfer", "recsys", "pipelines"])
def test_the_reference_is_made_from_the_faces(package):
    made = runpy.run_path(str(ROOT / "docs" / "make_reference.py"))["page"](package)
    assert (ROOT / "docs" / "reference" / f"{package}.md").read_text() == made
