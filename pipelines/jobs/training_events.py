"""The TensorBoard log of a training: one run per attempt and kind of pictures."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from styletransfer.training.loop import Trainer

FOLDER: Final = "tensorboard"
_NOT_VALUES: Final = ("step", "attempt")


@contextmanager
def event_log(out: Path, say: Callable[[str], None]) -> Iterator[Callable[[Trainer], None]]:
    """Yields what writes the rows a trainer has gained since the last call to `out`/tensorboard.

    The log is written anew each time a training goes on, from the trainer's own rows, so that no
    step is in it twice. Without tensorboardX (the extra `training`) it says so and writes nothing.
    """
    if importlib.util.find_spec("tensorboardX") is None:
        say("no TensorBoard log: pip install 'stylefeed[training]' for one")
        yield lambda trainer: None
        return
    from tensorboardX import SummaryWriter

    shutil.rmtree(out / FOLDER, ignore_errors=True)
    writers: dict[str, Any] = {}
    done = {"curves": 0, "validation": 0, "checks": 0}

    def note(trainer: Trainer) -> None:
        for kind in done:
            rows = getattr(trainer, kind)
            for row in rows[done[kind] :]:
                part = "training" if kind == "curves" else "validation"
                name = f"{part}-{row['attempt']:.0f}"
                if name not in writers:
                    writers[name] = SummaryWriter(str(out / FOLDER / name))
                group = "health" if kind == "checks" else "losses"
                for value in row.keys() - set(_NOT_VALUES):
                    writers[name].add_scalar(f"{group}/{value}", row[value], int(row["step"]))
            if len(rows) > done[kind]:
                for writer in writers.values():
                    writer.flush()
            done[kind] = len(rows)

    try:
        yield note
    finally:
        for writer in writers.values():
            writer.close()
