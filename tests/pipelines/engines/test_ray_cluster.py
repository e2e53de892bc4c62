"""Batches on a Ray cluster come back once, though an actor, a machine or its memory is lost."""

import os
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest
import ray
from ray.cluster_utils import Cluster

from features.schema import ConfigError
from pipelines.engines import ray_cluster
from pipelines.engines.executor import BatchFailure, run_batches
from pipelines.engines.ray_cluster import RayExecutor

pytestmark = pytest.mark.slow

MEMORY = 80 * 2**20


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


def _large_factory():
    return lambda batch: np.full(40 * 2**20, batch[0], dtype=np.uint8)


@pytest.fixture(scope="module")
def cluster():
    """A head without cores and two machines of one core each, with little memory for objects."""
    quick = {"health_check_initial_delay_ms": 0, "health_check_period_ms": 500}
    head = {"num_cpus": 0, "object_store_memory": MEMORY, "_system_config": quick}
    machines = Cluster(initialize_head=True, head_node_args=head)
    for _ in range(2):
        machines.add_node(num_cpus=1, object_store_memory=MEMORY)
    machines.wait_for_nodes()
    yield machines
    ray.shutdown()
    machines.shutdown()


@pytest.fixture
def executor(cluster):
    return RayExecutor(2, 9, cluster.address, 3600.0)


def test_every_batch_comes_back_once_though_an_actor_is_killed(executor, capfd):
    batches = [[1], [2, "die", 3], [4], [5, 6], [7]]
    outcomes = list(run_batches(executor, _square_factory, batches))
    told = {tuple(batch): outcome for batch, outcome in outcomes}
    assert len(outcomes) == len(told) == 7
    failure = told.pop(("die",))
    assert isinstance(failure, BatchFailure)
    assert failure.reason == "2 Ray actors failed at it: one was lost (ActorDiedError)"
    assert told == {(1,): [1], (2,): [4], (3,): [9], (4,): [16], (5, 6): [25, 36], (7,): [49]}
    assert "a Ray actor was lost (ActorDiedError)" in capfd.readouterr().err


def test_an_actor_that_is_stopped_is_replaced(executor, monkeypatch):
    monkeypatch.setattr(ray_cluster, "SILENT_LIMIT_S", 4.0)
    monkeypatch.setattr(ray_cluster, "TRIES", 1)
    outcomes = dict(executor.map_batches(_square_factory, [["stop"], [2], [3], [4]]))
    assert "did not answer for 4 s" in outcomes.pop(0).reason
    assert outcomes == {1: [4], 2: [9], 3: [16]}


def test_a_batch_that_takes_too_long_is_given_up(cluster, monkeypatch):
    monkeypatch.setattr(ray_cluster, "TRIES", 1)
    executor = RayExecutor(1, 9, cluster.address, 1.0)
    outcomes = dict(executor.map_batches(_square_factory, [["sleep"], [2]]))
    assert "took over 1 s" in outcomes[0].reason
    assert outcomes[1] == [4]


def test_errors_of_the_work_and_of_the_factory_are_raised_as_they_are(executor):
    with pytest.raises(ValueError, match="no number"):
        list(executor.map_batches(_square_factory, [[1], ["raise"]]))
    with pytest.raises(ConfigError, match="the signing chain is missing"):
        list(executor.map_batches(_broken_factory, [[1], [2]]))


def test_results_that_do_not_fit_into_the_memory_for_objects_all_come_back(executor):
    outcomes = dict(executor.map_batches(_large_factory, [[number] for number in range(6)]))
    assert {index: (len(one), one[0]) for index, one in outcomes.items()} == {
        number: (40 * 2**20, number) for number in range(6)
    }


def test_a_machine_that_is_lost_costs_its_batches_a_try_only(cluster, executor):
    extra = cluster.add_node(num_cpus=1, object_store_memory=MEMORY)
    cluster.wait_for_nodes()
    executor = RayExecutor(3, 9, cluster.address, 3600.0)
    outcomes = executor.map_batches(_slow_factory, [[number] for number in range(12)])
    done = dict([next(outcomes)])
    cluster.remove_node(extra, allow_graceful=False)
    done |= dict(outcomes)
    assert done == {number: [number**2] for number in range(12)}


def _slow_factory():
    square = _square_factory()

    def work(batch):
        time.sleep(0.5)
        return square(batch)

    return work


def test_a_whole_job_on_the_cluster_ends_with_the_bytes_of_local_workers(
    cluster, rerun, finished_job, tmp_path
):
    engine = {"name": "ray", "address": cluster.address}
    manifest = rerun(tmp_path, engine=engine, workers=1)
    local, told = finished_job
    assert manifest["run_id"] == told["run_id"]
    assert _bytes_of(tmp_path) == _bytes_of(local)


def _bytes_of(out):
    """All that a job made but its records and tables of times, by name."""
    kept = ("feed/*/bucket-*", "renders/*/*.jpg", "models/**/*", "tables/chosen/*", "*.parquet")
    files = [file for pattern in kept for file in out.glob(pattern) if file.is_file()]
    assert len(files) > 40
    return {
        file.relative_to(out).as_posix(): file.read_bytes()
        for file in files
        if file.name != "renders.parquet"
    }


def test_a_cluster_that_does_not_answer_is_named():
    script = """
        from pipelines.engines.ray_cluster import connect
        from pipelines.engines.executor import WorkerError
        try:
            connect("127.0.0.1:1", 1)
        except WorkerError as error:
            print(error)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True
    )
    assert done.stdout.startswith("no Ray cluster answers at 127.0.0.1:1: ")
