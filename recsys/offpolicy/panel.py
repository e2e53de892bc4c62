"""The panel: every estimator on one log, in one call."""

from __future__ import annotations

from typing import Final

from recsys.offpolicy.direct import Rewards, dm, predicted
from recsys.offpolicy.doubly_robust import dr, sndr
from recsys.offpolicy.estimate import Estimate
from recsys.offpolicy.log import LoggedFeedback
from recsys.offpolicy.tuning import (
    tuned_dr_os,
    tuned_sub_gaussian_dr,
    tuned_sub_gaussian_ips,
    tuned_switch_dr,
)
from recsys.offpolicy.weighting import ips, snips

MAIN: Final = "DR"
"""The estimator verdicts are given by: unbiased by the logged propensities alone."""

UNBIASED: Final = ("IPS", "SNIPS", MAIN, "SNDR")
"""Unbiased, or with a bias that falls faster than their error: their intervals cover the truth."""


def estimate_all(log: LoggedFeedback, q: Rewards) -> dict[str, Estimate]:
    """Estimates by family: IPS, SNIPS, sub-Gaussian IPS, DM, DR, SNDR, switch-DR, DRos,
    sub-Gaussian DR.

    Their hyper-parameters are chosen by `tuning` and told by `Estimate.name`; keys are without.
    """
    q = predicted(log, q)
    return {
        "IPS": ips(log),
        "SNIPS": snips(log),
        "sub-Gaussian IPS": tuned_sub_gaussian_ips(log),
        "DM": dm(log, q),
        MAIN: dr(log, q),
        "SNDR": sndr(log, q),
        "switch-DR": tuned_switch_dr(log, q),
        "DRos": tuned_dr_os(log, q),
        "sub-Gaussian DR": tuned_sub_gaussian_dr(log, q),
    }
