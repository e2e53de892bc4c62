"""Previews: painted by one worker process, kept in memory by what they are made of."""

from __future__ import annotations

import pickle
import queue
import threading
import time
from collections import OrderedDict
from functools import partial
from pathlib import Path
from typing import Final

from features.config import ImageLimits
from features.schema import InputError
from pipelines.engines.worker_process import Message, Worker, unpack_error, worker_context
from pipelines.stores import storage
from pipelines.workers.preview import MaskWork, Preview, PreviewWork, ShownMask, preview_painter
from styletransfer.config import RenderConfig

LONGEST_S: Final = 60.0
_MOST_WAITING: Final = 16
_KEPT_BYTES: Final = 64 * 2**20
_TICK_S: Final = 0.5


class Busy(InputError):
    """More is asked for than one worker can paint."""


class Previews:
    """Paints what is asked for, one after the other, in a process of its own.

    A worker that dies, or is at one picture for over a minute, is replaced and the picture refused;
    so is one that comes after 16 others who wait.
    """

    def __init__(self, config: RenderConfig, limits: ImageLimits, sets: Path) -> None:
        """No process is started before the first picture is asked for."""
        self._factory = pickle.dumps(partial(preview_painter, config, limits, sets))
        self._context = worker_context()
        self._inbox: queue.Queue[tuple[Worker, Message]] = queue.Queue()
        self._worker: Worker | None = None
        self._painting = threading.Lock()
        self._guard = threading.Lock()
        self._waiting = 0
        self._kept: OrderedDict[str, Preview | ShownMask] = OrderedDict()
        self._bytes = 0

    def find(self, name: str) -> Preview | ShownMask | None:
        """What was painted by that name, as long as it is kept."""
        with self._guard:
            return self._kept.get(name)

    def warm(self) -> None:
        """Start the worker, so that it is ready when a picture is asked for."""
        if self._worker is None and self._painting.acquire(blocking=False):
            try:
                self._start()
            finally:
                self._painting.release()

    def paint(self, work: PreviewWork) -> tuple[str, Preview]:
        """(its name, the preview). Raises InputError where it cannot be made, and Busy."""
        name, made = self._make(work)
        assert isinstance(made, Preview)
        return name, made

    def mask(self, work: MaskWork) -> tuple[str, ShownMask]:
        """(its name, the mask) of `work`. Raises as `paint`."""
        name, made = self._make(work)
        assert isinstance(made, ShownMask)
        return name, made

    def close(self) -> None:
        """End the worker."""
        with self._painting:
            self._stop()

    def _make(self, work: PreviewWork | MaskWork) -> tuple[str, Preview | ShownMask]:
        name = storage.digest_bytes(pickle.dumps((type(work).__name__, work)))
        known = self.find(name)
        if known is not None:
            return name, known
        with self._guard:
            if self._waiting >= _MOST_WAITING:
                raise Busy("Many pictures are being painted: try again in a few seconds.")
            self._waiting += 1
        try:
            with self._painting:
                made = self.find(name) or self._ask(work)
        finally:
            with self._guard:
                self._waiting -= 1
        with self._guard:
            if name not in self._kept:
                self._kept[name] = made
                self._bytes += len(made.data)
            while self._bytes > _KEPT_BYTES:
                self._bytes -= len(self._kept.popitem(last=False)[1].data)
        return name, made

    def _ask(self, work: PreviewWork | MaskWork) -> Preview | ShownMask:
        worker = self._start()
        given = False
        until = time.monotonic() + LONGEST_S
        while True:
            if worker.ready and not given:
                worker.give(0, work)
                given, until = True, time.monotonic() + LONGEST_S
            try:
                whose, message = self._inbox.get(timeout=_TICK_S)
            except queue.Empty:
                if time.monotonic() > until:
                    self._stop()
                    raise InputError(
                        "This picture took too long to paint: try a smaller one."
                    ) from None
                continue
            if whose is not worker:
                continue
            if message.kind == "ready":
                worker.ready = True
            elif message.kind == "done":
                made: Preview | ShownMask = message.value
                return made
            elif message.kind == "raised":
                if not given:
                    self._stop()
                raise unpack_error(message.value)
            elif message.kind == "gone":
                self._stop()
                raise InputError("The painter ended while it was at this picture: try again.")

    def _start(self) -> Worker:
        if self._worker is None:
            self._worker = Worker(self._context, self._factory, self._inbox)
        return self._worker

    def _stop(self) -> None:
        if self._worker is not None:
            self._worker.stop(patience_s=0.0)
            self._worker = None
