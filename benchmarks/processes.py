"""Memory and processor time of this process and of all that it started, workers of workers too."""

from __future__ import annotations

import os
import threading
from pathlib import Path

_TICKS: int = os.sysconf("SC_CLK_TCK")


class Watch:
    """Looks at the processes every half second, and when asked.

    The kernel tells the processor time of those alone that this process has waited for, which
    leaves out workers that a server of processes starts: here each is counted as it was last seen.
    """

    def __init__(self, every_s: float = 0.5) -> None:
        """Nothing seen yet; `every_s` seconds between looks."""
        self._every_s, self._peak, self._done = every_s, 0.0, threading.Event()
        self._spent: dict[tuple[int, str], float] = {}
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def peak_gib(self) -> float:
        """The most memory since this was last asked, PSS."""
        peak, self._peak = self._peak, 0.0
        return peak

    def processor_s(self) -> float:
        """Processor seconds so far."""
        self._look()
        return sum(self._spent.values())

    def _watch(self) -> None:
        while not self._done.wait(self._every_s):
            self._look()

    def _look(self) -> None:
        with self._lock:
            processes = _tree(os.getpid())
            self._peak = max(self._peak, sum(map(_pss_gib, processes)))
            for process in processes:
                self._spent.update(_spent_s(process))


def _fields(process: int) -> list[str]:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _tree(root: int) -> list[int]:
    parents: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        fields = _fields(int(folder.name))
        if fields:
            parents.setdefault(int(fields[1]), []).append(int(folder.name))
    found = [root]
    for process in found:
        found += parents.get(process, [])
    return found


def _spent_s(process: int) -> dict[tuple[int, str], float]:
    fields = _fields(process)
    # A number may be used again: the moment of its start tells one from another.
    return {(process, fields[19]): (int(fields[11]) + int(fields[12])) / _TICKS} if fields else {}


def _pss_gib(process: int) -> float:
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    told = [line.split()[1] for line in lines if line.startswith("Pss:")]
    return int(told[0]) / 2**20 if told else 0.0
