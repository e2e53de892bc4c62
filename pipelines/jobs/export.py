"""Exported variants of a generator: files, what each loses and takes, measured on this machine."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

from features.images import crop_square, resize
from features.schema import ConfigError
from pipelines.config import RunConfig
from pipelines.jobs.train_generator import read_entries, usable
from pipelines.progress import progress
from pipelines.stores import storage
from pipelines.stores.folder_lock import hold_folder
from styletransfer.losses import ssim
from styletransfer.painters.generator.export import to_onnx
from styletransfer.painters.generator.grain import grain
from styletransfer.painters.generator.network import Generator, load_pretrained
from styletransfer.painters.generator.quantise import Sample, quantise
from styletransfer.painters.generator.runtime import ENGINES, Backend, open_graph, open_teacher
from styletransfer.painters.generator.student import Student, prune
from styletransfer.painters.generator.trained import load_trained
from styletransfer.painters.generator.variants import (
    REFERENCE,
    TABLE,
    Variant,
    Variants,
    digest_graph,
    processor_name,
    read_variants,
)
from styletransfer.training.checkpoint import write_checkpoint
from styletransfer.training.data import TrainingData, as_tensor
from styletransfer.training.distil import TaskPictures, distil
from styletransfer.training.entries import Parts, part, spread
from styletransfer.training.health import Watch, measure
from styletransfer.training.objective import grey
from styletransfer.training.pictures import Pictures

_CALIBRATION: Final = 16
_CODES_A_PHOTO: Final = 2
_LOOKS_A_PASS: Final = 4
_ROUNDS: Final = 7

Say = Callable[[str], None]


def export(
    photos: Path, looks: Path, out: Path, config: RunConfig, student_steps: int, say: Say
) -> dict[str, Any]:
    """Write the variants of the generator in `config.render.weights` to `out`, with their measures.

    `photos` and `looks` as `pipelines.jobs.train_generator.train` takes them: int8 ranges and the
    student are fitted on the training part, losses measured on the validation part. A student is
    distilled in `student_steps` (0: none). Writes ONNX files, `student.safetensors` and, last,
    `variants.json`; returns it, and `worked`. Raises
    InputError for weights or pictures that cannot be used.
    """
    if student_steps < 0:
        raise ConfigError(f"--student-steps is {student_steps}: expected at least 0")
    weights = config.render.weights
    generator = load_trained(Path(weights)) if weights else load_pretrained()
    parts = []
    for path, what in ((photos, "photos"), (looks, "looks")):
        entries = usable(read_entries(path, what), what, config.training, config.images, say)
        parts.append(part(entries, what, config.training.held_out))
    named = [
        [(entry.name, storage.digest_file(entry.path)) for entry in (*side.train, *side.validation)]
        for side in parts
    ]
    facts = {"pictures": named, "generator": generator.model_version, "seed": config.seed,
             "steps": student_steps, "held_out": config.training.held_out,
             "size": config.render.size_px}  # fmt: skip
    inputs = storage.digest_json(facts)
    with hold_folder(out):
        if (out / TABLE).is_file():
            found = read_variants(out)
            if (found.inputs, found.processor) == (inputs, processor_name()):
                return {**asdict(found), "worked": False}
        torch.set_num_threads(1)
        pictures = Pictures(out / "masks", config.images)
        students = {}
        if student_steps:
            student = make_student(
                generator, parts[0], parts[1], pictures, student_steps, out, config.seed, inputs
            )
            write_checkpoint(out / "student.safetensors", student.state_dict(), {})
            students["student"] = student
        data = TrainingData(parts[0], parts[1], pictures, config.training, config.seed)
        samples = list(calibration(parts[0], pictures, data, config.render.size_px))
        graphs = _write_graphs({"float": generator, **students}, samples, out)
        found = Variants(
            generator.model_version, processor_name(), config.render.size_px, 0, inputs, ()
        )
        found = _measured(found, graphs, Watch.of(data), samples)
        storage.write_bytes(out / TABLE, found.text().encode())
    return {**asdict(found), "worked": True}


def make_student(
    generator: Generator,
    photos: Parts,
    looks: Parts,
    pictures: Pictures,
    steps: int,
    folder: Path,
    seed: int,
    identity: str,
) -> Student:
    """A student of `generator`, distilled on the training parts; goes on from its checkpoint."""
    tasks = TaskPictures(photos.train, looks.train, pictures, seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        student = prune(generator)
    head, finish = student.expand, student.finish
    with progress("distilling", steps) as advance:
        distil(open_teacher(generator), head, finish, tasks, steps, folder, identity, advance)
    return student.eval().requires_grad_(False)


def calibration(
    photos: Parts, pictures: Pictures, data: TrainingData, size_px: int
) -> Iterator[Sample]:
    """Whole photos of the training part as squares of `size_px`, each with codes of looks."""
    side = size_px - size_px % 4
    for number, entry in enumerate(spread(photos.train, _CALIBRATION)):
        square = resize(crop_square(pictures.photo(entry).picture), side, side)
        codes = data.batch(number).codes.numpy()
        yield (
            as_tensor([square]).numpy() + grain(side, side),
            np.resize(codes, (_LOOKS_A_PASS, codes.shape[1])),
        )


def _write_graphs(
    networks: Mapping[str, Generator | Student], samples: list[Sample], out: Path
) -> dict[str, bytes]:
    """ONNX files by name, each network in float32 and int8."""
    graphs = {}
    for name, network in networks.items():
        graph = to_onnx(network)
        graphs[f"{name}.onnx"] = graph.SerializeToString()
        few = [(picture, codes[:_CODES_A_PHOTO]) for picture, codes in samples]
        graphs[f"{name}-int8.onnx"] = quantise(graph, few).SerializeToString()
    for file, data in graphs.items():
        storage.write_bytes(out / file, data)
    return graphs


def _measured(
    found: Variants, graphs: Mapping[str, bytes], watch: Watch, samples: list[Sample]
) -> Variants:
    """`found` with a row for each graph on each engine that is installed."""
    engines = [name for name in ENGINES if find_spec(name.partition("-")[0])]
    backends = {
        (file, engine): open_graph(engine, graph, "")
        for file, graph in graphs.items()
        for engine in engines
    }
    seconds = time_backends(backends, samples)
    paints = {key: Painting(backend) for key, backend in backends.items()}
    recognised = {key: measure(paint, watch)["recognised"] for key, paint in paints.items()}
    reference = torch.cat(paints[REFERENCE].painted)
    rows = []
    for (file, engine), paint in paints.items():
        alike = float(ssim(grey(torch.cat(paint.painted)), grey(reference)).mean())
        rows.append(
            Variant(
                file,
                engine,
                round(recognised[file, engine], 4),
                round(alike, 4),
                round(seconds[file, engine], 5),
                round(len(graphs[file]) / 1e6, 3),
                digest_graph(graphs[file]),
            )
        )
    renders = len(watch.photos) * len(watch.codes)
    return Variants(
        found.generator, found.processor, found.size_px, renders, found.inputs, tuple(rows)
    )


def time_backends(
    backends: Mapping[tuple[str, str], Backend], samples: list[Sample], rounds: int = _ROUNDS
) -> dict[tuple[str, str], float]:
    """Processor seconds a picture, each photo of `samples` in its looks; median of `rounds`.

    All take turns within a round; a first round, not counted, warms them up.
    """
    taken: dict[tuple[str, str], list[float]] = {key: [] for key in backends}
    for number in range(rounds + 1):
        photo, codes = samples[number % len(samples)]
        for key, backend in backends.items():
            begun = time.process_time()
            backend.paint(photo, codes)
            taken[key].append((time.process_time() - begun) / len(codes))
    return {key: statistics.median(times[1:]) for key, times in taken.items()}


class Painting(nn.Module):
    """An engine as a module; keeps what it painted."""

    def __init__(self, backend: Backend) -> None:
        super().__init__()
        self._backend = backend
        self.painted: list[Tensor] = []

    def forward(self, pictures: Tensor, codes: Tensor) -> Tensor:
        painted = torch.from_numpy(self._backend.paint(pictures.numpy(), codes.numpy()))
        self.painted.append(painted)
        return painted
