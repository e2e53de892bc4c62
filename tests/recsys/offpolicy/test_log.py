"""A log that cannot be trusted is refused in one line that says what to do."""

from __future__ import annotations

import numpy as np
import pytest

from features.schema import ContractError, InputError
from recsys.offpolicy import LoggedFeedback
from recsys.offpolicy.log import check_propensities, floor_propensities

N, ACTIONS, POSITIONS = 6, 3, 2


def _log(**changes: object) -> LoggedFeedback:
    fields: dict[str, object] = {
        "action": np.array([0, 1, 2, 0, 1, 2]),
        "reward": np.array([0.0, 1.0, 0.0, 1.0, 0.0, 1.0]),
        "pscore": np.full(N, 0.5),
        "policy": np.full((N, ACTIONS), 1 / 3),
    }
    return LoggedFeedback(**(fields | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (np.nan, r"propensities: is missing in 1 of 6 rows \(first row 2\)"),
        (0.0, r"is zero in 1 of 6 rows \(first row 2\): expected .* log it when it is drawn"),
        (-0.1, "is negative in 1 of 6 rows"),
        (1.5, "is above 1 in 1 of 6 rows"),
    ],
)
def test_a_propensity_that_is_no_probability_stops_with_one_line(bad: float, words: str) -> None:
    pscore = np.full(N, 0.5)
    pscore[2] = bad
    with pytest.raises(InputError, match=words) as caught:
        _log(pscore=pscore)
    assert "\n" not in str(caught.value)


def test_a_policy_that_does_not_sum_to_one_is_refused() -> None:
    policy = np.full((N, ACTIONS), 1 / 3)
    policy[4] = [0.5, 0.2, 0.2]
    with pytest.raises(ContractError, match=r"not sum to 1 in 1 of 6 rows \(row 4 sums to 0.9\)"):
        _log(policy=policy)
    policy[4] = [1.5, -0.5, 0.0]
    with pytest.raises(ContractError, match="negative number"):
        _log(policy=policy)
    policy[4] = np.nan
    with pytest.raises(ContractError, match="do not sum to 1 in 1 of 6 rows"):
        _log(policy=policy)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"policy": None}, "either as `policy`.* or as `target`"),
        ({"target": np.ones(N)}, "either as `policy`.* or as `target`"),
        ({"policy": None, "target": np.full(N, -0.1)}, r"target propensity is outside \[0, 1\]"),
        ({"action": np.array([0, 1, 2, 0, 1, 3])}, "actions run from 0 to 3: expected 0 to 2"),
        ({"action": np.zeros(N)}, "action is float64: expected whole numbers"),
        ({"reward": np.zeros(N - 1)}, "reward has 5 rows, the actions 6"),
        ({"reward": np.full(N, np.inf)}, "reward is NaN or infinite"),
        ({"policy": np.full((N, ACTIONS, POSITIONS), 1 / 3)}, "the log names none"),
        ({"policy": np.ones(N)}, r"policy has shape \(6,\)"),
        (
            {
                "policy": np.full((N, ACTIONS, POSITIONS), 1 / 3),
                "position": np.array([0, 1, 2, 0, 1, 0]),
            },
            "positions run from 0 to 2: expected 0 to 1",
        ),
    ],
)
def test_a_log_that_does_not_fit_together_is_refused(
    changes: dict[str, object], words: str
) -> None:
    with pytest.raises(ContractError, match=words):
        _log(**changes)


def test_an_empty_log_is_refused() -> None:
    empty = np.zeros(0)
    with pytest.raises(ContractError, match="no rows"):
        LoggedFeedback(empty.astype(int), empty, empty, target=empty)


def test_weights_follow_the_position_of_the_row() -> None:
    policy = np.zeros((N, ACTIONS, POSITIONS))
    policy[:, 0, 0] = 1.0
    policy[:, 1, 1] = 1.0
    log = _log(policy=policy, position=np.array([0, 1, 0, 1, 0, 0]))
    np.testing.assert_array_equal(log.weight, [2.0, 2.0, 0.0, 0.0, 0.0, 0.0])
    assert log.n_actions == ACTIONS


def test_taking_rows_and_changing_the_policy_keep_the_rest() -> None:
    log = _log(group=np.array([0, 0, 1, 1, 2, 2]))
    part = log.take(np.array([1, 4]))
    np.testing.assert_array_equal(part.action, [1, 1])
    np.testing.assert_array_equal(part.group, [0, 2])
    other = log.under(np.tile([1.0, 0.0, 0.0], (N, 1)))
    np.testing.assert_array_equal(other.weight, [2.0, 0.0, 0.0, 2.0, 0.0, 0.0])
    np.testing.assert_array_equal(other.reward, log.reward)


def test_a_propensity_below_one_in_the_log_stands_for_no_more_than_a_verdict_allows() -> None:
    pscore = np.full(2_000, 0.25)
    assert floor_propensities(pscore).rows.size == 0
    np.testing.assert_array_equal(floor_propensities(pscore).pscore, pscore)
    pscore[7] = 1e-9
    floored = floor_propensities(pscore)
    assert floored.rows.tolist() == [7]
    assert floored.smallest == 1e-9
    assert floored.pscore[7] == floored.floor == 0.25
    assert pscore[7] == 1e-9
    assert floor_propensities(np.array([0.5, 1e-9])).pscore.tolist() == [0.5, 1.0]


def test_a_faulty_propensity_is_named_by_the_row_of_the_file() -> None:
    with pytest.raises(InputError, match=r"is zero in 1 of 2 rows \(first row 40\)"):
        check_propensities(np.array([0.5, 0.0]), np.array([7, 40]))
