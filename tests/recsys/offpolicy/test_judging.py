"""Tuning, reward model, diagnostics and verdicts of an off-policy evaluation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from features.schema import ConfigError, ContractError
from recsys.offpolicy import (
    MAIN,
    UNBIASED,
    Evidence,
    LoggedFeedback,
    RewardModelConfig,
    Verdict,
    VerdictConfig,
    calibration,
    cross_fit_rewards,
    difference,
    dr,
    estimate_all,
    interval,
    ips,
    judge,
    slope,
    snips,
    standard_error,
    support_report,
    weight_report,
)
from recsys.offpolicy.estimate import Estimate, linear
from recsys.offpolicy.tuning import sub_gaussian_strength

QUICK = RewardModelConfig(rounds=30, smallest_leaf=20)


def _log(n: int, seed: int, rates: tuple[float, ...] = (0.1, 0.2, 0.3)) -> LoggedFeedback:
    """Evenly drawn actions; the policy prefers the last one; the context shifts the rate."""
    rng = np.random.default_rng(seed)
    action = rng.integers(0, len(rates), n)
    context = rng.random((n, 2))
    chance = np.asarray(rates)[action] * (0.5 + context[:, 0])
    reward = (rng.random(n) < chance).astype(float)
    policy = np.full((n, len(rates)), 0.1)
    policy[:, -1] = 1 - 0.1 * (len(rates) - 1)
    pscore = np.full(n, 1 / len(rates))
    return LoggedFeedback(action, reward, pscore, policy, context=context)


def _spread(mean: float, half: float) -> Estimate:
    """An estimate whose standard error is `half` over sqrt(2)."""
    return linear("x", np.array([mean - half, mean, mean + half]), None)


def test_slope_goes_on_while_the_intervals_meet() -> None:
    assert slope([_spread(1.0, 1.0), _spread(1.1, 0.5), _spread(1.2, 0.1)]) == 2
    assert slope([_spread(1.0, 0.1), _spread(1.1, 0.05), _spread(9.0, 0.01)]) == 1
    assert slope([_spread(1.0, 0.1)]) == 0
    with pytest.raises(ContractError, match="no candidate"):
        slope([])


def test_sub_gaussian_strength_is_the_closed_form_and_fades_with_the_rows() -> None:
    weight = np.array([0.0, 2.0, 1.0, 1.0])
    expected = math.sqrt(2 * math.log(20) / (3 * 4 * 1.5))
    assert sub_gaussian_strength(weight) == pytest.approx(expected)
    assert sub_gaussian_strength(np.tile(weight, 10_000)) < 0.02
    assert sub_gaussian_strength(np.zeros(3)) == 1.0


def test_slope_trusts_a_right_reward_model_and_leaves_a_wrong_one() -> None:
    errors = {"DR": 0.0, "DRos": 0.0, "switch-DR": 0.0}
    for seed in range(30):
        log = _log(1_500, seed)
        right = np.asarray([0.1, 0.2, 0.3]) * np.ones((1_500, 1))
        estimates = estimate_all(log, right)
        for name in errors:
            errors[name] += (estimates[name].value - 0.27) ** 2
        wrong = estimate_all(log, np.full_like(right, 0.9))
        for name in ("DRos", "switch-DR"):
            assert abs(wrong[name].value - wrong["DR"].value) < 4 * standard_error(wrong["DR"])
    assert errors["DRos"] < errors["DR"]
    assert errors["switch-DR"] < errors["DR"]


def test_every_estimator_is_near_the_truth_and_keyed_by_its_family() -> None:
    log = _log(20_000, 3)
    q = cross_fit_rewards(log, seed=0, config=QUICK)
    truth = 0.1 * 0.1 + 0.1 * 0.2 + 0.8 * 0.3
    estimates = estimate_all(log, q)
    assert list(estimates) == [
        "IPS", "SNIPS", "sub-Gaussian IPS", "DM", "DR", "SNDR", "switch-DR", "DRos",
        "sub-Gaussian DR",
    ]  # fmt: skip
    for name, estimate in estimates.items():
        assert estimate.name.startswith(name)
        assert estimate.value == pytest.approx(truth, abs=0.02), name
    assert {MAIN, *UNBIASED} <= set(estimates)


def test_a_row_is_predicted_by_trees_that_never_saw_its_reward() -> None:
    log = _log(900, 1)
    before = cross_fit_rewards(log, seed=4, config=QUICK)
    np.testing.assert_array_equal(before, cross_fit_rewards(log, seed=4, config=QUICK))
    reward = log.reward.copy()
    reward[17] = 1 - reward[17]
    changed = LoggedFeedback(log.action, reward, log.pscore, log.policy, context=log.context)
    after = cross_fit_rewards(changed, seed=4, config=QUICK)
    np.testing.assert_array_equal(after[17], before[17])
    assert (after != before).any()


def test_rows_of_one_shopper_are_predicted_without_each_other() -> None:
    log = _log(900, 1)
    fields = {"action": log.action, "pscore": log.pscore, "policy": log.policy}
    group = np.arange(900) // 30
    reward = log.reward.copy()
    reward[30:60] = 1 - reward[30:60]
    plain = LoggedFeedback(**fields, reward=log.reward, context=log.context, group=group)  # type: ignore[arg-type]
    turned = LoggedFeedback(**fields, reward=reward, context=log.context, group=group)  # type: ignore[arg-type]
    a, b = (cross_fit_rewards(each, seed=2, config=QUICK) for each in (plain, turned))
    np.testing.assert_array_equal(a[30:60], b[30:60])


def test_the_reward_model_learns_action_context_and_affinity() -> None:
    rng = np.random.default_rng(0)
    n = 6_000
    affinity = rng.normal(size=(n, 2)).astype(np.float32)
    action = rng.integers(0, 2, n)
    chance = 1 / (1 + np.exp(-affinity[np.arange(n), action]))
    reward = (rng.random(n) < chance).astype(float)
    log = LoggedFeedback(action, reward, np.full(n, 0.5), np.full((n, 2), 0.5), affinity=affinity)
    q = cross_fit_rewards(log, seed=0, config=QUICK)
    assert np.corrcoef(q[:, 0], affinity[:, 0])[0, 1] > 0.9
    assert abs(np.corrcoef(q[:, 0], affinity[:, 1])[0, 1]) < 0.15
    report = calibration(log, q)
    assert report.error < 0.05
    assert report.ratio == pytest.approx(1.0, abs=0.03)
    assert report.count.sum() == n


def test_rewards_that_never_vary_are_predicted_by_their_mean() -> None:
    log = _log(600, 0, rates=(0.0, 0.0))
    assert not cross_fit_rewards(log, seed=0).any()


def test_calibration_bins_hold_their_own_means() -> None:
    log = LoggedFeedback(
        np.zeros(4, dtype=int), np.array([0.0, 1.0, 1.0, 1.0]), np.ones(4), np.ones((4, 1))
    )
    report = calibration(log, np.array([[0.1], [0.3], [0.8], [0.8]]), bins=2)
    np.testing.assert_allclose(report.predicted, [0.2, 0.8])
    np.testing.assert_allclose(report.observed, [0.5, 1.0])
    assert report.error == pytest.approx(0.25)
    assert report.ratio == pytest.approx(3 / 2.0)


def test_weight_report_is_kish_and_its_quantiles() -> None:
    weight = np.array([0.0, 1.0, 1.0, 2.0])
    log = LoggedFeedback(
        np.zeros(4, dtype=int), np.array([1.0, 0.0, 1.0, 1.0]), np.full(4, 0.5), target=weight / 2
    )
    report = weight_report(log)
    assert report.effective_rows == pytest.approx(16 / 6)
    assert report.effective_rewarded == pytest.approx(9 / 5)
    assert (report.rewarded, report.n, report.unused) == (2, 4, 0.25)
    assert (report.weight_mean, report.weight_max) == (1.0, 2.0)
    assert report.top_share == pytest.approx(0.5)


def test_support_report_names_what_the_log_never_shows() -> None:
    action = np.repeat([0, 1], [5, 100])
    policy = np.tile([0.2, 0.5, 0.3, 0.0], (105, 1))
    report = support_report(LoggedFeedback(action, np.zeros(105), np.full(105, 0.5), policy))
    assert report.never_logged == (2,)
    assert report.mass == pytest.approx(0.3)
    assert report.thin == (0,)
    assert report.thin_mass == pytest.approx(0.2)


def _judged(
    log: LoggedFeedback, other: NDArray[np.float64], config: VerdictConfig | None = None
) -> Verdict:
    """B is the log's policy, A is `other`."""
    a_log = log.under(np.broadcast_to(other, np.asarray(log.policy).shape))
    b, a = snips(log), snips(a_log)
    gap = difference(b, a)
    evidence = [
        Evidence(name, weight_report(rows), support_report(rows))
        for name, rows in (("A", a_log), ("B", log))
    ]
    return judge(evidence[0], evidence[1], gap, interval(gap), a.value, config)


def test_a_clear_gain_and_a_clear_loss_are_said_with_their_interval() -> None:
    log = _log(20_000, 0)
    verdict = _judged(log, np.array([0.9, 0.1, 0.0]))
    assert verdict.kind == "better"
    assert verdict.sentence.startswith("B is better than A by ")
    assert "95 % interval +" in verdict.sentence
    other = _judged(log.under(np.tile([0.9, 0.1, 0.0], (20_000, 1))), np.array([0.1, 0.1, 0.8]))
    assert other.kind == "worse"
    assert "95 % interval −" in other.sentence


def test_equal_policies_are_not_told_apart() -> None:
    log = _log(20_000, 0, rates=(0.2, 0.2, 0.2))
    verdict = _judged(log, np.full(3, 1 / 3))
    assert verdict.kind == "no difference"
    assert "would show one of" in verdict.sentence
    assert "4 times in 5" in verdict.sentence
    assert verdict.times_traffic is not None
    assert verdict.times_traffic > 1.0
    same = _judged(log, np.asarray(log.policy)[0])
    assert same.kind == "no difference"
    assert same.times_traffic is None


def test_few_clicks_are_refused_with_the_traffic_that_would_do() -> None:
    log = _log(10_000, 0, rates=(0.0038, 0.0038, 0.0038))
    verdict = _judged(log, np.full(3, 1 / 3))
    assert verdict.kind == "refused"
    assert "rewarded rows" in verdict.sentence
    assert "at least 100 are needed" in verdict.sentence
    assert verdict.times_traffic is not None
    assert 2.0 < verdict.times_traffic < 20.0
    assert f"{round(10_000 * (verdict.times_traffic - 1)):,} more judged rows" in verdict.sentence


def test_few_effective_rows_are_refused() -> None:
    log = _log(400, 0, rates=(0.9, 0.9, 0.9))
    verdict = _judged(log, np.full(3, 1 / 3))
    assert verdict.kind == "refused"
    assert "effective sample size of A is 400 rows; at least 500" in verdict.sentence


def test_what_the_log_never_shows_is_refused_and_no_traffic_helps() -> None:
    log = _log(20_000, 0)
    hidden = log.take(log.action != 2)
    verdict = _judged(hidden, np.array([0.5, 0.5, 0.0]))
    assert verdict.kind == "refused"
    assert "80.0% of B falls on actions" in verdict.sentence
    assert "average" in verdict.sentence
    assert verdict.times_traffic is None


def test_false_propensities_are_refused_by_their_mean_weight() -> None:
    log = _log(20_000, 0)
    false = LoggedFeedback(log.action, log.reward, log.pscore * 0.7, log.policy)
    verdict = _judged(false, np.full(3, 1 / 3))
    assert verdict.kind == "refused"
    assert "the weights of A average 1.429 instead of 1" in verdict.sentence


def test_estimators_that_contradict_each_other_are_refused() -> None:
    log = _log(20_000, 0)
    gap = difference(ips(log), ips(log.under(np.full((20_000, 3), 1 / 3))))
    evidence = Evidence("A", weight_report(log))
    verdict = judge(evidence, evidence, gap, interval(gap), 0.2, others={"DM": (0.5, 0.6)})
    assert verdict.kind == "refused"
    assert "DM contradicts IPS" in verdict.sentence


def test_equal_policies_are_called_different_no_more_often_than_the_level_says() -> None:
    different = 0
    runs = 200
    for seed in range(runs):
        log = _log(1_500, seed, rates=(0.3, 0.3, 0.3))
        different += _judged(log, np.full(3, 1 / 3)).kind != "no difference"
    assert different <= 0.05 * runs + 4 * math.sqrt(runs * 0.05 * 0.95)


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(ConfigError, match="at least 2 folds"):
        RewardModelConfig(folds=1)
    with pytest.raises(ConfigError, match="learning_rate is 0"):
        RewardModelConfig(learning_rate=0)
    with pytest.raises(ConfigError, match="level is 95"):
        VerdictConfig(level=95)
    with pytest.raises(ConfigError, match="at least 1"):
        VerdictConfig(min_rewarded=0)


def test_dr_beats_ips_where_the_reward_model_knows_the_context() -> None:
    errors = {"IPS": 0.0, "DR": 0.0}
    truth = 0.1 * 0.1 + 0.1 * 0.4 + 0.8 * 0.7
    for seed in range(30):
        log = _log(1_200, seed, rates=(0.1, 0.4, 0.7))
        q = np.asarray([0.1, 0.4, 0.7]) * (0.5 + np.asarray(log.context)[:, :1])
        errors["IPS"] += (ips(log).value - truth) ** 2
        errors["DR"] += (dr(log, q).value - truth) ** 2
    assert errors["DR"] < errors["IPS"]
