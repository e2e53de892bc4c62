"""Guard-rails hold, and the guarded probabilities are still those of the draws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from features.schema import ConfigError, ContractError, InputError
from recsys.config import GuardRails, PolicyConfig
from recsys.policy.draw import draw, look_probabilities
from recsys.policy.guardrails import apply_guard_rails, permit_looks

LOOKS = ["s1", "s2", "original", "s3"]


@given(
    share=st.floats(0, 1),
    floor=st.floats(0, 1),
    seed=st.integers(0, 10_000),
    rows=st.integers(1, 4),
)
def test_rails_hold_and_rows_stay_distributions(
    share: float, floor: float, seed: int, rows: int
) -> None:
    p = np.random.default_rng(seed).dirichlet(np.full(4, 0.4), rows)
    g = apply_guard_rails(p, LOOKS, GuardRails(share, original_floor=floor))
    np.testing.assert_allclose(g.sum(axis=1), 1.0)
    assert (g >= 0.0).all()
    assert (g[:, 2] >= floor - 1e-12).all()
    styled = np.delete(g, 2, axis=1)
    assert (styled.sum(axis=1) <= share + 1e-12).all()
    # What is left to the looks is shared as the policy shares it.
    np.testing.assert_allclose(styled * p[:, :1], g[:, :1] * np.delete(p, 2, axis=1), atol=1e-12)


def test_guarded_looks_are_drawn_as_often_as_their_propensity_says() -> None:
    n = 20_000
    rails = GuardRails(share_personalised=0.8, excluded=("s3",), original_floor=0.25)
    eligible = permit_looks(np.ones((n, 4), dtype=bool), LOOKS, rails)
    affinity = np.tile([0.1, 0.6, 0.2, 0.9], (n, 1))
    p = look_probabilities(affinity, eligible, PolicyConfig("epsilon_greedy", epsilon=0.3))
    choice, propensity = draw(
        apply_guard_rails(p, LOOKS, rails), [f"u{i}" for i in range(n)], seed=2
    )
    expected = apply_guard_rails(p[:1], LOOKS, rails)[0]
    assert expected[2] == pytest.approx(0.8 * 0.1 + 0.2)
    drawn = np.bincount(choice, minlength=4)
    assert drawn[3] == 0
    assert chisquare(drawn[:3], expected[:3] * n).pvalue > 1e-4
    np.testing.assert_allclose(propensity, expected[choice])


def test_no_rails_change_nothing() -> None:
    p = np.random.default_rng(0).dirichlet(np.ones(4), 5)
    np.testing.assert_allclose(apply_guard_rails(p, LOOKS, GuardRails(original_floor=0.0)), p)


def test_bad_rails_are_refused() -> None:
    with pytest.raises(ConfigError, match="share_personalised is 2"):
        GuardRails(share_personalised=2)
    with pytest.raises(ConfigError, match="original photo cannot be excluded"):
        GuardRails(excluded=("original",))
    with pytest.raises(InputError, match=r"\['s9'\] are not among the looks"):
        permit_looks(np.ones((1, 4), dtype=bool), LOOKS, GuardRails(excluded=("s9",)))
    with pytest.raises(ContractError, match="use `permit_looks` first"):
        apply_guard_rails(np.full((1, 4), 0.25), LOOKS, GuardRails(excluded=("s1",)))
    with pytest.raises(ContractError, match="and one original"):
        apply_guard_rails(np.full((1, 2), 0.5), ["s1", "s2"], GuardRails())
