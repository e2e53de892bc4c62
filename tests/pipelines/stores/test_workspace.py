"""A stage runs once for its inputs, again when they differ or its artefacts do, and sees no more
than it declared."""

import json

import pandas as pd
import pytest

from features.schema import ContractError, InputError, StorageError
from pipelines.config import StageConfig, parse_config
from pipelines.limits import LimitConfig, set_aside
from pipelines.stages.road import STAGES
from pipelines.stores.workspace import (
    Stage,
    StageFolder,
    Workspace,
    damaged_artefacts,
    find_record,
    read_record,
    run_stage,
    stage_key,
)

LIMITS = LimitConfig()


@pytest.fixture
def counting_stage():
    calls = []

    def work(folder, config):
        calls.append(config)
        folder.write("tables/a.parquet", pd.DataFrame({"a": [config]}))
        folder.path("store/kept").parent.mkdir(exist_ok=True)
        folder.path("store/kept").write_text("kept")
        folder.keep(["store/kept"])
        return {"rows": 1}

    return Stage("work", work, (), ("seed",), ("tables/a.parquet",), stores=("store",)), calls


def _folder(root, stage, key="key"):
    return StageFolder(root, stage, key, {})


def test_a_finished_stage_is_not_run_again(tmp_path, counting_stage):
    stage, calls = counting_stage
    assert run_stage(_folder(tmp_path, stage), 1, LIMITS)
    assert run_stage(_folder(tmp_path, stage), 1, LIMITS) is None
    assert calls == [1]
    assert read_record(Workspace(tmp_path), "work")["counts"] == {"rows": 1}


@pytest.mark.parametrize("damage", ["delete", "truncate", "zeros"])
@pytest.mark.parametrize("name", ["tables/a.parquet", "store/kept"])
def test_a_stage_whose_artefact_is_damaged_runs_again(tmp_path, counting_stage, damage, name):
    stage, calls = counting_stage
    run_stage(_folder(tmp_path, stage), 1, LIMITS)
    artefact = tmp_path / name
    whole = artefact.read_bytes()
    if damage == "delete":
        artefact.unlink()
    elif damage == "truncate":
        artefact.write_bytes(whole[:-1])
    else:
        artefact.write_bytes(bytes(len(whole)))
    record = read_record(Workspace(tmp_path), "work")
    assert damaged_artefacts(tmp_path, record["artefacts"]) == [name]
    assert run_stage(_folder(tmp_path, stage), 1, LIMITS)
    assert len(calls) == 2
    assert artefact.read_bytes() == whole


def test_what_others_left_in_the_folders_of_a_stage_is_gone_and_its_stores_stay(tmp_path):
    def work(folder, config):
        folder.write("tables/events/new.parquet", pd.DataFrame({"a": [1]}))
        return {}

    folders = ("tables/events", "tables/raw")
    stage = Stage("work", work, (), (), folders, stores=("store",))
    left = ["tables/events/bucket-31.parquet", "tables/raw/bucket-00.parquet", "store/kept"]
    for name in left:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("of a shopper who is gone")
    record = run_stage(_folder(tmp_path, stage), 1, LIMITS)
    assert list(record["artefacts"]) == ["tables/events/new.parquet"]
    assert [name for name in left if (tmp_path / name).exists()] == ["store/kept"]


def test_files_of_a_store_that_the_stage_did_not_keep_are_no_artefacts(tmp_path, counting_stage):
    stage, _ = counting_stage
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "foreign").write_text("mine")
    run_stage(_folder(tmp_path, stage), 1, LIMITS)
    artefacts = read_record(Workspace(tmp_path), "work")["artefacts"]
    assert sorted(artefacts) == ["store/kept", "tables/a.parquet"]
    (tmp_path / "store" / "foreign").unlink()
    assert run_stage(_folder(tmp_path, stage), 1, LIMITS) is None


def test_a_new_key_runs_the_stage_again(tmp_path, counting_stage):
    stage, calls = counting_stage
    for seed in (1, 2):
        key = stage_key(stage, {"seed": seed}, {})
        run_stage(_folder(tmp_path, stage, key), seed, LIMITS)
    assert calls == [1, 2]


def test_a_stage_s_key_holds_its_revision_inputs_and_settings(counting_stage):
    stage, _ = counting_stage
    later = Stage("work", stage.run, (), ("seed",), stage.artefacts, revision=2)
    keys = {
        stage_key(stage, {"seed": 1, "other": 1}, {}),
        stage_key(stage, {"seed": 2, "other": 1}, {}),
        stage_key(stage, {"seed": 1, "other": 1}, {"before": "x"}),
        stage_key(later, {"seed": 1, "other": 1}, {}),
    }
    assert len(keys) == 4
    assert stage_key(stage, {"seed": 1, "other": 2}, {}) in keys


@pytest.mark.parametrize("text", ["", "{", '{"key": "key"}', "[]", "\0\0", "null"])
def test_a_torn_record_means_the_stage_runs_again(tmp_path, counting_stage, text):
    stage, _ = counting_stage
    run_stage(_folder(tmp_path, stage), 1, LIMITS)
    whole = (tmp_path / "stages/work.json").read_bytes()
    (tmp_path / "stages/work.json").write_text(text)
    assert find_record(Workspace(tmp_path), "work") is None
    with pytest.raises(InputError, match="no finished 'work' stage"):
        read_record(Workspace(tmp_path), "work")
    assert run_stage(_folder(tmp_path, stage), 1, LIMITS)
    kept = json.loads((tmp_path / "stages/work.json").read_bytes())
    assert {**kept, "seconds": 0} == {**json.loads(whole), "seconds": 0}


def test_a_stage_that_sets_too_much_aside_leaves_no_record(tmp_path):
    def work(folder, config):
        return {"set_aside": [set_aside("pictures", 4, ["torn"] * config)]}

    stage = Stage("work", work, (), (), ())
    with pytest.raises(InputError, match=r"3 of 4 pictures were set aside \(75 %\): 3 x torn"):
        run_stage(_folder(tmp_path, stage), 3, LIMITS)
    assert find_record(Workspace(tmp_path), "work") is None
    assert run_stage(_folder(tmp_path, stage), 3, LimitConfig(0.8))
    with pytest.raises(InputError, match="at most 50 % may be"):
        run_stage(_folder(tmp_path, stage), 3, LIMITS)


def test_a_stage_reads_and_writes_what_it_declared_and_nothing_else(tmp_path):
    stage = Stage("work", None, (), (), ("out.parquet",), reads=("tables",), facts=("run_id",))
    folder = StageFolder(tmp_path, stage, "key", {"run_id": "r", "inputs": {}})
    assert folder.path("tables/a.parquet") == tmp_path / "tables/a.parquet"
    folder.write("out.parquet", pd.DataFrame({"a": [1]}))
    assert folder.run_id == "r"
    for touch in (
        lambda: folder.read("users.parquet"),
        lambda: folder.path("tables_of_others"),
        lambda: folder.write("tables/a.parquet", pd.DataFrame()),
        lambda: folder.keep(["renders/a.png"]),
        lambda: folder.inputs,
    ):
        with pytest.raises(ContractError, match="'work'"):
            touch()


def test_a_stage_sees_the_settings_it_declared_and_those_without_effect():
    config = parse_config({"seed": 5, "workers": 3})
    seen = StageConfig(config, "fit", ("seed",))
    assert (seen.seed, seen.processes, seen.limits) == (5, 3, LIMITS)
    with pytest.raises(ContractError, match="stage 'fit' reads the setting 'top_k'"):
        _ = seen.top_k


def test_stages_read_only_what_stages_before_them_leave():
    left = {"job.json", "stages", "rejects"}
    for stage in STAGES:
        for name in stage.reads:
            above, below = f"{name}/", (one for one in left if name.startswith(f"{one}/"))
            assert name in left or any(below) or any(one.startswith(above) for one in left), name
        assert all(need in {other.name for other in STAGES} for need in stage.needs)
        left |= {*stage.artefacts, *stage.stores}


def test_every_result_has_one_stage_that_writes_it():
    written = [name for stage in STAGES for name in stage.artefacts]
    assert len(written) == len(set(written))


def test_a_missing_stage_is_named_with_what_to_do(tmp_path):
    with pytest.raises(InputError, match="no finished 'fit' stage; run `stylefeed run`"):
        read_record(Workspace(tmp_path), "fit")


def test_a_record_that_cannot_be_removed_is_one_line(tmp_path, counting_stage):
    stage, _ = counting_stage
    (tmp_path / "stages/work.json/mine").mkdir(parents=True)
    with pytest.raises(StorageError, match=r"cannot write .*work\.json"):
        run_stage(_folder(tmp_path, stage), 1, LIMITS)


def test_rejects_are_written_even_when_there_are_none(tmp_path):
    workspace = Workspace(tmp_path)
    assert workspace.set_aside("encode", []) == 0
    assert pd.read_csv(tmp_path / "rejects/encode.csv").columns.tolist() == [
        "table", "row", "key", "reason", "got",
    ]  # fmt: skip
