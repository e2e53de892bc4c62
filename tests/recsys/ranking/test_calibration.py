from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from features.schema import ContractError, NotFittedError
from recsys.ranking.calibration import ISOTONIC_FROM, ScoreCalibrator, calibration_error


def _judged(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores whose true probability is a curve that no logistic function follows."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(0, 3, rows).astype("float32")
    truth = 0.05 + 0.5 * expit(4 * (scores - 1)) + 0.3 * expit(4 * (scores + 3))
    return scores, rng.random(rows) < truth, truth


@pytest.mark.parametrize(("rows", "within"), [(300, 0.1), (20_000, 0.02)])
def test_probabilities_are_those_of_later_rows(rows: int, within: float) -> None:
    scores, outcomes, _ = _judged(rows, seed=1)
    later, happened, truth = _judged(50_000, seed=2)
    calibrator = ScoreCalibrator().fit(scores, outcomes)
    probability = calibrator.probability(later)
    assert calibration_error(probability, happened) < within
    assert np.abs(probability - truth).mean() < within
    assert calibration_error(expit(later), happened) > within


def test_with_many_rows_the_free_curve_beats_the_logistic_one() -> None:
    scores, outcomes, _ = _judged(20_000, seed=3)
    later, happened, _ = _judged(20_000, seed=4)
    calibrator = ScoreCalibrator().fit(scores, outcomes)
    logistic = LogisticRegression(C=np.inf).fit(scores[:, None], outcomes)
    assert calibrator.method == "isotonic"
    assert calibration_error(calibrator.probability(later), happened) < calibration_error(
        logistic.predict_proba(later[:, None])[:, 1], happened
    )


def test_with_few_rows_the_curve_is_platts() -> None:
    scores, outcomes, _ = _judged(400, seed=5)
    calibrator = ScoreCalibrator().fit(scores, outcomes)
    assert calibrator.method == "platt"
    # Platt's smoothed targets: each row counts for both outcomes, in part.
    positives, negatives = outcomes.sum(), (~outcomes).sum()
    target = np.where(outcomes, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    logistic = LogisticRegression(C=np.inf, tol=1e-8).fit(
        np.concatenate([scores, scores])[:, None],
        np.repeat([1, 0], len(scores)),
        sample_weight=np.concatenate([target, 1 - target]),
    )
    expected = logistic.predict_proba(scores[:, None])[:, 1]
    np.testing.assert_allclose(calibrator.probability(scores), expected, atol=1e-3)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 4_000), st.floats(0, 1), st.floats(-2, 2))
def test_probabilities_never_fall_with_the_score_and_stay_inside(
    seed: int, rows: int, rate: float, slope: float
) -> None:
    rng = np.random.default_rng(seed)
    scores = np.round(rng.normal(size=rows), 1).astype("float32")
    outcomes = rng.random(rows) < rate * expit(slope * scores)
    calibrator = ScoreCalibrator().fit(scores, outcomes)
    probability = calibrator.probability(np.sort(np.append(scores, [-9, 9])).astype("float32"))
    assert probability.dtype == np.float32
    assert (np.diff(probability) >= 0).all()
    assert probability.min() >= 0
    assert probability.max() <= 1
    inside = calibrator.probability(scores)
    assert inside.mean() == pytest.approx(outcomes.mean(), abs=0.02 + 2 / (rows + 2))


@pytest.mark.parametrize("outcome", [False, True])
def test_a_single_outcome_or_score_is_never_certain(outcome: bool) -> None:
    rows = 2 * ISOTONIC_FROM
    for scores in (np.ones(rows), np.linspace(-1, 1, rows)):
        calibrator = ScoreCalibrator().fit(scores, np.full(rows, outcome))
        probability = calibrator.probability(scores)
        assert np.abs(probability - outcome).max() < 0.01
        assert probability.min() > 0
        assert probability.max() < 1


@pytest.mark.parametrize("rows", [200, 20_000])
def test_a_saved_curve_gives_the_same_probabilities(tmp_path: Path, rows: int) -> None:
    scores, outcomes, _ = _judged(rows, seed=6)
    calibrator = ScoreCalibrator().fit(scores, outcomes)
    calibrator.save(tmp_path / "model" / "calibration.json")
    loaded = ScoreCalibrator.load(tmp_path / "model" / "calibration.json")
    np.testing.assert_array_equal(loaded.probability(scores), calibrator.probability(scores))


def test_the_error_is_the_mean_gap_of_the_bins() -> None:
    probability = np.array([0.1, 0.1, 0.8, 0.8])
    outcomes = np.array([False, True, True, True])
    assert calibration_error(probability, outcomes, bins=2) == pytest.approx(0.3)
    assert calibration_error(outcomes.astype(float), outcomes) == 0


def test_bad_input_is_refused_in_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="at least one row"):
        ScoreCalibrator().fit(np.empty(0), np.empty(0))
    with pytest.raises(ContractError, match="expected one of each"):
        ScoreCalibrator().fit(np.ones(3), np.ones(2))
    with pytest.raises(ContractError, match="finite scores"):
        ScoreCalibrator().fit(np.array([np.nan]), np.ones(1))
    with pytest.raises(ContractError, match="outcomes of 0 or 1"):
        ScoreCalibrator().fit(np.ones(2), np.array([0, 2]))
    with pytest.raises(NotFittedError):
        ScoreCalibrator().probability(np.ones(2))
    with pytest.raises(NotFittedError, match="no calibrator"):
        ScoreCalibrator.load(tmp_path / "none.json")
