"""One worker process: what runs inside it, and what its parent holds of it."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import queue
import signal
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import parent_process
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerContext
from typing import Any, Final

HEARTBEAT_S: Final = 2.0
# By name: this package imports none of them. Loading them takes most of a worker's start.
_LOADED: Final = (
    "pipelines.stages.encode",
    "pipelines.workers.paint",
    "pipelines.workers.serve_users",
)


def worker_context() -> ForkServerContext:
    """Where workers come from: forks of one process that loads their modules and does no work.

    Not forks of this process: a fork of one that runs torch's threads can hang.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(_LOADED))
    return context


@dataclass(frozen=True)
class Message:
    """What a worker says: kind is ready, alive, done, raised or gone."""

    kind: str
    value: Any = None


class RemoteTraceback(Exception):
    """The traceback of an exception in a worker, as the cause of the exception raised here."""

    def __str__(self) -> str:
        return f'\n"""\n{self.args[0]}"""'


def pack_error(error: Exception) -> tuple[bytes | None, str, str]:
    """An exception as what any process can read: its pickle, if it has one, words, traceback."""
    try:
        packed = pickle.dumps(error)
        pickle.loads(packed)
    except Exception:  # any class may fail to be pickled in any way; its words are kept
        packed = None
    words = f"{type(error).__name__}: {error}"
    return packed, words, "".join(traceback.format_exception(error))


def unpack_error(packed: tuple[bytes | None, str, str]) -> Exception:
    """The exception that `pack_error` packed, with the worker's traceback as its cause."""
    data, words, trace = packed
    error: Exception = RuntimeError(words) if data is None else pickle.loads(data)
    error.__cause__ = RemoteTraceback(trace)
    return error


def serve(factory: bytes, connection: Connection) -> None:
    """Run in the worker: make the work with the pickled `factory`, then do it batch by batch."""
    # The parent ends its workers; an interrupt of the terminal reaches all processes at once.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    speaking = threading.Lock()

    def say(kind: str, value: Any = None) -> None:
        with speaking:
            connection.send((kind, value))

    threading.Thread(target=_beat, args=(say,), daemon=True).start()
    threading.Thread(target=end_with_parent, daemon=True).start()
    try:
        work = pickle.loads(factory)()
    except Exception as error:
        say("raised", pack_error(error))
        return
    say("ready")
    while True:
        try:
            batch = connection.recv()
        except EOFError:
            return
        if batch is None:
            return
        try:
            result = work(batch)
            say("done", result)
        except Exception as error:
            say("raised", pack_error(error))


def _beat(say: Callable[[str], None]) -> None:
    while True:
        try:
            say("alive")
        except OSError:
            return
        time.sleep(HEARTBEAT_S)


def end_with_parent() -> None:
    """Wait for the parent's end, whatever its cause, and end this process at once."""
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


class Worker:
    """The parent's side: messages come through a queue, so a stopped worker blocks nobody."""

    def __init__(
        self, context: ForkServerContext, factory: bytes, inbox: queue.Queue[tuple[Worker, Message]]
    ) -> None:
        """Start a process; what it says is put into `inbox` with this worker."""
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=serve, args=(factory, theirs), daemon=True)
        self.process.start()
        theirs.close()
        self.ready = False
        self.batch: int | None = None
        self.silent_s = 0.0
        self.busy_s = 0.0
        self.warned = False
        self._listener = threading.Thread(target=self._listen, args=(inbox,), daemon=True)
        self._listener.start()

    @property
    def pid(self) -> int | None:
        """The process's id."""
        return self.process.pid

    def give(self, index: int, batch: Any) -> None:
        """Send a batch, which the worker is `busy_s` seconds with from now on."""
        self.batch, self.busy_s = index, 0.0
        self._send_later(batch)

    def stop(self, patience_s: float) -> str:
        """End the process, by force after `patience_s`; returns words for how it ended."""
        self._send_later(None)
        self.process.join(patience_s)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        # Its end of the pipe is closed now, so the listener ends too.
        self._listener.join()
        self.connection.close()
        code = self.process.exitcode or 0
        return f"signal {-code}" if code < 0 else f"exit code {code}"

    def _send_later(self, message: Any) -> None:
        # From a thread: a worker that does not read would hold the caller up.
        threading.Thread(target=self._send, args=(message,), daemon=True).start()

    def _send(self, message: Any) -> None:
        try:
            self.connection.send(message)
        except (OSError, ValueError):  # the worker has died, which `_listen` reports
            return

    def _listen(self, inbox: queue.Queue[tuple[Worker, Message]]) -> None:
        try:
            while True:
                kind, value = self.connection.recv()
                inbox.put((self, Message(kind, value)))
        except (EOFError, OSError, pickle.UnpicklingError, TypeError, ValueError):
            inbox.put((self, Message("gone")))
