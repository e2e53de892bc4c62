"""The product's mask: from the picture's alpha, from a given mask, or estimated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from features.config import LOW_CONFIDENCE
from features.images import require_picture, resize_longest
from features.matting.border import frame
from features.matting.confidence import confidence, gather, iou, missed_foreground
from features.matting.given import fit_reading
from features.matting.guided_filter import guided_filter
from features.matting.hypotheses import SegmentConfig, hypotheses, judge
from features.matting.people import foreground_alpha, shows_face, shows_skin
from features.matting.plain_ground import plain_ground
from features.matting.prior import product_log_odds
from features.matting.rembg_cut import rembg_alpha
from features.matting.solid import make_solid
from features.matting.stray_ground import without_stray_ground
from features.schema import ImageError

MaskSource = Literal["alpha", "given", "plain_ground", "estimated", "worn", "rembg"]
"""`worn` is an estimated product and the person who wears or holds it."""


@dataclass(frozen=True)
class MattingConfig:
    """`min_share` and `max_share` bound the product's share of a picture with a useful cut-out.

    `edge_radius_px` and `edge_epsilon` are the guided filter's, at the segmentation's size;
    `edge_gain` steepens its ramps, which are wider than a photo's own edges and would show as
    halos.
    """

    min_share: float = 0.01
    max_share: float = 0.98
    edge_radius_px: int = 2
    edge_epsilon: float = 1e-3
    edge_gain: float = 2.0
    segment: SegmentConfig = field(default_factory=SegmentConfig)


DEFAULT_MATTING: Final = MattingConfig()
MASK_REVISION: Final = 1
"""Changes whenever estimated masks do: part of what decides a render's pixels."""

# Somebody made these masks on purpose; they still may be of the wrong item or a frame.
_ALPHA_CONFIDENCE: Final = 0.98
_GIVEN_CONFIDENCE: Final = 0.95
# Whoever mixes up black and white may have mixed up more.
_INVERTED_CONFIDENCE: Final = 0.92

# Deviation of an even ground, Lab units; overlap of two masks of one product.
_EVEN: Final = 1.2
_AGREE: Final = 0.93
# A person without a face who adds more than this share of the product is in doubt.
_MOST_ADDED: Final = 0.35
_IN_DOUBT: Final = 0.8


@dataclass(frozen=True)
class Mask:
    """Where the product is: `alpha` (h, w) float32, 1 product, 0 surroundings, soft edges.

    `confidence` in [0, 1] is the probability that it is right, `source` where it came from. `note`
    says in words what was wrong with an alpha or a mask that came with the picture.
    """

    alpha: NDArray[np.float32]
    confidence: float
    source: MaskSource
    note: str = ""


def product_mask(
    picture: NDArray[np.uint8],
    alpha: NDArray[np.uint8] | None = None,
    given: NDArray[np.uint8] | Sequence[NDArray[np.uint8]] | None = None,
    config: MattingConfig = DEFAULT_MATTING,
) -> Mask:
    """Mask of the product in `picture` (h, w, 3) uint8 sRGB.

    The picture's own `alpha` (h, w) uint8 is taken if it cuts something out, else the `given` mask
    (h, w) uint8 with 255 on the product, or the best of several readings of its file, the likeliest
    first; else it is told from a plain ground, else rembg's if that is installed, else one is
    estimated, with the person who wears or holds the product.

    A given mask is compared with the estimate. Where they agree it is trusted; where it agrees
    inverted it is turned over; where they do not, or it leaves out a person, the estimate is taken
    if it is trusted, and else the given mask without trust. `note` says so. An alpha or a mask that
    is empty or full shows no product and is passed over. Deterministic. Raises ImageError for a
    mask whose size or type does not fit the picture, ContractError for a picture of another layout.
    """
    require_picture(picture)
    note = ""
    if alpha is not None:
        _check(alpha, picture, "alpha")
        if _cuts_out(alpha, config):
            return Mask(_unit(alpha), _ALPHA_CONFIDENCE, "alpha")
        note = _says_nothing(alpha, "alpha", config)
    if given is not None:
        readings = [given] if isinstance(given, np.ndarray) else list(given)
        for one in readings:
            _check(one, picture, "given")
        useful = [one for one in readings if _cuts_out(one, config)]
        if useful:
            return reconcile(_estimate(picture, config), useful)
        note = _says_nothing(readings[0], "given", config)
    return replace(_estimate(picture, config), note=note)


def reconcile(told: Mask, readings: Sequence[NDArray[np.uint8]]) -> Mask:
    """The mask to use for a photo where `told` is its estimate and another came with it.

    `readings` are what the other may mean, as `product_mask` takes them.
    """
    trusted = told.confidence >= LOW_CONFIDENCE
    seen = told.alpha >= 0.5
    if not seen.any():
        # Nothing to compare with: a mask that holds most of the border is no product's.
        holds_border = float((readings[0] >= 128)[frame(seen.shape, 0.02)].mean()) > 0.5
        trust = _IN_DOUBT if holds_border else _GIVEN_CONFIDENCE
        note = "it marks most of the photo's border and no product is seen" if holds_border else ""
        return Mask(_unit(readings[0]), trust, "given", note)
    best = fit_reading(readings, seen)
    note = "black and white are inverted in it: it was turned over" if best.inverted else ""
    trust = min(told.confidence, _INVERTED_CONFIDENCE) if best.inverted else _GIVEN_CONFIDENCE
    if told.source == "worn" and best.leaves_foreground:
        note = f"it leaves out {100 * best.left_out:.0f} % of the product and its wearer"
    elif best.agrees(trusted):
        return Mask(_unit(best.values), trust, "given", note)
    else:
        note = f"it and the photo's own estimate overlap by {100 * best.overlap:.0f} % only"
    if trusted:
        return replace(told, note=f"{note}: estimated instead")
    return Mask(_unit(best.values), _IN_DOUBT, "given", f"{note}: neither is relied on")


def _unit(values: NDArray[np.uint8]) -> NDArray[np.float32]:
    return values.astype(np.float32) / np.float32(255.0)


def _says_nothing(values: NDArray[np.uint8], source: str, config: MattingConfig) -> str:
    return (
        f"the {source} mask has {100 * float((values >= 128).mean()):.1f} % of its pixels on the "
        f"product, expected {100 * config.min_share:.0f} to {100 * config.max_share:.0f} %: "
        "estimated instead"
    )


def _check(values: NDArray[np.uint8], picture: NDArray[np.uint8], source: str) -> None:
    if values.shape != picture.shape[:2] or values.dtype != np.uint8:
        raise ImageError(
            f"the {source} mask is {values.dtype} of shape {values.shape}, expected uint8 of shape "
            f"{picture.shape[:2]} like its picture: export it at the picture's size, one channel"
        )


def _cuts_out(values: NDArray[np.uint8], config: MattingConfig) -> bool:
    share = float((values >= 128).mean())
    return config.min_share <= share <= config.max_share


def _estimate(picture: NDArray[np.uint8], config: MattingConfig) -> Mask:
    """The plain ground's mask where the ground is even and it is trusted, else the likelier one."""
    plain = plain_ground(picture)
    if plain is None:
        return _learn(picture, config)
    solid = make_solid(plain.alpha)
    alpha = without_stray_ground(picture, solid, plain.ground, plain.evidence.noise)
    told = Mask(alpha, plain.confidence, "plain_ground")
    trusted = plain.confidence >= LOW_CONFIDENCE
    if trusted and plain.evidence.noise < _EVEN:
        return told
    learned = _learn(picture, config)
    if trusted and iou(told.alpha >= 0.5, learned.alpha >= 0.5) >= _AGREE:
        return told
    # On a ground of some texture the network is out of its depth where the two differ.
    return learned if trusted or learned.confidence >= plain.confidence else told


def _learn(picture: NDArray[np.uint8], config: MattingConfig) -> Mask:
    """The best of the guesses from the product prior, and the person about it."""
    small = resize_longest(picture, config.segment.size_px)
    log_odds = product_log_odds(picture)
    guesses = hypotheses(small, log_odds, config.segment)
    if not guesses:
        return Mask(np.zeros(picture.shape[:2], dtype=np.float32), 0.0, "estimated")
    foreground = foreground_alpha(small)
    found = rembg_alpha(picture)
    if found is not None and _cuts_out(found, config):
        coarse = cv2.resize(found, small.shape[1::-1], interpolation=cv2.INTER_AREA) >= 128
        trust = confidence(gather([judge(coarse, small, log_odds), *guesses], foreground))
        return Mask(found.astype(np.float32) / np.float32(255.0), trust, "rembg")
    product = guesses[0].mask
    evidence = gather(guesses, foreground)
    face = shows_face(small)
    if not face and not shows_skin(small, product, foreground):
        return Mask(_soften(picture, product, config), confidence(evidence), "estimated")
    both = product | (foreground >= 0.5)
    # What the person adds is no longer missed; what the network does not see counts against it.
    evidence = evidence._replace(
        backed=float(foreground[both].mean()), missed=missed_foreground(both, foreground)
    )
    trust = confidence(evidence)
    if not face and both.sum() > (1 + _MOST_ADDED) * product.sum():
        # Leather and wood pass for skin: without a face, much added is much in doubt.
        trust = min(trust, _IN_DOUBT)
    return Mask(_soften(picture, both, config), trust, "worn")


def _soften(
    picture: NDArray[np.uint8], region: NDArray[np.bool_], config: MattingConfig
) -> NDArray[np.float32]:
    """Alpha (h, w) float32 of a coarse `region`, its edges brought to the picture's."""
    ramp = guided_filter(
        picture, region.astype(np.float32), config.edge_radius_px, config.edge_epsilon
    )
    alpha: NDArray[np.float32] = np.clip((ramp - 0.5) * config.edge_gain + 0.5, 0.0, 1.0)
    return make_solid(alpha.astype(np.float32))
