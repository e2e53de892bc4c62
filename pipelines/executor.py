"""Runs batches on worker processes; a worker that dies costs one batch, not the job."""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

Batch = TypeVar("Batch")
Result = TypeVar("Result")


@dataclass(frozen=True)
class BatchFailure:
    """Why a batch has no result."""

    reason: str


class Executor(Protocol):
    """Where batches run: on this machine's processes, or on a cluster."""

    def map_batches(
        self, factory: Callable[[], Callable[[Batch], Result]], batches: Sequence[Batch]
    ) -> Iterator[tuple[int, Result | BatchFailure]]:
        """Yield (position, result) of every batch, in any order, each exactly once.

        `factory` is picklable and is called once per worker: what it returns may hold models.
        """
        ...


_work: Callable[[Any], Any]


def _start_worker(factory: Callable[[], Callable[[Any], Any]]) -> None:
    global _work
    try:
        _work = factory()
    except Exception as error:
        # Raised here it would only break the pool; raised per batch, the reason is reported.
        problem = error

        def refuse(_: Any) -> Any:
            raise problem

        _work = refuse


def _run(batch: Any) -> Any:
    return _work(batch)


class LocalExecutor:
    """A pool of fresh processes on this machine."""

    def __init__(self, workers: int) -> None:
        """Use `workers` >= 1 processes."""
        self.workers = workers

    def map_batches(
        self, factory: Callable[[], Callable[[Batch], Result]], batches: Sequence[Batch]
    ) -> Iterator[tuple[int, Result | BatchFailure]]:
        """Yield (position, result or BatchFailure) as batches finish.

        A batch that raises fails alone. When a worker dies, the few batches then in flight are
        each tried again in a pool of their own, so that only the killer fails.
        """
        waiting = deque(range(len(batches)))
        suspects: list[int] = []
        while waiting:
            yield from self._run_until_broken(factory, batches, waiting, suspects, self.workers)
        for index in sorted(suspects):
            killed: list[int] = []
            yield from self._run_until_broken(factory, batches, deque([index]), killed, 1)
            if killed:
                yield index, BatchFailure("the worker process died twice on this batch")

    @staticmethod
    def _run_until_broken(
        factory: Callable[[], Callable[[Batch], Result]],
        batches: Sequence[Batch],
        waiting: deque[int],
        suspects: list[int],
        workers: int,
    ) -> Iterator[tuple[int, Result | BatchFailure]]:
        """Take positions from `waiting`; those in flight when a worker dies go to `suspects`."""
        # Spawned, not forked: a fork of a process that runs torch's threads can hang.
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(
            min(workers, len(waiting)), context, initializer=_start_worker, initargs=(factory,)
        ) as pool:
            flying: dict[Future[Result], int] = {}
            broken = False
            while flying or (waiting and not broken):
                # A short queue keeps the workers busy and the suspects few.
                while waiting and not broken and len(flying) < 2 * workers:
                    index = waiting.popleft()
                    try:
                        flying[pool.submit(_run, batches[index])] = index
                    except BrokenProcessPool:
                        waiting.appendleft(index)
                        broken = True
                for future in wait(flying, return_when=FIRST_COMPLETED).done:
                    index = flying.pop(future)
                    try:
                        yield index, future.result()
                    except BrokenProcessPool:
                        suspects.append(index)
                        broken = True
                    except Exception as error:
                        yield index, BatchFailure(f"{type(error).__name__}: {error}")
