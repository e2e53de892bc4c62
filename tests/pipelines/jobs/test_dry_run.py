"""`stylefeed run --dry-run`: what a run would cost, before anything is done."""

import json

import pandas as pd
import pytest
from typer.testing import CliRunner

from features.schema import InputError
from pipelines.cli import app
from pipelines.config import parse_config
from pipelines.jobs import dry_run as job
from pipelines.jobs.dry_run import dry_run
from pipelines.jobs.plan import (
    BYTES_PER_FRAME_PX,
    FRAME_S,
    Size,
    UnitCosts,
    plan_lines,
    plan_of,
    unit_costs,
)


def _inputs(shop):
    inputs = {name: shop / f"{name}.csv" for name in ("items", "styles")}
    return {"events": shop / "events.parquet", **inputs}


def test_a_shop_is_counted_and_no_folder_is_made(tiny_shop, tmp_path):
    out = tmp_path / "out"
    plan = dry_run(out, _inputs(tiny_shop), parse_config({"top_k": 4}))
    log = pd.read_parquet(tiny_shop / "events.parquet")
    assert (plan["users"], plan["items"], plan["pictures"], plan["looks"]) == (
        *(log["user_id"].nunique(), 12, 12, 6),
    )
    assert plan["renders"] == plan["to_paint"] == 72
    assert (plan["stored"], plan["costs"]) == (0, "benchmarks")
    assert not out.exists()


def test_a_log_that_is_read_in_parts_is_counted_as_it_is(tiny_shop, tmp_path, monkeypatch):
    monkeypatch.setattr(job, "LARGE_LOG_ROWS", 10)
    plan = dry_run(tmp_path, _inputs(tiny_shop), parse_config({}))
    log = pd.read_parquet(tiny_shop / "events.parquet")
    assert (plan["events"], plan["users"]) == (len(log), log["user_id"].nunique())


def test_renders_of_a_finished_job_are_stored_while_settings_are_the_same(
    finished_job, tiny_shop, job_settings
):
    out, manifest = finished_job
    plan = dry_run(out, _inputs(tiny_shop), parse_config(job_settings))
    assert manifest["counts"]["render"]["renders"] <= plan["stored"] <= 72
    assert plan["to_paint"] == min(plan["renders"], 72 - plan["stored"])
    assert plan["costs"] == "last run"
    fewer = {**job_settings, "render": {**job_settings["render"], "max_renders": 5}}
    plan = dry_run(out, _inputs(tiny_shop), parse_config(fewer))
    assert (plan["renders"], plan["costs"]) == (5, "last run")
    larger = parse_config({**job_settings, "render": {"size_px": 128}})
    plan = dry_run(out, _inputs(tiny_shop), larger)
    assert (plan["stored"], plan["costs"]) == (0, "benchmarks")


def test_a_picture_that_is_not_there_is_not_counted_and_a_table_is_one_line(shop_copy, tmp_path):
    items = pd.read_csv(shop_copy / "items.csv", dtype="str")
    (shop_copy / items["image_path"][3]).unlink()
    assert dry_run(tmp_path, _inputs(shop_copy), parse_config({}))["pictures"] == 11
    (shop_copy / "styles.csv").unlink()
    with pytest.raises(InputError, match="styles: no file at"):
        dry_run(tmp_path, _inputs(shop_copy), parse_config({}))


def test_the_command_prints_the_plan_and_does_nothing(tiny_shop, tmp_path):
    given = [part for name, path in _inputs(tiny_shop).items() for part in (f"--{name}", str(path))]
    command = ["run", *given, "--out", str(tmp_path / "out"), "--dry-run"]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.exception
    assert " and 72 renders, about" in done.stdout
    assert done.stdout.endswith("those of docs/benchmarks.md; nothing was done\n")
    assert json.loads(CliRunner().invoke(app, [*command, "--json"]).stdout)["to_paint"] == 72
    assert not (tmp_path / "out").exists()


def test_clips_are_planned_one_for_each_look_after_the_pictures(shop_copy, tmp_path, write_clip):
    write_clip(shop_copy / "pictures" / "spin.mp4", range(12))
    items = pd.read_csv(shop_copy / "items.csv", dtype="str")
    inputs, settings = _inputs(shop_copy), {"top_k": 4, "workers": 1}
    without = dry_run(tmp_path, inputs, parse_config(settings))
    paths = {"003": "pictures/spin.mp4", "004": "pictures/none.mp4"}
    items.assign(video_path=items["item_id"].map(paths)).to_csv(inputs["items"], index=False)
    plan = dry_run(tmp_path, inputs, parse_config(settings))
    assert (without["clips"], plan["clips"]) == (0, 6)
    assert plan["seconds"] - without["seconds"] == pytest.approx(6 * 12 * FRAME_S, abs=1)
    assert plan["bytes"] - without["bytes"] == round(6 * 12 * 384**2 * BYTES_PER_FRAME_PX)
    assert f"{plan['renders']} renders, 6 clips, about" in plan_lines(plan)[1]
    most = {"render": {"max_renders": 75}}
    assert dry_run(tmp_path, inputs, parse_config({**settings, **most}))["clips"] == 3
    artistic = {"render": {"mode": "artistic"}}
    assert dry_run(tmp_path, inputs, parse_config({**settings, **artistic}))["clips"] == 0


def test_costs_of_a_unit_come_from_a_run_that_painted_enough():
    counts = {"prepare": {"items": 8, "styles": 2, "events": 100}, "render": {"painted": 40}}
    sizes = {"renders/ab/c.jpeg": 3_000, "renders/ab/d.jpeg": 5_000, "originals/a.jpeg": 9_000}
    manifest = {
        "counts": counts,
        "seconds": {"prepare": 4.0, "encode": 5.0, "render": 20.0, "clips": 9.0, "fit": 6.0},
        "artefacts": {path: {"bytes": n} for path, n in {**sizes, "users.parquet": 700}.items()},
    }
    costs = unit_costs(manifest)
    assert costs == UnitCosts(0.5, 0.5, 0.1, 4_000.0, 7.0)
    size = Size(events=200, users=10, items=9, pictures=8, looks=2, picture_bytes=10, stored=6)
    plan = plan_of(size, parse_config({}), costs)
    assert (plan["renders"], plan["to_paint"]) == (16, 10)
    assert plan["seconds"] == round(0.5 * 10 + 0.5 * 10 + 0.1 * 200)
    assert plan["bytes"] == 10 * 4_000 + 7 * 200 + 10
    assert "16 renders (6 are stored, so at most 10 to paint)" in plan_lines(plan)[1]
    assert unit_costs({**manifest, "counts": {**counts, "render": {"painted": 3}}}) is None
