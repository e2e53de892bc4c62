"""What happens to a finished job's folder: damage is noticed and made again, a fault is one line.

All tests damage copies of one finished job, so that only the damaged stages work again.
"""

import json
import os
import shutil

import pandas as pd
import pytest

from features.schema import ConfigError, InputError
from pipelines.config import parse_config
from pipelines.exports.metrics_file import FILE as METRICS
from pipelines.jobs.check_folder import check_folder, folder_lines
from pipelines.jobs.prune import prune
from pipelines.stages.road import open_job, run_part, run_stages
from pipelines.stores.feed_versions import current_version, read_feed
from pipelines.stores.run_history import HISTORY

pytestmark = pytest.mark.slow
OF_TIMES = ("manifest.json", "report.html", HISTORY, METRICS)


def _state(out):
    """Content of every file, but for times, which no two runs share."""
    found = {}
    for path in out.rglob("*"):
        name = path.relative_to(out).as_posix()
        if not path.is_file() or name in OF_TIMES:
            continue
        if name == "renders.parquet":
            found[name] = pd.read_parquet(path).drop(columns="seconds").to_json()
        elif path.parent.name == "stages":
            record = json.loads(path.read_text())
            record["counts"].pop("painted", None)
            found[name] = {"key": record["key"], "counts": record["counts"]}
        else:
            found[name] = path.read_bytes()
    return found


def _pictures(out, kind):
    return sorted(path for path in (out / kind).rglob("*") if path.suffix not in (".parquet", ""))


def test_damaged_pictures_feeds_and_leftovers_are_made_good_and_nothing_else_is(
    finished_job, job_copy, rerun
):
    renders, originals = _pictures(job_copy, "renders"), _pictures(job_copy, "originals")
    assert len(renders) >= 3
    os.truncate(renders[0], renders[0].stat().st_size // 2)
    shutil.copyfile(originals[2], renders[1])
    renders[2].unlink()
    originals[0].write_bytes(bytes(originals[0].stat().st_size))
    originals[1].unlink()
    (current_version(job_copy) / "bucket-03.parquet").write_bytes(b"half")
    (job_copy / "feed" / "current.json").write_text("{")
    (job_copy / "rejects" / ".writing-x.csv").write_text("table,row\n1")
    (job_copy / "renders" / "mine.txt").write_text("mine")
    found = check_folder(job_copy)
    assert not found["ok"]
    assert set(found["damaged"]) == {"render", "feed"}
    assert len(found["damaged_renders"]) == 3
    assert any(line.startswith("missing or damaged render: ") for line in folder_lines(found))
    manifest = rerun(job_copy)
    assert manifest["worked"] == ["render", "feed"]
    assert manifest["counts"]["render"]["painted"] == 3
    assert (job_copy / "renders" / "mine.txt").read_text() == "mine"
    (job_copy / "renders" / "mine.txt").unlink()
    assert _state(job_copy) == _state(finished_job[0])
    assert check_folder(job_copy)["ok"]
    assert rerun(job_copy)["worked"] == []


def test_torn_records_and_tables_are_made_again(finished_job, job_copy, rerun):
    for name in ("job.json", "manifest.json", "stages/score.json"):
        (job_copy / name).write_bytes((job_copy / name).read_bytes()[:40])
    for name in ("stages/feed.json", "renders.parquet", "tables/chosen/bucket-00.parquet"):
        (job_copy / name).write_bytes(b"")
    assert "stages/feed.json" in check_folder(job_copy)["torn"]
    worked = rerun(job_copy)["worked"]
    assert worked == ["score", "render", "feed"]
    assert _state(job_copy) == _state(finished_job[0])
    assert check_folder(job_copy)["ok"]


def test_a_part_does_not_build_on_damage_and_says_which_stage_to_run(job_copy):
    (job_copy / "tables" / "item_pictures.parquet").write_bytes(b"half")
    with pytest.raises(InputError, match=r"artefacts of the 'encode' stage are missing or damaged"):
        run_part("score", job_copy, print)
    (job_copy / "job.json").write_text("")
    with pytest.raises(InputError, match=r"job\.json cannot be read; start one with"):
        run_part("score", job_copy, print)


def test_new_events_do_not_encode_pictures_again(job_copy, tiny_shop, tmp_path, job_settings):
    log = tmp_path / "events.parquet"
    pd.read_parquet(tiny_shop / "events.parquet").head(-5).to_parquet(log, index=False)
    inputs = {"events": log, "items": tiny_shop / "items.csv", "styles": tiny_shop / "styles.csv"}
    settings = parse_config(job_settings)
    workspace, job = open_job(job_copy, inputs, settings)
    assert run_stages(workspace, job, settings, ("prepare", "encode"), print) == ["prepare"]


def test_settings_no_picture_can_be_painted_with_end_the_job_and_leave_no_record(job_copy, rerun):
    before = read_feed(job_copy)
    render = {"size_px": 96, "signing_chain": "/none.pem", "signing_key": "/none.key"}
    for _ in range(2):
        with pytest.raises(ConfigError, match="signing"):
            rerun(job_copy, render=render)
        assert not (job_copy / "stages" / "render.json").exists()
    # Whoever reads the feed meanwhile reads the last whole one.
    pd.testing.assert_frame_equal(read_feed(job_copy), before)
    assert check_folder(job_copy)["feeds"] == {current_version(job_copy).name: 0}


def test_prune_deletes_what_no_kept_feed_names_and_nothing_else(job_copy, rerun):
    first = current_version(job_copy)
    assert prune(job_copy) == {
        **dict.fromkeys(("versions", "renders", "clips", "originals", "bytes"), 0)
    }
    shown = set(read_feed(job_copy)["image_uri"])
    # All rows plain: the renders stay until they are pruned.
    rerun(job_copy, guard_rails={"share_personalised": 0.0})
    assert first.is_dir()
    assert all((job_copy / uri).is_file() for uri in shown)
    (job_copy / "renders" / "mine.txt").write_text("mine")
    assert prune(job_copy)["renders"] == 0
    gone = prune(job_copy, keep=1)
    assert gone["versions"] == 1
    assert gone["renders"] > 0
    assert gone["bytes"] > 0
    assert not first.exists()
    named = {*read_feed(job_copy)["image_uri"], *read_feed(job_copy)["original_uri"]}
    assert all((job_copy / uri).is_file() for uri in named)
    assert [path.name for path in _pictures(job_copy, "renders")] == ["mine.txt"]
    assert check_folder(job_copy)["ok"]
    assert rerun(job_copy, guard_rails={"share_personalised": 0.0})["worked"] == []


def test_a_folder_that_is_no_job_is_neither_checked_nor_pruned(tmp_path):
    for act in (check_folder, prune):
        with pytest.raises(InputError, match="holds neither a"):
            act(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_feed_that_cannot_be_read_keeps_prune_from_deleting(job_copy):
    (current_version(job_copy) / "bucket-00.parquet").write_bytes(b"half")
    before = len(_pictures(job_copy, "renders"))
    with pytest.raises(InputError, match="nothing was removed; run the job again"):
        prune(job_copy)
    assert len(_pictures(job_copy, "renders")) == before


def test_an_undisturbed_copy_is_sound(job_copy):
    found = check_folder(job_copy)
    assert found["ok"]
    assert folder_lines(found)[-1] == "all as the job wrote it"
