"""Every command and every snippet of the pages for users runs."""

import re
import runpy
import shlex
import shutil
import sys
from pathlib import Path

import pandas as pd
import pytest

from pipelines.cli import main

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
COMMAND = re.compile(r"^    (stylefeed .+)$", re.MULTILINE)
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


@pytest.mark.slow
@pytest.mark.parametrize(
    "page", [p for p in PAGES if COMMAND.search(p.read_text())], ids=lambda page: page.name
)
def test_every_command_of_the_page_succeeds(page, small_shop, monkeypatch, capsys):
    monkeypatch.chdir(small_shop)
    for line in COMMAND.findall(page.read_text()):
        command = shlex.split(line)
        if command[1] in ("run", "fit"):
            command += [] if "--max-users" in command else ["--max-users", "2"]
            command += ["--config", "quick.toml"]
        # In this process: starting Python for every line would take most of the time.
        monkeypatch.setattr(sys, "argv", command)
        code = 0
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
        assert code == 0, f"{line}\n{capsys.readouterr().err}"


@pytest.mark.parametrize(
    "page", [p for p in PAGES if SNIPPET.search(p.read_text())], ids=lambda page: page.name
)
def test_every_snippet_of_the_page_runs(page, shop, monkeypatch, capsys):
    monkeypatch.chdir(shop)
    names = {}
    for snippet in SNIPPET.findall(page.read_text()):
        exec(compile(snippet, page.name, "exec"), names)
    assert capsys.readouterr().out


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
