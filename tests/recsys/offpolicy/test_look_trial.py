"""Look policies are judged after the cut by what was learned before it, and by nothing else."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from features.schema import ConfigError, InputError
from recsys.offpolicy import ips
from recsys.offpolicy.look_trial import LookTrial, check_sums

LOOKS = ["a", "b"]
CODES = np.full((2, 4), np.nan, dtype=np.float32)


def _shown(n: int, seed: int, looks: tuple[str, ...] = ("a", "b", "original")) -> pd.DataFrame:
    """Even draws; `b` is clicked twice as often as the others."""
    rng = np.random.default_rng(seed)
    look = rng.choice(looks, n)
    return pd.DataFrame(
        {
            "user_id": "u" + pd.Series(rng.integers(0, 40, n)).astype(str),
            "item_id": "i" + pd.Series(rng.integers(0, 9, n)).astype(str),
            "style_id": pd.Series(look, dtype="str"),
            "timestamp": pd.date_range("2025-01-01", periods=n, freq="1min", tz="UTC"),
            "position": rng.integers(1, 4, n).astype(np.float32),
            "propensity": np.full(n, 1 / len(looks), dtype=np.float32),
            "clicked": rng.random(n) < np.where(look == "b", 0.4, 0.2),
        }
    )


@pytest.fixture(scope="module")
def trial() -> LookTrial:
    return LookTrial(_shown(3_000, 0), _shown(1_500, 1), LOOKS, CODES, seed=0)


def test_each_policy_is_a_distribution_and_is_what_it_says(trial: LookTrial) -> None:
    for name in ("original", "uniform", "best_single", "personal"):
        np.testing.assert_allclose(trial.probabilities(name).sum(axis=1), 1.0)
    assert trial.best_single == "b"
    assert trial.probabilities("best_single")[0].tolist() == [0.0, 1.0, 0.0]
    assert trial.probabilities("original")[0].tolist() == [0.0, 0.0, 1.0]
    np.testing.assert_allclose(trial.probabilities("uniform")[0], 1 / 3)
    personal = trial.probabilities("personal")
    assert personal[:, 1].mean() > 0.9
    assert personal.min() >= 0.0


def test_the_logged_policy_is_worth_its_clicks_by_every_estimator(trial: LookTrial) -> None:
    mean = float(trial.later["clicked"].mean())
    for estimate in trial.estimates("feed").values():
        assert estimate.value == pytest.approx(mean)
    assert trial.evidence("feed").weights.effective_rows == pytest.approx(1_500)


def test_values_are_those_of_the_looks_own_rows(trial: LookTrial) -> None:
    later = trial.later
    b = later["clicked"].to_numpy() * (later["style_id"] == "b").to_numpy() * 3
    assert ips(trial.log("best_single")).value == pytest.approx(b.mean(), rel=1e-6)
    assert trial.estimates("best_single")["DR"].value == pytest.approx(0.4, abs=0.06)
    assert trial.calibration().error < 0.05


def test_what_happens_after_the_cut_teaches_no_policy(trial: LookTrial) -> None:
    turned = trial.later.assign(clicked=~trial.later["clicked"])
    other = LookTrial(trial.past, turned, LOOKS, CODES, seed=0)
    assert other.best_single == trial.best_single
    np.testing.assert_array_equal(other.probabilities("personal"), trial.probabilities("personal"))


def test_a_new_look_without_a_picture_is_not_shown_by_the_personal_policy() -> None:
    past = _shown(1_500, 0, looks=("a", "original"))
    trial = LookTrial(past, _shown(900, 1), LOOKS, CODES, seed=0)
    assert (trial.probabilities("personal")[:, 1] == 0.0).all()
    known = np.array([[1, 0, 0, 0], [0.9, 0.1, 0, 0]], dtype=np.float32)
    with_code = LookTrial(past, _shown(900, 1), LOOKS, known, seed=0)
    assert (with_code.probabilities("personal")[:, 1] > 0.0).all()


def test_propensities_that_cannot_sum_to_one_are_refused() -> None:
    rng = np.random.default_rng(0)
    action = rng.integers(0, 4, 4_000)
    looks = ["a", "b", "c", "original"]
    check_sums(action, np.full(4_000, 0.25), looks)
    for wrong, words in ((0.2, "would be 5,"), (0.3, "would be 3,")):
        with pytest.raises(InputError, match=f"do not sum to 1 over the looks: .* {words}"):
            check_sums(action, np.full(4_000, wrong), looks)


def test_looks_that_only_some_rows_could_draw_are_no_fault() -> None:
    rng = np.random.default_rng(0)
    few = rng.random(6_000) < 0.5
    # Half the rows draw from a and the original, the others from all four.
    action = np.where(few, rng.choice([0, 3], 6_000), rng.integers(0, 4, 6_000))
    check_sums(action, np.where(few, 0.5, 0.25), ["a", "b", "c", "original"])


def test_unknown_policies_and_empty_parts_are_refused(trial: LookTrial) -> None:
    with pytest.raises(ConfigError, match="policy is 'best': expected one of feed"):
        trial.log("best")
    with pytest.raises(InputError, match="0 impressions before the cut"):
        LookTrial(trial.past.head(0), trial.later, LOOKS, CODES, seed=0)
    rare = LookTrial(trial.past.head(50), trial.later, LOOKS, CODES, seed=0)
    with pytest.raises(InputError, match="no look was shown 100 times before the cut"):
        rare.log("best_single")
