"""Fits a look's style code to the generator that paints it, on photos of the shop.

A code read off a picture is what the style predictor makes of it; the code whose paint is told
apart best from every other look's may lie elsewhere. Only the 100 numbers move: the network, its
speed and its other looks stay as they are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from styletransfer.fidelity.look_features import LookRecogniser
from styletransfer.losses import ssim
from styletransfer.training.objective import grey

FIT_REVISION: Final = 2
"""Goes up when the same arguments may give another code than before."""
_STEPS: Final = 40
_BATCH: Final = 2
_RATE: Final = 0.02
_TEMPERATURE: Final = 0.1
_HOLD: Final = 10.0
_JUDGED_PX: Final = 128
"""Cuts are half a photo wide, and looks are seen at 256 px."""
_LOST: Final = 0.005


Paint = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Fit:
    """What a code does on photos: mean over them.

    recognised: share whose paint is nearest to its own look's picture among all looks, by centred
    Gram matrices of EfficientNet-Lite0; doubt: cross-entropy of that choice; ssim: luma, of paint
    and photo.
    """

    recognised: float
    doubt: float
    ssim: float

    def loses_to(self, plain: Fit) -> str:
        """Why this is no better than `plain`, in words; empty where it is."""
        for name, value in asdict(self).items():
            if not math.isfinite(value):
                return f"{name} is not finite"
        if self.ssim < plain.ssim - _LOST:
            return f"SSIM {self.ssim:.3f}, {plain.ssim:.3f} with the plain code"
        if self.recognised < plain.recognised:
            return f"recognised {self.recognised:.2f}, {plain.recognised:.2f} with the plain code"
        if self.doubt >= plain.doubt:
            return f"doubt {self.doubt:.3f}, {plain.doubt:.3f} with the plain code"
        return ""


def fit_code(
    generator: nn.Module,
    code: Tensor,
    own: int,
    looks: LookRecogniser,
    photos: Tensor,
    canvases: Tensor,
    seed: int,
) -> Tensor:
    """The code float32 (100,) that the look in row `own` of `looks` is told best by.

    Started from `code` (100,). `photos` (n, 3, s, s) sRGB in 0..1, n at least 2 and s of the
    renders' size, at least 128, are what SSIM is held to; `canvases`, of the same shape, are what
    the generator paints from: the photos, or these with grain. Both are cut to half their side.
    Minimised is the cross-entropy of telling the look (as InfoNCE, van den Oord et al. 2018) and
    what is lost of the plain code's SSIM.
    """
    fitted = code.clone().requires_grad_(True)
    plain = code[None].expand(_BATCH, -1)
    fit(
        [fitted],
        lambda cut: generator(cut, fitted[None].expand(_BATCH, -1)),
        lambda cut: generator(cut, plain),
        own,
        looks,
        photos,
        canvases,
        seed,
    )
    return fitted.detach()


def fit(
    moved: Sequence[Tensor],
    paint: Paint,
    paint_plain: Paint,
    own: int,
    looks: LookRecogniser,
    photos: Tensor,
    canvases: Tensor,
    seed: int,
) -> None:
    """Change the tensors `moved`, which `paint` depends on, as `fit_code` says."""
    rng = torch.Generator().manual_seed(seed)
    target = torch.full((_BATCH,), own)
    optimiser = torch.optim.Adam(moved, lr=_RATE)
    for step in range(_STEPS):
        optimiser.param_groups[0]["lr"] = _RATE * min(1.0, 2 * (1 - step / _STEPS))
        cut, canvas = _cut(photos, canvases, rng)
        painted = paint(canvas)
        with torch.no_grad():
            kept = ssim(grey(paint_plain(canvas)), grey(cut))
        told = F.cross_entropy(looks.cosines(_judged(painted)) / _TEMPERATURE, target)
        lost = F.relu(kept - ssim(grey(painted), grey(cut))).mean()
        optimiser.zero_grad()
        (told + _HOLD * lost).backward()  # type: ignore[no-untyped-call]
        optimiser.step()


def measure_code(
    generator: nn.Module,
    code: Tensor,
    own: int,
    looks: LookRecogniser,
    photos: Tensor,
    canvases: Tensor,
) -> Fit:
    """What `code` (100,) does on whole pictures; the other arguments are those of `fit_code`."""
    with torch.no_grad():
        cosines, kept = [], []
        for photo, canvas in zip(photos, canvases, strict=True):
            painted = generator(canvas[None], code[None])
            kept.append(ssim(grey(painted), grey(photo[None])))
            cosines.append(looks.cosines(F.adaptive_avg_pool2d(painted, 2 * _JUDGED_PX)))
        found = torch.cat(cosines)
        own_row = torch.full((len(found),), own)
        return Fit(
            float((found.argmax(dim=1) == own).float().mean()),
            float(F.cross_entropy(found / _TEMPERATURE, own_row)),
            float(torch.cat(kept).mean()),
        )


def _cut(photos: Tensor, canvases: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Two photos' and their canvases' cuts of half their side, mirrored or not."""
    side = photos.shape[-1] // 8 * 4
    rows = torch.randperm(len(photos), generator=rng)[:_BATCH]
    top, left = torch.randint(0, photos.shape[-1] - side + 1, (2,), generator=rng).tolist()
    cuts = [one[rows][..., top : top + side, left : left + side] for one in (photos, canvases)]
    if float(torch.rand(1, generator=rng)) < 0.5:
        cuts = [cut.flip(3) for cut in cuts]
    return cuts[0], cuts[1]


def _judged(painted: Tensor) -> Tensor:
    return F.adaptive_avg_pool2d(painted, _JUDGED_PX)
