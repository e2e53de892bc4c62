"""A stage runs once for its inputs, and again when an artefact is gone or its key differs."""

import pandas as pd
import pytest

from features.schema import InputError
from pipelines.workspace import Stage, Workspace, read_record, run_stage, stage_key


@pytest.fixture
def counting_stage():
    calls = []

    def work(workspace, config):
        calls.append(config)
        workspace.write("tables/a.parquet", pd.DataFrame({"a": [config]}))
        return {"rows": 1}

    return Stage("work", work, (), ("seed",), ("tables/a.parquet",)), calls


def test_a_finished_stage_is_not_run_again(tmp_path, counting_stage):
    stage, calls = counting_stage
    workspace = Workspace(tmp_path)
    assert run_stage(workspace, stage, 1, "key")
    assert not run_stage(workspace, stage, 1, "key")
    assert calls == [1]
    assert read_record(workspace, "work")["counts"] == {"rows": 1}


@pytest.mark.parametrize("damage", ["delete", "truncate"])
def test_a_stage_whose_artefact_is_damaged_runs_again(tmp_path, counting_stage, damage):
    stage, calls = counting_stage
    workspace = Workspace(tmp_path)
    run_stage(workspace, stage, 1, "key")
    artefact = workspace.path("tables/a.parquet")
    if damage == "delete":
        artefact.unlink()
    else:
        artefact.write_bytes(artefact.read_bytes()[:-1])
    assert run_stage(workspace, stage, 1, "key")
    assert len(calls) == 2


def test_a_new_key_runs_the_stage_again(tmp_path, counting_stage):
    stage, calls = counting_stage
    workspace = Workspace(tmp_path)
    run_stage(workspace, stage, 1, stage_key(stage, {"seed": 1}, {}))
    run_stage(workspace, stage, 2, stage_key(stage, {"seed": 2}, {}))
    assert calls == [1, 2]


def test_a_missing_stage_is_named_with_what_to_do(tmp_path):
    with pytest.raises(InputError, match="no finished 'fit' stage; run `stylefeed run`"):
        read_record(Workspace(tmp_path), "fit")


def test_rejects_are_written_even_when_there_are_none(tmp_path):
    workspace = Workspace(tmp_path)
    assert workspace.set_aside("encode", []) == 0
    assert pd.read_csv(tmp_path / "rejects/encode.csv").columns.tolist() == [
        "table", "row", "key", "reason", "got",
    ]  # fmt: skip
