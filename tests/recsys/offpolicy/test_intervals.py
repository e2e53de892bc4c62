"""Intervals cover the truth as often as they say, and are the same for the same seed."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from features.schema import ContractError
from recsys.offpolicy import LoggedFeedback, interval, intervals_of, ips, relative_lift, snips
from recsys.offpolicy.estimate import linear
from recsys.offpolicy.intervals import bootstrap

Floats = NDArray[np.float64]


def _log(n: int, seed: int, rate: float = 0.2) -> LoggedFeedback:
    """Two actions shown evenly, the first clicked at `rate`, the second half as often."""
    rng = np.random.default_rng(seed)
    action = rng.integers(0, 2, n)
    reward = (rng.random(n) < np.where(action == 0, rate, rate / 2)).astype(float)
    policy = np.tile([0.9, 0.1], (n, 1))
    return LoggedFeedback(action, reward, np.full(n, 0.5), policy)


TRUTH = 0.9 * 0.2 + 0.1 * 0.1


def test_normal_interval_is_the_textbook_one() -> None:
    estimate = ips(_log(500, 0))
    low, high = interval(estimate, "normal", level=0.9)
    expected = stats.norm.interval(0.9, loc=estimate.value, scale=stats.sem(estimate.per_round))
    np.testing.assert_allclose((low, high), expected)


def test_bernstein_interval_is_maurer_and_pontils_bound_at_each_end() -> None:
    values = np.array([0.0, 1.0, 0.0, 0.5, 1.0])
    low, high = interval(linear("x", values, None), "bernstein", level=0.9)
    delta = 0.05
    reach = math.sqrt(2 * np.var(values, ddof=1) * math.log(2 / delta) / 5)
    reach += 7 * math.log(2 / delta) / (3 * 4)
    np.testing.assert_allclose((low, high), (0.5 - reach, 0.5 + reach))


@pytest.mark.parametrize("estimator", [ips, snips])
def test_intervals_cover_the_truth_and_bernstein_more_often(estimator) -> None:  # type: ignore[no-untyped-def]
    covered = {"normal": 0, "bootstrap": 0, "bernstein": 0}
    runs = 200
    for seed in range(runs):
        estimate = estimator(_log(600, seed))
        for method in covered:
            low, high = interval(estimate, method, seed=seed, draws=200)  # type: ignore[arg-type]
            covered[method] += low <= TRUTH <= high
    # Four standard errors of a coverage of 95 % over 200 runs.
    assert all(
        count >= 0.95 * runs - 4 * math.sqrt(runs * 0.95 * 0.05) for count in covered.values()
    )
    assert covered["normal"] < runs
    assert covered["bernstein"] == runs


def test_bootstrap_redraws_rows_as_an_index_bootstrap_does() -> None:
    log = _log(300, 4)
    estimates = [ips(log), snips(log)]
    drawn = bootstrap(estimates, 50, seed=9)
    rng = np.random.default_rng(9)
    for values in drawn:
        again = log.take(rng.integers(0, 300, 300))
        np.testing.assert_allclose(values, [ips(again).value, snips(again).value], rtol=1e-12)


def test_bootstrap_is_seeded_and_shares_its_redraws() -> None:
    log = _log(300, 1)
    first = interval(snips(log), "bootstrap", seed=3)
    assert interval(snips(log), "bootstrap", seed=3) == first
    assert interval(snips(log), "bootstrap", seed=4) != first
    pair = intervals_of([ips(log), snips(log)], "bootstrap", seed=3)
    assert pair[1] == pytest.approx(first)


def test_rows_of_one_shopper_count_as_one_draw() -> None:
    log = _log(400, 2)
    copies = LoggedFeedback(
        np.repeat(log.action, 9),
        np.repeat(log.reward, 9),
        np.repeat(log.pscore, 9),
        np.repeat(np.asarray(log.policy), 9, axis=0),
        group=np.repeat(np.arange(400), 9),
    )
    for method in ("normal", "bernstein"):
        np.testing.assert_allclose(
            interval(snips(copies), method), interval(snips(log), method), rtol=1e-9
        )
    np.testing.assert_allclose(
        interval(snips(copies), "bootstrap", seed=1), interval(snips(log), "bootstrap", seed=1)
    )


def test_lift_has_an_interval_by_every_method() -> None:
    log = _log(4_000, 0)
    lift = relative_lift(snips(log), snips(log.under(np.full((4_000, 2), 0.5))))
    for method in ("normal", "bootstrap", "bernstein"):
        low, high = interval(lift, method)  # type: ignore[arg-type]
        assert low < TRUTH / 0.15 - 1 < high


def test_what_cannot_be_asked_is_refused() -> None:
    estimate = ips(_log(20, 0))
    with pytest.raises(ContractError, match="expected one of normal, bootstrap, bernstein"):
        interval(estimate, "exact")  # type: ignore[arg-type]
    with pytest.raises(ContractError, match="level is 95: expected between 0 and 1"):
        interval(estimate, level=95)
    with pytest.raises(ContractError, match="got 0 bootstrap draws"):
        interval(estimate, "bootstrap", draws=0)
    with pytest.raises(ContractError, match=r"\[20, 30\] rows: expected one length"):
        intervals_of([estimate, ips(_log(30, 0))], "bootstrap")
    single = ips(_log(1, 0))
    assert interval(single, "bernstein") == (-math.inf, math.inf)
    assert all(math.isnan(end) for end in interval(single))
