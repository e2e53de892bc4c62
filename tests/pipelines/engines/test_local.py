"""A worker that dies or hangs costs its own batch; an exception ends the job with its traceback."""

import os
import signal
import subprocess
import sys
import time
import traceback

import pytest

from features.schema import ConfigError
from pipelines.engines import local as executor
from pipelines.engines.executor import BatchFailure, WorkerError, run_batches
from pipelines.engines.local import LocalExecutor


def _square_factory():
    def work(batch):
        if "die" in batch:
            os.kill(os.getpid(), signal.SIGKILL)
        if "stop" in batch:
            os.kill(os.getpid(), signal.SIGSTOP)
        if "sleep" in batch:
            time.sleep(60)
        if "raise" in batch:
            raise ValueError("no number")
        return [number**2 for number in batch]

    return work


def _broken_factory():
    raise ConfigError("the signing chain is missing")


def _dying_factory():
    os.kill(os.getpid(), signal.SIGKILL)


class Awkward(Exception):
    """An exception that no other process can rebuild."""

    def __init__(self, what, why):
        super().__init__(f"{what}: {why}")


def _awkward_factory():
    raise Awkward("gate", "shut")


def test_every_batch_comes_back_once_though_a_worker_is_killed(capfd):
    batches = [[1], [2, "die", 3], [4], [5, 6], [7]]
    outcomes = list(run_batches(LocalExecutor(2), _square_factory, batches))
    told = {tuple(batch): outcome for batch, outcome in outcomes}
    assert len(outcomes) == len(told) == 7
    failure = told.pop(("die",))
    assert isinstance(failure, BatchFailure)
    assert failure.reason == "2 worker processes failed at it: one died (signal 9)"
    assert told == {(1,): [1], (2,): [4], (3,): [9], (4,): [16], (5, 6): [25, 36], (7,): [49]}
    assert "died (signal 9); another one takes its place" in capfd.readouterr().err


def test_an_exception_of_the_work_is_raised_with_the_worker_s_traceback():
    with pytest.raises(ValueError, match="no number") as caught:
        list(LocalExecutor(1).map_batches(_square_factory, [[1], ["raise"]]))
    assert "in work" in "".join(traceback.format_exception(caught.value))


def test_a_factory_that_fails_ends_the_job_with_its_own_error():
    with pytest.raises(ConfigError, match="the signing chain is missing"):
        list(LocalExecutor(2).map_batches(_broken_factory, [[1], [2]]))


def test_an_exception_that_cannot_be_pickled_keeps_its_words():
    with pytest.raises(RuntimeError, match="Awkward: gate: shut"):
        list(LocalExecutor(1).map_batches(_awkward_factory, [[1]]))


def test_workers_that_die_before_they_work_end_the_job():
    with pytest.raises(WorkerError, match=r"cannot start: 3 in a row .* died \(signal 9\)"):
        list(LocalExecutor(1).map_batches(_dying_factory, [[1]]))


def test_a_worker_that_is_stopped_is_named_and_replaced(monkeypatch, capfd):
    monkeypatch.setattr(executor, "SILENT_WARNING_S", 3.0)
    monkeypatch.setattr(executor, "SILENT_LIMIT_S", 5.0)
    monkeypatch.setattr(executor, "TRIES", 1)
    outcomes = dict(LocalExecutor(2).map_batches(_square_factory, [["stop"], [2]]))
    assert outcomes[1] == [4]
    assert "did not answer for 5 s" in outcomes[0].reason
    told = capfd.readouterr().err
    assert "has not answered for 3 s; after 5 s another one takes its place" in told


def test_a_batch_that_takes_too_long_is_given_up(monkeypatch):
    monkeypatch.setattr(executor, "TRIES", 1)
    outcomes = dict(LocalExecutor(1, 1.0).map_batches(_square_factory, [["sleep"], [2]]))
    assert "took over 1 s" in outcomes[0].reason
    assert outcomes[1] == [4]


def test_a_worker_starts_with_its_modules_loaded_and_without_what_this_process_did(monkeypatch):
    monkeypatch.setattr(executor, "TRIES", "changed here")
    (outcome,) = LocalExecutor(1).map_batches(_modules_factory, [["loaded"]])
    assert outcome[1] == (True, 2)


def test_no_batches_start_no_process():
    assert list(LocalExecutor(2).map_batches(_broken_factory, [])) == []


def test_workers_end_with_the_process_that_started_them():
    script = (
        "import os\n"
        f"from {__name__} import LocalExecutor, _pid_factory\n"
        "outcomes = LocalExecutor(1).map_batches(_pid_factory, [['pid'], ['sleep']])\n"
        "print(next(outcomes)[1], flush=True)\n"
        "os._exit(0)\n"
    )
    # Its worker has the same output open: until that ends, no end of the output is read.
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as parent:
        pid = int(parent.stdout.readline())
    deadline = time.monotonic() + 10
    while _alive(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _alive(pid)


def _pid_factory():
    def work(batch):
        if batch == ["sleep"]:
            time.sleep(60)
        return os.getpid()

    return work


def _modules_factory():
    # This module loads neither painter nor torch.
    return lambda batch: ("pipelines.workers.paint" in sys.modules, executor.TRIES)


def _alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as status:
            return status.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
