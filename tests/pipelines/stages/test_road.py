"""The main job: complete, idempotent, deterministic, and not to be stopped by a kill."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from features.schema import ORIGINAL
from pipelines.exports.metrics_file import FILE as METRICS
from pipelines.stores import storage
from pipelines.stores.feed_versions import current_version, read_feed
from pipelines.stores.run_history import HISTORY, read_history


def _feed_bytes(out: Path) -> dict[str, bytes]:
    files = [*sorted(current_version(out).iterdir()), out / "users.parquet"]
    return {file.name: file.read_bytes() for file in files}


def test_every_shopper_gets_every_rank_and_a_picture(finished_job, tiny_shop):
    out, _ = finished_job
    feed = read_feed(out)
    shoppers = pd.read_parquet(tiny_shop / "events.parquet")["user_id"].unique()
    assert set(feed["user_id"]) == set(shoppers)
    assert (feed.groupby("user_id")["rank"].apply(sorted).map(tuple) == (1, 2, 3, 4)).all()
    assert not feed.duplicated(["user_id", "item_id"]).any()
    for uri in {*feed["image_uri"], *feed["original_uri"]}:
        with Image.open(out / uri) as picture:
            picture.verify()
    lines = (current_version(out) / "_feed.jsonl").read_text().splitlines()
    assert len(lines) == len(feed)
    assert set(json.loads(lines[0])) == set(feed.columns)


def test_the_null_look_shows_the_originals_own_bytes(finished_job, tiny_shop):
    out, _ = finished_job
    plain = read_feed(out).query("style_id == @ORIGINAL")
    assert len(plain)
    row = plain.iloc[0]
    items = pd.read_csv(tiny_shop / "items.csv", dtype="str").set_index("item_id")
    source = tiny_shop / items.at[row["item_id"], "image_path"]
    assert (out / row["image_uri"]).read_bytes() == source.read_bytes()
    assert row["strength"] == 0.0


def test_propensities_are_logged_and_ids_are_opaque(finished_job):
    feed = read_feed(finished_job[0])
    assert feed["probability"].dropna().between(0.0, 1.0).all()
    drawn = feed["style_propensity"].dropna()
    assert drawn.between(0, 1, inclusive="right").all()
    # A row that fell back to the original shows what nobody drew.
    assert len(drawn) == len(feed)
    fell_back = feed["style_drawn"] != feed["style_id"]
    assert fell_back.sum() == finished_job[1]["counts"]["feed"]["fell_back_to_original"]
    assert (feed.loc[fell_back, "style_id"] == ORIGINAL).all()
    assert feed["item_id"].str.fullmatch(r"\d{3}").all()


def test_the_contracts_of_users_and_affinity_hold(finished_job, tiny_shop):
    out, _ = finished_job
    users = pd.read_parquet(out / "users.parquet")
    affinity = pd.read_parquet(out / "style_affinity.parquet")
    looks = pd.read_csv(tiny_shop / "styles.csv")["style_id"]
    assert users["style_embedding"].map(len).eq(100).all()
    assert users["style_strength"].between(0, 1).all()
    assert set(affinity["style_id"]) == {*looks, ORIGINAL}
    assert len(affinity) == len(users) * (len(looks) + 1)
    assert np.isfinite(affinity["affinity"]).all()
    assert users.set_index("user_id").at["lonely", "n_events"] == 1


def test_a_second_run_does_no_work(finished_job, rerun):
    out, _ = finished_job

    def times():
        files = (p for p in out.rglob("*") if p.is_file() and p.name not in (HISTORY, METRICS))
        return {p: p.stat().st_mtime_ns for p in files}

    before, runs = times(), read_history(out)
    again = rerun(out)
    assert again["worked"] == []
    assert before == times()
    *others, last = read_history(out)
    assert others == runs
    assert (last["exit"], last["stages"], last["run_id"]) == ("done", {}, again["run_id"])


def test_the_manifest_tells_inputs_settings_counts_and_artefacts(finished_job, tiny_shop):
    out, manifest = finished_job
    assert manifest["inputs"]["events"]["digest"] == storage.digest_file(
        tiny_shop / "events.parquet"
    )
    assert manifest["config"]["seed"] == 3
    assert manifest["counts"]["feed"]["rows"] == 4 * manifest["counts"]["feed"]["users"]
    for path, kept in manifest["artefacts"].items():
        assert storage.digest_file(out / path) == kept["digest"]


@pytest.mark.slow
def test_another_seed_or_policy_redoes_the_choice_but_not_the_encoding(shop_copy, tmp_path, rerun):
    out = tmp_path / "out"
    rerun(out, shop_copy)
    changed = {"policy": {"kind": "best"}, "guard_rails": {"original_floor": 0.0}}
    again = rerun(out, shop_copy, **changed)
    assert again["worked"][0] == "score"
    assert (read_feed(out)["style_propensity"] == 1.0).all()
    shown = pd.read_parquet(out / "tables" / "chosen")["style_id"]
    favourite = shown[shown != ORIGINAL].mode()[0]
    changed["policy"] = {"kind": "thompson"}
    changed["guard_rails"] = {"excluded": [favourite], "original_floor": 0.5}
    rerun(out, shop_copy, **changed)
    drawn = pd.read_parquet(out / "tables" / "chosen")
    assert favourite not in set(drawn["style_id"])
    assert drawn.loc[drawn["style_id"] == ORIGINAL, "style_propensity"].min() >= 0.5
    assert drawn.loc[drawn["style_id"] != ORIGINAL, "style_propensity"].between(0, 0.5).all()


@pytest.mark.slow
def test_killed_while_painting_and_run_again_the_feed_is_the_same_bytes(
    finished_job, tiny_shop, job_settings, tmp_path, rerun
):
    out = tmp_path / "killed"
    program = (
        "import sys; from pathlib import Path; from pipelines.config import parse_config;"
        "from pipelines.stages.road import run;"
        f"run(Path({str(out)!r}), {{k: Path(v) for k, v in {_texts(tiny_shop)!r}.items()}},"
        f" parse_config({job_settings!r}), print)"
    )
    job = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and not (out / "stages" / "score.json").exists():
            assert job.poll() is None, "the job ended before it could be killed"
            time.sleep(0.02)
    finally:
        job.send_signal(signal.SIGKILL)
        job.wait()
    assert not (out / "manifest.json").exists()
    rerun(out, workers=1)
    assert _feed_bytes(out) == _feed_bytes(finished_job[0])


def _texts(folder: Path) -> dict[str, str]:
    names = {"events": "events.parquet", "items": "items.csv", "styles": "styles.csv"}
    return {name: str(folder / file) for name, file in names.items()}
