"""The product's mask: from the picture's alpha, from a given mask, or estimated."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from features.config import LOW_CONFIDENCE
from features.images import require_picture, resize_longest
from features.matting.confidence import confidence, gather, iou, missed_foreground
from features.matting.guided_filter import guided_filter
from features.matting.hypotheses import SegmentConfig, hypotheses, judge
from features.matting.people import foreground_alpha, shows_face, shows_skin
from features.matting.plain_ground import plain_ground
from features.matting.prior import product_log_odds
from features.matting.rembg_cut import rembg_alpha
from features.matting.solid import make_solid
from features.schema import ImageError

_log = logging.getLogger(__name__)

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

# Somebody made these masks on purpose; they still may be of the wrong item or a frame.
_ALPHA_CONFIDENCE: Final = 0.98
_GIVEN_CONFIDENCE: Final = 0.95

# Deviation of an even ground, Lab units; overlap of two masks of one product.
_EVEN: Final = 1.2
_AGREE: Final = 0.93
# A person without a face who adds more than this share of the product is in doubt.
_MOST_ADDED: Final = 0.35
_IN_DOUBT: Final = 0.8


@dataclass(frozen=True)
class Mask:
    """Where the product is: `alpha` (h, w) float32, 1 product, 0 surroundings, soft edges.

    `confidence` in [0, 1] is the probability that it is right, `source` where it came from.
    """

    alpha: NDArray[np.float32]
    confidence: float
    source: MaskSource


def product_mask(
    picture: NDArray[np.uint8],
    alpha: NDArray[np.uint8] | None = None,
    given: NDArray[np.uint8] | None = None,
    config: MattingConfig = DEFAULT_MATTING,
) -> Mask:
    """Mask of the product in `picture` (h, w, 3) uint8 sRGB.

    The picture's own `alpha` (h, w) uint8 is taken if it cuts something out, else the `given` mask
    (h, w) uint8 with 255 on the product, else it is told from a plain ground, else rembg's if that
    is installed, else one is estimated, with the person who wears or holds the product.
    An alpha or a mask that is empty or full shows no product and is passed over with a warning in
    the log. Deterministic. Raises ImageError for a mask whose size or type does not fit the
    picture, ContractError for a picture of another layout.
    """
    require_picture(picture)
    cut_outs: tuple[tuple[MaskSource, NDArray[np.uint8] | None, float], ...] = (
        ("alpha", alpha, _ALPHA_CONFIDENCE),
        ("given", given, _GIVEN_CONFIDENCE),
    )
    for source, values, trust in cut_outs:
        if values is None:
            continue
        _check(values, picture, source)
        if _cuts_out(values, config):
            return Mask(values.astype(np.float32) / np.float32(255.0), trust, source)
        _log.warning(
            "the %s mask has %.1f %% of its pixels on the product, expected %.0f to %.0f %%: "
            "it is passed over",
            source,
            100 * float((values >= 128).mean()),
            100 * config.min_share,
            100 * config.max_share,
        )
    return _estimate(picture, config)


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
    told = Mask(make_solid(plain.alpha), plain.confidence, "plain_ground")
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
