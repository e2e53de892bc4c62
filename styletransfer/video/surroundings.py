"""What is behind the product, from frame to frame: a set that is held, or paint carried along."""

from __future__ import annotations

from typing import Final, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from styletransfer.config import RenderConfig
from styletransfer.faithful.compose import Composer
from styletransfer.faithful.gate import LookAnchor
from styletransfer.faithful.plate import Plate
from styletransfer.look import Look
from styletransfer.painters.generator.painter import Painter
from styletransfer.sets.place import CutSet, SetPlacer, cut_set
from styletransfer.sets.shelf import SetRequest, SetShelf
from styletransfer.sets.variant import choose_variant
from styletransfer.video.motion import STILL, Matrix, Motion, compose, follow

Plane = NDArray[np.float32]

# Share of the light that is new in each frame.
_NEW: Final = np.float32(0.3)
_ALIKE: Final = 12.0


class Surroundings(Protocol):
    """What is behind the product in one shot."""

    def next(
        self, plate: Plate, composer: Composer, motion: Motion | None, camera: Matrix
    ) -> Plane:
        """Surroundings float32 (h, w, 3), mostly in 0..1, of the shot's next frame.

        `plate` is the frame taken apart and `composer` its composer. `motion` is that from the
        frame before, None at first, and `camera` leads pixels to where they were before.
        """


class HeldSet:
    """One set of a look, held where it is while the camera is, and moved as the camera moves."""

    def __init__(self, look: Look, shelf: SetShelf, config: RenderConfig, name: bytes) -> None:
        """`look` has a picture; `name` (of `picture_name`) chooses among the look's sets.

        It is that of the clip's first frame, so that all its shots show one set where their
        layouts are alike.
        """
        self._name = name
        self._look = look
        self._shelf = shelf
        self._config = config
        self._cut: CutSet | None = None
        self._to_set = STILL
        self._light: Plane | None = None

    def next(
        self, plate: Plate, composer: Composer, motion: Motion | None, camera: Matrix
    ) -> Plane:
        """See `Surroundings.next`."""
        placer = SetPlacer(plate.background, plate.alpha, self._config.place)
        if self._cut is None:
            self._cut = self._choose(plate, placer)
        self._to_set = compose(camera, self._to_set)
        light = placer.light
        if self._light is not None:
            # Light is read off every frame with that frame's noise.
            light = _NEW * light + (1 - _NEW) * _moved(self._light, camera)[..., None]
        self._light = light
        moved = self._cut
        if not np.array_equal(self._to_set, STILL):
            shades, detail = (_moved(part, self._to_set) for part in self._cut[:2])
            moved = CutSet(shades, detail, self._cut.bound)
        colours = placer.lay(moved, light)
        return _mixed_in(colours, plate, self._look.strength)

    def _choose(self, plate: Plate, placer: SetPlacer) -> CutSet:
        config, look = self._config, self._look
        assert look.picture is not None
        one = choose_variant(self._name, look.code, config.set_variants)
        request = SetRequest(
            look.picture, placer.layout, config.set_side_px, one.seed, look.verbatim
        )
        (made,) = self._shelf.fetch([request])
        height, width = plate.alpha.shape
        return cut_set(made.picture, height, width, one.shift, one.mirrored, config.place)


class CarriedPaint:
    """The shot's own surroundings, repainted: paint is carried from frame to frame as they move.

    Mixing in new paint would average strokes that never lie alike, and soften them."""

    def __init__(self, look: Look, anchor: LookAnchor, painter: Painter) -> None:
        self._look = look
        self._anchor = anchor
        self._painter = painter
        self._own_code: NDArray[np.float32] | None = None
        self._before: tuple[Plane, Plane] | None = None

    def next(
        self, plate: Plate, composer: Composer, motion: Motion | None, camera: Matrix
    ) -> Plane:
        """See `Surroundings.next`; where a pixel was not seen before, its paint is new."""
        ((paint, _),) = self._painter.paint(plate.background, [self._look], self._own_code)
        now = composer.finish_paint(paint, self._anchor.palette)
        ground = cv2.blur(plate.background, (3, 3)).astype(np.float32)
        if self._before is not None and motion is not None:
            paint_before, ground_before = self._before
            # Most of a ground moves as the camera does, behind the product and where it is too
            # plain for a flow too; the rest, nearer or farther things, as the flow says.
            rigid = _flow(camera, *plate.alpha.shape)
            as_camera = _is_alike(follow(ground_before, rigid), ground)
            flow = np.where(as_camera[..., None], rigid, motion.back)
            known = (as_camera | motion.valid) & _leads_inside(flow)
            kept = np.clip(follow(paint_before, flow, sharp=True), 0.0, 1.0)
            now = np.where(known[..., None], kept, now)
        self._before = now, ground
        return now


def _moved(plane: Plane, matrix: Matrix) -> Plane:
    """A plane seen from where the camera is; beyond its borders it is mirrored."""
    moved = cv2.warpAffine(
        plane,
        matrix,
        plane.shape[1::-1],
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    return np.asarray(moved, dtype=np.float32)


def _flow(matrix: Matrix, height: int, width: int) -> Plane:
    y, x = np.mgrid[:height, :width].astype(np.float32)
    points = np.stack([x, y, np.ones_like(x)], axis=-1)
    return np.asarray(points @ matrix.T.astype(np.float32) - points[..., :2], dtype=np.float32)


def _is_alike(first: Plane, second: Plane) -> NDArray[np.bool_]:
    """Where two grounds (h, w, 3), levels of 0..255, show the same colour but for noise."""
    return np.asarray(np.abs(first - second).max(axis=2) < _ALIKE)


def _leads_inside(flow: Plane) -> NDArray[np.bool_]:
    height, width = flow.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32) + flow.transpose(2, 0, 1)[::-1]
    return np.asarray((x >= 0) & (y >= 0) & (x <= width - 1) & (y <= height - 1))


def _mixed_in(colours: Plane, plate: Plate, strength: float) -> Plane:
    """A set at `strength`: the rest is the frame's own ground."""
    if strength >= 1.0:
        return colours
    ground = plate.background.astype(np.float32) * np.float32(1 / 255)
    mixed = cv2.addWeighted(ground, 1.0 - strength, colours, strength, 0.0)
    return np.asarray(mixed, dtype=np.float32)
