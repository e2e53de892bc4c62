"""Motion between frames: of every pixel, of the camera, and where one shot ends.

Dense inverse search: Kroeger et al. 2016, "Fast optical flow using dense inverse search". A flow is
trusted where the way there and the way back meet: Sundaram, Brox and Keutzer 2010, "Dense point
trajectories by GPU-accelerated large displacement optical flow", equation 5.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Plane = NDArray[np.float32]
Matrix = NDArray[np.float64]

# Motion is found at this size; finer flow says no more about masks and sets.
_FLOW_PX: Final = 256
# Corners weaker than this, of grey in 0..1, are noise of a plain ground.
_LEAST_CORNER: Final = 1e-4
_STEP_PX: Final = 3
_LEAST_POINTS: Final = 40
_INLIER_PX: Final = 0.6
_LEAST_SHARE: Final = 0.5
# Flow next to the product is drawn along with it, up to this share of the longer side.
_AWAY: Final = 0.045
_CUT_DIFFERENCE: Final = 0.05
_CUT_CONSISTENT: Final = 0.35

STILL: Final = np.eye(2, 3)


@dataclass(frozen=True, eq=False)
class Motion:
    """Motion between a frame and the one before.

    `back` float32 (h, w, 2) leads each pixel to where it was before, (dx, dy) px, `ahead` each
    pixel of the frame before to where it went. `valid` and `valid_ahead` bool (h, w) tell where
    they are trusted.
    """

    back: Plane
    ahead: Plane
    valid: NDArray[np.bool_]
    valid_ahead: NDArray[np.bool_]


def find_motion(before: Picture, now: Picture) -> Motion:
    """Motion between two frames uint8 (h, w, 3) of one size; deterministic."""
    height, width = now.shape[:2]
    scale = min(_FLOW_PX / max(height, width), 1.0)
    size = (max(round(width * scale), 16), max(round(height * scale), 16))
    greys = [_grey(picture, size) for picture in (before, now)]
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    ahead = search.calc(greys[0], greys[1], None)
    back = search.calc(greys[1], greys[0], None)
    valid, valid_ahead = _meets(back, ahead), _meets(ahead, back)
    if size != (width, height):
        ratio = np.array([width / size[0], height / size[1]], dtype=np.float32)
        back, ahead = (cv2.resize(flow, (width, height)) * ratio for flow in (back, ahead))
        valid, valid_ahead = (
            cv2.resize(known.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST) > 0
            for known in (valid, valid_ahead)
        )
    return Motion(back, ahead, valid, valid_ahead)


def follow(plane: NDArray[np.generic], flow: Plane, sharp: bool = False) -> Plane:
    """`plane` (h, w) or (h, w, c) as float32, taken from where `flow` (h, w, 2) leads; `sharp`:
    by Lanczos, which keeps detail however often it is carried on, and may overshoot."""
    height, width = flow.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    moved = cv2.remap(
        np.asarray(plane, dtype=np.float32),
        x + flow[..., 0],
        y + flow[..., 1],
        cv2.INTER_LANCZOS4 if sharp else cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(moved, dtype=np.float32)


def is_cut(before: Picture, now: Picture, motion: Motion) -> bool:
    """Whether a new shot begins: the frames look unlike, and hardly any motion joins them."""
    small = [cv2.resize(one, (64, 64), interpolation=cv2.INTER_AREA) for one in (before, now)]
    difference = float(cv2.absdiff(*small).mean()) / 255
    return difference > _CUT_DIFFERENCE and float(motion.valid.mean()) < _CUT_CONSISTENT


def camera_motion(now: Picture, motion: Motion, alpha: Plane) -> Matrix:
    """Similarity float64 (2, 3) that leads the surroundings' pixels to where they were before.

    `alpha` (h, w) is the product's mask. Robust fit (RANSAC) to corners of the surroundings, away
    from the product; `STILL` where these are too plain to tell a camera that moves from a product
    that does.
    """
    height, width = alpha.shape
    corners = cv2.cornerMinEigenVal(_grey(now, (width, height)).astype(np.float32) / 255, 5)
    reach = 2 * round(_AWAY * max(height, width)) + 1
    near = cv2.dilate((alpha > 0.05).astype(np.uint8), np.ones((reach, reach), np.uint8)) > 0
    rows, columns = np.nonzero(
        (motion.valid & (corners > _LEAST_CORNER) & ~near)[::_STEP_PX, ::_STEP_PX]
    )
    here = np.column_stack((columns, rows)) * float(_STEP_PX)
    if len(here) < _LEAST_POINTS:
        return STILL
    there = here + motion.back[rows * _STEP_PX, columns * _STEP_PX]
    found, inliers = cv2.estimateAffinePartial2D(
        here, there, method=cv2.RANSAC, ransacReprojThreshold=_INLIER_PX, maxIters=500
    )
    if found is None or float(inliers.mean()) < _LEAST_SHARE:
        return STILL
    return np.asarray(found, dtype=np.float64)


def compose(first: Matrix, then: Matrix) -> Matrix:
    """The map (2, 3) that does `first`, then `then`."""
    linear = then[:, :2] @ first[:, :2]
    return np.column_stack((linear, then[:, :2] @ first[:, 2] + then[:, 2]))


def _grey(picture: Picture, size: tuple[int, int]) -> Picture:
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    if grey.shape[1::-1] == size:
        return np.asarray(grey, dtype=np.uint8)
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _meets(flow: Plane, other: Plane) -> NDArray[np.bool_]:
    """Where going along `flow` and coming back by `other` ends where it began."""
    returned = follow(other, flow)
    gap = flow + returned
    length = _squared(flow) + _squared(returned)
    return np.asarray(_squared(gap) <= 0.01 * length + 0.5)


def _squared(flow: Plane) -> Plane:
    return np.asarray(flow[..., 0] ** 2 + flow[..., 1] ** 2, dtype=np.float32)
