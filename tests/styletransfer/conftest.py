"""Pictures and style codes for the tests of this package, made from a seed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from styletransfer.painters.generator.network import Generator, load_pretrained


@pytest.fixture(scope="session")
def generator() -> Generator:
    return load_pretrained()


@pytest.fixture(scope="session")
def make_picture() -> Callable[..., NDArray[np.uint8]]:
    """A shaded disc on a graded ground with a little grain, uint8 (height, width, 3)."""

    def make(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
        rng = np.random.default_rng(seed)
        down, right = np.mgrid[0:height, 0:width] / max(height, width)
        ground, body = rng.uniform(0.3, 1.0, 3), rng.uniform(0.0, 0.9, 3)
        reach = np.hypot(
            down - 0.5 * height / max(height, width), right - 0.5 * width / max(height, width)
        )
        inside = (reach < 0.3)[..., None]
        shaded = np.where(
            inside, body * (1.2 - 2 * down[..., None]), ground * (0.7 + 0.3 * right[..., None])
        )
        grain = rng.normal(0, 0.02, (height, width, 3))
        return np.asarray(np.clip(255 * (shaded + grain), 0, 255), dtype=np.uint8)

    return make


@pytest.fixture(scope="session")
def make_codes() -> Callable[..., NDArray[np.float32]]:
    """Style codes of the spread that real pictures have, float32 (n, 100)."""

    def make(n: int, seed: int = 1) -> NDArray[np.float32]:
        rng = np.random.default_rng(seed)
        return (0.3 * rng.standard_normal((n, 100))).astype(np.float32)

    return make
