"""A clip in a look: frame by frame, judged as it is served, and served whole or not at all."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from features.matting import Mask, product_mask
from features.schema import ORIGINAL, InputError
from styletransfer.config import FidelityBudget, RenderConfig
from styletransfer.faithful.compose import Composer
from styletransfer.faithful.gate import (
    LookAnchor,
    failures,
    find_refusal,
    look_anchor,
    missing_look,
)
from styletransfer.faithful.plate import take_apart
from styletransfer.fidelity import FidelityMeter, LookColours
from styletransfer.look import Look
from styletransfer.painters.generator.painter import Painter
from styletransfer.sets.shelf import SetShelf
from styletransfer.sets.synthesis import LEAST_LOOK_PX
from styletransfer.sets.variant import picture_name
from styletransfer.video.mask_track import track_masks
from styletransfer.video.motion import STILL, camera_motion
from styletransfer.video.reader import Frame
from styletransfer.video.surroundings import CarriedPaint, HeldSet, Surroundings

CLIP_REVISION: Final = 3
"""Goes up when the same clip may be shown otherwise than before."""
# Share of the frames that may be out of the budget.
_FEW: Final = 0.01


class Sink(Protocol):
    """Where frames go; see `styletransfer.video.writer.ClipWriter`."""

    def write(self, picture: NDArray[np.uint8], pts: int) -> list[NDArray[np.uint8]]:
        """Add a frame; the frames that viewers see and that were not returned before."""

    def finish(self) -> list[NDArray[np.uint8]]:
        """End; the rest of the frames that viewers see."""


@dataclass(frozen=True)
class ClipReport:
    """What became of a clip.

    `served_mode` is faithful, or original where the clip is not to be shown in the look, and
    `reason` says why in words. Of the `frames` judged, in `shots`: how many were `out_of_budget`,
    the lowest `mask_confidence`, mean and 99th percentile over frames of the product's mean
    CIEDE2000, and the lowest SSIM in it.
    """

    served_mode: str
    reason: str
    frames: int
    shots: int
    out_of_budget: int
    mask_confidence: float
    delta_e: float
    delta_e_p99: float
    ssim: float

    def to_dict(self) -> dict[str, str | float | int]:
        """The figures by name, floats rounded to 4 digits."""
        return {
            name: round(value, 4) if isinstance(value, float) else value
            for name, value in asdict(self).items()
        }


def restyle_clip(
    frames: Iterator[Frame],
    sink: Sink,
    look: Look,
    config: RenderConfig,
    painter: Painter,
    shelf: SetShelf,
    expected: int = 0,
    spin: bool = False,
    on_frame: Callable[[], None] | None = None,
    mark: Callable[[NDArray[np.uint8]], NDArray[np.uint8]] | None = None,
) -> ClipReport:
    """Write `frames` to `sink` with the product as it is and its surroundings in `look`.

    Each shot (a `spin` is one) has one set of the look, or where `config.surroundings`
    or the look asks for it paint of its own surroundings by `painter`. Every frame is judged as a
    viewer sees it; where more than 1 % of them are out of the budget, the report says original, and
    nothing more is written as soon as that is sure of the `expected` frames (0: of those so far).
    `mark` writes a watermark into each frame before it is encoded and judged.
    Memory does not grow with a clip. Raises InputError where there is no frame, and what the frames
    raise.
    """
    anchor = look.anchor
    if anchor is None:
        if look.picture is None:
            raise InputError(f"look {look.style_id!r} has no picture: a clip's look needs one")
        anchor = look_anchor(look.picture)
    gate = ClipGate(config.budget, anchor, look.strength, _has_set(look, config), expected)
    around: Surroundings | None = None
    name = b""
    for tracked in track_masks(frames, _estimate, spin):
        picture, mask = tracked.frame.picture, tracked.mask
        plate = take_apart(picture, mask.alpha)
        composer = Composer(plate)
        camera = STILL
        if tracked.motion is not None:
            camera = camera_motion(picture, tracked.motion, mask.alpha)
        if around is None or tracked.motion is None:
            gate.shots += 1
            name = name or picture_name(picture)
            around = (
                HeldSet(look, shelf, config, name)
                if _has_set(look, config)
                else CarriedPaint(look, anchor, painter)
            )
        surroundings = around.next(plate, composer, tracked.motion, camera)
        # The product's own pixels go over everything else, last and ungraded.
        shown = composer.faithful(surroundings, anchor.palette, grade=0.0)
        if mark is not None:
            shown = mark(shown)
        gate.expect(picture, mask, plate.alpha)
        gate.judge(sink.write(shown, tracked.frame.pts))
        if on_frame is not None:
            on_frame()
        if gate.has_failed:
            return gate.report()
    gate.judge(sink.finish())
    gate.end()
    if not gate.frames:
        raise InputError("the clip has no frames: export it again")
    return gate.report()


class ClipGate:
    """Judges frames as they are served, each beside the frame that it was made from."""

    def __init__(
        self,
        budget: FidelityBudget,
        anchor: LookAnchor,
        strength: float,
        has_set: bool,
        expected: int,
    ) -> None:
        """Judge about `expected` frames, 0 where nobody knows how many."""
        self.shots = 0
        self.frames = 0
        self._budget = budget
        self._colours: LookColours | None = None if has_set else anchor.colours
        self._share = strength if has_set else None
        self._expected = expected
        self._waiting: deque[tuple[NDArray[np.uint8], Mask, NDArray[np.float32]]] = deque()
        self._reasons: list[str] = []
        self._out: int = 0
        self._least = 1.0
        # Histograms in place of figures: memory must not grow with the clip.
        self._delta_e = 0.0
        self._delta_es = np.zeros(1000, dtype=np.int64)
        self._ssim = 1.0

    @property
    def has_failed(self) -> bool:
        """Whether more frames are out of the budget than may be of those to come, or of all."""
        return self._out > int(_FEW * max(self._expected, self.frames))

    def end(self) -> None:
        """No frame is to come: those judged are all."""
        self._expected = self.frames

    def expect(self, picture: NDArray[np.uint8], mask: Mask, alpha: NDArray[np.float32]) -> None:
        """Remember what the next frame written was made from: its picture and its product."""
        self._waiting.append((picture, mask, alpha))

    def judge(self, seen: list[NDArray[np.uint8]]) -> None:
        """Judge the frames that viewers see, in the order they were expected in."""
        for shown in seen:
            picture, mask, alpha = self._waiting.popleft()
            self.frames += 1
            self._least = min(self._least, mask.confidence)
            reason = find_refusal(alpha, mask.confidence, self._budget)
            if not reason:
                report = FidelityMeter(picture, mask.alpha).measure(shown, self._colours)
                self._delta_e += report.delta_e
                self._delta_es[min(int(report.delta_e * 100), 999)] += 1
                self._ssim = min(self._ssim, report.ssim)
                reason = "; ".join(map(str, failures(report, self._budget)))
                reason = reason or missing_look(report, self._share, self._budget)
            if reason:
                self._out += 1
                if len(self._reasons) < 3:
                    self._reasons.append(f"frame {self.frames}: {reason}")

    def report(self) -> ClipReport:
        """What became of the clip so far."""
        measured = int(self._delta_es.sum())
        reached = np.searchsorted(np.cumsum(self._delta_es), 0.99 * measured)
        failed = self.has_failed
        reason = ""
        if failed:
            of = f"{self._out} of {self.frames} frames"
            reason = f"{of} are out of the budget, such as {'; '.join(self._reasons)}"
        return ClipReport(
            served_mode=ORIGINAL if failed else "faithful",
            reason=reason,
            frames=self.frames,
            shots=self.shots,
            out_of_budget=self._out,
            mask_confidence=self._least,
            delta_e=self._delta_e / max(measured, 1),
            delta_e_p99=float(reached + 1) / 100 if measured else 0.0,
            ssim=self._ssim,
        )


def _has_set(look: Look, config: RenderConfig) -> bool:
    if config.surroundings != "set" or config.method != "generator" or look.picture is None:
        return False
    return bool(min(look.picture.shape[:2]) >= LEAST_LOOK_PX)


def _estimate(picture: NDArray[np.uint8], alpha: NDArray[np.uint8] | None) -> Mask:
    return product_mask(picture, alpha)
