"""Renderer: one picture in many looks, each as strong as the product allows."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from features.images import img_tag, require_picture
from features.matting import Mask, product_mask
from features.schema import InputError
from styletransfer.config import LEAST_SHORT_SIDE_PX, MAX_SIDE_PX, MIN_SIDE_PX, RenderConfig
from styletransfer.faithful.compose import Mode
from styletransfer.faithful.gate import (
    ItemGate,
    PlacedSet,
    Publish,
    ReadAlike,
    Recognise,
    look_anchor,
)
from styletransfer.faithful.plate import Plate
from styletransfer.fidelity import FidelityReport
from styletransfer.look import Look
from styletransfer.painters.generator.painter import GeneratorPainter, Painter
from styletransfer.painters.generator.runtime import Backend
from styletransfer.painters.generator.variants import open_backend
from styletransfer.painters.reference_painters import GatysPainter, TransportPainter
from styletransfer.sets.place import SetPlacer
from styletransfer.sets.shelf import SetRequest, SetShelf
from styletransfer.sets.synthesis import LEAST_LOOK_PX
from styletransfer.sets.variant import choose_variant, picture_name


@dataclass(frozen=True, eq=False)
class Rendered:
    """A picture in a look: uint8 (h, w, 3) sRGB, and what was asked for, served and measured.

    `strength` is the one served, 0 for the original. `report` is None where nothing was restyled,
    `reason` says in words why less was served than asked for, or that little of the look arrived.
    `encoded` is the picture's file where `render` was told how to publish it.
    """

    style_id: str
    picture: NDArray[np.uint8]
    requested_mode: Mode
    served_mode: Mode
    strength: float
    seconds: float
    mask_confidence: float | None = None
    report: FidelityReport | None = None
    reason: str = ""
    encoded: bytes | None = None

    def _repr_html_(self) -> str:
        """The picture, and what was served."""
        words = [self.style_id, f"{self.served_mode} at {self.strength:.2g}", self.reason]
        said = "; ".join(escape(word) for word in words if word)
        shown = img_tag(self.picture, self.style_id)
        return f"<figure>{shown}<figcaption>{said}</figcaption></figure>"


class Renderer:
    """Paints one picture in many looks and serves of each what keeps the product true."""

    def __init__(
        self,
        config: RenderConfig | None = None,
        backend: Backend | None = None,
        sets: SetShelf | None = None,
    ) -> None:
        """Open what `config` paints with: ConfigError, InputError, WeightsError.

        `backend` is used by the generator in place of the one that `config` names. Sets are taken
        from and put into `sets`; without it they are made anew and kept in memory.
        """
        self._config = config or RenderConfig()
        self._sets = sets or SetShelf(config=self._config.sets)
        self._painter = open_painter(self._config, backend)

    @property
    def model_version(self) -> str:
        """Name of what paints: a short hash of its weights, or of its method's version."""
        return self._painter.version

    def render(
        self,
        picture: NDArray[np.uint8],
        looks: Sequence[Look],
        own_code: NDArray[np.float32] | None = None,
        mask: Mask | None = None,
        recognise: Recognise | None = None,
        publish: Sequence[Publish] | None = None,
        read_alike: ReadAlike | None = None,
        original: NDArray[np.uint8] | None = None,
    ) -> list[Rendered]:
        """Paint `picture` in each of `looks`, at the picture's own size.

        Args:
            picture: uint8 (h, w, 3) sRGB, h and w each 16..1536 px.
            looks: any number of looks; strength s paints at own + s (look - own) in style space.
            own_code: the picture's own style code, float32 (100,); encoded here when it is needed
                and not given.
            mask: where the product is, of the picture's size; estimated when not given, but for
                the artistic mode, which paints everywhere and is measured everywhere.
            recognise: rank of the item in its catalogue for a render; not measured when not given.
            publish: one per look, makes the render's file, watermark and loss included; what can
                be decoded of it is judged, and the file is kept.
            read_alike: share of the words on the product read alike in a render; likewise.
            original: the photo as it came, of the same size, where `picture` is a repaired one:
                renders are judged against it, and it is what is served where none is.

        Returns:
            One `Rendered` per look, in order. A null look gets the original itself, and nothing
            runs for it.

        Raises:
            ContractError: `picture` is no such array, or the mask's size differs.
            InputError: its size is out of range.
        """
        require_picture(picture)
        publishers = [None] * len(looks) if publish is None else publish
        pairs = zip(looks, publishers, strict=True)
        styled = [(look, publisher) for look, publisher in pairs if not look.is_null]
        plain = picture if original is None else original
        judges = (recognise, read_alike)
        served = iter(
            self._serve(picture, plain, styled, own_code, mask, *judges) if styled else ()
        )
        mode = self._config.mode
        return [
            Rendered(look.style_id, plain, mode, "original", 0.0, 0.0)
            if look.is_null
            else next(served)
            for look in looks
        ]

    def _serve(
        self,
        picture: NDArray[np.uint8],
        original: NDArray[np.uint8],
        styled: Sequence[tuple[Look, Publish | None]],
        own_code: NDArray[np.float32] | None,
        mask: Mask | None,
        recognise: Recognise | None,
        read_alike: ReadAlike | None,
    ) -> list[Rendered]:
        _check_sides(*picture.shape[:2])
        config = self._config
        if mask is None and config.mode != "artistic":
            mask = product_mask(picture)
        nowhere = Mask(np.zeros(picture.shape[:2], dtype=np.float32), 0.0, "estimated")
        gate = ItemGate(
            picture,
            mask or nowhere,
            config.budget,
            recognise=recognise,
            read_alike=read_alike,
            original=original,
        )
        made = self._surroundings(picture, gate, [look for look, _ in styled], own_code)
        renders = []
        for (look, publish), one in zip(styled, made, strict=True):
            judged_by = look.picture if look.picture is not None else one.paint
            anchor = look.anchor
            if anchor is None:
                assert judged_by is not None  # blends are always painted
                anchor = look_anchor(judged_by)
            shown = gate.serve(config.mode, one.paint, anchor, publish, one.placed)
            renders.append(
                Rendered(
                    look.style_id,
                    shown.picture,
                    config.mode,
                    shown.mode,
                    look.strength * shown.amount,
                    one.seconds,
                    None if mask is None else mask.confidence,
                    shown.report,
                    "; ".join(shown.reasons),
                    shown.encoded,
                )
            )
        return renders

    def _surroundings(
        self,
        picture: NDArray[np.uint8],
        gate: ItemGate,
        looks: Sequence[Look],
        own_code: NDArray[np.float32] | None,
    ) -> Iterator[_Surroundings]:
        """What each of `looks` is shown with, in order: a placed set, paint, or neither."""
        config = self._config
        serves = config.mode == "faithful" and not gate.refusal
        sets = [serves and self._has_set(look) for look in looks]
        canvas = None
        if serves:
            canvas = gate.plate.background
        elif config.mode == "artistic":
            canvas = picture
        # A blend is judged against its own paint, whatever is served of it.
        painted_looks = [
            look
            for look, has_set in zip(looks, sets, strict=True)
            if not has_set and (canvas is not None or _is_blend(look))
        ]
        painted: Iterator[tuple[NDArray[np.uint8], float]] = iter(())
        if painted_looks:
            ground = picture if canvas is None else canvas
            canvas_of_size, own_part = _padded(ground)
            paints = self._painter.paint(canvas_of_size, painted_looks, own_code)
            painted = ((paint[own_part], seconds) for paint, seconds in paints)
        placed: Iterator[_Surroundings] = iter(())
        if any(sets):
            with_sets = [look for look, has_set in zip(looks, sets, strict=True) if has_set]
            placed = self._place(picture, with_sets, gate.plate)
        for look, has_set in zip(looks, sets, strict=True):
            if has_set:
                yield next(placed)
            elif canvas is not None or _is_blend(look):
                yield _Surroundings(*next(painted))
            else:
                yield _Surroundings(None, 0.0)

    def _has_set(self, look: Look) -> bool:
        config = self._config
        wanted = config.surroundings == "set" and config.method == "generator"
        # A picture of a few pixels holds no motif: its code is painted instead.
        known = look.picture is not None and min(look.picture.shape[:2]) >= LEAST_LOOK_PX
        return wanted and known

    def _place(
        self, picture: NDArray[np.uint8], looks: Sequence[Look], plate: Plate
    ) -> Iterator[_Surroundings]:
        """The sets of `looks` behind the product, in order."""
        config = self._config
        began = time.perf_counter()
        placer = SetPlacer(plate.background, plate.alpha, config.place)
        name = picture_name(picture)
        variants = [choose_variant(name, look.code, config.set_variants) for look in looks]
        requests = [
            SetRequest(look.picture, placer.layout, config.set_side_px, one.seed, look.verbatim)
            for look, one in zip(looks, variants, strict=True)
            if look.picture is not None
        ]
        sets = self._sets.fetch(requests)
        shared = (time.perf_counter() - began) / len(looks)
        for look, variant, made in zip(looks, variants, sets, strict=True):
            began = time.perf_counter()
            colours = placer.place(made.picture, variant.shift, variant.mirrored)
            if look.strength < 1.0:
                ground = plate.background.astype(np.float32) * np.float32(1 / 255)
                mixed = cv2.addWeighted(ground, 1.0 - look.strength, colours, look.strength, 0.0)
                colours = np.asarray(mixed, dtype=np.float32)
            seconds = shared + time.perf_counter() - began
            yield _Surroundings(None, seconds, PlacedSet(colours, look.strength))


def _check_sides(height: int, width: int) -> None:
    if min(height, width) < LEAST_SHORT_SIDE_PX or max(height, width) > MAX_SIDE_PX:
        raise InputError(
            f"picture has a size that is not painted: got {width}x{height} px, expected "
            f"{LEAST_SHORT_SIDE_PX} to {MAX_SIDE_PX} px on each side: render it at another size, "
            "or crop it"
        )


def _padded(canvas: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], tuple[slice, slice]]:
    """A canvas mirrored at its borders to what the painters need, and its own part of that."""
    missing = [max(MIN_SIDE_PX - side, 0) for side in canvas.shape[:2]]
    before = [some // 2 for some in missing]
    margins = [(first, some - first) for first, some in zip(before, missing, strict=True)]
    rows, columns = (
        slice(first, first + side) for first, side in zip(before, canvas.shape[:2], strict=True)
    )
    return np.pad(canvas, [*margins, (0, 0)], mode="symmetric"), (rows, columns)


def _is_blend(look: Look) -> bool:
    """Whether a look is a point of style space alone, known by what is painted with it."""
    return look.anchor is None and look.picture is None


class _Surroundings(NamedTuple):
    """Paint uint8 (h, w, 3) or a placed set of one look, and the seconds it took."""

    paint: NDArray[np.uint8] | None
    seconds: float
    placed: PlacedSet | None = None


def open_painter(config: RenderConfig, backend: Backend | None = None) -> Painter:
    """What paints as `config` says; raises ConfigError, InputError, WeightsError as `Renderer`."""
    if config.method == "gatys":
        return GatysPainter(config.gatys)
    if config.method == "transport":
        return TransportPainter(config.transport)
    if backend is None:
        backend = open_backend(config)
    return GeneratorPainter(backend, config.pixels_per_pass, config.threads)


def render_key(
    picture_hash: str,
    mask_hash: str | None,
    code: NDArray[np.float32],
    look_hash: str | None,
    strength: float,
    size_px: int,
    model_version: str,
) -> str:
    """Name of a render by all that decides its pixels: 32 hex digits (BLAKE2b).

    `picture_hash` and `mask_hash` (None: no mask) identify the inputs' contents, `code` is the
    look's raw style code (100,), `look_hash` (None: no picture) identifies the contents of its
    picture and how it may be used, `model_version` that of the painter and of its settings.
    """
    digits = np.asarray(code, dtype="<f4").tobytes().hex()
    parts = [
        picture_hash, mask_hash, digits, look_hash, float(strength), int(size_px), model_version
    ]  # fmt: skip
    return hashlib.blake2b(json.dumps(parts).encode(), digest_size=16).hexdigest()
