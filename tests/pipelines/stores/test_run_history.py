"""Every run of a folder is in its history, however it ended."""

import os
import signal
import subprocess
import sys

import pytest

from features.schema import InputError
from pipelines.jobs.runs import list_runs, run_lines
from pipelines.stores.run_history import HISTORY, read_history, recording

RECORD = {"seconds": 1.5, "counts": {"rows": 12, "rejects": 2}}
KILLED = (
    "import os, signal, sys; from pathlib import Path\n"
    "from pipelines.stores.run_history import recording\n"
    "with recording(Path(sys.argv[1]), 'run') as attempt:\n"
    " attempt.start('id')\n os.kill(os.getpid(), signal.SIGKILL)"
)


@pytest.fixture
def job(tmp_path):
    (tmp_path / "job.json").write_text("{}")
    return tmp_path


def test_a_run_that_ends_tells_its_stages_and_counts(job):
    with recording(job, "run") as attempt:
        attempt.start("abc")
        attempt.finish("feed", RECORD)
    (run,) = read_history(job)
    expected = {
        **{"command": "run", "run_id": "abc", "exit": "done", "stages": {"feed": 1.5}},
        **{"rows": 12, "rejects": 2, "renders": None, "painted": 0},
    }
    assert {name: run[name] for name in expected} == expected
    assert run["seconds"] >= 0.0
    assert run["started_utc"] <= run["ended_utc"]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (InputError("events: no file"), "InputError: events: no file"),
        (KeyError("u0042"), "KeyError"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
    ],
)
def test_a_run_that_fails_tells_why_and_of_a_bug_its_kind_alone(job, error, words):
    with pytest.raises(type(error)), recording(job, "fit"):
        raise error
    assert [run["exit"] for run in read_history(job)] == [words]


def test_a_run_that_was_killed_is_there_and_the_next_goes_on_after_a_torn_line(job):
    done = subprocess.run([sys.executable, "-c", KILLED, str(job)])
    assert done.returncode == -signal.SIGKILL
    with (job / HISTORY).open("a") as stream:
        stream.write('{"attempt": "to')
    with recording(job, "run") as attempt:
        attempt.start("later")
    assert [run["exit"] for run in read_history(job)] == ["killed", "done"]


def test_a_run_that_is_refused_in_a_new_folder_leaves_nothing(tmp_path):
    with pytest.raises(InputError), recording(tmp_path, "run"):
        raise InputError("no table")
    assert list(tmp_path.iterdir()) == []


def test_a_history_that_cannot_be_written_is_a_warning(job, capsys):
    (job / HISTORY).mkdir()
    with recording(job, "run") as attempt:
        attempt.start("abc")
    assert "the run is not in the history" in capsys.readouterr().err
    assert os.listdir(job / HISTORY) == []


def test_the_table_has_a_row_for_each_run_and_a_line_of_stages(job):
    with recording(job, "run") as attempt:
        attempt.start("abc")
        attempt.finish("feed", RECORD)
    with pytest.raises(InputError), recording(job, "score"):
        raise InputError("disk\nfull")
    head, first, stages, second = run_lines(list_runs(job))
    assert head.split()[-4:] == ["rows", "rejects", "renders", "exit"]
    assert first.split()[2:] == ["run", "abc", "0", "12", "2", "-", "done"]
    assert stages == "    feed 1.5"
    assert second.endswith("InputError: disk full")
    with pytest.raises(InputError, match="has no history of runs"):
        list_runs(job / "nowhere")
