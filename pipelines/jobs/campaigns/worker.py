"""The one process that works on a queue of campaigns, each in a process that can be ended."""

from __future__ import annotations

import multiprocessing
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import wait as sentinel_wait
from pathlib import Path
from types import FrameType
from typing import Any, Final

from features.schema import InputError, StorageError
from pipelines.engines.worker_process import end_with_parent
from pipelines.jobs.campaigns.make import make_campaign
from pipelines.jobs.campaigns.plan import Campaign
from pipelines.stages.road import job_config
from pipelines.stores import storage
from pipelines.stores.campaign_queue import CampaignQueue, QueuedCampaign
from pipelines.stores.folder_lock import hold_folder

QUEUE: Final = "studio/campaigns"
"""Where the queue is in a job's folder."""
_OUTCOME: Final = "outcome.json"
_TICK_S: Final = 0.2
_PATIENCE_S: Final = 5.0


def work_queue(out: Path) -> int:
    """Work on the queue of the job in `out` until nothing waits; returns how many were worked on.

    A request has `campaign`, as `Campaign.to_request` told it. Products, looks and settings are the
    job's own. One that was worked on when its worker was killed goes on first. Raises InputError
    where another process works on it already.
    """
    queue = CampaignQueue(out / QUEUE)
    worked = 0
    with _ending_on_signal(), hold_folder(queue.root):
        while (entry := queue.next_waiting()) is not None:
            queue.note(entry, "running")
            _work(queue, entry, out)
            worked += 1
    return worked


def _work(queue: CampaignQueue, entry: QueuedCampaign, out: Path) -> None:
    """Make one campaign in a process of its own, and note how it ended."""
    outcome = entry.folder / _OUTCOME
    outcome.unlink(missing_ok=True)
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=_make, args=(out, entry.folder, dict(entry.request)))
    process.start()
    try:
        while process.is_alive() and not queue.is_cancelled(entry):
            process.join(_TICK_S)
    finally:
        # Cancelled, or this process is asked to end: what is painted is kept.
        cancelled = process.is_alive()
        _end(process)
    told = storage.find_json(outcome)
    if told is None and cancelled:
        queue.note(entry, "cancelled")
    elif told is None:
        queue.note(entry, "failed", f"its process ended with exit code {process.exitcode}")
    else:
        queue.note(entry, told["state"], told["problem"], told["told"])


def _make(out: Path, folder: Path, request: dict[str, Any]) -> None:
    """Run in the process of one campaign."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=end_with_parent, daemon=True).start()
    problem, told = "", {}
    try:
        job = storage.read_json(out / "job.json")
        inputs = {name: Path(path) for name, path in job["inputs"].items()}
        pictures = job.get("pictures")
        told = make_campaign(
            Campaign.from_request(request["campaign"]),
            inputs["items"],
            inputs["styles"],
            folder,
            job_config(out),
            None if pictures is None else Path(pictures),
        )
    except (InputError, StorageError) as error:
        problem = str(error)
    except Exception as error:
        problem = f"a bug: {type(error).__name__}; the studio's own output says where"
        storage.write_json(folder / _OUTCOME, {"state": "failed", "problem": problem, "told": {}})
        raise
    state = "failed" if problem else "done"
    storage.write_json(folder / _OUTCOME, {"state": state, "problem": problem, "told": told})


def _end(process: multiprocessing.process.BaseProcess) -> None:
    if process.is_alive():
        process.terminate()
        process.join(_PATIENCE_S)
    if process.is_alive():
        process.kill()
    process.join()


@contextmanager
def _ending_on_signal() -> Iterator[None]:
    """Let SIGTERM end the block as an exception does, so that its own process is ended too."""

    def leave(signum: int, frame: FrameType | None) -> None:
        sys.exit(128 + signum)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class CampaignWorker:
    """Keeps a process at the queue of the job in `out` while something waits there."""

    def __init__(self, out: Path) -> None:
        """No process is started before `wake`."""
        self._out = out
        self._process: multiprocessing.process.BaseProcess | None = None
        self._lock = threading.Lock()

    def wake(self) -> None:
        """Start a process where something waits and none works."""
        with self._lock:
            if self._process is None or not self._process.is_alive():
                self._start()

    def close(self) -> None:
        """End the process; what it was at goes on when another is started."""
        with self._lock:
            process, self._process = self._process, None
            if process is not None:
                _end(process)

    def _start(self) -> None:
        """Start a process where something waits; called with the lock."""
        self._process = None
        if CampaignQueue(self._out / QUEUE).next_waiting() is not None:
            context = multiprocessing.get_context("spawn")
            self._process = context.Process(target=_work_alone, args=(self._out,))
            self._process.start()
            threading.Thread(target=self._go_on, args=(self._process,), daemon=True).start()

    def _go_on(self, process: multiprocessing.process.BaseProcess) -> None:
        """Start another when `process` has ended well: something may wait since it looked last."""
        sentinel_wait([process.sentinel])
        with self._lock:
            if process is not self._process:
                return
            process.join()
            self._process = None
            if process.exitcode == 0:
                self._start()


def _work_alone(out: Path) -> None:
    """Run in the worker: where another one works already this one ends, with 1."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=end_with_parent, daemon=True).start()
    try:
        work_queue(out)
    except InputError:
        sys.exit(1)
