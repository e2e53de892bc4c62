"""Runs batches on worker processes; a worker that dies or hangs costs one batch, not the job."""

from __future__ import annotations

import pickle
import queue
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final, Generic

from pipelines.engines.executor import (
    TRIES,
    Batch,
    BatchFailure,
    Result,
    WaitingBatches,
    WorkerError,
)
from pipelines.engines.worker_process import Message, Worker, unpack_error, worker_context
from pipelines.verbosity import warn

SILENT_WARNING_S: Final = 15.0
SILENT_LIMIT_S: Final = 45.0
BATCH_LIMIT_S: Final = 3600.0
_STARTS: Final = 3
# A step of the clock counts as no more: where all processes were stopped, no worker is to blame.
_TICK_S: Final = 1.0


class LocalExecutor:
    """A pool of fresh processes on this machine."""

    def __init__(self, workers: int, batch_limit_s: float = BATCH_LIMIT_S) -> None:
        """Use `workers` >= 1 processes, none of them longer than `batch_limit_s` at one batch."""
        self.workers = workers
        self.batch_limit_s = batch_limit_s

    def map_batches(
        self, factory: Callable[[], Callable[[Batch], Result]], batches: Sequence[Batch]
    ) -> Iterator[tuple[int, Result | BatchFailure]]:
        """Yield (position, result or BatchFailure) as batches finish.

        A batch whose worker dies, stops answering or takes too long is tried once more on a fresh
        worker, then fails alone. An exception of the factory or the work is raised here, with the
        worker's traceback as its cause. Raises WorkerError when workers die before they work.
        """
        pool = _Pool(factory, batches, self.workers, self.batch_limit_s)
        try:
            yield from pool.run()
        finally:
            pool.stop()


class _Pool(Generic[Batch, Result]):
    """The workers of one `map_batches`, and which batches they are at."""

    def __init__(
        self,
        factory: Callable[[], Callable[[Batch], Result]],
        batches: Sequence[Batch],
        size: int,
        batch_limit_s: float,
    ) -> None:
        self._context = worker_context()
        self._factory = pickle.dumps(factory)
        self._batches = batches
        self._size = size
        self._batch_limit_s = batch_limit_s
        self._waiting = WaitingBatches(len(batches))
        self._inbox: queue.Queue[tuple[Worker, Message]] = queue.Queue()
        self._workers: list[Worker] = []
        self._failed_starts = 0

    def run(self) -> Iterator[tuple[int, Result | BatchFailure]]:
        """Yield the outcome of every batch."""
        before = time.monotonic()
        left = len(self._batches)
        while left:
            while len(self._workers) < min(self._size, left):
                self._workers.append(Worker(self._context, self._factory, self._inbox))
            self._hand_out()
            outcomes = [*self._next_message(), *self._give_up_on_silent(time.monotonic() - before)]
            before = time.monotonic()
            # Workers go on while the caller looks at what is done.
            self._hand_out()
            left -= len(outcomes)
            yield from outcomes

    def stop(self) -> None:
        """End all workers: those at work by force."""
        for worker in self._workers:
            idle = worker.ready and worker.batch is None
            worker.stop(patience_s=5.0 if idle else 0.0)
        self._workers.clear()

    def _hand_out(self) -> None:
        for worker in self._workers:
            if worker.ready and worker.batch is None and self._waiting:
                index = self._waiting.take()
                worker.give(index, self._batches[index])

    def _next_message(self) -> list[tuple[int, Result | BatchFailure]]:
        try:
            worker, message = self._inbox.get(timeout=_TICK_S)
        except queue.Empty:
            return []
        if worker not in self._workers:
            return []
        if worker.warned:
            warn(f"worker {worker.pid} answers again")
        worker.silent_s, worker.warned = 0.0, False
        if message.kind == "raised":
            raise unpack_error(message.value)
        if message.kind == "gone":
            return self._replace(worker, f"died ({self._end(worker)})")
        if message.kind == "ready":
            worker.ready, self._failed_starts = True, 0
        if message.kind == "done" and worker.batch is not None:
            index, worker.batch = worker.batch, None
            return [(index, message.value)]
        return []

    def _give_up_on_silent(self, passed_s: float) -> list[tuple[int, Result | BatchFailure]]:
        """Replace workers that no longer answer or are too long at a batch."""
        outcomes = []
        for worker in list(self._workers):
            step_s = min(passed_s, 2 * _TICK_S)
            worker.silent_s += step_s
            worker.busy_s += step_s if worker.batch is not None else 0.0
            if worker.silent_s > SILENT_LIMIT_S:
                why = f"did not answer for {SILENT_LIMIT_S:.0f} s"
            elif worker.busy_s > self._batch_limit_s:
                why = f"took over {self._batch_limit_s:.0f} s"
            else:
                if worker.silent_s > SILENT_WARNING_S and not worker.warned:
                    worker.warned = True
                    warn(
                        f"worker {worker.pid} has not answered for {SILENT_WARNING_S:.0f} s; after "
                        f"{SILENT_LIMIT_S:.0f} s another one takes its place"
                    )
                continue
            self._end(worker)
            outcomes += self._replace(worker, why)
        return outcomes

    def _end(self, worker: Worker) -> str:
        self._workers.remove(worker)
        return worker.stop(patience_s=0.0)

    def _replace(self, worker: Worker, why: str) -> list[tuple[int, Result | BatchFailure]]:
        """Put the batch of a worker that was ended back, or give it up; `run` starts another."""
        warn(f"worker {worker.pid} {why}; another one takes its place")
        if not worker.ready:
            self._failed_starts += 1
            if self._failed_starts >= _STARTS:
                raise WorkerError(
                    f"worker processes cannot start: {_STARTS} in a row ended before they were "
                    f"ready, the last one {why}; check the free memory, or set workers = 1"
                )
        if worker.batch is None:
            return []
        return [*self._waiting.put_back(worker.batch, why, TRIES, "worker processes")]
