"""Sums over shoppers that hardly tell whether any one of them is in: the Gaussian mechanism."""

from __future__ import annotations

import hashlib
import hmac
import math
from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from features.schema import ConfigError


def noise_multiplier(epsilon: float, delta: float, releases: int) -> float:
    """Standard deviation of the noise, in bounds, at which `releases` sums are (epsilon, delta)
    differentially private together.

    Adding or removing all rows of one shopper is the difference that is hidden. Sums that each hold
    one vector of bounded norm per shopper are, together, one sum whose noise is smaller by
    sqrt(releases) (Dong, Roth and Su, JRSS B 2022); what that one must have is the accountant's
    (Balle and Wang, ICML 2018). Raises ConfigError without the accountant.
    """
    try:
        from dp_accounting import get_sigma_gaussian
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"preference.dp_epsilon is set, and {error.name} is not installed: "
            "pip install 'stylefeed[dp]', or leave the setting out"
        ) from error
    return float(get_sigma_gaussian(epsilon, delta)) * math.sqrt(releases)


def clipped_sum(vectors: Tensor, bound: float) -> Tensor:
    """Sum of the rows of `vectors`, float64 (n, d), each shortened to a norm of at most `bound`.

    float64 (d,). Taking a row out changes it by `bound` at most.
    """
    norms = vectors.square().sum(dim=1).sqrt().clamp_min(bound)
    return (vectors * (bound / norms)[:, None]).sum(dim=0)


class NoisySums:
    """Releases sums over shoppers with noise, `releases` times and no more."""

    def __init__(self, multiplier: float, releases: int, seed: bytes) -> None:
        """`seed`, 32 bytes or more, must be secret: who has it can take the noise off again."""
        self.multiplier = multiplier
        self._left = releases
        self._rng = np.random.default_rng(np.frombuffer(seed, dtype=np.uint32))

    def release(self, parts: Iterable[Tensor], bound: float) -> Tensor:
        """`clipped_sum` of the rows of all `parts`, at least one, plus noise: float64 (d,).

        Each shopper has one row in one of the parts. Raises RuntimeError where nothing is left to
        release: a sum more would not be covered by the noise of the others.
        """
        if not self._left:
            raise RuntimeError("all sums that the noise was made for are released")
        self._left -= 1
        total = torch.stack([clipped_sum(part, bound) for part in parts]).sum(dim=0)
        noise = self._rng.normal(0.0, self.multiplier * bound, len(total))
        return total + torch.from_numpy(noise)


def secret_seed(key: bytes, told: Iterable[bytes]) -> bytes:
    """64 bytes that follow from `key` and all of `told`, and that nobody guesses without the key.

    Noise drawn from it is the same when a killed job runs again, and another where one row
    differs: the same noise on two logs would cancel in their difference.
    """
    digest = hashlib.sha512()
    for part in told:
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return hmac.digest(key, digest.digest(), "sha512")
