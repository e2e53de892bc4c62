"""Where batches run: the protocol of executors, and batches tried item by item where they fail."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

from features.schema import StylefeedError

Batch = TypeVar("Batch")
Result = TypeVar("Result")
Item = TypeVar("Item")

TRIES: Final = 2
"""How many workers may fail at a batch before it fails itself."""


class WorkerError(StylefeedError):
    """Worker processes cannot be started."""


@dataclass(frozen=True)
class BatchFailure:
    """Why a batch has no result: its workers died or hung."""

    reason: str


class WaitingBatches:
    """Which of `count` batches wait for a worker, and at which of them workers failed."""

    def __init__(self, count: int) -> None:
        self._waiting = deque(range(count))
        self._failed: Counter[int] = Counter()

    def __len__(self) -> int:
        return len(self._waiting)

    def take(self) -> int:
        """The position of the next batch."""
        return self._waiting.popleft()

    def put_back(
        self, index: int, why: str, tries: int, workers: str
    ) -> list[tuple[int, BatchFailure]]:
        """Let a batch whose worker failed wait again, or give it up at its last of `tries`.

        `why` the worker failed, `workers` what such workers are called.
        """
        self._failed[index] += 1
        if self._failed[index] >= tries:
            return [(index, BatchFailure(f"{tries} {workers} failed at it: one {why}"))]
        self._waiting.append(index)
        return []


class Executor(Protocol):
    """Where batches run: on this machine's processes, or on a cluster."""

    def map_batches(
        self, factory: Callable[[], Callable[[Batch], Result]], batches: Sequence[Batch]
    ) -> Iterator[tuple[int, Result | BatchFailure]]:
        """Yield (position, result) of every batch, in any order, each exactly once.

        `factory` is picklable and is called once per worker: what it returns may hold models.
        Raises what `factory` or the work raises: an exception is a bug or ends the job for another
        reason. Work returns what it sets aside.
        """
        ...


def run_batches(
    executor: Executor,
    factory: Callable[[], Callable[[list[Item]], Result]],
    batches: Sequence[list[Item]],
) -> Iterator[tuple[list[Item], Result | BatchFailure]]:
    """Yield (batch, result) of every batch; one that fails is tried item by item.

    So what kills or stops its worker fails alone, and its neighbours are served.
    """
    alone: list[list[Item]] = []
    for index, outcome in executor.map_batches(factory, batches):
        if isinstance(outcome, BatchFailure) and len(batches[index]) > 1:
            alone += [[item] for item in batches[index]]
        else:
            yield batches[index], outcome
    for index, outcome in executor.map_batches(factory, alone):
        yield alone[index], outcome
