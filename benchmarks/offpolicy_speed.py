"""Seconds and memory of off-policy evaluation: a million rows, and beside obp on 100,000.

All nine estimators with the reward model given, tuning included, and a bootstrap of 200 draws each.
obp 0.4.1 is asked for the five it has in one setting (IPS, SNIPS, DM, DR, SNDR), and 200 bootstrap
draws of each; it is skipped where it cannot be imported (see benchmarks.open_bandit).

    python -m benchmarks.offpolicy_speed
"""

from __future__ import annotations

import resource
import time

import numpy as np
from numpy.typing import NDArray

from benchmarks.machine import describe
from benchmarks.open_bandit import obp_estimators
from recsys.offpolicy import LoggedFeedback, dm, dr, estimate_all, intervals_of, ips, sndr, snips

ACTIONS, DRAWS, RUNS = 10, 200, 3


def world(n: int) -> tuple[LoggedFeedback, NDArray[np.float32]]:
    """Evenly drawn actions, a policy per row, and a reward model that is somewhat wrong."""
    rng = np.random.default_rng(0)
    action = rng.integers(0, ACTIONS, n)
    q = rng.uniform(0.02, 0.2, (n, ACTIONS)).astype(np.float32)
    reward = (rng.random(n) < q[np.arange(n), action]).astype(float)
    policy = rng.dirichlet(np.ones(ACTIONS), n)
    return LoggedFeedback(action, reward, np.full(n, 1 / ACTIONS), policy), q * np.float32(0.9)


def timed(n: int, everything: bool) -> tuple[float, float]:
    """Best and worst seconds of ours on n rows: all nine estimators, or obp's five."""
    log, q = world(n)
    seconds = []
    for _ in range(RUNS):
        start = time.perf_counter()
        if everything:
            estimates = list(estimate_all(log, q).values())
        else:
            estimates = [ips(log), snips(log), dm(log, q), dr(log, q), sndr(log, q)]
        intervals_of(estimates, "bootstrap", seed=0, draws=DRAWS)
        seconds.append(time.perf_counter() - start)
    return min(seconds), max(seconds)


def main() -> None:
    ope = obp_estimators()
    print(describe("numpy", *(["obp"] if ope is not None else [])), "\n")
    print(f"| rows | what, with {DRAWS} bootstrap draws | seconds, best to worst of {RUNS} |")
    print("|---" * 3 + "|")
    five = timed(100_000, everything=False)
    print(f"| 100,000 | five estimators, stylefeed | {five[0]:.2f} to {five[1]:.2f} |")
    if ope is not None:
        log, q = world(100_000)
        given = {
            "reward": log.reward,
            "action": log.action,
            "pscore": log.pscore,
            "action_dist": np.asarray(log.policy)[:, :, None],
            "estimated_rewards_by_reg_model": q.astype(np.float64)[:, :, None],
        }
        peers = (
            ope.InverseProbabilityWeighting(),
            ope.SelfNormalizedInverseProbabilityWeighting(),
            ope.DirectMethod(),
            ope.DoublyRobust(),
            ope.SelfNormalizedDoublyRobust(),
        )
        seconds = []
        for _ in range(RUNS):
            start = time.perf_counter()
            for peer in peers:
                peer.estimate_policy_value(**given)
                peer.estimate_interval(**given, n_bootstrap_samples=DRAWS, random_state=0)
            seconds.append(time.perf_counter() - start)
        print(
            f"| 100,000 | the same five, obp | {min(seconds):.2f} to {max(seconds):.2f} "
            f"({min(seconds) / five[0]:.1f} times as long) |"
        )
    low, high = timed(1_000_000, everything=True)
    print(f"| 1,000,000 | all nine, tuned, stylefeed | {low:.1f} to {high:.1f} |")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"\nPeak memory of the whole run: {peak:.2f} GiB")


if __name__ == "__main__":
    main()
