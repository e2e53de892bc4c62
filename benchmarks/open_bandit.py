"""Off-policy estimates on Open Bandit Data, beside obp's and beside what the policy really earned.

A fashion shop ran an even draw and a Thompson sampler side by side, so each policy's own click rate
judges the estimate made from the other's log. The reward model is ours, cross-fitted, and the same
numbers go to obp's estimators; obp 0.4.1 is asked only where it can be imported:

    pip install --no-deps --target obp obp==0.4.1 mypy_extensions seaborn
    PYTHONPATH=obp python -m benchmarks.open_bandit
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from benchmarks.machine import describe
from features.adapters.open_bandit import load_open_bandit
from recsys.offpolicy import (
    MAIN,
    Estimate,
    Evidence,
    LoggedFeedback,
    SlateFeedback,
    cross_fit_rewards,
    difference,
    dr_os,
    estimate_all,
    independent_ips,
    interval,
    judge,
    per_position,
    reward_interaction_ips,
    slate_ips,
    snips,
    support_report,
    switch_dr,
    weight_report,
)
from recsys.offpolicy.estimate import linear

LOGS = Path("../shared/data/logs_obd")
PRIORS = Path(__file__).with_name("open_bandit_priors.json")
PRODUCTION_SEED, PRODUCTION_DRAWS, POSITIONS = 12345, 100_000, 3
THRESHOLD, SHRINKAGE = 5.0, 50.0
PUBLISHED = 1.198126

Floats = NDArray[np.float64]


def thompson(campaign: str) -> Floats:
    """The sampler's probability of each item at each position, (n_items, 3), by obp's own draws."""
    prior = json.loads(PRIORS.read_text())[campaign]
    # The old generator, because the published figure came from it.
    rng = np.random.RandomState(PRODUCTION_SEED)
    draws = rng.beta(prior["alpha"], prior["beta"], size=(PRODUCTION_DRAWS, len(prior["alpha"])))
    best = np.argsort(-draws, axis=1)[:, :POSITIONS]
    counts = [np.bincount(best[:, place], minlength=draws.shape[1]) for place in range(POSITIONS)]
    return np.stack(counts, axis=1) / PRODUCTION_DRAWS


def read(policy: str, campaign: str, target: Floats) -> LoggedFeedback:
    """One log, with `target` (n_items, 3) as the policy to be judged."""
    events = load_open_bandit(LOGS / f"{policy}_{campaign}.csv.gz")[0]
    shown = events[events["event_type"] == "impression"]
    clicked = events.loc[events["event_type"] == "click", "session_id"]
    features = shown["user_id"].str.split("-", expand=True)
    context = np.column_stack([features[k].astype("category").cat.codes for k in features])
    return LoggedFeedback(
        action=shown["item_id"].astype(int).to_numpy(),
        reward=shown["session_id"].isin(clicked).to_numpy(dtype=np.float64),
        pscore=shown["propensity"].to_numpy(dtype=np.float64),
        policy=np.broadcast_to(target, (len(shown), *target.shape)),
        position=shown["position"].to_numpy(dtype=np.int64) - 1,
        context=context,
    )


def obp_estimators() -> ModuleType | None:
    """obp's estimators where obp is installed."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from obp import ope
    except ImportError:
        return None
    return ope  # type: ignore[no-any-return]


def by_obp(ope: ModuleType, log: LoggedFeedback, q: NDArray[np.floating]) -> dict[str, float]:
    """obp's value of every estimator it has."""
    peers = {
        "IPS": ope.InverseProbabilityWeighting(),
        "SNIPS": ope.SelfNormalizedInverseProbabilityWeighting(),
        "DM": ope.DirectMethod(),
        "DR": ope.DoublyRobust(),
        "SNDR": ope.SelfNormalizedDoublyRobust(),
        "switch-DR, threshold 5": ope.SwitchDoublyRobust(tau=THRESHOLD),
        "DRos, shrinkage 50": ope.DoublyRobustWithShrinkage(lambda_=SHRINKAGE),
    }
    rewards = np.repeat(q.astype(np.float64)[:, :, None], POSITIONS, axis=2)
    return {
        name: float(
            peer.estimate_policy_value(
                reward=log.reward,
                action=log.action,
                pscore=log.pscore,
                position=log.position,
                action_dist=np.array(log.policy),
                estimated_rewards_by_reg_model=rewards,
            )
        )
        for name, peer in peers.items()
    }


def slates_by_both(ope: ModuleType) -> list[tuple[str, float, float]]:
    """Slate estimators on 2,000 made slates of three: name, ours, obp's."""
    rng = np.random.default_rng(0)
    n = 2_000
    pscore, target = rng.uniform(0.2, 0.8, (2, n, 3))
    reward = rng.random((n, 3)) < 0.3
    slate, position = np.repeat(np.arange(n), 3), np.tile(np.arange(3), n)
    flat = {"slate_id": slate, "position": position, "reward": reward.ravel().astype(float)}
    log = SlateFeedback(slate, position, flat["reward"], pscore.ravel(), target.ravel())

    def whole(values: Floats) -> Floats:
        return np.repeat(values.prod(axis=1), 3)

    pairs = (
        ("SIPS", slate_ips, ope.SlateStandardIPS, whole, ""),
        ("IIPS", independent_ips, ope.SlateIndependentIPS, np.ravel, "_item_position"),
        (
            "RIPS",
            reward_interaction_ips,
            ope.SlateRewardInteractionIPS,
            lambda values: values.cumprod(axis=1).ravel(),
            "_cascade",
        ),
    )
    found = []
    for name, ours, theirs, shape, suffix in pairs:
        scores = {
            f"pscore{suffix}": shape(pscore),
            f"evaluation_policy_pscore{suffix}": shape(target),
        }
        theirs_value = theirs(len_list=3).estimate_policy_value(**flat, **scores)
        found.append((name, ours(log).value, float(theirs_value)))
    return found


def table(log: LoggedFeedback, own: Floats, ope: ModuleType | None) -> dict[str, Estimate]:
    """Print every estimator of one direction; `own` are the judged policy's own clicks."""
    q = cross_fit_rewards(log, seed=0)
    estimates = estimate_all(log, q)
    fixed = {
        "switch-DR, threshold 5": switch_dr(log, q, THRESHOLD),
        "DRos, shrinkage 50": dr_os(log, q, SHRINKAGE),
    }
    theirs: Mapping[str, float] = {} if ope is None else by_obp(ope, log, q)
    base, truth = log.reward.mean(), own.mean()
    heads = ("estimator", "value", "relative to the log", "95 % bootstrap", "own rate inside")
    print(f"| {' | '.join(heads)} | obp differs by |")
    print("|---" * 6 + "|")
    for name, estimate in {**estimates, **fixed}.items():
        low, high = interval(estimate, "bootstrap", seed=0)
        apart = f"{abs(theirs[name] - estimate.value):.1e}" if name in theirs else "-"
        shown = name if name in fixed else estimate.name
        inside = "yes" if low <= truth <= high else "no"
        print(
            f"| {shown} | {estimate.value:.6f} | {estimate.value / base:.6f} "
            f"| {low:.6f} to {high:.6f} | {inside} | {apart} |"
        )
    places = per_position(log, snips)
    print(
        "\nSNIPS by position: "
        + ", ".join(f"{place + 1}: {each.value:.5f}" for place, each in places.items())
    )
    return estimates


def main() -> None:
    ope = obp_estimators()
    print(describe("numpy", "lightgbm", *(["obp"] if ope is not None else [])))
    if ope is None:
        print("obp cannot be imported: our values stand alone (see the head of this file)")
    for campaign in ("men", "all"):
        sampler = thompson(campaign)
        policies = {"random": np.full(sampler.shape, 1 / len(sampler)), "bts": sampler}
        for source, judged in (("random", "bts"), ("bts", "random")):
            log = read(source, campaign, policies[judged])
            own = read(judged, campaign, policies[judged]).reward
            low, high = interval(linear("own", own, None), "bootstrap", seed=0)
            print(
                f"\n### {campaign}: value of {judged} from the log of {source}\n\n"
                f"{len(log):,} rows, {int(log.reward.sum())} clicks, rate {log.reward.mean():.6f}; "
                f"{judged}'s own rate {own.mean():.6f} ({low:.6f} to {high:.6f}, "
                f"{int(own.sum())} clicks)\n"
            )
            estimates = table(log, own, ope)
            weights = weight_report(log)
            print(
                f"\nEffective rows {weights.effective_rows:,.0f}, worth "
                f"{weights.effective_rewarded:.0f} clicks"
            )
            print(
                f"Weights: mean {weights.weight_mean:.3f}, 99 % {weights.weight_p99:.2f}, largest "
                f"{weights.weight_max:.1f}, heaviest 1 % of rows hold {weights.top_share:.0%}\n"
            )
            itself = linear("the log's own policy", log.reward, None)
            gap = difference(estimates[MAIN], itself)
            plain = LoggedFeedback(log.action, log.reward, log.pscore, target=log.pscore)
            verdict = judge(
                Evidence(source, weight_report(plain)),
                Evidence(judged, weights, support_report(log)),
                gap,
                interval(gap, "bootstrap", seed=0),
                itself.value,
            )
            print(f"Verdict: {verdict.sentence}")
            if (campaign, source) == ("all", "random"):
                relative = estimates["IPS"].value / itself.value
                print(f"\nIPW relative to the log: {relative:.6f}; published: {PUBLISHED}")
    if ope is not None:
        print("\n### Slates: 2,000 made slates of three\n\n| estimator | value | obp differs by |")
        print("|---" * 3 + "|")
        for name, ours, theirs in slates_by_both(ope):
            print(f"| {name} | {ours:.6f} | {abs(ours - theirs):.1e} |")


if __name__ == "__main__":
    main()
