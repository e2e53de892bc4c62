"""The bounded colour grade."""

from __future__ import annotations

import numpy as np
import ot
from hypothesis import given, settings
from hypothesis import strategies as st

from styletransfer.colour import delta_e_2000, to_lab, to_levels, to_srgb
from styletransfer.faithful.grade import (
    Palette,
    correct_paint,
    evenly,
    fit_grade,
    look_palette,
    monge_kantorovich,
    move,
    palette_of,
)


def random_palette(rng: np.random.Generator) -> Palette:
    root = rng.normal(0, 10, (3, 3))
    return Palette(rng.uniform([20, -30, -30], [80, 30, 30]), root @ root.T + 2 * np.eye(3))


def colours_around(mean: list[float], spread: float, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    lab = np.clip(rng.normal(mean, spread, (600, 3)), [0, -80, -80], [100, 80, 80])
    return to_lab(to_levels(to_srgb(lab.astype(np.float32))))


def test_palette_is_numpys_mean_and_covariance() -> None:
    colours = colours_around([40, 10, -20], 8)
    palette = palette_of(colours)
    np.testing.assert_allclose(palette.mean, colours.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(
        palette.covariance, np.cov(colours.astype(float), rowvar=False, bias=True), rtol=1e-5
    )


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000))
def test_the_map_carries_one_gaussian_into_the_other(seed: int) -> None:
    rng = np.random.default_rng(seed)
    source, target = random_palette(rng), random_palette(rng)
    matrix = monge_kantorovich(source, target)
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-9)
    assert np.linalg.eigvalsh(matrix).min() > 0
    carried = matrix @ (source.covariance + np.eye(3)) @ matrix.T
    np.testing.assert_allclose(carried, target.covariance + np.eye(3), rtol=1e-6, atol=1e-6)


def test_the_map_is_that_of_pot() -> None:
    rng = np.random.default_rng(3)
    source, target = random_palette(rng), random_palette(rng)
    ridge = np.eye(3)
    matrix, _ = ot.gaussian.bures_wasserstein_mapping(
        source.mean, target.mean, source.covariance + ridge, target.covariance + ridge
    )
    np.testing.assert_allclose(monge_kantorovich(source, target), matrix, rtol=1e-6)


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(st.floats(3, 97), st.floats(-50, 50), st.floats(-50, 50)),
    st.tuples(st.floats(3, 97), st.floats(-50, 50), st.floats(-50, 50)),
    st.floats(0.5, 25),
    st.floats(0.3, 8),
    st.integers(0, 99),
)
def test_the_mean_move_never_exceeds_the_budget(
    product: tuple[float, ...], look: tuple[float, ...], spread: float, budget: float, seed: int
) -> None:
    colours = colours_around(list(product), spread, seed)
    target = palette_of(colours_around(list(look), 12, seed + 1))
    grade = fit_grade(palette_of(colours), target, colours, budget)
    moved = to_lab(to_levels(to_srgb(move(colours, grade))))
    assert delta_e_2000(colours, moved).mean() <= budget + 1e-4


def test_a_far_look_uses_most_of_the_budget_and_no_colour_much_more() -> None:
    colours = colours_around([50, 20, 10], 12)
    target = palette_of(colours_around([60, -30, -30], 12))
    grade = fit_grade(palette_of(colours), target, colours, 2.0)
    shift = delta_e_2000(colours, to_lab(to_levels(to_srgb(move(colours, grade)))))
    assert shift.mean() > 1.7
    assert np.percentile(shift, 99) < 2 * shift.mean()


def test_the_grade_goes_towards_the_look() -> None:
    colours = colours_around([50, 20, 10], 5)
    target = palette_of(colours_around([50, -20, 40], 5))
    moved = move(colours, fit_grade(palette_of(colours), target, colours, 3.0))
    step = moved.mean(axis=0) - colours.mean(axis=0)
    assert step[1] < -1
    assert step[2] > 1


def test_no_budget_moves_nothing() -> None:
    colours = colours_around([50, 20, 10], 5)
    grade = fit_grade(palette_of(colours), palette_of(colours_around([80, 0, 0], 5)), colours, 0.0)
    np.testing.assert_array_equal(move(colours, grade), colours)


def test_near_black_keeps_its_folds() -> None:
    folds = np.zeros((200, 3), np.float32)
    folds[:, 0] = 5 + 2 * np.sin(np.arange(200) / 5)
    target = palette_of(colours_around([95, 0, 0], 2))
    moved = move(folds, fit_grade(palette_of(folds), target, folds, 2.5))
    assert np.corrcoef(moved[:, 0], folds[:, 0])[0, 1] > 0.99
    assert moved[:, 0].mean() < 1.5 * folds[:, 0].mean()


def test_paint_is_carried_to_the_looks_palette() -> None:
    rng = np.random.default_rng(0)
    paint = np.clip(rng.normal((90, 120, 150), 15, (40, 50, 3)), 0, 255).astype(np.uint8)
    look = np.clip(rng.normal((150, 100, 90), 25, (60, 60, 3)), 0, 255).astype(np.uint8)
    everywhere = np.ones((40, 50), bool)
    whole = correct_paint(paint, everywhere, look_palette(look), 1.0).reshape(-1, 3) * 255
    np.testing.assert_allclose(whole.mean(axis=0), look.reshape(-1, 3).mean(axis=0), atol=0.5)
    np.testing.assert_allclose(np.cov(whole.T), np.cov(look.reshape(-1, 3).T), rtol=0.1, atol=25)
    none = correct_paint(paint, everywhere, look_palette(look), 0.0)
    np.testing.assert_allclose(none * 255, paint, atol=1e-3)


def test_evenly_takes_first_and_last() -> None:
    rows = np.arange(100)
    assert evenly(rows, 3).tolist() == [0, 49, 99]
    assert evenly(rows, 100) is rows
