"""Distil a student of the packaged generator, for `python -m benchmarks.export --student`.

    python -m benchmarks.distil_student [--steps 3000] [--folder runs/student]

Photos of clothing and looks of the training part of `benchmarks.train_generator`: no photographer,
painter or material of its validation or test part. One thread; the same steps give the same file.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from safetensors.torch import save_file

from benchmarks.machine import describe
from benchmarks.train_generator import parted
from pipelines.jobs.export import make_student
from styletransfer.painters.generator.network import load_pretrained
from styletransfer.training.pictures import Pictures


def main() -> None:
    """Distil, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--folder", type=Path, default=Path("runs/student"))
    asked = parser.parse_args()
    torch.set_num_threads(1)
    print(describe("torch", "onnxruntime"))
    parts = parted()
    pictures = Pictures(asked.folder / "masks")
    identity = f"{asked.steps}"
    student = make_student(
        load_pretrained(), *parts, pictures, asked.steps, asked.folder, 0, identity
    )
    path = asked.folder / "student.safetensors"
    save_file(student.state_dict(), path)
    print(f"{path}: {student.model_version}, {path.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
