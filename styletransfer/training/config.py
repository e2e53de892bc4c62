"""Settings of training, in a module light enough for any command to import."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from typing import Final, Literal

from features.schema import ConfigError

LEAST_CROP_PX: Final = 64


@dataclass(frozen=True)
class LossWeights:
    """How much each part of the generator's loss counts; a part of weight 0 is not computed.

    `adversarial` misleads the discriminator. `content` compares EfficientNet features with the
    photo's and `ssim` its structure. Against the generator that training started from, `structure`
    is what SSIM falls, `likeness` what late features of EfficientNet, which tell products apart,
    move further from the photo's. `style` is the distance of patches, `gram` that of style
    descriptors, `contrast` how well a result's own look is told from all others by them.
    `identity` holds a look painted in its own code to itself, `product_colour` the product's
    colours to the photo's. More of `content` and `ssim` keeps the photo at the cost of the look.
    `total_variation` smooths. `picture_mse` is the plain squared gap to the look's picture: alone,
    it is the naive baseline.
    """

    adversarial: float = 0.05
    content: float = 0.0
    style: float = 1.0
    gram: float = 2.0
    contrast: float = 1.0
    ssim: float = 0.0
    structure: float = 20.0
    likeness: float = 4.0
    identity: float = 0.0
    product_colour: float = 0.0
    total_variation: float = 0.0
    picture_mse: float = 0.0

    def __post_init__(self) -> None:
        for one in fields(self):
            if not 0 <= getattr(self, one.name) < math.inf:
                raise ConfigError(
                    f"training.weights.{one.name} is {getattr(self, one.name)}: expected at least 0"
                )


@dataclass(frozen=True)
class TrainingConfig:
    """How a generator is trained.

    Each of `steps` takes `batch` photos, cut to `crop_px`, in as many looks, seen at `look_px`; at
    most `max_photos` are used, and each look also in `recolours` other colourings. Of each look so
    many `sets` are made first (seconds each): the discriminator's real patches are cut from them as
    often as from the look's picture. `held_out` of
    the photographers and of the looks' makers is kept for validation, and as much for testing.
    `normalise_looks` divides each look's style distance by its upper bound. `adversary`: hinge, bce
    or none. `r1` weighs the discriminator's gradient penalty, taken every `r1_every` steps.
    `ada_target` is the share of reals told as real above which augmentation grows. Gradients are
    clipped at norm `clip`; `ema` is the decay of the averaged weights, whose best are the result.
    Health is looked at every `health_every` steps on `validation_photos` in `validation_looks`, not
    acted on before `grace_steps`.
    """

    steps: int = 2000
    batch: int = 4
    crop_px: int = 224
    look_px: int = 256
    max_photos: int = 400
    recolours: int = 3
    sets: int = 0
    held_out: float = 0.15
    weights: LossWeights = field(default_factory=LossWeights)
    normalise_looks: bool = True
    optimiser: Literal["adam", "sgd"] = "adam"
    generator_rate: float = 1e-4
    discriminator_rate: float = 2e-4
    clip: float = 1.0
    ema: float = 0.995
    adversary: Literal["hinge", "bce", "none"] = "hinge"
    discriminator_channels: int = 24
    r1: float = 1.0
    r1_every: int = 8
    ada_target: float = 0.6
    health_every: int = 100
    grace_steps: int = 0
    validation_photos: int = 6
    validation_looks: int = 10
    checkpoint_every: int = 50
    threads: int = 1

    def __post_init__(self) -> None:
        least = {"crop_px": LEAST_CROP_PX, "look_px": LEAST_CROP_PX, "batch": 2, "grace_steps": 0}
        least |= {
            "recolours": 0,
            "sets": 0,
            "validation_photos": 2,
            "validation_looks": 2,
            "max_photos": 3,
        }
        counts = ("steps", "discriminator_channels", "r1_every", "health_every", "threads")
        for name in (*counts, "checkpoint_every", *least):
            if getattr(self, name) < least.get(name, 1):
                raise ConfigError(
                    f"training.{name} is {getattr(self, name)}: expected at least "
                    f"{least.get(name, 1)}"
                )
        if self.look_px < self.crop_px or self.crop_px % 4:
            raise ConfigError(
                f"training.crop_px is {self.crop_px}: expected a multiple of 4 of at most look_px, "
                f"{self.look_px}"
            )
        for name in ("generator_rate", "discriminator_rate", "clip"):
            if not 0 < getattr(self, name) < math.inf:
                raise ConfigError(f"training.{name} is {getattr(self, name)}: expected above 0")
        shares = {"ema": self.ema, "held_out": 2 * self.held_out, "ada_target": self.ada_target}
        for name, share in shares.items():
            if not 0 <= share < 1:
                raise ConfigError(f"training.{name} is {getattr(self, name)}: out of range")
        if not 0 <= self.r1 < math.inf:
            raise ConfigError(f"training.r1 is {self.r1}: expected at least 0")
