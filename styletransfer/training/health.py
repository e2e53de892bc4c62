"""Is the training well? Measures on validation photos and looks, and a verdict in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from features.images import crop_square, resize
from features.schema import InputError
from styletransfer.fidelity.look_features import FeatureEncoder
from styletransfer.losses import ssim
from styletransfer.painters.generator.grain import grain
from styletransfer.training.data import TrainingData, style_encoder
from styletransfer.training.neighbours import neighbour_measures
from styletransfer.training.objective import grey

_CUTS: Final = 6
_NEIGHBOURS: Final = 5
# A trained generator's spreads are .3 to 1 (`python -m benchmarks.train_generator`).
_LEAST_SPREAD: Final = 0.1
_LEAST_KEPT: Final = 0.5
_ERRORS: Final = 3.0
_SSIM_LOST: Final = 0.01
_SURE: Final = 0.4
_SATURATED: Final = 0.02


class UnhealthyTraining(InputError):
    """Training went wrong again after every remedy."""


@dataclass(frozen=True)
class Watch:
    """Photos float32 (p, 3, s, s) and codes (k, 100) to paint, and what to hold paint against.

    `looks` are unit Gram vectors (n, d) of all looks, `rows` those of the painted ones; `cuts`
    (c, 100) are the directions of the style codes of cuts of the painted looks from `centre`.
    """

    photos: Tensor
    codes: Tensor
    looks: NDArray[np.float32]
    rows: list[int]
    cuts: NDArray[np.float32]
    centre: NDArray[np.float32]
    encoder: FeatureEncoder

    @classmethod
    def of(cls, data: TrainingData) -> Watch:
        """What to watch on the validation part of `data`."""
        photos, looks, codes = data.validation()
        every, rows = data.every_look()
        encoder = _feature_encoder()
        rng = np.random.default_rng(0)
        cuts = [cut(look, rng, photos.shape[2]) for look in looks for _ in range(_CUTS)]
        centre = data.centre.numpy()
        return cls(photos, codes, gram_vectors(encoder, every), rows,
                   style_directions(cuts, centre), centre, encoder)  # fmt: skip


def measure(generator: nn.Module, watch: Watch) -> dict[str, float]:
    """Health of `generator` on what is watched.

    recognised: share of renders whose Gram matrices (EfficientNet-Lite0) are nearest to their own
    look's among all looks'; precision, recall, density, coverage: style codes of the renders,
    centred, among those of cuts of the looks, by balls of five neighbours (a look's own cuts, so
    that a ball is one look wide); ssim: of renders and photos, luma; spread_within: how much one
    look's renders differ by photo, relative to the photos; spread_between: how much one photo's
    renders differ by look, relative to the looks.
    """
    trains = generator.training
    generator.eval()
    pictures, count = [], len(watch.codes)
    with torch.inference_mode():
        for photo in watch.photos:
            pictures.append(torch.cat([paint(generator, photo, code) for code in watch.codes]))
        painted = torch.stack(pictures)  # (p, k, 3, s, s)
        kept = torch.stack([ssim(grey(one), grey(photo[None])).mean()
                            for one, photo in zip(painted, watch.photos, strict=True)])  # fmt: skip
    generator.train(trains)
    levels = [as_levels(one) for one in painted.flatten(0, 1)]
    vectors = gram_vectors(watch.encoder, levels)
    nearest = _squared(vectors, watch.looks).argmin(axis=1)
    own = np.tile(watch.rows, len(watch.photos))
    by_photo = vectors.reshape(len(watch.photos), count, -1)
    spread = by_photo.std(axis=1).mean() / max(watch.looks[watch.rows].std(axis=0).mean(), 1e-9)
    within = painted.std(dim=0).mean() / watch.photos.std(dim=0).mean().clamp(min=1e-6)
    made = style_directions(levels, watch.centre)
    k = min(_NEIGHBOURS, len(watch.cuts) - 1, len(made) - 1)
    return {
        "recognised": float((nearest == own).mean()),
        **neighbour_measures(watch.cuts, made, k),
        "ssim": float(kept.mean()),
        "spread_within": float(within),
        "spread_between": float(spread),
    }


def verdict(
    found: Mapping[str, float],
    before: Sequence[Mapping[str, float]],
    told: float | None,
    renders: int,
) -> str:
    """What is wrong with the health `found` on `renders`, in words; empty where nothing is.

    `before` is the health found earlier while all was well. `told` is the discriminator's mean loss
    since then (None: there is no discriminator).
    """
    if not all(np.isfinite(value) for value in found.values()):
        return "collapse: renders are not finite"
    if found["spread_within"] < _LEAST_SPREAD:
        return f"collapse: constant output (spread between photos {found['spread_within']:.2f})"
    if found["spread_between"] < _LEAST_SPREAD:
        return f"collapse: look code ignored (spread between looks {found['spread_between']:.2f})"
    for name in ("recognised", "coverage"):
        best = max((one[name] for one in before), default=0.0)
        halved = best >= _SURE and found[name] < _LEAST_KEPT * best
        if halved and is_low(found[name], best, renders):
            return f"{name} fell from {best:.2f} to {found[name]:.2f}"
    if told is not None and told < _SATURATED:
        return f"discriminator saturated (mean loss {told:.3f})"
    return ""


def is_low(recognised: float, best: float, renders: int) -> bool:
    """Whether a share of `renders` is more than three standard errors below the `best` so far."""
    error = np.sqrt(best * (1.0 - best) / renders)
    # A share of 1 has no spread of its own: one render less is no fall.
    return recognised < best - _ERRORS * max(float(error), 1.0 / renders)


def is_better(found: Mapping[str, float], best: Mapping[str, float], least_ssim: float) -> bool:
    """Whether health `found` makes a better result than `best`: more recognised, then SSIM.

    What is not finite, or keeps less of the photo than `least_ssim` by more than .01, is never
    better.
    """
    if not np.isfinite([found["recognised"], found["ssim"]]).all():
        return False
    if found["ssim"] < least_ssim - _SSIM_LOST:
        return False
    mine, theirs = ((one["recognised"], one["ssim"]) for one in (found, best))
    return mine > theirs


def gram_vectors(
    encoder: FeatureEncoder, pictures: Sequence[NDArray[np.uint8]]
) -> NDArray[np.float32]:
    """Gram matrices of pictures of any size, each of unit length, flat and joined: (n, d)."""
    rows = [np.concatenate([g.numpy().ravel() for g in encoder.grams(one)]) for one in pictures]
    return np.stack(rows).astype(np.float32)


def as_levels(picture: Tensor) -> NDArray[np.uint8]:
    """(3, h, w) in 0..1 -> (h, w, 3) uint8."""
    levels = (255 * picture.clamp(0, 1)).round().to(torch.uint8)
    return np.ascontiguousarray(levels.permute(1, 2, 0).numpy())


def style_directions(
    pictures: Sequence[NDArray[np.uint8]], centre: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Style codes (n, 100) of pictures, centred and of unit length."""
    codes = style_encoder().encode(pictures) - centre
    return np.asarray(codes / np.linalg.norm(codes, axis=1, keepdims=True).clip(min=1e-12))


@cache
def _feature_encoder() -> FeatureEncoder:
    return FeatureEncoder()


def paint(generator: nn.Module, photo: Tensor, code: Tensor) -> Tensor:
    """`photo` (3, h, w), with grain, in the look of `code` (100,) -> (1, 3, h, w)."""
    # An engine has no parameters of torch's.
    device = next((one.device for one in generator.parameters()), photo.device)
    canvas = photo + torch.from_numpy(grain(*photo.shape[1:]))
    painted: Tensor = generator(canvas[None].to(device), code[None].to(device))
    return painted.cpu()


def cut(look: NDArray[np.uint8], rng: np.random.Generator, side_px: int) -> NDArray[np.uint8]:
    """A square of at least .6 of the side of a look's centred square, from anywhere in it."""
    square = crop_square(look)
    extent = max(round(len(square) * float(rng.uniform(0.6, 1.0))), 1)
    top, left = rng.integers(0, len(square) - extent + 1, 2)
    cut = np.ascontiguousarray(square[top : top + extent, left : left + extent])
    return resize(cut, side_px, side_px)


def _squared(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float32]:
    """Squared distances (n, m) of unit-scaled rows: smallest where the dot product is largest."""
    return np.asarray(
        (first**2).sum(axis=1)[:, None] + (second**2).sum(axis=1)[None] - 2 * first @ second.T
    )
