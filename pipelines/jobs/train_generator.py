"""Trains a generator on photos and looks: what is read, what it will take, what is written."""

from __future__ import annotations

import copy
import resource
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import nn

from features.images import ImageLimits, decode_file
from features.matting import read_mask
from features.schema import ConfigError, ImageError, InputError, StylefeedError
from pipelines.config import RunConfig
from pipelines.jobs.training_events import event_log
from pipelines.progress import progress
from pipelines.report.training_page import training_page
from pipelines.stores import storage
from pipelines.stores.folder_lock import hold_folder
from pipelines.stores.picture_files import picture_root, resolve_picture
from styletransfer.config import LEAST_SET_SIDE_PX
from styletransfer.painters.generator.network import Generator, load_pretrained
from styletransfer.painters.generator.trained import load_trained
from styletransfer.sets.store import SetStore
from styletransfer.sets.synthesis import LEAST_LOOK_PX
from styletransfer.training.config import TrainingConfig
from styletransfer.training.data import TrainingData
from styletransfer.training.entries import Entry, Parts, group_of, part
from styletransfer.training.health import as_levels, paint
from styletransfer.training.loop import Trainer
from styletransfer.training.pictures import Pictures
from styletransfer.training.team import Team, gathered

_SUFFIXES: Final = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".avif")
_GROUPS: Final = {
    "photos": ("photographer", "sender_id"),
    "looks": ("painter", "material", "artist"),
}
_TIMED: Final = 2
_GRID: Final = 4
_SCRATCH_GRACE: Final = 300

Say = Callable[[str], None]


@dataclass(frozen=True)
class _Task:
    """All that a process needs to train: pictures, settings, where, from what."""

    parts: tuple[Parts, Parts]
    settings: TrainingConfig
    images: ImageLimits
    seed: int
    out: Path
    start: str
    inputs: str

    def trainer(self, team: Team) -> Trainer:
        torch.set_num_threads(self.settings.threads)
        pictures = Pictures(self.out / "masks", self.images)
        sets = {entry.name: self._sets(pictures.look(entry)) for entry in self.parts[1].train}
        data = TrainingData(*self.parts, pictures, self.settings, self.seed, sets)
        generator = _first(self.start, self.seed)
        return Trainer(generator, data, self.settings, self.out, self.seed, self.inputs, team)

    def _sets(self, look: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
        """The sets of a look, made at the first call; none of a look that is too small."""
        if not self.settings.sets or min(look.shape[:2]) < LEAST_LOOK_PX:
            return []
        side = max(self.settings.look_px, LEAST_SET_SIDE_PX)
        store = SetStore(self.out / "sets")
        seeds = range(self.settings.sets)
        return [store.get(look, "flat_lay", side, seed).picture for seed in seeds]


def train(
    photos: Path,
    looks: Path,
    out: Path,
    config: RunConfig,
    start: str,
    say: Say,
    processes: int = 1,
) -> dict[str, Any]:
    """Train to `config.training.steps`, from `start` or from the checkpoint in `out`.

    `start` is pretrained, scratch or a file of weights. `photos` and `looks` are folders of
    pictures, or tables of items and styles; a column photographer, or painter or material, tells
    makers, else file names do. Writes checkpoints, `generator.safetensors` (the averaged weights
    that do best on validation pictures, never worse there than the start), `training.html` and,
    where tensorboardX is installed, `tensorboard/` to `out`. Each of `processes` takes its part of
    every batch. Raises InputError for what cannot be trained on, and when training stays unhealthy.
    """
    if start not in ("pretrained", "scratch"):
        if not Path(start).is_file():
            raise ConfigError(
                f"--start is {start!r}: expected pretrained, scratch or a file of trained weights"
            )
        # What cannot be used is refused before any picture is read.
        load_trained(Path(start))
    if processes < 1 or config.training.batch % processes:
        raise ConfigError(
            f"--processes is {processes}: expected a divisor of training.batch, "
            f"{config.training.batch}, which the processes share"
        )
    settings = config.training
    if start == "scratch":
        settings = from_scratch(settings)
    parts = []
    for path, what in ((photos, "photos"), (looks, "looks")):
        entries = usable(read_entries(path, what), what, settings, config.images, say)
        parts.append(part(entries, what, settings.held_out))
    named = [
        [(e.name, e.group, storage.digest_file(e.path)) for e in (*p.train, *p.validation)]
        for p in parts
    ]
    begun = start if start in ("pretrained", "scratch") else storage.digest_file(Path(start))
    inputs = storage.digest_json({"pictures": named, "start": begun})
    task = _Task((parts[0], parts[1]), settings, config.images, config.seed, out, start, inputs)
    with hold_folder(out), gathered(processes, _train_along, task) as team:
        trainer = task.trainer(team)
        worked = not trainer.finished
        if worked:
            say(_estimate(trainer, task, team))
            _train_on(trainer, out, say)
        else:
            trainer.write_result()
        write_page(trainer, out)
    return {
        "worked": worked,
        "steps": trainer.step,
        "rollbacks": len(trainer.events),
        "health": trainer.checks[-1],
        "best": trainer.best,
        "start": trainer.checks[0]["averaged_recognised"],
        "photos": [len(side) for side in (parts[0].train, parts[0].validation, parts[0].test)],
        "looks": [len(side) for side in (parts[1].train, parts[1].validation, parts[1].test)],
    }


def from_scratch(config: TrainingConfig) -> TrainingConfig:
    """The settings for a generator that knows nothing yet.

    What holds the photo against the weights that training starts from would hold it against noise:
    `content` and `ssim` hold it against the photo itself, as far as they are not set.
    """
    weights = replace(config.weights, structure=0.0, likeness=0.0)
    if not (weights.content or weights.ssim):
        weights = replace(weights, content=0.4, ssim=0.4)
    # What knows nothing yet is not ill.
    grace = max(config.grace_steps, _SCRATCH_GRACE)
    return replace(config, weights=weights, grace_steps=grace)


def _train_along(team: Team, task: _Task) -> None:
    """What each process but the first does."""
    trainer = task.trainer(team)
    if not trainer.finished:
        trainer.run()


def _train_on(trainer: Trainer, out: Path, say: Say) -> None:
    with progress("training", trainer.config.steps) as advance, event_log(out, say) as note:

        def move(steps: int) -> None:
            advance(steps)
            note(trainer)

        try:
            trainer.run(move, say)
            note(trainer)
        except BaseException:
            # What stopped the training is what is told, even where log or page fail too.
            with suppress(OSError):
                note(trainer)
            with suppress(StylefeedError):
                write_page(trainer, out)
            raise


def read_entries(path: Path, what: str) -> list[Entry]:
    """The pictures of a folder, or of a table with a column image_path. Raises InputError."""
    if path.is_dir():
        files = sorted(p for p in path.rglob("*") if p.suffix.lower() in _SUFFIXES)
        names = [file.relative_to(path).as_posix() for file in files]
        stems = [(name, file.stem) for name, file in zip(names, files, strict=True)]
        maker = group_of if what == "looks" else str
        return [Entry(n, maker(stem), f) for (n, stem), f in zip(stems, files, strict=True)]
    table = storage.read_input_table(path, what)
    if "image_path" not in table.columns:
        raise InputError(f"{what}: {path} has no column image_path; expected one, or a folder")
    paths = table["image_path"].astype("str")
    root = picture_root(paths, path.parent)
    groups = next((table[name] for name in _GROUPS[what] if name in table.columns), None)
    masks = table["mask_path"] if "mask_path" in table.columns else pd.Series([None] * len(table))
    entries = []
    for row, image in enumerate(paths):
        mask = masks.iloc[row]
        stem = Path(image).stem
        group = str(groups.iloc[row]) if groups is not None else stem
        held = None if not isinstance(mask, str) or not mask else resolve_picture(mask, root)
        entries.append(Entry(image, group, resolve_picture(image, root), held))
    return list({entry.name: entry for entry in entries}.values())


def usable(
    entries: list[Entry], what: str, config: TrainingConfig, limits: ImageLimits, say: Say
) -> list[Entry]:
    """Those that can be read, with their masks, and are as large as the crop.

    Each file is decoded whole: a torn one would stop the training later. The others are said and
    left out; a mask that cannot be read is, and one is estimated in its place. Raises InputError
    where none is left.
    """
    kept, first, least = [], "", config.crop_px if what == "photos" else 1
    masks: list[str] = []
    for entry in entries:
        try:
            photo = decode_file(entry.path, limits)
        except ImageError as error:
            first = first or f"{entry.name} cannot be read: {error}"
            continue
        height, width = photo.picture.shape[:2]
        if min(height, width) < least:
            first = first or f"{entry.name} is {width}x{height} px, below the crop of {least} px"
            continue
        if entry.mask is not None:
            try:
                read_mask(entry.mask, (height, width), photo.turned, limits)
            except ImageError as error:
                masks.append(f"{entry.mask.name}: {error}")
                entry = replace(entry, mask=None)
        kept.append(entry)
    if masks:
        say(f"{what}: {len(masks):,} masks cannot be used and are estimated: {masks[0]}")
    if len(kept) < len(entries):
        say(f"{what}: {len(entries) - len(kept):,} of {len(entries):,} left out: {first}")
    if not kept:
        raise InputError(f"{what}: none can be trained on: {first or 'no picture was found'}")
    return kept


def _first(start: str, seed: int) -> nn.Module:
    if start == "pretrained":
        generator = load_pretrained()
    elif start == "scratch":
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            generator = Generator()
    else:
        generator = load_trained(Path(start))
    return generator.to("cuda" if torch.cuda.is_available() else "cpu")


def _estimate(trainer: Trainer, task: _Task, team: Team) -> str:
    """Time and memory from two steps of a trainer that is thrown away."""
    config = task.settings
    alone = Team(processes=team.processes)
    trial = Trainer(
        _first(task.start, task.seed),
        trainer.data,
        config,
        task.out / "masks",
        task.seed,
        "",
        alone,
    )
    trial.train_step()
    begun = time.perf_counter()
    for _ in range(_TIMED):
        trial.train_step()
    each = (time.perf_counter() - begun) / _TIMED
    left = config.steps - trainer.step
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 * team.processes
    return (
        f"{left:,} steps of {each:.1f} s: about {each * left / 60:,.0f} min and {memory:,.0f} MB "
        "on this machine, health checks apart"
    )


def write_page(trainer: Trainer, out: Path) -> None:
    """Write curves, health and painted validation pictures to `training.html` in `out`."""
    photos, looks, codes = trainer.data.validation()
    painter = copy.deepcopy(trainer.averaged).cpu()
    if trainer.best:
        painter.load_state_dict(trainer.best_weights)
    rows = []
    with torch.inference_mode():
        for photo in photos[:_GRID]:
            painted = [paint(painter, photo, code)[0] for code in codes[:_GRID]]
            rows.append([as_levels(photo), *(as_levels(one) for one in painted)])
    kept = int(trainer.best.get("step", 0))
    page = training_page(
        trainer.curves,
        trainer.validation,
        trainer.checks,
        trainer.events,
        looks[:_GRID],
        rows,
        kept,
    )
    storage.write_bytes(out / "training.html", page.encode())
