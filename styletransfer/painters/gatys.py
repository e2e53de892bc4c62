"""Optimisation-based style transfer: the picture itself is what is optimised. Slow, the reference.

Gatys, Ecker and Bethge 2016, "Image style transfer using convolutional neural networks", coarse to
fine as in Gatys et al. 2017, "Controlling perceptual factors in neural style transfer". In place of
Gram matrices the style may be the distribution of patches, see `sliced_wasserstein`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from features.images import require_picture, resize
from features.networks.vgg import Vgg16, load_pretrained
from features.schema import InputError
from styletransfer.config import GatysConfig
from styletransfer.losses import (
    gram_loss,
    gram_matrix,
    mean_squared_error,
    total_variation,
)
from styletransfer.losses.sliced_wasserstein import LEVELS, PATCH_PX, patch_sliced_wasserstein
from styletransfer.painters.transport import recolour

STYLE_LAYERS: Final = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")
CONTENT_LAYER: Final = "conv4_2"
MIN_SIDE_PX: Final = PATCH_PX * 2 ** (LEVELS - 1)
# A flat look has no power to divide by; far below what any painting has.
_LEAST_POWER: Final = 1e-4
# Of Adam's first step at each scale, in 0..1; falls to zero along the scale.
_ADAM_RATE: Final = 0.03

Loss = Callable[[Tensor, torch.Generator], Tensor]


DEFAULT_GATYS: Final = GatysConfig()


def paint_gatys(
    picture: NDArray[np.uint8],
    look_picture: NDArray[np.uint8],
    config: GatysConfig = DEFAULT_GATYS,
    seed: int = 0,
) -> NDArray[np.uint8]:
    """Paint a picture in a look by descending a content and a style loss, coarse to fine.

    The descent starts from the picture in the look's colours (sliced transport), so that it has
    brushwork to find and no palette; this is also whose content is kept.

    Args:
        picture: uint8 (h, w, 3) sRGB, each side at least 56 px.
        look_picture: uint8 (h', w', 3) sRGB of any size: it is scaled with the picture, so that
            the brush is as wide as in the look, whatever the pixels.
        config: losses and optimiser. Scales with a side below 56 px are left out.
        seed: of the projections. The same input and seed give the same pixels.

    Returns:
        uint8 (h, w, 3).

    Raises:
        ContractError: no such pictures.
        InputError: a picture that is too small.
        WeightsError: VGG16's weights are not installed.
    """
    require_picture(picture)
    require_picture(look_picture)
    height, width = picture.shape[:2]
    if min(height, width) < MIN_SIDE_PX:
        raise InputError(
            f"a picture to paint by optimisation needs {MIN_SIDE_PX} px a side, got "
            f"{width}x{height}: enlarge it, or paint by transport"
        )
    network = reference_network()
    rng = torch.Generator().manual_seed(seed)
    start = recolour(picture, look_picture, seed)
    scales = _scales(height, width, config.steps)
    canvas = _planes(resize(start, *scales[0][0]))
    for size, steps in scales:
        content = _planes(resize(start, *size))
        # What the coarser scale could not hold comes back from the picture.
        coarse = _planes(resize(start, canvas.shape[2], canvas.shape[3]))
        change = F.interpolate(canvas - coarse, size, mode="bicubic")
        look = _planes(_look_at(look_picture, max(size)))
        loss = _loss(network, content, look, config)
        begun = (content + change).clamp(0.0, 1.0)
        canvas = _descend(begun, _colour_axes(look), loss, steps, config, rng)
    return np.asarray((canvas[0].permute(1, 2, 0) * 255.0).round().to(torch.uint8).numpy())


def _scales(height: int, width: int, steps: tuple[int, ...]) -> list[tuple[tuple[int, int], int]]:
    """((height, width), steps) of each scale that is large enough, coarse to fine."""
    halvings = range(len(steps) - 1, -1, -1)
    sizes = [(round(height / 2**times), round(width / 2**times)) for times in halvings]
    pairs = zip(sizes, steps, strict=True)
    return [(size, count) for size, count in pairs if min(size) >= MIN_SIDE_PX]


def _loss(network: Vgg16, content: Tensor, look: Tensor, config: GatysConfig) -> Loss:
    """The weighted sum to descend, of a canvas like `content` (1, 3, h, w) -> scalar."""
    goal = network(content, [CONTENT_LAYER])[CONTENT_LAYER]
    goal_power = _power(goal)
    by_gram = config.style == "gram"
    if by_gram:
        look_maps = network(look, STYLE_LAYERS)
        powers = {name: _power(gram_matrix(maps)) for name, maps in look_maps.items()}
    else:
        flat = look.mean(dim=(2, 3), keepdim=True).expand_as(look)
        fixed = torch.Generator().manual_seed(0)
        spread = patch_sliced_wasserstein(flat, look, fixed, 4 * config.projections)
        spread = spread.clamp(min=_LEAST_POWER)

    def loss(canvas: Tensor, rng: torch.Generator) -> Tensor:
        maps = network(canvas, [CONTENT_LAYER, *(STYLE_LAYERS if by_gram else ())])
        content_term = mean_squared_error(maps[CONTENT_LAYER], goal) / goal_power
        if by_gram:
            layers = [
                gram_loss(maps[name], look_maps[name]) / power for name, power in powers.items()
            ]
            style_term = torch.stack(layers).mean(dim=0)
        else:
            style_term = patch_sliced_wasserstein(canvas, look, rng, config.projections) / spread
        total = (
            config.content_weight * content_term
            + config.style_weight * style_term
            + config.variation_weight * total_variation(canvas)
        )
        return total.sum()

    return loss


def _descend(
    start: Tensor, axes: Tensor, loss: Loss, steps: int, config: GatysConfig, rng: torch.Generator
) -> Tensor:
    """The canvas (1, 3, h, w) after `steps` evaluations of the loss, moved along colour `axes`."""
    moves = torch.zeros_like(start, requires_grad=True)
    by_lbfgs = config.optimiser == "lbfgs"
    drawn = rng.get_state()

    def canvas() -> Tensor:
        return start + torch.einsum("ij,bjhw->bihw", axes, moves)

    def evaluate() -> float:
        # A line search needs a loss that stays the same; Adam sees fresh projections.
        if by_lbfgs:
            rng.set_state(drawn)
        value = loss(canvas(), rng)
        (moves.grad,) = torch.autograd.grad(value, moves)
        return float(value.detach())

    if by_lbfgs:
        lbfgs = torch.optim.LBFGS(
            [moves],
            max_iter=steps,
            max_eval=steps,
            history_size=10,
            tolerance_grad=0.0,
            tolerance_change=0.0,
            line_search_fn="strong_wolfe",
        )
        lbfgs.step(evaluate)  # type: ignore[no-untyped-call]
    else:
        adam = torch.optim.Adam([moves], lr=_ADAM_RATE)
        for step in range(steps):
            adam.param_groups[0]["lr"] = _ADAM_RATE * (1.0 - step / steps)
            adam.step(evaluate)
    return canvas().detach().clamp(0.0, 1.0)


def _colour_axes(look: Tensor) -> Tensor:
    """Root of the covariance of a look's colours, (3, 3), 1 along the axis of most variance.

    Colours that move along these change hue no more readily than the look does: free to move along
    red, green and blue, every loss here is soonest lowered by a rainbow of noise.
    """
    covariance = torch.cov(look[0].flatten(1)) + _LEAST_POWER * torch.eye(3)
    values, vectors = torch.linalg.eigh(covariance)
    axes: Tensor = (vectors * (values / values.max()).sqrt()) @ vectors.T
    return axes


@lru_cache(maxsize=1)
def reference_network() -> Vgg16:
    """The network whose features are compared, opened once: WeightsError as in `networks.vgg`."""
    return load_pretrained()


def _power(values: Tensor) -> Tensor:
    return values.square().mean().clamp(min=_LEAST_POWER)


def _look_at(look_picture: NDArray[np.uint8], longest_px: int) -> NDArray[np.uint8]:
    """The look at the size asked for, or as much larger as its shorter side needs to be."""
    sides = look_picture.shape[:2]
    ratio = max(longest_px / max(sides), MIN_SIDE_PX / min(sides))
    return resize(look_picture, *(max(MIN_SIDE_PX, round(side * ratio)) for side in sides))


def _planes(picture: NDArray[np.uint8]) -> Tensor:
    """uint8 (h, w, 3) -> float32 (1, 3, h, w) in 0..1."""
    return torch.from_numpy(picture.transpose(2, 0, 1)[None] / np.float32(255.0))
