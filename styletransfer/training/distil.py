"""Distillation: a light head learns to finish what a generator's last block gives as it does.

Hinton et al. 2015, "Distilling the knowledge in a neural network", from the teacher's own features
(Romero et al. 2015, "FitNets: hints for thin deep nets"). Each step is a pure function of seed and
step, so a run that was killed goes on from its last checkpoint.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from features.images import crop_square, resize
from features.networks.encoders import StyleEncoder
from features.schema import ConfigError
from styletransfer.fidelity.look_features import FeatureEncoder
from styletransfer.painters.generator.grain import grain
from styletransfer.training import checkpoint as files
from styletransfer.training.data import as_tensor
from styletransfer.training.entries import Entry, spread
from styletransfer.training.pictures import Pictures

CHECKPOINT: Final = "distil.safetensors"
CROP_PX: Final = 144
BATCH: Final = 4
_MOST_PHOTOS: Final = 240
_VIEWS: Final = 6
_VIEW_PX: Final = 256
_NOISE, _LOOKS, _PLATES = 0.15, 0.3, 0.5
_BLENDS: Final = 0.4
_NEARBY, _SPREAD = 0.3, 0.3
_RATE: Final = 3e-3
_WARM_UP: Final = 50
_CLIP: Final = 1.0
_EDGES: Final = 1.0
_TEXTURE: Final = 0.3
_CHECKPOINT_EVERY: Final = 100

Teacher = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""Pictures (b, 3, h, w) and codes (b, 100) -> painted pictures and the features to finish."""
Head = Callable[[Tensor, Tensor], Tensor]
"""Features and codes -> painted pictures."""


class TaskPictures:
    """Pictures to paint and codes to paint them in, without end: what a student learns from.

    Half are photos, the rest plates, looks and noise. Codes are those of the looks and of cuts of
    them, four in ten blended of two, three in ten moved a little in all directions.
    """

    def __init__(
        self, photos: tuple[Entry, ...], looks: tuple[Entry, ...], pictures: Pictures, seed: int
    ) -> None:
        """At most 240 of the photos are used. Raises ImageError for a broken file."""
        self._photos, self._looks = spread(photos, _MOST_PHOTOS), looks
        self._pictures, self._seed = pictures, seed
        rng = np.random.default_rng(seed)
        views = [self._view(entry, number, rng) for entry in looks for number in range(_VIEWS)]
        self._codes = StyleEncoder().encode(views)

    def batch(self, step: int, count: int = BATCH) -> tuple[Tensor, Tensor]:
        """Grained pictures float32 (count, 3, 144, 144) and codes float32 (count, 100)."""
        rng = np.random.default_rng((self._seed, step))
        pictures = as_tensor([self._picture(rng) for _ in range(count)])
        places = rng.integers(0, 1 << 16, (count, 2)).tolist()
        grained = torch.from_numpy(np.stack([grain(CROP_PX, CROP_PX, *place) for place in places]))
        first, second = self._codes[rng.integers(len(self._codes), size=(2, count))]
        part = np.where(rng.random(count) < _BLENDS, rng.random(count), 1.0)[:, None]
        codes = part * first + (1 - part) * second
        near = (rng.random(count) < _NEARBY)[:, None]
        codes = codes + near * _SPREAD * self._codes.std(axis=0) * rng.standard_normal(codes.shape)
        return pictures + grained, torch.from_numpy(codes.astype(np.float32))

    def _picture(self, rng: np.random.Generator) -> NDArray[np.uint8]:
        kind = rng.random()
        if kind < _NOISE:
            return _pink_noise(rng)
        if kind < _LOOKS:
            picture = self._pictures.look(self._looks[int(rng.integers(len(self._looks)))])
        else:
            photo = self._pictures.photo(self._photos[int(rng.integers(len(self._photos)))])
            picture = photo.plate if kind < _PLATES else photo.picture
        height, width = picture.shape[:2]
        scale = CROP_PX * rng.uniform(1.0, 2.0) / min(height, width)
        size = max(round(width * scale), CROP_PX), max(round(height * scale), CROP_PX)
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        top, left = (int(rng.integers(extent - CROP_PX + 1)) for extent in size[::-1])
        cut = picture[top : top + CROP_PX, left : left + CROP_PX]
        return np.ascontiguousarray(cut[:, :: rng.choice((-1, 1))])

    def _view(self, entry: Entry, number: int, rng: np.random.Generator) -> NDArray[np.uint8]:
        """The look's centre (number 0), or a cut of at least .6 of its side."""
        picture = self._pictures.look(entry)
        if number == 0:
            return resize(crop_square(picture), _VIEW_PX, _VIEW_PX)
        height, width = picture.shape[:2]
        extent = max(round(min(height, width) * float(rng.uniform(0.6, 1.0))), 1)
        top, left = (int(rng.integers(side - extent + 1)) for side in (height, width))
        cut = np.ascontiguousarray(picture[top : top + extent, left : left + extent])
        return resize(cut, _VIEW_PX, _VIEW_PX)


def distil(
    teacher: Teacher,
    layers: nn.Module,
    head: Head,
    tasks: TaskPictures,
    steps: int,
    folder: Path,
    identity: str,
    progress: Callable[[int], None] = lambda steps: None,
) -> None:
    """Train the `layers` that `head` computes with, in place.

    Adam, its rate from 3e-3 down to 0 along a cosine. Loss, of the head's pictures to `teacher`'s:
    mean absolute gap, the same of differences between neighbouring pixels, and .3 of the distance
    of Gram matrices (EfficientNet-Lite0, three stages). A checkpoint of the same `identity` in
    `folder` is gone on from. Raises ConfigError where one is of another, InputError where it cannot
    be read or written.
    """
    optimiser = torch.optim.Adam(layers.train().requires_grad_(True).parameters(), lr=_RATE)
    step, path = 0, folder / CHECKPOINT
    if path.is_file():
        step = _load(path, layers, optimiser, identity)
    progress(step)
    while step < steps:
        pictures, codes = tasks.batch(step)
        wanted, features = teacher(pictures, codes)
        for group in optimiser.param_groups:
            group["lr"] = _RATE * min((step + 1) / _WARM_UP, 1) * _cosine(step / steps)
        found = _losses(head(features, codes), wanted)
        loss = found["output"] + _EDGES * found["edges"] + _TEXTURE * found["texture"]
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(layers.parameters(), _CLIP)
        optimiser.step()
        step += 1
        progress(1)
        if step % _CHECKPOINT_EVERY == 0 or step == steps:
            tensors = files.named("layers", layers.state_dict())
            tensors |= files.named("optimiser", files.optimiser_tensors(optimiser))
            files.write_checkpoint(path, tensors, {"identity": identity, "step": step})
    layers.eval().requires_grad_(False)


def _losses(painted: Tensor, wanted: Tensor) -> dict[str, Tensor]:
    gap = painted - wanted
    pairs = zip(*(_encoder().grams_of(pictures) for pictures in (painted, wanted)), strict=True)
    textures = [(one - other).flatten(1).norm(dim=1).mean() for one, other in pairs]
    return {
        "output": gap.abs().mean(),
        "edges": sum((gap.diff(dim=axis).abs().mean() for axis in (2, 3)), start=gap.new_zeros(())),
        "texture": torch.stack(textures).mean(),
    }


@cache
def _encoder() -> FeatureEncoder:
    return FeatureEncoder()


def _cosine(share: float) -> float:
    return 0.5 + 0.5 * math.cos(math.pi * share)


def _load(path: Path, layers: nn.Module, optimiser: torch.optim.Optimizer, identity: str) -> int:
    tensors, facts = files.read_checkpoint(path)
    if facts.get("identity") != identity:
        raise ConfigError(
            f"{path} is of other pictures, weights, steps or seed: delete it to start anew, or "
            "name another folder"
        )
    files.load_module(layers, files.of_prefix("layers", tensors), "student")
    files.restore_optimiser(optimiser, files.of_prefix("optimiser", tensors))
    return int(facts["step"])


def _pink_noise(rng: np.random.Generator) -> NDArray[np.uint8]:
    """Noise of amplitude 1 / frequency in three channels, of a random mean and contrast."""
    rows, columns = np.fft.fftfreq(CROP_PX)[:, None], np.fft.rfftfreq(CROP_PX)[None]
    power = 1 / np.maximum(np.hypot(rows, columns), 1 / CROP_PX)
    white = rng.standard_normal((3, CROP_PX, CROP_PX))
    pink = np.fft.irfft2(np.fft.rfft2(white) * power, (CROP_PX, CROP_PX)).transpose(1, 2, 0)
    scaled = (pink - pink.mean()) / pink.std() * rng.uniform(0.05, 0.25) + rng.uniform(0.3, 0.8, 3)
    return np.asarray(np.clip(np.rint(255 * scaled), 0, 255), dtype=np.uint8)
