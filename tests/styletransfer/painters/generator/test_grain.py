"""Grain: always the same, faint, and what strokes on a plain ground are made of."""

from __future__ import annotations

import numpy as np

from features.networks.encoders import StyleEncoder
from styletransfer.look import Look
from styletransfer.painters.generator.grain import GRAIN, grain
from styletransfer.painters.generator.painter import GeneratorPainter
from styletransfer.painters.generator.runtime import make_backend


def test_grain_is_the_same_field_at_every_size_and_place() -> None:
    whole = grain(600, 700)
    assert whole.shape == (3, 600, 700)
    assert np.array_equal(grain(40, 50), whole[:, :40, :50])
    assert np.array_equal(grain(40, 50, 100, 200), whole[:, 100:140, 200:250])
    assert np.array_equal(whole[:, 512:], whole[:, :88])
    assert abs(float(whole.mean())) < 0.001
    assert abs(float(whole.std()) - GRAIN) < 0.001


def test_a_plain_ground_gets_strokes_everywhere() -> None:
    rng = np.random.default_rng(3)
    stripes = np.kron(rng.integers(0, 256, (32, 1, 3)), np.ones((8, 256, 1))).astype(np.uint8)
    look = Look("stripes", StyleEncoder().encode([stripes])[0])
    white = np.full((160, 160, 3), 255, np.uint8)
    painter = GeneratorPainter(make_backend("onnxruntime"), 1 << 20, 1)
    ((painted, _),) = painter.paint(white, [look], None)
    tiles = painted.mean(axis=2).reshape(10, 16, 10, 16).std(axis=(1, 3))
    # Without grain the inner tiles are flat: a standard deviation below 1 level.
    assert float(tiles.min()) > 5.0
