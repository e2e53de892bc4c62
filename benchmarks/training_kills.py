"""Does a training that is killed end with the weights of one that was not? SIGKILL, three times.

    python -m benchmarks.training_kills [--kills 3] [--steps 40] [--folder runs/training_kills]

`stylefeed train-generator` on the sample shop, on one thread with small crops: once undisturbed,
once killed at random moments (steps and up to .3 s more, seed 0) and called again after each. All
bytes of both last checkpoints (both networks, moments, curves, health) and of
both results are compared. A kill that comes after the last step is said to have missed.
"""

from __future__ import annotations

import argparse
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from benchmarks.machine import describe
from styletransfer.training.checkpoint import read_checkpoint
from styletransfer.training.loop import CHECKPOINT, RESULT

SAMPLES: Final = Path("data/samples")
SETTINGS: Final = """
[training]
batch = 2
crop_px = 64
look_px = 64
recolours = 0
discriminator_channels = 4
validation_photos = 2
validation_looks = 2
max_photos = 8
health_every = 10
checkpoint_every = 2
"""


def main() -> None:
    """Train, kill, train, compare, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--folder", type=Path, default=Path("runs/training_kills"))
    asked = parser.parse_args()
    shutil.rmtree(asked.folder, ignore_errors=True)
    asked.folder.mkdir(parents=True)
    config = asked.folder / "settings.toml"
    config.write_text(SETTINGS)
    print(describe("torch"))
    begun = time.perf_counter()
    _start(asked.folder / "whole", config, asked.steps).wait()
    seconds = time.perf_counter() - begun
    print(f"undisturbed: {asked.steps} steps in {seconds:.0f} s", flush=True)
    rng, killed = random.Random(0), asked.folder / "killed"
    for number, reached in enumerate(sorted(rng.sample(range(asked.steps - 4), asked.kills)), 1):
        process = _start(killed, config, asked.steps)
        while _step(killed / CHECKPOINT) < reached and process.poll() is None:
            time.sleep(0.02)
        time.sleep(rng.uniform(0.0, 0.3))
        missed = process.poll() is not None
        process.send_signal(signal.SIGKILL)
        process.wait()
        said = "missed: finished before" if missed else "killed"
        where = f"last checkpoint at step {_step(killed / CHECKPOINT)}"
        print(f"kill {number}: once step {reached} was reached: {said}, {where}", flush=True)
    code = _start(killed, config, asked.steps).wait()
    for name in (CHECKPOINT, RESULT):
        equal = (killed / name).read_bytes() == (asked.folder / "whole" / name).read_bytes()
        print(f"{name}: {'equal bit for bit' if equal else 'DIFFERENT'}")
        code = code or int(not equal)
    sys.exit(code)


def _start(out: Path, config: Path, steps: int) -> subprocess.Popen[bytes]:
    tables = ["--photos", str(SAMPLES / "items.csv"), "--looks", str(SAMPLES / "styles.csv")]
    options = ["--out", str(out), "--config", str(config), "--steps", str(steps), "--quiet"]
    program = [sys.executable, "-c", "from pipelines.cli import main; main()"]
    return subprocess.Popen(
        [*program, "train-generator", *tables, *options], stdout=subprocess.DEVNULL
    )


def _step(path: Path) -> int:
    """The step of a checkpoint, -1 where there is none yet."""
    return int(read_checkpoint(path)[1]["step"]) if path.is_file() else -1


if __name__ == "__main__":
    main()
