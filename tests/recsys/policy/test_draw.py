"""Looks are drawn with the probability that is logged, and only from the eligible ones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare, kstest

from features.schema import ConfigError, ContractError
from recsys.config import Kind, PolicyConfig
from recsys.policy.draw import choose_looks, choose_pairs, look_probabilities, uniform

KINDS: tuple[Kind, ...] = ("best", "epsilon_greedy", "softmax")


@given(
    kind=st.sampled_from(KINDS),
    rows=st.integers(1, 6),
    looks=st.integers(1, 7),
    seed=st.integers(0, 2**32 - 1),
)
def test_propensity_is_the_probability_of_the_chosen_eligible_look(
    kind: Kind, rows: int, looks: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    affinity = rng.normal(size=(rows, looks))
    eligible = rng.random((rows, looks)) < 0.5
    eligible[:, -1] = True
    config = PolicyConfig(kind=kind, epsilon=0.3, temperature=0.5)
    keys = [f"u{row}" for row in range(rows)]
    choice, propensity = choose_looks(affinity, eligible, config, keys, seed)
    probabilities = look_probabilities(affinity, eligible, config)
    assert eligible[np.arange(rows), choice].all()
    np.testing.assert_array_equal(propensity, probabilities[np.arange(rows), choice])
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0)
    assert (probabilities[~eligible] == 0.0).all()
    assert ((propensity > 0.0) & (propensity <= 1.0)).all()


@pytest.mark.parametrize("kind", KINDS)
def test_looks_are_drawn_as_often_as_their_propensity_says(kind: Kind) -> None:
    n = 20_000
    affinity = np.tile([0.2, 0.9, 0.5, 0.1], (n, 1))
    eligible = np.tile([True, True, True, False], (n, 1))
    config = PolicyConfig(kind=kind, epsilon=0.3, temperature=0.4)
    choice, _ = choose_looks(affinity, eligible, config, [f"u{i}" for i in range(n)], seed=3)
    expected = look_probabilities(affinity[:1], eligible[:1], config)[0]
    drawn = np.bincount(choice, minlength=4) / n
    np.testing.assert_allclose(drawn, expected, atol=4.5 * np.sqrt(0.25 / n))


def test_pairs_are_drawn_as_often_as_their_propensity_says() -> None:
    n = 20_000
    score = np.tile([[0.2, 0.9, 0.5], [0.1, 0.4, 0.6]], (n, 1, 1))
    eligible = np.ones((n, 2, 3), dtype=bool)
    eligible[:, 1, 2] = False
    config = PolicyConfig(kind="softmax", temperature=0.4)
    item, look, propensity = choose_pairs(
        score, eligible, config, [f"u{i}" for i in range(n)], seed=3
    )
    flat = (1, 6)
    expected = look_probabilities(score[:1].reshape(flat), eligible[:1].reshape(flat), config)[0]
    np.testing.assert_array_equal(propensity, expected[item * 3 + look])
    drawn = np.bincount(item * 3 + look, minlength=6)
    assert drawn[5] == 0
    assert chisquare(drawn[:5], expected[:5] * n).pvalue > 1e-4
    with pytest.raises(ContractError, match=r"expected one \(n, items, looks\)"):
        choose_pairs(score[0], eligible[0], config, ["u"], 0)


def test_hashed_numbers_are_even_and_salts_are_independent() -> None:
    numbers = np.array([[uniform(f"u{i}", salt) for i in range(5_000)] for salt in ("a", "b")])
    assert kstest(numbers[0], "uniform").pvalue > 1e-4
    assert abs(np.corrcoef(numbers)[0, 1]) < 4.5 / 5_000**0.5


def test_draws_depend_on_seed_and_key_and_not_on_row_order() -> None:
    rng = np.random.default_rng(0)
    affinity = rng.normal(size=(200, 8))
    eligible = np.ones((200, 8), dtype=bool)
    config = PolicyConfig(kind="softmax", temperature=1.0)
    keys = [f"user{i} item{i % 7}" for i in range(200)]
    choice, propensity = choose_looks(affinity, eligible, config, keys, seed=5)
    order = rng.permutation(200)
    moved = choose_looks(affinity[order], eligible[order], config, [keys[i] for i in order], seed=5)
    np.testing.assert_array_equal(moved[0], choice[order])
    np.testing.assert_array_equal(moved[1], propensity[order])
    other, _ = choose_looks(affinity, eligible, config, keys, seed=6)
    assert (other != choice).any()


def test_epsilon_greedy_gives_the_best_look_its_textbook_probability() -> None:
    config = PolicyConfig(kind="epsilon_greedy", epsilon=0.2)
    probabilities = look_probabilities(
        np.array([[0.1, 0.7, 0.7, 0.9]]), np.array([[True, True, True, False]]), config
    )
    np.testing.assert_allclose(probabilities, [[0.2 / 3, 0.8 + 0.2 / 3, 0.2 / 3, 0.0]])


def test_softmax_survives_large_affinities() -> None:
    config = PolicyConfig(kind="softmax", temperature=1e-3)
    probabilities = look_probabilities(np.array([[1e3, 0.0]]), np.ones((1, 2), dtype=bool), config)
    np.testing.assert_allclose(probabilities, [[1.0, 0.0]])


def test_no_rows_give_no_choices() -> None:
    nothing = np.empty((0, 3))
    choice, propensity = choose_looks(nothing, nothing > 0, PolicyConfig("best"), [], seed=0)
    assert len(choice) == 0
    assert len(propensity) == 0


def test_bad_input_is_refused_with_what_to_do() -> None:
    yes = np.ones((1, 2), dtype=bool)
    with pytest.raises(ContractError, match="row 0 has no eligible look: keep at least"):
        choose_looks(np.zeros((1, 2)), ~yes, PolicyConfig("best"), ["u"], 0)
    with pytest.raises(ContractError, match="NaN or infinity"):
        choose_looks(np.array([[np.nan, 0.0]]), yes, PolicyConfig("best"), ["u"], 0)
    with pytest.raises(ContractError, match="got 2 keys for 1 rows"):
        choose_looks(np.zeros((1, 2)), yes, PolicyConfig("best"), ["u", "v"], 0)
    with pytest.raises(ContractError, match="expected one"):
        choose_looks(np.zeros((1, 3)), yes, PolicyConfig("best"), ["u"], 0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kind": "greedy"}, "expected value, best, epsilon_greedy, softmax or thompson"),
        ({"epsilon": 1.5}, r"epsilon is 1.5: expected a number in \[0, 1\]"),
        ({"caution": -1.0}, "caution is -1.0: expected a number of at least 0"),
        ({"temperature": 0.0}, "temperature is 0.0: expected a number over 0"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        PolicyConfig(**settings)  # type: ignore[arg-type]


def test_thompson_sampling_needs_the_spread_and_explores_by_it() -> None:
    affinity, eligible = np.array([[0.0, 1.0, 5.0]]), np.array([[True, True, False]])
    thompson = PolicyConfig(kind="thompson")
    with pytest.raises(ContractError, match="needs the affinities' spread"):
        look_probabilities(affinity, eligible, thompson)
    sure = look_probabilities(affinity, eligible, thompson, np.full((1, 3), 0.01))
    unsure = look_probabilities(affinity, eligible, thompson, np.full((1, 3), 10.0))
    assert sure.tolist() == [[0.0, 1.0, 0.0]]
    assert 0.3 < unsure[0, 0] < unsure[0, 1]
