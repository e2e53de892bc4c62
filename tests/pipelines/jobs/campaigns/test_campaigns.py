"""Campaigns are planned, made, packed, cancelled, and go on after a kill."""

import csv
import io
import json
import threading
import time
import zipfile

import pandas as pd
import pytest
from typer.testing import CliRunner

from features.schema import ConfigError, InputError
from pipelines.campaigns.presets import PRESETS
from pipelines.cli import app
from pipelines.config import parse_config
from pipelines.jobs.campaigns.make import progress_of
from pipelines.jobs.campaigns.plan import Campaign, choose, plan
from pipelines.jobs.campaigns.worker import QUEUE, CampaignWorker, work_queue
from pipelines.jobs.plan import UnitCosts
from pipelines.stores import storage
from pipelines.stores.campaign_queue import CampaignQueue

SMALL = {"channels": ("email", "marketplace"), "size_px": 96, "max_items": 2}


@pytest.fixture(scope="module")
def asked():
    return Campaign("Spring, 2026!", ("s0", "s3"), ("disc",), **SMALL)


def test_a_campaign_shows_what_is_available_of_its_categories(shop_copy, asked):
    items = pd.read_csv(shop_copy / "items.csv", dtype="str")
    items["available"] = "true"
    items.loc[items["item_id"] == "001", "available"] = "false"
    items.to_csv(shop_copy / "items.csv", index=False)
    wanted = choose(asked, shop_copy / "items.csv", shop_copy / "styles.csv")
    assert wanted.item_ids == ["003", "005"]
    assert wanted.style_ids == ["s0", "s3"]


def test_a_plan_counts_pictures_and_costs_more_for_more(tiny_shop, asked):
    tables = tiny_shop / "items.csv", tiny_shop / "styles.csv"
    config = parse_config({"workers": 1})
    told = plan(asked, choose(asked, *tables), config)
    assert (told["renders"], told["files"]) == (4, 2 * 4 + 2)
    assert told["bytes"] >= 2 * (4 * PRESETS["email"].most_bytes)
    whole = Campaign("all", ("s0", "s3"), channels=("email", "marketplace"), size_px=768)
    assert plan(whole, choose(whole, *tables), config)["seconds"] > told["seconds"]
    slow = UnitCosts(0.1, 100.0, 0.0, 1e6, 0.0)
    assert plan(whole, choose(whole, *tables), config, slow)["seconds"] > 2400


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"style_ids": ("s9",)}, InputError, "no look s9"),
        ({"categories": ("cube",)}, InputError, "no category cube"),
        ({"style_ids": ()}, ConfigError, "names no look"),
        ({"channels": ("fax",)}, ConfigError, "fax is not known"),
        ({"strength": 0.0}, ConfigError, "strength"),
        ({"size_px": 4000}, ConfigError, "size_px"),
        ({"name": " "}, ConfigError, "name"),
    ],
)
def test_what_cannot_be_made_is_refused_before_anything_is_painted(tiny_shop, change, error, words):
    settings = {"name": "x", "style_ids": ("s0",), **change}
    with pytest.raises(error, match=words):
        choose(Campaign(**settings), tiny_shop / "items.csv", tiny_shop / "styles.csv")


@pytest.fixture(scope="module")
def made(tiny_shop, tmp_path_factory):
    out = tmp_path_factory.mktemp("campaign") / "out"
    tables = ["--items", str(tiny_shop / "items.csv"), "--styles", str(tiny_shop / "styles.csv")]
    options = "--looks s0,s3 --categories disc --channels email,marketplace --size 96"
    command = ["campaign", *tables, *options.split(), "--max-items", "2", "--workers", "1"]
    command += ["--name", "Spring, 2026!", "--out", str(out), "--json"]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    return out, json.loads(done.stdout)


def test_a_campaign_ends_in_a_zip_whose_manifest_is_true_of_it(made):
    out, told = made
    assert told["archive"] == "spring-2026.zip"
    with zipfile.ZipFile(out / told["archive"]) as archive:
        manifest = json.loads(archive.read("manifest.json"))
        assert manifest["campaign"]["style_ids"] == ["s0", "s3"]
        names = {row["file"] for row in manifest["files"]}
        assert names | {"manifest.json", "provenance.csv", *told["sheets"]} == set(
            archive.namelist()
        )
        for row in manifest["files"]:
            assert storage.digest_content(archive.read(row["file"])) == row["digest"]
        table = csv.DictReader(io.StringIO(archive.read("provenance.csv").decode()))
        in_look = [row for row in table if row["style_id"]]
    assert in_look
    assert all(row["digital_source_type"].startswith("http") for row in in_look)


def test_progress_is_counted_in_the_folder(made, tmp_path):
    assert progress_of(tmp_path, 4, 10) == (0, 14)
    done, of = progress_of(made[0], 4, made[1]["files"])
    assert done == of


def _ask(job, **change):
    queue = CampaignQueue(job / QUEUE)
    request = Campaign("Spring", ("s0",), **{**SMALL, **change}).to_request()
    return queue, queue.add({"campaign": request})


@pytest.mark.slow
def test_the_queue_is_worked_on_and_says_what_failed(job_copy):
    queue, good = _ask(job_copy)
    _, bad = _ask(job_copy, categories=("gone",))
    assert work_queue(job_copy) == 2
    assert queue.find(good).state == "done"
    assert (queue.find(good).folder / queue.find(good).told["archive"]).is_file()
    assert queue.find(bad).state == "failed"
    assert "no category gone" in queue.find(bad).problem
    assert work_queue(job_copy) == 0


@pytest.mark.slow
def test_a_campaign_at_work_can_be_cancelled_and_one_that_was_killed_goes_on(job_copy):
    queue, first = _ask(job_copy, max_items=0)
    worker = CampaignWorker(job_copy)
    worker.wake()
    _wait(lambda: queue.find(first).state == "running")
    # The process ends, as it does with the studio: the campaign is not lost.
    worker.close()
    assert queue.find(first).state == "running"
    again = threading.Thread(target=work_queue, args=(job_copy,))
    again.start()
    time.sleep(1.0)
    queue.cancel(first)
    again.join(60)
    assert not again.is_alive()
    assert queue.find(first).state == "cancelled"


@pytest.mark.slow
def test_what_is_queued_while_the_process_ends_is_worked_on_too(job_copy):
    queue, first = _ask(job_copy, categories=("gone",))
    worker = CampaignWorker(job_copy)
    worker.wake()
    _wait(lambda: queue.find(first).has_ended)
    _, other = _ask(job_copy, categories=("gone",))
    worker.wake()
    _wait(lambda: queue.find(other).has_ended)
    worker.close()


def _wait(happened):
    until = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < until
        time.sleep(0.05)
