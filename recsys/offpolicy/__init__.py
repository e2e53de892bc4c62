"""Off-policy evaluation: what would another policy have earned, told from the log of this one.

    log = LoggedFeedback(action, reward, pscore, policy=policy)  # checks the propensities
    q = cross_fit_rewards(log, seed=0)         # reward expected of every action, (n, n_actions)
    estimate = dr(log, q)                      # or ips(log), snips(log), dm(log, q), ...
    low, high = interval(estimate, "bootstrap", level=0.95, seed=0)

Every estimator is a function LoggedFeedback[, q[, hyper-parameter]] -> Estimate, with a `value`,
`per_round` (n,) whose mean is the value, and a `name`; `estimate_all(log, q)` asks all of them,
with hyper-parameters chosen by `tuning`. `difference(b, a)` and `relative_lift(b, a)` compare two
policies on the same rows and are Estimates, too. `interval` takes `normal`, `bootstrap` or
`bernstein`. `weight_report`, `support_report` and `calibration` say how far to believe it, and
`judge` puts the verdict in words, or refuses. `SlateFeedback` is for whole feeds.
"""

from recsys.config import VerdictConfig
from recsys.offpolicy.diagnostics import (
    Calibration,
    SupportReport,
    WeightReport,
    calibration,
    support_report,
    weight_report,
)
from recsys.offpolicy.direct import Predicted, dm, predicted
from recsys.offpolicy.doubly_robust import dr, dr_os, sndr, sub_gaussian_dr, switch_dr
from recsys.offpolicy.estimate import Estimate, difference, relative_lift
from recsys.offpolicy.intervals import Method, interval, intervals_of, standard_error
from recsys.offpolicy.log import LoggedFeedback
from recsys.offpolicy.panel import MAIN, UNBIASED, estimate_all
from recsys.offpolicy.reward_model import RewardModelConfig, cross_fit_rewards
from recsys.offpolicy.slates import (
    SlateFeedback,
    independent_ips,
    per_position,
    reward_interaction_ips,
    slate_ips,
)
from recsys.offpolicy.tuning import slope
from recsys.offpolicy.verdict import Evidence, Verdict, judge
from recsys.offpolicy.weighting import ips, snips, sub_gaussian_ips

__all__ = [
    "MAIN",
    "UNBIASED",
    "Calibration",
    "Estimate",
    "Evidence",
    "LoggedFeedback",
    "Method",
    "Predicted",
    "RewardModelConfig",
    "SlateFeedback",
    "SupportReport",
    "Verdict",
    "VerdictConfig",
    "WeightReport",
    "calibration",
    "cross_fit_rewards",
    "difference",
    "dm",
    "dr",
    "dr_os",
    "estimate_all",
    "independent_ips",
    "interval",
    "intervals_of",
    "ips",
    "judge",
    "per_position",
    "predicted",
    "relative_lift",
    "reward_interaction_ips",
    "slate_ips",
    "slope",
    "sndr",
    "snips",
    "standard_error",
    "sub_gaussian_dr",
    "sub_gaussian_ips",
    "support_report",
    "switch_dr",
    "weight_report",
]  # fmt: skip
