"""Several processes that train one generator: each has a part of the batch, gradients are averaged.

Gradients are averaged as one flat vector after the backward pass (as Karras et al. 2020, "Training
generative adversarial networks with limited data", do): a step runs both networks several times and
differentiates twice, and the networks are far too small to hide communication behind it.
"""

from __future__ import annotations

import multiprocessing
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Final

import torch
from torch import distributed, nn

from features.schema import InputError

_PATIENCE: Final = timedelta(minutes=10)
_ENDING_S: Final = 20.0
_REASON: Final = "reason-"


class _Parted(Exception):
    """Another process could not be reached."""


@dataclass(frozen=True)
class Team:
    """This process is number `rank` of `processes`; `connected` says whether they can be reached.

    Not connected, it averages with nobody: a process alone, or one that tries how long its part
    takes.
    """

    rank: int = 0
    processes: int = 1
    connected: bool = False

    @property
    def leads(self) -> bool:
        """Whether this process writes the files and tells what happens."""
        return self.rank == 0

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace each gradient by its mean over all processes; the same bits in each of them."""
        if not self.connected:
            return
        grads = [one.grad for one in parameters if one.grad is not None]
        flat = torch.cat([grad.flatten() for grad in grads]).cpu()
        with _talking():
            distributed.all_reduce(flat)
        flat /= self.processes
        for grad, part in zip(
            grads, torch.split(flat, [grad.numel() for grad in grads]), strict=True
        ):
            grad.copy_(part.view_as(grad))

    def mean(self, values: Mapping[str, float]) -> dict[str, float]:
        """Mean of each value over all processes, which name the same ones."""
        if not self.connected:
            return dict(values)
        flat = torch.tensor(list(values.values()), dtype=torch.float64)
        with _talking():
            distributed.all_reduce(flat)
        return dict(zip(values, (flat / self.processes).tolist(), strict=True))

    def wait(self) -> None:
        """Go on when all processes are here."""
        if self.connected:
            with _talking():
                distributed.barrier()


@contextmanager
def gathered(processes: int, member: Callable[[Team, Any], None], task: Any) -> Iterator[Team]:
    """This process as the first of `processes`; each of the others runs `member` on `task`.

    `member` and `task` are picklable. The others end with the block. Raises InputError where one of
    them ended before, with its reason where it told one.
    """
    if processes == 1:
        yield Team()
        return
    with tempfile.TemporaryDirectory() as folder:
        meeting = Path(folder) / "meeting"
        context = multiprocessing.get_context("spawn")
        others = [
            context.Process(
                target=_run_member, args=(rank, processes, meeting, member, task), daemon=True
            )
            for rank in range(1, processes)
        ]
        for other in others:
            other.start()
        try:
            yield _connect(0, processes, meeting)
        except _Parted as error:
            if not _ended(others):
                raise error.__cause__ or error from None
            told = "; ".join(
                file.read_text() for file in sorted(meeting.parent.glob(_REASON + "*"))
            )
            raise InputError(
                f"a training process ended before the others{f' ({told})' if told else ''}; start "
                "the command again: it goes on from the last checkpoint"
            ) from error
        finally:
            if distributed.is_initialized():
                distributed.destroy_process_group()
            for other in others:
                other.terminate()
                other.join()


def _ended(others: Sequence[BaseProcess]) -> bool:
    for other in others:
        other.join(_ENDING_S)
    return any(other.exitcode is not None for other in others)


def _connect(rank: int, processes: int, meeting: Path) -> Team:
    # All are on this machine: its own name need not be known to any network.
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    with _talking():
        distributed.init_process_group(
            "gloo",
            init_method=f"file://{meeting}",
            rank=rank,
            world_size=processes,
            timeout=_PATIENCE,
        )
    return Team(rank, processes, connected=True)


@contextmanager
def _talking() -> Iterator[None]:
    """Around what needs the other processes, and nothing else."""
    try:
        yield
    except RuntimeError as error:
        raise _Parted(str(error)) from error


def _run_member(
    rank: int,
    processes: int,
    meeting: Path,
    member: Callable[[Team, Any], None],
    task: Any,
) -> None:
    try:
        member(_connect(rank, processes, meeting), task)
    except _Parted:
        # Whoever ended first is the reason.
        raise SystemExit(1) from None
    except Exception as error:
        (meeting.parent / f"{_REASON}{rank}").write_text(f"{type(error).__name__}: {error}")
        if isinstance(error, InputError):
            raise SystemExit(1) from None
        raise
