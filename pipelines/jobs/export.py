"""Exported variants of a generator: files, what each loses and takes, measured on this machine."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from features.images import crop_square, resize
from features.schema import ConfigError, InputError
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
from styletransfer.training.entries import Entry, Parts, part, spread
from styletransfer.training.health import Watch, measure
from styletransfer.training.objective import grey
from styletransfer.training.pictures import Pictures

STUDENT: Final = "student.safetensors"
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
    `variants.json`; returns it, and `worked`. Files that are there whole, of the same pictures and
    weights, are measured anew where other pictures, settings, engines or another processor are to
    measure on, and not made anew. Raises InputError for weights or pictures that cannot be used.
    """
    if student_steps < 0:
        raise ConfigError(f"--student-steps is {student_steps}: expected at least 0")
    weights = config.render.weights
    generator = load_trained(Path(weights)) if weights else load_pretrained()
    of_photos, of_looks = (
        part(
            usable(read_entries(path, what), what, config.training, config.images, say),
            what,
            config.training.held_out,
        )
        for path, what in ((photos, "photos"), (looks, "looks"))
    )
    parts = of_photos, of_looks
    task = {"pictures": [_digests(side.train) for side in parts], "seed": config.seed,
            "generator": generator.model_version, "steps": student_steps}  # fmt: skip
    lesson, size_px, settings = storage.digest_json(task), config.render.size_px, config.training
    learned = storage.digest_json({"lesson": lesson, "size": size_px})
    judged = [settings.look_px, settings.validation_photos, settings.validation_looks]
    engines = {name: version(name.partition("-")[0]) for name in _engines()}
    measured = {"learned": learned, "pictures": [_digests(side.validation) for side in parts],
                "settings": judged, "engines": engines}  # fmt: skip
    inputs = storage.digest_json(measured)
    with hold_folder(out):
        before, graphs = _made_before(out, learned)
        if before and (before.inputs, before.processor) == (inputs, processor_name()):
            return {**asdict(before), "worked": False}
        torch.set_num_threads(1)
        pictures = Pictures(out / "masks", config.images)
        # Recolourings are for training alone.
        data = TrainingData(*parts, pictures, replace(settings, recolours=0), config.seed)
        samples = list(calibration(of_photos, pictures, data.codes, size_px))
        student_digest = before.student if before else ""
        if not graphs:
            networks: dict[str, Generator | Student] = {"float": generator}
            if student_steps:
                student = make_student(
                    generator, *parts, pictures, student_steps, out, config.seed, lesson
                )
                write_checkpoint(out / STUDENT, student.state_dict(), {})
                student_digest = digest_graph((out / STUDENT).read_bytes())
                networks["student"] = student
            graphs = _write_graphs(networks, samples, out)
        found = Variants(
            generator.model_version, processor_name(), size_px, 0, learned, inputs,
            student_digest, (),
        )  # fmt: skip
        found = _measured(found, graphs, Watch.of(data), samples)
        storage.write_bytes(out / TABLE, found.text().encode())
    return {**asdict(found), "worked": True}


def _digests(entries: Sequence[Entry]) -> list[list[str]]:
    """Name and content of each entry, and of its mask."""
    return [
        [entry.name, *(storage.digest_file(one) for one in (entry.path, entry.mask) if one)]
        for entry in entries
    ]


def _engines() -> list[str]:
    """The engines that are installed."""
    return [name for name in ENGINES if find_spec(name.partition("-")[0])]


def _made_before(out: Path, learned: str) -> tuple[Variants | None, dict[str, bytes]]:
    """What was measured before, and its files; nothing where one is missing, damaged or of other
    things than `learned`."""
    try:
        found = read_variants(out)
        files = {one.file: one.digest for one in found.variants}
        content = {file: (out / file).read_bytes() for file in files}
        student = digest_graph((out / STUDENT).read_bytes()) if found.student else ""
    except (InputError, OSError):
        return None, {}
    whole = all(digest_graph(content[file]) == digest for file, digest in files.items())
    if found.learned != learned or not whole or student != found.student:
        return None, {}
    return found, content


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
    photos: Parts, pictures: Pictures, codes: NDArray[np.float32], size_px: int
) -> Iterator[Sample]:
    """Whole photos of the training part as squares of `size_px`, each with four of the `codes`
    (n, 100) in turn."""
    side = size_px - size_px % 4
    for number, entry in enumerate(spread(photos.train, _CALIBRATION)):
        square = resize(crop_square(pictures.picture(entry)), side, side)
        rows = (_LOOKS_A_PASS * number + np.arange(_LOOKS_A_PASS)) % len(codes)
        yield as_tensor([square]).numpy() + grain(side, side), codes[rows]


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
    backends = {
        (file, engine): open_graph(engine, graph, "")
        for file, graph in graphs.items()
        for engine in _engines()
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
    return replace(found, renders=renders, variants=tuple(rows))


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
