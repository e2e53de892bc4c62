"""Settings of this package, in a module light enough for any command to import."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal, get_args

from features.config import LOW_CONFIDENCE, PictureFormat
from features.schema import ConfigError

MIN_SIDE_PX: Final = 64
"""Longer side of the smallest renders, and both sides of what the painters see."""
LEAST_SHORT_SIDE_PX: Final = 16
"""Shorter side of the narrowest picture that is painted."""
MAX_SIDE_PX: Final = 1536
"""Sides that the generator paints."""
LEAST_SET_SIDE_PX: Final = 96
MAX_SET_SIDE_PX: Final = 512
"""Sets of larger renders are enlarged: looks' pictures rarely hold more detail."""
DEFAULT_KEY: Final = 0x5717EFEED
"""A watermark key that everybody knows: all can read marks made with it, and forge them."""


@dataclass(frozen=True)
class FidelityBudget:
    """What a served picture may cost the product, and how much look it should carry.

    Limits inside the mask: mean and 95th percentile CIEDE2000, SSIM of lightness, share of edges
    kept, how much less of the outline's IoU can be read off the render than off the photo, rank of
    the own item in the catalogue and share of characters read alike (both only where measured).
    `min_mask_confidence` is what faithful needs of its mask, `min_surroundings` the share of the
    picture that it must leave for the look to be seen in. A picture whose colours' arrival is below
    `least_arrival` shows no look that anyone would recognise: the original is served. A set brings
    the look's own patterns along, and shows from `least_set_share` of it on.
    """

    max_delta_e: float = 2.5
    max_delta_e_p95: float = 10.0
    min_ssim: float = 0.95
    min_edge_f1: float = 0.5
    max_silhouette_loss: float = 0.45
    max_identity_rank: int = 1
    min_text: float = 0.8
    min_mask_confidence: float = LOW_CONFIDENCE
    min_surroundings: float = 0.08
    least_arrival: float = 0.3
    least_set_share: float = 0.5

    def __post_init__(self) -> None:
        shares = (
            self.min_ssim,
            self.min_edge_f1,
            self.min_text,
            self.min_mask_confidence,
            self.min_surroundings,
            self.least_set_share,
        )
        if self.max_delta_e <= 0.0 or not all(0.0 <= share <= 1.0 for share in shares):
            raise ConfigError(
                "a fidelity budget needs max_delta_e above 0 and min_ssim, min_edge_f1, min_text, "
                f"min_mask_confidence, min_surroundings and least_set_share in 0..1, got {self}"
            )


@dataclass(frozen=True)
class GatysConfig:
    """What is optimised, how and for how long.

    `style` is "gram" (Gram matrices of VGG16 features) or "patch" (sliced Wasserstein distance of
    7x7 patches at four levels, over `projections` random lines each). `steps` counts evaluations of
    the loss at each scale, coarse to fine: every scale doubles the size of the one before, and the
    last is the picture's own. Losses are relative to the power of what they aim at, so that
    weights mean the same for any picture and look.
    """

    style: Literal["gram", "patch"] = "gram"
    optimiser: Literal["lbfgs", "adam"] = "lbfgs"
    steps: tuple[int, ...] = (60, 40, 20)
    style_weight: float = 1.0
    content_weight: float = 0.1
    variation_weight: float = 0.3
    projections: int = 16

    def __post_init__(self) -> None:
        if self.style not in ("gram", "patch"):
            raise ConfigError(f"gatys.style is {self.style!r}: expected 'gram' or 'patch'")
        if self.optimiser not in ("lbfgs", "adam"):
            raise ConfigError(f"gatys.optimiser is {self.optimiser!r}: expected 'lbfgs' or 'adam'")
        if not self.steps or min(self.steps) < 1:
            raise ConfigError(
                f"gatys.steps is {self.steps}: expected a count of at least 1 for each scale"
            )
        if min(self.style_weight, self.content_weight, self.variation_weight) < 0:
            raise ConfigError("gatys weights must not be negative: set one to 0 to leave it out")
        if self.projections < 1:
            raise ConfigError(f"gatys.projections is {self.projections}: expected at least 1")


Transport = Literal["sliced", "gaussian", "entropic"]


@dataclass(frozen=True)
class PlaceConfig:
    """How a set gives way to the product.

    `calm` in 0..1 is how much of the set's detail is taken off next to the product, within about
    `reach` (a share of the longer side). `most_contrast` bounds the set's spread of detail in
    levels of 0..1 everywhere: a harder pattern draws more attention than the product.
    """

    calm: float = 0.45
    reach: float = 0.05
    most_contrast: float = 0.2

    def __post_init__(self) -> None:
        if not 0.0 <= self.calm <= 1.0 or not 0.0 < self.reach <= 1.0 or self.most_contrast <= 0.0:
            raise ConfigError(
                "place.calm must be in 0..1, place.reach above 0 and at most 1 and "
                f"place.most_contrast above 0, got {self}"
            )


@dataclass(frozen=True)
class SetConfig:
    """How sets are made.

    start_px: side of the coarsest level; the finer, the less is copied and recognised.
    """

    start_px: int = 20

    def __post_init__(self) -> None:
        if not 16 <= self.start_px <= 96:
            raise ConfigError(f"sets.start_px must be in 16..96, got {self.start_px}")


@dataclass(frozen=True)
class RenderConfig:
    """How pictures are painted and stored.

    `mode`: faithful (full look around the product, a bounded grade on it), accent (palette and
    light only) or artistic (paint everywhere). `surroundings` of the faithful mode: set (the look
    made into surroundings, for looks with a picture) or paint (the photo's own, repainted).
    `set_variants` different sets are made of a look, so that a feed does not repeat one background.
    `max_renders` bounds how many pictures a job makes, the most seen first (0: no bound); rows left
    out show the original and say so.
    `method` paints: generator (one pass of a network), gatys (optimisation: slow, and needs the
    VGG16 weights) or transport (optimal transport of colours and fine texture: no weights), whose
    `transport` of colours is sliced, gaussian (the smoothest and quickest) or entropic (the nearest
    to the look's colours, and the slowest).
    `size_px` is the longer side of a render. `pixels_per_pass` bounds the memory of one pass of
    the generator, about 300 bytes a pixel: several looks share a pass while they fit. `weights` is
    the file of a generator trained with `stylefeed train-generator`, or of a student of `stylefeed
    export`; a relative path starts from the folder the command is called in. Empty is the packaged
    generator, `release` the one trained further that comes with Stylefeed (docs/model_card.md).
    `fitted_looks` is the file of codes that `stylefeed fit-look` fitted (empty: looks' own), for
    the artistic mode and surroundings of paint. `backend` is an engine, or `auto`: the fastest of
    the variants in the folder `exported`, written by `stylefeed export`, that loses at most
    `allowed_loss` of the share of looks recognised.
    `watermark_key` is the key of the
    invisible mark in every restyled picture. `read_text` holds the words on the
    product to the budget too, by OCR (the extra `text`; slow). `signing_chain` and `signing_key`
    are PEM files that sign every restyled picture's Content Credentials (the extra `signing`).
    """

    mode: Literal["faithful", "accent", "artistic"] = "faithful"
    method: Literal["generator", "gatys", "transport"] = "generator"
    transport: Transport = "sliced"
    surroundings: Literal["set", "paint"] = "set"
    set_variants: int = 2
    max_renders: int = 0
    size_px: int = 384
    format: PictureFormat = "jpeg"
    backend: Literal["auto", "torch", "onnxruntime", "openvino"] = "onnxruntime"
    threads: int = 1
    pixels_per_pass: int = 1_200_000
    weights: str = ""
    exported: str = ""
    allowed_loss: float = 0.03
    fitted_looks: str = ""
    watermark_key: int = DEFAULT_KEY
    read_text: bool = False
    signing_chain: str = ""
    signing_key: str = ""
    budget: FidelityBudget = field(default_factory=FidelityBudget)
    gatys: GatysConfig = field(default_factory=GatysConfig)
    sets: SetConfig = field(default_factory=SetConfig)
    place: PlaceConfig = field(default_factory=PlaceConfig)

    def __post_init__(self) -> None:
        if self.mode not in ("faithful", "accent", "artistic"):
            raise ConfigError(
                f"render.mode is {self.mode!r}: expected faithful, accent or artistic"
            )
        if self.method not in ("generator", "gatys", "transport"):
            raise ConfigError(
                f"render.method is {self.method!r}: expected generator, gatys or transport"
            )
        if self.transport not in get_args(Transport):
            raise ConfigError(
                f"render.transport is {self.transport!r}: expected sliced, gaussian or entropic"
            )
        if self.surroundings not in ("set", "paint"):
            raise ConfigError(
                f"render.surroundings is {self.surroundings!r}: expected set or paint"
            )
        if self.set_variants < 1 or self.max_renders < 0:
            raise ConfigError(
                "render.set_variants must be at least 1 and render.max_renders at least 0, got "
                f"{self.set_variants} and {self.max_renders}"
            )
        if not MIN_SIDE_PX <= self.size_px <= MAX_SIDE_PX:
            raise ConfigError(
                f"render.size_px is {self.size_px}: expected {MIN_SIDE_PX} to {MAX_SIDE_PX}"
            )
        if bool(self.signing_chain) != bool(self.signing_key):
            raise ConfigError(
                "render.signing_chain and render.signing_key go together: got one of them only"
            )
        if (self.backend == "auto") != bool(self.exported):
            raise ConfigError(
                'render.backend = "auto" and render.exported go together: got '
                f"{self.backend!r} and {self.exported!r}; `stylefeed export` writes such a folder"
            )
        if not 0.0 <= self.allowed_loss <= 1.0:
            raise ConfigError(f"render.allowed_loss is {self.allowed_loss}: expected 0 to 1")
        if self.threads < 1 or self.pixels_per_pass < 1:
            raise ConfigError(
                "render.threads and render.pixels_per_pass must be at least 1, got "
                f"{self.threads} and {self.pixels_per_pass}"
            )

    @property
    def set_side_px(self) -> int:
        """Side of the sets: as large as the renders, as far as looks' pictures have detail."""
        return min(max(self.size_px, LEAST_SET_SIDE_PX), MAX_SET_SIDE_PX)
