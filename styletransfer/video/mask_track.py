"""The product's mask through a shot: estimated at keyframes, carried along the motion between.

From each keyframe the mask is carried ahead to the next one and back from there, and the two are
mixed by how near each is in time, so that nothing jumps where a mask is estimated anew. Where the
two do not agree, a keyframe is added half way; where the mask would jump from one frame to the
next, the one before holds on, with less trust each time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from features.config import LOW_CONFIDENCE
from features.matting import Mask, product_mask
from styletransfer.video.motion import Motion, find_motion, follow, is_cut
from styletransfer.video.reader import Frame

EVERY: Final = 12
"""Frames between keyframes, at most: what is held in memory."""
_AGREE: Final = 0.95
# What is left of the trust in a mask each time that a later estimate is passed over for it: three
# times in a row, 1.5 s of 24 frames, are too many.
_PASSED_OVER: Final = 0.97
# Carried edges get softer at every step; the mask's own edges are about this steep.
_STEEPER: Final = 1.4

Plane = NDArray[np.float32]
Estimate = Callable[[NDArray[np.uint8], NDArray[np.uint8] | None], Mask]


@dataclass(frozen=True, eq=False)
class Tracked:
    """A frame and its product: `mask` of the frame's size, `motion` from the frame before.

    `motion` is None for the first frame of a shot.
    """

    frame: Frame
    mask: Mask
    motion: Motion | None


def track_masks(
    frames: Iterable[Frame], estimate: Estimate = product_mask, spin: bool = False
) -> Iterator[Tracked]:
    """Every frame with its mask, in order; holds at most `EVERY` + 1 frames at a time.

    Frames of a `spin` are too far apart to carry masks between them: each has its own estimate, and
    no cuts are looked for.

    `estimate` takes a picture and its transparency, as `product_mask` does. A mask that is carried
    is trusted as far as the lesser of the two keyframes it lies between; an estimate that is not to
    be relied on, or makes the mask jump, is passed over for the mask before.
    """
    segment: list[Frame] = []
    motions: list[Motion | None] = []
    begun: Mask | None = None
    for frame in frames:
        motion = find_motion(segment[-1].picture, frame.picture) if segment else None
        if motion is not None and not spin and is_cut(segment[-1].picture, frame.picture, motion):
            yield from _masks(segment, motions, begun, estimate)
            segment, motions, begun, motion = [], [], None, None
        if spin:
            yield Tracked(frame, estimate(frame.picture, frame.alpha), motion)
            segment = [frame]
            continue
        segment.append(frame)
        motions.append(motion)
        if len(segment) > EVERY:
            tracked = list(_masks(segment, motions, begun, estimate))
            begun = tracked[-1].mask
            segment, motions = segment[-1:], motions[-1:]
            tracked.pop()
            yield from _drained(tracked)
    if motions:
        yield from _masks(segment, motions, begun, estimate)


def _drained(tracked: list[Tracked]) -> Iterator[Tracked]:
    """The list's members in order, none of which is kept."""
    tracked.reverse()
    while tracked:
        yield tracked.pop()


def _masks(
    frames: list[Frame], motions: list[Motion | None], begun: Mask | None, estimate: Estimate
) -> Iterator[Tracked]:
    """The masks of one segment; `begun` is that of its first frame, where it is known."""
    last = len(frames) - 1
    known = {0: begun if begun is not None else estimate(frames[0].picture, frames[0].alpha)}
    for place in range(last + 1):
        if frames[place].alpha is not None:
            # The clip brings its own masks.
            known[place] = estimate(frames[place].picture, frames[place].alpha)
    if last not in known:
        known[last] = estimate(frames[last].picture, None)
    masks: dict[int, Mask] = {0: known[0]}
    waiting = [*zip(sorted(known), sorted(known)[1:], strict=False)][::-1]
    while waiting:
        low, high = waiting.pop()
        first, second = known[low], known[high]
        if _relied(second) and not _relied(first):
            for step, alpha in enumerate(_carry(second.alpha, motions, high, low, False)):
                masks[high - step] = replace(second, alpha=alpha)
            continue
        ahead = _carry(first.alpha, motions, low, high, True)
        back = _carry(second.alpha, motions, high, low, False)[::-1]
        brought = frames[low].alpha is not None and frames[high].alpha is not None
        differ = _overlap(ahead[-1], back[-1]) < _AGREE and not brought
        if differ and high - low > 1 and _relied(second):
            middle = (low + high) // 2
            known[middle] = estimate(frames[middle].picture, None)
            waiting += [(middle, high), (low, middle)]
        elif _relied(first) and (differ or not _relied(second)):
            # No product changes so much from one frame to the next: what was known holds on.
            trust = first.confidence * _PASSED_OVER
            for step, alpha in enumerate(_carry(first.alpha, motions, low, last, True)):
                masks[low + step] = replace(first, alpha=alpha, confidence=trust)
            break
        else:
            trust = min(first.confidence, second.confidence)
            for step in range(high - low):
                share = step / (high - low)
                source = first.source if share < 0.5 else second.source
                masks[low + step] = Mask(_mix(ahead[step], back[step], share), trust, source)
            masks[high] = second
    for place, (frame, motion) in enumerate(zip(frames, motions, strict=True)):
        yield Tracked(frame, masks[place], motion)


def _relied(mask: Mask) -> bool:
    return mask.confidence >= LOW_CONFIDENCE and bool((mask.alpha >= 0.5).any())


def _carry(
    alpha: Plane, motions: list[Motion | None], begin: int, end: int, ahead: bool
) -> list[Plane]:
    """The mask of frame `begin` carried to each frame up to `end`, `alpha` itself first."""
    carried = [alpha]
    for place in range(begin + 1, end + 1) if ahead else range(begin, end, -1):
        motion = motions[place]
        assert motion is not None  # a segment lies within one shot
        moved = follow(carried[-1], motion.back if ahead else motion.ahead)
        carried.append(np.clip((moved - 0.5) * np.float32(_STEEPER) + 0.5, 0, 1))
    return carried


def _mix(first: Plane, second: Plane, share: float) -> Plane:
    """`share` of the second mask and the rest of the first, edges as sharp as theirs.

    Where the two differ, outlines move from one to the other: distances to them are mixed, as half
    a product would show the set through it.
    """
    if share in (0.0, 1.0):
        return second if share else first
    mixed = (1 - share) * first + share * second
    apart = np.clip((np.abs(first - second) - 0.2) / 0.3, 0, 1)
    if not apart.any():
        return np.asarray(mixed, dtype=np.float32)
    depth = (1 - share) * _depth(first) + share * _depth(second)
    moved = np.clip(depth + 0.5, 0, 1)
    return np.asarray(mixed + apart * (moved - mixed), dtype=np.float32)


def _depth(mask: Plane) -> Plane:
    """How far inside the mask's outline each pixel lies, px; below 0 outside."""
    inside = (mask >= 0.5).astype(np.uint8)
    if not inside.any() or inside.all():
        return np.asarray(np.where(inside, 1e3, -1e3), dtype=np.float32)
    within, beyond = (
        cv2.distanceTransform(one, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        for one in (inside, 1 - inside)
    )
    return np.asarray(np.where(inside, within - 0.5, 0.5 - beyond), dtype=np.float32)


def _overlap(first: Plane, second: Plane) -> float:
    inside, other = first >= 0.5, second >= 0.5
    either = int((inside | other).sum())
    return float((inside & other).sum()) / either if either else 1.0
