"""The guided filter against the definition and its edge-keeping promise."""

from __future__ import annotations

import numpy as np

from features.matting.guided_filter import guided_filter


def test_each_window_is_the_ridge_regression_of_the_mask_on_the_guides_colours() -> None:
    rng = np.random.default_rng(3)
    guide = rng.integers(0, 256, (9, 9, 3), dtype=np.uint8)
    mask = rng.random((9, 9), dtype=np.float32)
    epsilon = 0.02

    def model(row: int, column: int) -> tuple[np.ndarray, float]:
        window = np.s_[row - 1 : row + 2, column - 1 : column + 2]
        colours = guide[window].reshape(-1, 3) / 255.0
        target = mask[window].ravel()
        centred = colours - colours.mean(axis=0)
        normal = centred.T @ centred / 9 + epsilon * np.eye(3)
        slope = np.linalg.solve(normal, centred.T @ (target - target.mean()) / 9)
        return slope, target.mean() - slope @ colours.mean(axis=0)

    around = [model(row, column) for row in (3, 4, 5) for column in (3, 4, 5)]
    slope = np.mean([each[0] for each in around], axis=0)
    offset = np.mean([each[1] for each in around])
    expected = np.clip(slope @ (guide[4, 4] / 255.0) + offset, 0, 1)
    assert abs(guided_filter(guide, mask, 1, epsilon)[4, 4] - expected) < 1e-4


def test_a_coarse_mask_snaps_to_the_guides_edge() -> None:
    guide = np.full((64, 64, 3), 230, dtype=np.uint8)
    guide[:, 29:] = (30, 40, 90)
    coarse = np.zeros((16, 16), dtype=np.float32)
    coarse[:, 8:] = 1.0  # its edge is at column 32 of the guide
    fine = guided_filter(guide, coarse, 2, 1e-4)
    assert fine.shape == (64, 64)
    assert fine[:, :28].max() < 0.5
    assert fine[:, 30:].min() > 0.5


def test_a_large_picture_is_filtered_at_its_own_size() -> None:
    guide = np.zeros((700, 900, 3), dtype=np.uint8)
    guide[:, 450:] = 255
    fine = guided_filter(guide, (guide[..., 0] / np.float32(255.0)), 4, 1e-4)
    assert fine.shape == (700, 900)
    assert fine.dtype == np.float32
    assert np.abs(fine - guide[..., 0] / 255.0).max() < 0.1
