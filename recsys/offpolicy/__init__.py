"""Off-policy evaluation: what would another policy have earned, told from the log of this one.

    log = LoggedFeedback(action, reward, pscore, policy=policy)  # checks the propensities
    estimate = dr(log, q)                      # or ips(log), snips(log), dm(log, q), ...
    low, high = interval(estimate, "bootstrap", level=0.95, seed=0)

Every estimator is a function LoggedFeedback[, q[, hyper-parameter]] -> Estimate, with a `value`,
`per_round` (n,) whose mean is the value, and a `name`. `q` (n, n_actions[, len_list]) is the
reward expected of every action. `difference(b, a)` and `relative_lift(b, a)` compare two policies
on the same rows and are Estimates, too. `interval` takes `normal`, `bootstrap` or `bernstein`.
"""

from recsys.offpolicy.direct import dm
from recsys.offpolicy.doubly_robust import dr, dr_os, sndr, sub_gaussian_dr, switch_dr
from recsys.offpolicy.estimate import Estimate, difference, relative_lift
from recsys.offpolicy.intervals import Method, interval, intervals, standard_error
from recsys.offpolicy.log import LoggedFeedback
from recsys.offpolicy.weighting import ips, snips, sub_gaussian_ips

__all__ = [
    "Estimate",
    "LoggedFeedback",
    "Method",
    "difference",
    "dm",
    "dr",
    "dr_os",
    "interval",
    "intervals",
    "ips",
    "relative_lift",
    "sndr",
    "snips",
    "standard_error",
    "sub_gaussian_dr",
    "sub_gaussian_ips",
    "switch_dr",
]
