"""Tuning a small shop: it goes on where it stopped, and what it writes is a config that runs."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from features.schema import ConfigError, InputError
from pipelines.cli import app
from pipelines.config import load_config, parse_config
from pipelines.jobs.catalogue import read_catalogue
from pipelines.jobs.tune.job import _Trials, choose_row
from pipelines.jobs.tune.journal import Journal
from pipelines.jobs.tune.measure import Measured, budget_left
from pipelines.stores import storage
from pipelines.stores.workspace import Workspace
from styletransfer.config import FidelityBudget
from styletransfer.painters.generator.fitted import FittedLooks
from styletransfer.painters.generator.network import load_pretrained


def call(shop, out, *arguments):
    tables = ["--items", shop / "items.csv", "--styles", shop / "styles.csv", "--out", out]
    return CliRunner().invoke(app, ["tune", *map(str, (*tables, *arguments))])


SMALL = ("--points", 2, "--photos", 2, "--looks", 2, "--quiet", "--json")


def test_a_search_is_kept_point_by_point_and_ends_in_a_config_that_runs(shop_copy, tmp_path):
    settings = tmp_path / "own.toml"
    settings.write_text(
        '[render]\nsize_px = 96\nsurroundings = "paint"\n[log]\nas_of = 2026-03-01\n'
    )
    out = tmp_path / "tune"
    first = call(shop_copy, out, *SMALL, "--config", settings)
    assert first.exit_code == 0, first.output
    result = json.loads(first.stdout)
    assert result["worked"]
    assert set(result["tested"]) == {"present", "chosen"}
    points = pd.read_csv(out / "points.csv")
    assert points["recognised"].between(0, points["served"]).all()
    assert points["budget_left"].between(-1, 1).all()
    assert points["render.surroundings"][0] == "paint"
    assert (points["seconds"] > 0).all()
    tuned = (out / "tuned.toml").read_bytes()
    config = load_config(out / "tuned.toml")
    assert config.render.size_px == 96
    assert not list((out / "work").rglob("*.jpg"))

    # Killed while it wrote a line: that point is measured again, all others are known.
    journal = out / "points.jsonl"
    lines = journal.read_text().splitlines()
    journal.write_text("\n".join([*lines, '{"side": "tuned", "set']))
    again = call(shop_copy, out, *SMALL, "--config", settings)
    assert not json.loads(again.stdout)["worked"]
    assert (out / "tuned.toml").read_bytes() == tuned
    assert journal.read_text().splitlines() == lines
    page = (out / "tune.html").read_text()
    assert "recognised by budget left" in page
    assert "<script" not in page

    other = call(shop_copy, out, *SMALL)
    assert isinstance(other.exception, InputError)
    assert "choose another folder" in str(other.exception)
    none = call(shop_copy, out, *SMALL, "--config", settings, "--choose", 99)
    assert "--choose is 99: expected a row of" in str(none.exception)

    # Another picture under the same name is another search.
    shutil.copy(shop_copy / "pictures" / "s1.png", shop_copy / "pictures" / "s0.png")
    changed = call(shop_copy, out, *SMALL, "--config", settings)
    assert "is a search of other tables, pictures, weights" in str(changed.exception)


def test_trials_paint_fitted_codes_and_set_aside_what_cannot_be_painted(shop_copy, tmp_path):
    digest = storage.digest_bytes((shop_copy / "pictures" / "s1.png").read_bytes())
    code = np.full(100, 0.5, np.float32)
    fitted = FittedLooks(load_pretrained().model_version, {digest: code})
    (tmp_path / "fitted.safetensors").write_bytes(fitted.to_bytes())
    render = {"size_px": 64, "fitted_looks": str(tmp_path / "fitted.safetensors")}
    base = parse_config({"render": {**render, "surroundings": "paint"}})
    workspace = Workspace(tmp_path / "out")
    tables = shop_copy / "items.csv", shop_copy / "styles.csv"
    trials = _Trials(read_catalogue(*tables, workspace, base), workspace, base, (2, 6))
    trials._make()
    looks = pd.concat([trials._made[side].looks for side in ("tuned", "tested")])
    codes = looks.set_index("style_id")["style_code"]
    assert (codes["s1"] == code).all()
    assert not any((codes[name] == code).all() for name in codes.index if name != "s1")
    torn = trials._made["tuned"].items.iloc[0]
    Path(torn["path"]).write_bytes(b"torn")
    for _ in range(2):
        found = trials.measure("tuned", base)
    assert found.served <= 0.5
    rejects = pd.read_csv(tmp_path / "out" / "rejects" / "render.csv", dtype="str")
    assert rejects[["table", "key"]].to_numpy().tolist() == [["items", torn["item_id"]]]


def test_fitted_looks_of_another_generator_are_refused_before_any_work(tiny_shop, tmp_path):
    path = tmp_path / "fitted.safetensors"
    path.write_bytes(FittedLooks("0123456789ab", {}).to_bytes())
    settings = tmp_path / "own.toml"
    settings.write_text(f'[render]\nfitted_looks = "{path}"\n')
    done = call(tiny_shop, tmp_path / "out", "--config", settings)
    assert "are for the generator 0123456789ab" in str(done.exception)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--points", 1), "--points is 1"),
        (("--method", "magic"), "--method is 'magic': expected nsga2 or swarm"),
    ],
)
def test_options_out_of_range_are_refused_before_any_work(tiny_shop, tmp_path, options, said):
    done = call(tiny_shop, tmp_path / "out", *options)
    assert isinstance(done.exception, ConfigError)
    assert said in str(done.exception)
    assert not (tmp_path / "out").exists()


def test_the_artistic_mode_has_no_product_to_keep(tiny_shop, tmp_path):
    settings = tmp_path / "own.toml"
    settings.write_text('[render]\nmode = "artistic"\n')
    done = call(tiny_shop, tmp_path / "out", "--config", settings)
    assert "paints over the product on purpose" in str(done.exception)


def test_the_rule_takes_the_most_recognised_row_that_is_worse_in_nothing():
    present = pd.Series({"recognised": 0.5, "budget_left": 0.5, "seconds": 1.0})
    front = pd.DataFrame(
        {
            "recognised": [0.9, 0.8, 0.7, 0.5],
            "budget_left": [0.4, 0.6, 0.7, 0.5],
            "seconds": [0.1, 1.2, 1.05, 1.0],
        }
    )
    assert choose_row(front, present) == 2
    assert choose_row(front.drop(index=2).reset_index(drop=True), present) == 2


def test_an_original_spends_no_budget_and_the_worst_figure_decides():
    row = {
        "served_mode": "faithful",
        "delta_e": 1.25,
        "delta_e_p95": 2.0,
        "ssim": 0.99,
        "edge_f1": 0.9,
        "silhouette": 0.5,
        "silhouette_original": 0.5,
    }
    budget = FidelityBudget()
    assert budget_left(row, budget) == pytest.approx(0.5)
    assert budget_left({**row, "silhouette": 0.0}, budget) == pytest.approx(1 - 0.5 / 0.45)
    assert budget_left({"served_mode": "original"}, budget) == 1.0


def test_figures_of_tested_pictures_are_kept_apart_from_those_searched_on(tmp_path):
    journal = Journal(tmp_path / "points.jsonl", "a")
    journal.add("tuned", {"x": 1}, Measured(0.5, 0.5, 1.0, 1.0))
    journal.add("tested", {"x": 1}, Measured(0.1, 0.1, 1.0, 1.0))
    again = Journal(tmp_path / "points.jsonl", "a")
    assert again.find("tested", {"x": 1}) == Measured(0.1, 0.1, 1.0, 1.0)
    assert again.table({"x": 0})["recognised"].tolist() == [0.5]
