"""With --log-format json every line on stderr is an object, and none names a shopper."""

import json
import logging
import subprocess
import sys
import warnings

import pytest

from pipelines import verbosity
from pipelines.verbosity import about, fail_with_a_bug, tell, use_json, warn

PROGRAM = "from pipelines.cli import main; main()"


@pytest.fixture
def as_json(monkeypatch):
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)
    use_json(True)
    yield
    use_json(False)


def test_a_line_tells_time_level_stage_message_and_whole_counts(as_json, capsys):
    with about("render", {"renders": 7, "share": 0.5, "names": ["u0042"], "served": True}):
        tell("render: 3 s")
        warn("little left")
    tell("done")
    told = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(one["level"], one["stage"], one["message"]) for one in told] == [
        ("info", "render", "render: 3 s"),
        ("warning", "render", "little left"),
        ("info", None, "done"),
    ]
    assert [one["counts"] for one in told] == [{"renders": 7}, {"renders": 7}, {}]
    assert all(one["time"].endswith("+00:00") for one in told)


def test_quiet_keeps_warnings_alone_and_a_library_s_are_lines_too(as_json, capsys, monkeypatch):
    monkeypatch.setattr(verbosity, "quiet", True)
    tell("render: 3 s")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        use_json(True)
        warnings.warn("old name", FutureWarning, stacklevel=1)
    (line,) = capsys.readouterr().err.splitlines()
    assert json.loads(line)["message"] == "FutureWarning: old name"


def test_a_bug_is_told_by_kind_and_place_without_its_words(as_json, capsys):
    try:
        {}["u0042"]
    except KeyError as error:
        fail_with_a_bug(error)
    text = capsys.readouterr().err
    assert "u0042" not in json.loads(text)["message"]
    assert json.loads(text)["message"] == "a bug: KeyError"
    assert json.loads(text)["traceback"][-1].endswith("_without_its_words")


def test_what_a_library_logs_is_an_object_without_the_words_of_its_exception(as_json, capsys):
    try:
        {}["u0042"]
    except KeyError:
        logging.getLogger("a.library").exception("in the application")
    logging.getLogger("a.library").info("not told")
    (line,) = capsys.readouterr().err.splitlines()
    told = json.loads(line)
    assert (told["level"], told["message"]) == ("error", "a.library: in the application")
    assert told["error"] == "KeyError"
    assert "'u0042'" not in line


def test_a_command_that_fails_is_an_object_and_another_format_is_refused(tmp_path):
    def call(*options):
        command = [sys.executable, "-c", PROGRAM, "forget", "0", "--out", str(tmp_path)]
        done = subprocess.run([*command, *options], capture_output=True, text=True)
        assert done.returncode == 2
        return done.stderr

    told = json.loads(call("--log-format", "json"))
    assert (told["level"], told["stage"]) == ("error", None)
    assert "holds no job" in told["message"]
    assert call() == f"stylefeed: {told['message']}\n"
    assert "--log-format is 'yaml': expected text or json" in call("--log-format", "yaml")
