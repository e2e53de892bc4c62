"""Runs batches on the machines of a Ray cluster; a machine that is lost costs its batches a try.

Ray's core actors, one batch each at a time: which batches are done is known here alone, so that a
lost machine can neither lose rows nor double them.
"""

from __future__ import annotations

import os
import pickle
import re
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Generic

from features.schema import ConfigError
from pipelines.engines.executor import (
    TRIES,
    Batch,
    BatchFailure,
    Result,
    WaitingBatches,
    WorkerError,
)
from pipelines.engines.worker_process import pack_error, unpack_error
from pipelines.verbosity import warn

# Read when Ray starts: it tells nobody that it is used.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
try:
    import ray
    from ray.exceptions import RayError
except ModuleNotFoundError as error:
    raise ConfigError(
        f"engine.name is ray, and {error.name} is not installed: pip install 'stylefeed[ray]', or "
        "set engine.name = 'local'"
    ) from None

START_LIMIT_S: Final = 180.0
SILENT_LIMIT_S: Final = 60.0
_CONNECT_LIMIT_S: Final = 10.0
_TICK_S: Final = 1.0
_STARTS: Final = 3


class RayExecutor:
    """Actors of a Ray cluster, each on a core of its own."""

    def __init__(self, workers: int, enough: int, address: str, batch_limit_s: float) -> None:
        """Use `workers` actors (0: the cluster's cores but one), at most `enough`.

        `address` of the cluster, empty to start one on this machine. None is longer than
        `batch_limit_s` at one batch.
        """
        self.workers = workers
        self.enough = enough
        self.address = address
        self.batch_limit_s = batch_limit_s

    def map_batches(
        self, factory: Callable[[], Callable[[Batch], Result]], batches: Sequence[Batch]
    ) -> Iterator[tuple[int, Result | BatchFailure]]:
        """Yield (position, result or BatchFailure) as batches finish, as `Executor` says.

        A batch whose actor or machine is lost, stops answering or takes too long is tried once more
        on another actor, then fails alone. Raises WorkerError where the cluster does not answer or
        no actor can be started.
        """
        if not batches:
            return
        connect(self.address, self.workers)
        cores = int(ray.cluster_resources().get("CPU", 1))
        # A core stays free: actors on all of them would keep Ray's own tasks from ever starting.
        size = max(1, min(self.workers or cores - 1, self.enough))
        crew = _Crew(factory, batches, size, self.batch_limit_s)
        try:
            yield from crew.run()
        finally:
            crew.stop()


def connect(address: str, workers: int) -> None:
    """Join the cluster at `address`, or start one on this machine; nothing where that is done.

    Raises WorkerError where nothing answers there.
    """
    if ray.is_initialized():
        return
    told: dict[str, Any] = {"include_dashboard": False, "log_to_driver": False}
    if address:
        told |= {"address": address}
    else:
        told |= {"num_cpus": (workers or os.cpu_count() or 1) + 1}
    try:
        # Ray itself takes minutes to give up a machine that does not answer.
        if place := re.fullmatch(r"([^/]+):(\d+)", address):
            socket.create_connection((place[1], int(place[2])), _CONNECT_LIMIT_S).close()
        ray.init(logging_level="error", **told)
    except (OSError, OverflowError, RuntimeError, ValueError) as error:
        raise WorkerError(
            f"no Ray cluster answers at {address or 'this machine'}: {str(error).splitlines()[0]}; "
            "start one with `ray start --head`, or check engine.address"
        ) from None


class _Work:
    """What runs inside an actor."""

    def __init__(self, factory: bytes) -> None:
        self._factory = factory
        self._work: Callable[[Any], Any] | None = None

    def start(self) -> tuple[str, Any]:
        """Make the work; returns how that ended."""
        try:
            self._work = pickle.loads(self._factory)()
        except Exception as error:
            return "raised", pack_error(error)
        return "ready", None

    def do(self, batch: bytes) -> tuple[str, Any]:
        """Work at one batch; returns ("done", its result) or ("raised", the error)."""
        assert self._work is not None
        try:
            return "done", self._work(pickle.loads(batch))
        except Exception as error:
            return "raised", pack_error(error)

    def answer(self) -> None:
        """Return, where the actor is alive, whatever it is at."""


@dataclass
class _Hand:
    """An actor as its caller sees it: what it is asked, since when, and whether it answers."""

    actor: Any
    asked: Any
    since: float
    ready: bool = False
    batch: int | None = None
    pinged: Any = None
    pinged_at: float = field(default_factory=time.monotonic)


class _Crew(Generic[Batch, Result]):
    """The actors of one `map_batches`, and which batches they are at."""

    def __init__(
        self,
        factory: Callable[[], Callable[[Batch], Result]],
        batches: Sequence[Batch],
        size: int,
        batch_limit_s: float,
    ) -> None:
        # One thread does all the work, as in a local worker; another answers meanwhile.
        self._remote = ray.remote(
            num_cpus=1, max_restarts=0, max_task_retries=0, concurrency_groups={"health": 1}
        )(_Work)
        self._factory = ray.put(pickle.dumps(factory))
        self._batches = batches
        self._size = size
        self._batch_limit_s = batch_limit_s
        self._waiting = WaitingBatches(len(batches))
        self._hands: list[_Hand] = []
        self._failed_starts = 0

    def run(self) -> Iterator[tuple[int, Result | BatchFailure]]:
        """Yield the outcome of every batch."""
        left = len(self._batches)
        while left:
            while len(self._hands) < min(self._size, left):
                actor = self._remote.remote(self._factory)
                self._hands.append(_Hand(actor, actor.start.remote(), time.monotonic()))
            self._hand_out()
            outcomes = [*self._next_answers(), *self._give_up_on_silent()]
            # Actors go on while the caller looks at what is done.
            self._hand_out()
            left -= len(outcomes)
            yield from outcomes

    def stop(self) -> None:
        """End all actors, those at work by force."""
        for hand in self._hands:
            ray.kill(hand.actor)
        self._hands.clear()

    def _hand_out(self) -> None:
        for hand in self._hands:
            if hand.ready and hand.asked is None and self._waiting:
                hand.batch = self._waiting.take()
                hand.since = time.monotonic()
                hand.asked = hand.actor.do.remote(pickle.dumps(self._batches[hand.batch]))

    def _next_answers(self) -> list[tuple[int, Result | BatchFailure]]:
        asked = {hand.asked: hand for hand in self._hands if hand.asked is not None}
        answered, _ = ray.wait(list(asked), num_returns=1, timeout=_TICK_S)
        outcomes: list[tuple[int, Result | BatchFailure]] = []
        for reference in answered:
            hand = asked[reference]
            try:
                kind, value = ray.get(reference)
            except RayError as error:
                outcomes += self._replace(hand, f"was lost ({type(error).__name__})")
                continue
            hand.asked = None
            if kind == "raised":
                raise unpack_error(value)
            if kind == "ready":
                hand.ready, self._failed_starts = True, 0
            elif hand.batch is not None:
                outcomes.append((hand.batch, value))
                hand.batch = None
        return outcomes

    def _give_up_on_silent(self) -> list[tuple[int, Result | BatchFailure]]:
        """Replace actors that no longer answer, or are too long at a batch or at their start."""
        outcomes: list[tuple[int, Result | BatchFailure]] = []
        now = time.monotonic()
        working = any(hand.ready for hand in self._hands)
        for hand in list(self._hands):
            busy_s = now - hand.since
            if not hand.ready:
                # While others work, an actor may wait for a core of the cluster.
                if busy_s > START_LIMIT_S and not working:
                    raise WorkerError(
                        f"no actor started on the Ray cluster in {START_LIMIT_S:.0f} s: its free "
                        f"resources are {ray.available_resources()}; wait for a free core, add a "
                        "machine, or set engine.name = 'local'"
                    )
            elif hand.batch is not None and busy_s > self._batch_limit_s:
                outcomes += self._replace(hand, f"took over {self._batch_limit_s:.0f} s")
            elif self._is_silent(hand, now):
                outcomes += self._replace(hand, f"did not answer for {SILENT_LIMIT_S:.0f} s")
        return outcomes

    def _is_silent(self, hand: _Hand, now: float) -> bool:
        """Whether a question to the actor is open for too long; asks another where none is open."""
        if hand.pinged is not None:
            answered, _ = ray.wait([hand.pinged], timeout=0)
            if not answered:
                return now - hand.pinged_at > SILENT_LIMIT_S
            hand.pinged = None
        if now - hand.pinged_at > SILENT_LIMIT_S / 4:
            answer = hand.actor.answer.options(concurrency_group="health")
            hand.pinged, hand.pinged_at = answer.remote(), now
        return False

    def _replace(self, hand: _Hand, why: str) -> list[tuple[int, Result | BatchFailure]]:
        """Put the batch of an actor that is ended back, or give it up; `run` starts another."""
        warn(f"a Ray actor {why}; another one takes its place")
        self._hands.remove(hand)
        ray.kill(hand.actor)
        if not hand.ready:
            self._failed_starts += 1
            if self._failed_starts >= _STARTS:
                raise WorkerError(
                    f"Ray actors cannot start: {_STARTS} in a row ended before they were ready, "
                    f"the last one {why}; check the memory of the cluster's machines"
                )
        if hand.batch is None:
            return []
        return [*self._waiting.put_back(hand.batch, why, TRIES, "Ray actors")]
