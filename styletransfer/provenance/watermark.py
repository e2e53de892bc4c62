"""An invisible, blind watermark: a 32-bit number written into a picture's brightness.

The lowest cosine-transform coefficients of the brightness, which do not depend on the picture's
size, are projected onto secret patterns. Each projection is moved towards the nearest point of one
of two interleaved lattices, chosen by the bit it carries (Chen and Wornell, "Quantization index
modulation", 2001, spread-transform and distortion-compensated), so that the picture itself is no
noise to the detector. Of all changes that move the projections so, the least visible under a
perceptual mask is taken: it lies in texture and leaves flat grounds nearly alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.linalg.blas import ssyrk
from threadpoolctl import ThreadpoolController

from features.images import require_picture
from features.schema import ContractError, InputError
from styletransfer.provenance import convolutional_code

PAYLOAD_BITS: Final = 32
CHECK_BITS: Final = 24
MAX_TRIALS: Final = 14
"""Most messages one detection looks at; a picture without the key's mark passes as marked with a
probability of at most MAX_TRIALS / 2**CHECK_BITS = 8.3e-7, whatever it shows."""
MIN_SIDE_PX: Final = 64

_GRID: Final = 64
# Half cycles per picture: below, a mark would show as blotches; above, halving 192 px destroys it.
_BAND: Final = (12, 40)
_CHIPS: Final = convolutional_code.n_chips(PAYLOAD_BITS + CHECK_BITS)
# Lattice steps in grey levels times the grid's side; the largest costs a mean delta-E of 0.3.
_STEPS: Final = (7.0, 10.0, 15.0, 21.0)
# Share of the way to the lattice that is gone: the rest would cost more than it gains.
_COMPENSATION: Final = 0.85
_MAX_VISIBILITY: Final = 0.85
# The first pass cannot know what clipping, rounding and the edges of the tolerance take away.
_PASSES: Final = 2
_DIRECT_TRIALS: Final = 6

# Products of matrices this small wait longer for a second thread than they gain by it.
_THREADS: Final = ThreadpoolController()

Plane = NDArray[np.float32]


@dataclass(frozen=True)
class Detection:
    """What a picture's watermark says.

    `payload` is None unless `found`. `confidence` in 0..1 is how well the marks agree with the
    likeliest message: 1 for an untouched mark, about 0 for none.
    """

    found: bool
    payload: int | None
    confidence: float


def payload_of(render_key: str) -> int:
    """The payload that leads from a picture back to its render: the key's first 8 hex digits."""
    return int(render_key[: PAYLOAD_BITS // 4], 16)


def embed(picture: NDArray[np.uint8], payload: int, key: int) -> NDArray[np.uint8]:
    """Write `payload` into `picture`.

    Args:
        picture: uint8 (h, w, 3) sRGB, both sides at least 64 px.
        payload: 0 .. 2**32 - 1.
        key: any integer; who does not know it can neither read nor forge the mark.

    Returns:
        The marked picture, uint8 (h, w, 3). Mean delta-E 2000 about 0.2, PSNR 45 dB or so. From
        192 px on (128 px on the shorter side) the mark outlives JPEG at quality 75, WebP at 80,
        scaling to half the size, and half the size with JPEG.

    Raises:
        ContractError: `picture` is no such array, or `payload` is out of range.
    """
    require_picture(picture)
    height, width = picture.shape[:2]
    if min(height, width) < MIN_SIDE_PX:
        raise InputError(
            f"picture is too small for a watermark: got {width} x {height} px, expected both "
            f"sides to be at least {MIN_SIDE_PX} px: mark it at a larger size"
        )
    if not 0 <= payload < 1 << PAYLOAD_BITS:
        raise ContractError(
            f"watermark payload is {payload}: expected 0 to {(1 << PAYLOAD_BITS) - 1}"
        )
    with _THREADS.limit(limits=1, user_api="blas"):
        return _marked(picture, _message(payload, key), _secret(key))


def detect(picture: NDArray[np.uint8], key: int) -> Detection:
    """Read the watermark that `embed` wrote with `key`, without the original picture.

    `picture` is uint8 (h, w, 3) sRGB of any size. Tries the lattice steps, and three blurs that
    scaling may have left; then picture sides half a pixel off, which scaling of odd sizes leaves.
    Raises ContractError for another array.
    """
    require_picture(picture)
    return detect_in_frames([picture], key)


def detect_in_frames(pictures: Sequence[NDArray[np.uint8]], key: int) -> Detection:
    """Read the watermark that `embed` wrote with `key`, the same into each of a clip's frames.

    `pictures` are one or more frames, uint8 (h, w, 3) sRGB of one size; what they say is averaged,
    so that many tell what none of them does alone. Tries what `detect` tries.
    Raises ContractError for other arrays.
    """
    for picture in pictures:
        require_picture(picture)
    with _THREADS.limit(limits=1, user_api="blas"):
        return _read([cv2.cvtColor(one, cv2.COLOR_RGB2GRAY) for one in pictures], key)


def _marked(
    picture: NDArray[np.uint8], message: NDArray[np.uint8], secret: _Secret
) -> NDArray[np.uint8]:
    height, width = picture.shape[:2]
    chips = convolutional_code.encode(message)
    tolerance = _tolerance(picture)
    # Least sum of change^2 / tolerance under the constraint that projections move by `wanted`:
    # change = tolerance * patterns.T @ (patterns * tolerance @ patterns.T)^-1 @ wanted. The matrix
    # sees the tolerance on the grid alone, since the patterns have no finer detail.
    coarse = cv2.resize(tolerance, (_GRID, _GRID), interpolation=cv2.INTER_AREA).reshape(-1)
    # The matrix is symmetric: half of it is worked out.
    half = ssyrk(1.0, (secret.patterns * np.sqrt(coarse)).T, trans=1, lower=0)
    inverse = np.linalg.inv(np.triu(half) + np.triu(half, 1).T)
    step = _largest_step(float(np.trace(inverse)), min(height, width))
    reached = secret.spectra @ _spectrum(picture).reshape(-1)
    phases = reached / step - secret.dither - (1.0 - chips) / 4.0
    targets = reached - _COMPENSATION * step * (phases - np.rint(phases))
    down, across = _cosines(height, 0.0), _cosines(width, 0.0)
    scale = np.float32(np.sqrt(height * width) / _GRID)
    marked = picture
    weights = np.zeros(_CHIPS, dtype=np.float32)
    for number in range(_PASSES):
        if number:
            reached = secret.spectra @ _spectrum(marked).reshape(-1)
        weights += inverse @ (targets - reached)
        spectrum = (weights @ secret.spectra).reshape(_GRID, _GRID) * scale
        change = tolerance * (down.T @ (spectrum[: len(down), : len(across)] @ across))
        marked = np.asarray(cv2.add(picture, cv2.merge([change] * 3), dtype=cv2.CV_8U))
    return marked


def _read(lumas: Sequence[NDArray[np.uint8]], key: int) -> Detection:
    secret = _secret(key)
    blur = _blur(*lumas[0].shape)
    powers = range(3)
    sides = [(down, across) for down in (0.0, -0.5, 0.5) for across in (0.0, -0.5, 0.5)]
    best = 0.0
    for some, trials in ((sides[:1], _DIRECT_TRIALS), (sides[1:], MAX_TRIALS - _DIRECT_TRIALS)):
        steps = np.asarray(_STEPS, dtype=np.float32)[:, None]
        heard = []
        for luma in lumas:
            spectra = [
                _luma_spectrum(luma, *side) / blur**power for side in some for power in powers
            ]
            projections = np.stack(spectra).reshape(len(spectra), -1) @ secret.spectra.T
            phases = projections[:, None] / steps - secret.dither
            heard.append(np.cos(np.float32(2 * np.pi) * phases.reshape(-1, _CHIPS)))
        soft = np.stack(heard).mean(axis=0)
        # Marked projections crowd around lattice points, where the cosine is near 1 or -1.
        promising = np.argsort(-np.square(soft).mean(axis=1), kind="stable")[:trials]
        for row, bits in zip(promising, convolutional_code.decode(soft[promising]), strict=True):
            agreement = float((soft[row] * convolutional_code.encode(bits)).mean())
            confidence = min(1.0, max(0.0, 2.0 * agreement - 1.0))
            payload = int.from_bytes(np.packbits(bits[:PAYLOAD_BITS]).tobytes(), "big")
            if np.array_equal(_message(payload, key), bits):
                return Detection(True, payload, confidence)
            best = max(best, confidence)
    return Detection(False, None, best)


def _largest_step(trace: float, side_px: int) -> float:
    """The largest lattice step whose expected change stays within what the picture hides."""
    # The moves are spread evenly over a step: their variance is step^2 / 12.
    visibility = _GRID * np.sqrt(12.0 / trace) * _MAX_VISIBILITY
    # Scaling and recompression cost small pictures more, and their blotches are finer.
    limit = visibility * max(1.0, np.sqrt(256.0 / side_px))
    return max((step for step in _STEPS if step <= limit), default=_STEPS[0])


def _tolerance(picture: NDArray[np.uint8]) -> Plane:
    """How much change of brightness each pixel hides, relative to the others, (h, w)."""
    luma = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    reach = max(3, min(luma.shape) // 64 | 1)
    fine = _texture(luma, reach, reach, reach)
    # What is flat close by is flat, and blotches in a regular weave are seen: they hide in texture
    # as coarse as they are.
    near = max(3, reach // 2 | 1)
    fine = cv2.min(fine, 3.0 * cv2.blur(_detail(luma, near), (near, near)))
    coarse = _texture(cv2.blur(luma, (reach, reach)), 4 * reach + 1, 3 * reach, reach)
    coarse = cv2.min(coarse, 4.0 * fine)
    noticeable = 0.3 + 0.35 * np.sqrt(fine) + 0.5 * np.sqrt(coarse)
    return np.asarray(noticeable**1.5, dtype=np.float32)


def _texture(luma: NDArray[np.uint8], scale: int, around: int, smooth: int) -> Plane:
    """Mean strength of the detail finer than `scale` px, in grey levels; low beside flat parts."""
    # Bounded, so that one hard edge does not pass for texture.
    strength = cv2.blur(cv2.min(_detail(luma, scale), 12.0), (around, around))
    # What is flat on one side is flat: a mark beside an edge would be a smudge.
    strength = cv2.erode(strength, np.ones((around, around), np.uint8))
    return np.asarray(cv2.blur(strength, (smooth, smooth)), dtype=np.float32)


def _detail(luma: NDArray[np.uint8], reach: int) -> Plane:
    return np.asarray(cv2.absdiff(luma, cv2.blur(luma, (reach, reach))), dtype=np.float32)


def _spectrum(picture: NDArray[np.uint8]) -> Plane:
    return _luma_spectrum(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), 0.0, 0.0)


def _luma_spectrum(luma: NDArray[np.uint8], more_down: float, more_across: float) -> Plane:
    """Lowest cosine coefficients (grid, grid), on a scale that does not depend on the size.

    The picture is taken to be `more_down` and `more_across` pixels larger than it is.
    """
    height, width = luma.shape
    down, across = _cosines(height, more_down), _cosines(width, more_across)
    spectrum = np.zeros((_GRID, _GRID), dtype=np.float32)
    part = down @ luma.astype(np.float32) @ across.T
    area = (height + more_down) * (width + more_across)
    spectrum[: len(down), : len(across)] = part * np.float32(_GRID / np.sqrt(area))
    return spectrum


@lru_cache(maxsize=64)
def _cosines(n: int, more: float) -> Plane:
    """The lowest rows of the orthonormal DCT-II of n samples, (<= grid, n).

    The last sample is taken to be `1 + more` pixels wide.
    """
    widths = np.ones(n)
    widths[-1] += more
    middles = np.cumsum(widths) - widths / 2.0
    frequency = np.arange(min(n, _GRID))[:, None]
    waves = np.cos(np.pi * frequency * middles / (n + more)) * np.sqrt(2.0 / (n + more)) * widths
    waves[0] /= np.sqrt(2.0)
    return np.asarray(waves, dtype=np.float32)


def _blur(height: int, width: int) -> Plane:
    """What averaging over one pixel of this size leaves of each coefficient, (grid, grid)."""
    cycles = np.arange(_GRID) / 2.0
    # Beyond a picture's finest detail there is nothing to restore.
    down, across = np.minimum(cycles / height, 0.5), np.minimum(cycles / width, 0.5)
    return np.asarray(np.sinc(down)[:, None] * np.sinc(across), dtype=np.float32)


@dataclass(frozen=True, eq=False)
class _Secret:
    """What a key stands for: patterns (chips, grid^2), their spectra, and the lattices' dither."""

    patterns: Plane
    spectra: Plane
    dither: Plane


@lru_cache(maxsize=4)
def _secret(key: int) -> _Secret:
    inside = np.hypot(*np.mgrid[0:_GRID, 0:_GRID])
    inside = (inside >= _BAND[0]) & (inside < _BAND[1])
    n = int(inside.sum())
    random_bytes = _key_bytes(key, "patterns", (_CHIPS * n + 7) // 8)
    signs = np.unpackbits(np.frombuffer(random_bytes, np.uint8))[: _CHIPS * n].reshape(_CHIPS, n)
    spectra = np.zeros((_CHIPS, _GRID, _GRID), dtype=np.float32)
    spectra[:, inside] = (2.0 * signs - 1.0) / np.sqrt(n)
    patterns = np.stack([cv2.idct(spectrum) for spectrum in spectra])
    draws = np.frombuffer(_key_bytes(key, "dither", 4 * _CHIPS), "<u4")
    dither = (draws / 2.0**32).astype(np.float32)
    return _Secret(patterns.reshape(_CHIPS, -1), spectra.reshape(_CHIPS, -1), dither)


def _key_bytes(key: int, purpose: str, n: int) -> bytes:
    # A hash, since marks must stay readable when a random generator's stream changes.
    return hashlib.shake_256(f"stylefeed watermark {purpose} {key}".encode()).digest(n)


def _message(payload: int, key: int) -> NDArray[np.uint8]:
    """The payload's bits and those of a check that only the key gives, (56,)."""
    number = payload.to_bytes(PAYLOAD_BITS // 8, "big")
    secret = _key_bytes(key, "check", hashlib.blake2b.MAX_KEY_SIZE)
    check = hashlib.blake2b(number, digest_size=CHECK_BITS // 8, key=secret).digest()
    return np.unpackbits(np.frombuffer(number + check, np.uint8))
