"""A quick look at a look: its set painted in one pass of the generator, with controls over it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from features.images import resize, resize_longest
from features.matting import Mask
from features.schema import ConfigError
from styletransfer.config import MIN_SIDE_PX, RenderConfig
from styletransfer.look import Look, mix_codes
from styletransfer.painters.generator.painter import GeneratorPainter
from styletransfer.painters.generator.variants import open_backend
from styletransfer.renderer import Rendered, Renderer
from styletransfer.sets.guides import guide, layout_light
from styletransfer.sets.shelf import SetRequest, SetShelf
from styletransfer.sets.store import SetStore
from styletransfer.sets.synthesis import MadeSet

LEAST_MOTIF: Final = 0.6
MOST_MOTIF: Final = 2.0
_PALETTE_PX: Final = 256
_GUIDE_PX: Final = 64
_GAMMA: Final = 2.2
_MOST_PAINTED_PX: Final = 640


@dataclass(frozen=True)
class Controls:
    """How a look is shown: `strength` in 0..1; `texture` from -1 (its palette alone, without
    strokes) over 0 (both) to 1 (its strokes alone, without colours); `motif` in 0.6..2, the size of
    its strokes and motifs, 1 as they come. Raises ConfigError out of range."""

    strength: float = 1.0
    texture: float = 0.0
    motif: float = 1.0

    def __post_init__(self) -> None:
        in_range = 0.0 <= self.strength <= 1.0 and -1.0 <= self.texture <= 1.0
        if not in_range or not LEAST_MOTIF <= self.motif <= MOST_MOTIF:
            raise ConfigError(
                "a preview needs strength in 0..1, texture in -1..1 and motif in "
                f"{LEAST_MOTIF:g}..{MOST_MOTIF:g}, got {self}"
            )

    @property
    def as_it_comes(self) -> bool:
        """Whether the look's set is shown as it is, however strong."""
        return self.texture == 0.0 and self.motif == 1.0


class LookPart(NamedTuple):
    """A look's share in a preview: its picture uint8 (h, w, 3), raw style code (100,), weight."""

    picture: NDArray[np.uint8]
    code: NDArray[np.float32]
    weight: float = 1.0
    verbatim: bool = False


class PreviewRenderer:
    """Shows photos in looks and blends of looks that no set was made of yet.

    A set that `sets` holds is shown as it is; any other is painted over the look's colours in its
    layout's light, in one pass: coarser than a made set, and quicker by an order of magnitude. The
    renderer's gate judges it like any render.
    """

    def __init__(self, config: RenderConfig, sets: SetStore | None = None) -> None:
        """Paint with the generator that `config` names: raises what `Renderer` raises."""
        self._config = replace(config, method="generator", surroundings="set", read_text=False)
        backend = open_backend(self._config)
        painter = GeneratorPainter(backend, config.pixels_per_pass, config.threads)
        self._shelf = _QuickShelf(painter, sets, self._config)
        self._renderer = Renderer(self._config, backend, self._shelf)

    def render(
        self,
        photo: NDArray[np.uint8],
        parts: Sequence[LookPart],
        controls: Controls,
        mask: Mask | None = None,
        code: NDArray[np.float32] | None = None,
    ) -> Rendered:
        """Show `photo` uint8 (h, w, 3) in the blend of `parts`, at least one, as `controls` say.

        `mask` is the product's, estimated where None; `code` float32 (100,) is painted in place of
        the parts' blended codes. Raises ContractError and InputError as `Renderer.render`.
        """
        one = parts[0]
        mixed = code
        if mixed is None:
            mixed = mix_codes(
                np.stack([p.code for p in parts]), np.array([p.weight for p in parts])
            )
        alone = len(parts) == 1 and code is None and controls.as_it_comes
        side = self._config.set_side_px
        picture = resize_longest(one.picture, side) if alone else _joined(parts)
        look = Look("preview", mixed, controls.strength, None, picture, one.verbatim and alone)
        self._shelf.prepare(mixed, controls, keep=alone)
        return self._renderer.render(photo, [look], mask=mask)[0]


class _QuickShelf(SetShelf):
    """Paints the sets of one preview at a time."""

    def __init__(
        self, painter: GeneratorPainter, store: SetStore | None, config: RenderConfig
    ) -> None:
        super().__init__(store, config.sets)
        self._painter = painter
        self._made = store
        self._code: NDArray[np.float32] | None = None
        self._controls = Controls()
        self._may_be_made = False

    def prepare(self, code: NDArray[np.float32], controls: Controls, keep: bool) -> None:
        """Say what comes next: the code to paint; `keep`: a set that was made may be shown."""
        self._code, self._controls, self._may_be_made = code, controls, keep

    def fetch(self, requests: Sequence[SetRequest]) -> list[MadeSet]:
        """Sets that are made, or painted now."""
        return [self._one(request) for request in requests]

    def _one(self, request: SetRequest) -> MadeSet:
        if self._may_be_made and self._made is not None and self._made.path(*request).is_file():
            return self._made.get(*request)
        assert self._code is not None
        side = round(request.side_px / self._controls.motif)
        side = min(max(side, MIN_SIDE_PX), _MOST_PAINTED_PX)
        colours = request.look.astype(np.float32) / np.float32(255.0)
        usable = np.ones(colours.shape[:2], dtype=bool)
        start = guide(colours, usable, request.layout, _GUIDE_PX, request.seed)
        canvas = cv2.resize(start, (side, side), interpolation=cv2.INTER_CUBIC)
        canvas = _to_bytes(canvas)
        look = Look("preview", self._code)
        painted = next(iter(self._painter.paint(canvas, [look], None)))[0]
        painted = resize(painted, request.side_px, request.side_px)
        made = _balanced(painted, self._controls.texture)
        light = layout_light(request.layout, request.side_px)[..., None]
        lit = made.astype(np.float32) / 255.0 * light ** (1 / _GAMMA)
        return MadeSet(_to_bytes(lit), 0.0, "preview")


def _joined(parts: Sequence[LookPart]) -> NDArray[np.uint8]:
    """The parts' pictures side by side, as wide as their weights: the colours of a blend."""
    total = sum(part.weight for part in parts)
    columns = []
    for part in parts:
        width = round(_PALETTE_PX * part.weight / total)
        if width:
            columns.append(resize(part.picture, _PALETTE_PX, width))
    return np.ascontiguousarray(np.concatenate(columns, axis=1))


def _balanced(picture: NDArray[np.uint8], texture: float) -> NDArray[np.uint8]:
    """Take strokes away (`texture` below 0) or colours (above), by Lab: the rest stays."""
    if texture == 0.0:
        return picture
    lab = cv2.cvtColor(picture.astype(np.float32) / np.float32(255.0), cv2.COLOR_RGB2LAB)
    if texture < 0.0:
        smooth = cv2.GaussianBlur(lab, (0, 0), 0.06 * len(picture), borderType=cv2.BORDER_REFLECT)
        lab = lab + np.float32(-texture) * (smooth - lab)
    else:
        lab[..., 1:] *= np.float32(1.0 - texture)
    return _to_bytes(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB))


def _to_bytes(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    scaled: NDArray[np.uint8] = cv2.convertScaleAbs(np.clip(values, 0.0, 1.0), alpha=255.0)
    return scaled
