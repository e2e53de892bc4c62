from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import vonmises_fisher

from features.schema import ContractError
from recsys.prototypes.clusters import (
    DirectionMixture,
    choose_number,
    cluster,
    held_out_log_density,
)


def _drawn(groups: int, each: int, concentration: float, seed: int, size: int = 100) -> np.ndarray:
    """Looks around random directions of the sphere."""
    rng = np.random.default_rng(seed)
    means = rng.normal(size=(groups, size))
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    looks = [vonmises_fisher(mean, concentration).rvs(each, random_state=rng) for mean in means]
    return np.concatenate(looks).astype("float32")


@pytest.mark.parametrize("groups", [3, 7])
def test_the_number_chosen_is_the_number_that_drew_the_looks(groups: int) -> None:
    assert choose_number(_drawn(groups, 12, 400.0, seed=1), seed=0) == groups


def test_looks_without_groups_get_the_fewest_prototypes() -> None:
    assert choose_number(_drawn(1, 60, 50.0, seed=2), seed=0) == 2


def test_no_smaller_number_than_the_chosen_one_comes_within_one_standard_error() -> None:
    unit = _drawn(5, 10, 120.0, seed=3)
    judged = held_out_log_density(unit, seed=0)
    best = judged[max(judged, key=lambda count: judged[count].mean())]
    chosen = choose_number(unit, seed=0)
    within = {
        count: (best - density).mean() <= (best - density).std() / len(best) ** 0.5
        for count, density in judged.items()
    }
    assert within[chosen]
    assert not any(within[count] for count in within if count < chosen)


def test_the_density_is_the_von_mises_fisher_mixture() -> None:
    unit = _drawn(2, 6, 30.0, seed=4, size=5)
    mixture = DirectionMixture.fit(unit, np.repeat([0, 1], 6).astype(np.int32))
    expected = sum(
        weight * vonmises_fisher(mean / np.linalg.norm(mean), mixture.concentration).pdf(unit)
        for weight, mean in zip(mixture.weights, mixture.directions.astype(float), strict=True)
    )
    np.testing.assert_allclose(np.exp(mixture.log_density(unit)), expected, rtol=1e-5)


@pytest.mark.parametrize("concentration", [60.0, 400.0])
def test_the_concentration_of_the_looks_is_found_again(concentration: float) -> None:
    unit = _drawn(4, 200, concentration, seed=5)
    labels = np.repeat(np.arange(4), 200).astype(np.int32)
    found = DirectionMixture.fit(unit, labels).concentration
    assert found == pytest.approx(concentration, rel=0.1)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 12), st.integers(1, 12))
def test_labels_leave_no_gap_and_equal_looks_share_one(seed: int, looks: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    unit = rng.normal(size=(looks, 8)).astype("float32")
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    doubled = np.concatenate([unit, unit])
    labels = cluster(doubled, min(count, looks), seed)
    assert sorted(set(labels.tolist())) == list(range(min(count, looks)))
    np.testing.assert_array_equal(labels[:looks], labels[looks:])


def test_the_same_seed_chooses_the_same() -> None:
    unit = _drawn(4, 8, 80.0, seed=6)
    np.testing.assert_array_equal(cluster(unit, seed=3), cluster(unit, seed=3))


def test_copies_of_a_look_do_not_make_it_a_prototype() -> None:
    unit = _drawn(3, 10, 400.0, seed=7)
    assert choose_number(np.concatenate([unit, *[unit[:1]] * 30]), seed=0) == 3


def test_one_dimension_has_no_directions() -> None:
    line = np.ones((6, 1), dtype=np.float32)
    mixture = DirectionMixture.fit(line, np.zeros(6, dtype=np.int32))
    with pytest.raises(ContractError, match="two or more"):
        mixture.log_density(line)
