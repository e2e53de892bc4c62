"""Entropic transport against POT's, and the palettes it moves."""

from __future__ import annotations

import numpy as np
import ot
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from features.schema import ContractError
from styletransfer.transport import (
    Palette,
    barycentric_projection,
    entropic_map,
    palette,
    sinkhorn,
)
from styletransfer.transport.sinkhorn import squared_distances

seeds = st.integers(0, 10_000)


def weighted(seed: int, n: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    rng = np.random.default_rng(seed)
    shares = rng.uniform(0.2, 1.0, n)
    return 10 * rng.standard_normal((n, 3)), shares / shares.sum()


@settings(max_examples=15, deadline=None)
@given(seed=seeds, n=st.integers(1, 12), m=st.integers(1, 12), share=st.floats(0.02, 1.0))
def test_the_plan_is_pots(seed: int, n: int, m: int, share: float) -> None:
    (source, a), (target, b) = weighted(seed, n), weighted(seed + 1, m)
    cost = squared_distances(source, target)
    regularisation = share * cost.mean()
    mine = sinkhorn(a, b, cost, regularisation, max_iterations=20_000, tolerance=1e-10)
    expected = ot.sinkhorn(
        a, b, cost, regularisation, method="sinkhorn_log", numItermax=20_000, stopThr=1e-11
    )
    np.testing.assert_allclose(mine.plan, expected, atol=1e-7)
    assert mine.cost == pytest.approx(float((expected * cost).sum()), rel=1e-5)


def test_a_small_regularisation_neither_underflows_nor_strays_from_exact_transport() -> None:
    (source, a), (target, b) = weighted(0, 9), weighted(1, 7)
    cost = squared_distances(source, target)
    solved = sinkhorn(a, b, cost, 1e-3 * cost.mean(), max_iterations=20_000)
    assert solved.cost == pytest.approx(ot.emd2(a, b, cost), rel=5e-3)
    np.testing.assert_allclose(solved.plan.sum(axis=1), a, atol=1e-12)
    np.testing.assert_allclose(solved.plan.sum(axis=0), b, atol=1e-5)


def test_stopping_early_is_told_by_the_marginal_error() -> None:
    (source, a), (target, b) = weighted(0, 9), weighted(1, 7)
    cost = squared_distances(source, target)
    early = sinkhorn(a, b, cost, 1e-3 * cost.mean(), max_iterations=3)
    assert early.marginal_error > 0.01
    missing = np.abs(early.plan.sum(axis=0) - b).sum() / 2
    assert early.marginal_error == pytest.approx(missing, rel=1e-6)


def test_a_colour_without_weight_gets_no_mass() -> None:
    (source, _), (target, b) = weighted(0, 3), weighted(1, 4)
    solved = sinkhorn(np.array([1.0, 0.0, 2.0]), b, squared_distances(source, target), 10.0)
    assert solved.plan[1].sum() == 0.0
    np.testing.assert_allclose(solved.plan.sum(axis=1), [1 / 3, 0.0, 2 / 3])


def test_the_map_is_the_plans_barycentric_projection_on_the_palette() -> None:
    (source, a), (target, b) = weighted(3, 8), weighted(4, 11)
    cost = squared_distances(source, target)
    solved = sinkhorn(a, b, cost, 0.05 * float(a @ cost @ b))
    move = entropic_map(Palette(source, a), Palette(target, b), 0.05)
    np.testing.assert_allclose(
        move(source), barycentric_projection(solved.plan, target), rtol=1e-6, atol=1e-6
    )


@settings(max_examples=20, deadline=None)
@given(seed=seeds, regularisation=st.floats(0.05, 1.0))
def test_moved_palettes_keep_the_targets_mean_and_stay_inside_it(
    seed: int, regularisation: float
) -> None:
    (source, a), (target, b) = weighted(seed, 6), weighted(seed + 1, 9)
    moved = entropic_map(Palette(source, a), Palette(target, b), regularisation)(source)
    np.testing.assert_allclose(a @ moved, b @ target, atol=1e-2)
    assert (moved >= target.min(axis=0) - 1e-9).all()
    assert (moved <= target.max(axis=0) + 1e-9).all()


def test_a_palette_nearly_stays_when_it_is_the_target_and_regularisation_is_small() -> None:
    colours, shares = weighted(5, 10)
    same = Palette(colours, shares)
    np.testing.assert_allclose(entropic_map(same, same, 1e-3)(colours), colours, atol=0.05)


def test_a_palette_of_one_colour_is_that_colour_for_all() -> None:
    one = Palette(np.array([[50.0, 10.0, -5.0]]), np.ones(1))
    np.testing.assert_allclose(entropic_map(one, one)(weighted(0, 4)[0]), one.colours.repeat(4, 0))


def test_a_palette_finds_the_clusters_and_their_shares() -> None:
    rng = np.random.default_rng(0)
    centres = np.array([[0.0, 0.0, 0.0], [50.0, 0.0, 0.0], [0.0, 50.0, 0.0]])
    points = np.repeat(centres, [10, 30, 60], axis=0) + 0.1 * rng.standard_normal((100, 3))
    found = palette(points, 3, seed=1)
    np.testing.assert_allclose(found.colours, centres, atol=0.2)
    np.testing.assert_allclose(found.shares, [0.1, 0.3, 0.6])
    again = palette(points, 3, seed=1)
    np.testing.assert_array_equal(found.colours, again.colours)


def test_a_palette_is_no_larger_than_the_distinct_points() -> None:
    found = palette(np.array([[1.0], [2.0], [1.0], [1.0]]), 8, seed=0)
    np.testing.assert_array_equal(found.colours, [[2.0], [1.0]])
    np.testing.assert_array_equal(found.shares, [0.25, 0.75])


def test_unusable_input_is_refused() -> None:
    cost = np.ones((2, 3))
    with pytest.raises(ContractError, match=r"regularisation above 0, got 0\.0"):
        sinkhorn(np.ones(2), np.ones(3), cost, 0.0)
    with pytest.raises(ContractError, match="at least 1 iteration, got 0"):
        sinkhorn(np.ones(2), np.ones(3), cost, 1.0, max_iterations=0)
    with pytest.raises(ContractError, match=r"one number per point, got \(3,\) for 2"):
        sinkhorn(np.ones(3), np.ones(3), cost, 1.0)
    with pytest.raises(ContractError, match="finite"):
        sinkhorn(np.ones(2), np.ones(3), np.full((2, 3), np.nan), 1.0)
    with pytest.raises(ContractError, match="with mass in every row"):
        barycentric_projection(np.zeros((2, 3)), np.ones((3, 3)))
    with pytest.raises(ContractError, match="of one dimension, got 3 and 1"):
        entropic_map(Palette(np.ones((1, 3)), np.ones(1)), Palette(np.ones((1, 1)), np.ones(1)))
    with pytest.raises(ContractError, match="at least 1 colour, got 0"):
        palette(np.ones((2, 3)), 0, seed=0)
