"""A worker that dies or raises costs its own batch, never the job."""

import os
import signal

import pytest

from pipelines.executor import BatchFailure, LocalExecutor


def _square_factory():
    def work(batch):
        if batch == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if batch == "raise":
            raise ValueError("no number")
        return batch**2

    return work


def _broken_factory():
    raise RuntimeError("weights are gone")


@pytest.mark.slow
def test_every_batch_comes_back_once_though_a_worker_is_killed_and_one_raises():
    batches = [1, 2, "die", 3, "raise", 4, 5, 6, 7]
    outcomes = dict(LocalExecutor(2).map_batches(_square_factory, batches))
    assert sorted(outcomes) == list(range(len(batches)))
    assert outcomes[2] == BatchFailure("the worker process died twice on this batch")
    assert outcomes[4] == BatchFailure("ValueError: no number")
    numbers = {i: b**2 for i, b in enumerate(batches) if isinstance(b, int)}
    assert {i: outcomes[i] for i in numbers} == numbers


def test_a_worker_that_cannot_start_reports_why_for_each_batch():
    outcomes = dict(LocalExecutor(1).map_batches(_broken_factory, [1, 2]))
    assert outcomes == {i: BatchFailure("RuntimeError: weights are gone") for i in (0, 1)}


def test_no_batches_start_no_process():
    assert list(LocalExecutor(2).map_batches(_broken_factory, [])) == []
