"""Personal looks against one look for all and against plain photos, where the truth is known.

On the simulator: tastes are learned from the first 80 % of an exploration log, the best single look
is chosen there, and both are judged on the last 20 % of the same log by their doubly robust value
(cross-fitted, shoppers redrawn as a whole). Beside it the exact true lift on the same impressions,
and the naive answer: click rates where the log happened to show what the policy would have.

Then pictures painted faithfully against pictures painted over the product, which sell more and come
back more often: the truth, and an A/B test of 14 days on the same shop with returns counted.

    python -m benchmarks.ab_simulator
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.machine import describe
from recsys.config import PolicyConfig
from recsys.experiment import Effect, Metric, analyse
from recsys.offpolicy import (
    LoggedFeedback,
    RewardModelConfig,
    cross_fit_rewards,
    dr,
    interval,
    relative_lift,
)
from recsys.policy.draw import look_probabilities
from recsys.preference import StylePreferenceModel
from recsys.simulator import (
    ARTISTIC,
    FAITHFUL,
    KINDS,
    Policy,
    RenderMode,
    Shop,
    SimulatorConfig,
    logging_policy,
    one_look,
    open_shop,
    per_shopper,
    policy_value,
    run_policy,
)

SEEDS = range(8)
LOOKS = [f"look-{number:02d}" for number in range(16)]
FAMILIES = np.arange(16) // 4
CONFIG = SimulatorConfig(n_shoppers=1_500, n_impressions=300_000, wear_out=0.0)
MODEL = RewardModelConfig(rounds=60, learning_rate=0.1)
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Learned:
    """A shop, its exploration log, and the policies learned from the log's first 80 %."""

    shop: Shop
    log: pd.DataFrame
    affinity: NDArray[np.float32]
    judged: Ints
    policies: dict[str, Policy]


def learn(config: SimulatorConfig, seed: int) -> Learned:
    rng = np.random.default_rng(seed)
    items = pd.DataFrame(
        {
            "item_id": [f"{number:03d}" for number in range(400)],
            "category": [f"category {number % 12}" for number in range(400)],
            "price": rng.lognormal(3.0, 0.7, 400),
        }
    )
    shop = open_shop(items, LOOKS, FAMILIES, config, rng)
    log = run_policy(shop, logging_policy, seed)
    late = shop.seconds >= np.quantile(shop.seconds, 0.8)
    past = log[~late]
    # Looks of a family lie near each other in style space.
    centres = rng.standard_normal((4, 100))
    codes = (centres[FAMILIES] + 0.7 * rng.standard_normal((len(LOOKS), 100))).astype(np.float32)
    model = StylePreferenceModel(seed=seed).fit(past, LOOKS, codes)
    affinity = model.affinity_matrix(shop.user_ids)
    personal = look_probabilities(
        affinity, np.ones_like(affinity, dtype=bool), PolicyConfig("epsilon_greedy", epsilon=0.1)
    )
    weighted = past.assign(weight=1 / past["propensity"])
    weighted["clicks"] = weighted["clicked"] * weighted["weight"]
    sums = weighted.groupby("style_id")[["clicks", "weight"]].sum().loc[LOOKS]
    best = int((sums["clicks"] / sums["weight"]).to_numpy().argmax())
    policies = {
        "personal looks": per_shopper(personal),
        "best single look": one_look(best),
        "plain photos": one_look(len(LOOKS)),
    }
    return Learned(shop, log, affinity, np.flatnonzero(late), policies)


def feedback(learned: Learned, policy: Policy) -> LoggedFeedback:
    """The judged part of the log."""
    shop, rows = learned.shop, learned.judged
    log = learned.log.iloc[rows]
    seen = shop.impressions
    number = {name: place for place, name in enumerate([*LOOKS, "original"])}
    return LoggedFeedback(
        log["style_id"].map(number).to_numpy(dtype=np.int64),
        log["clicked"].to_numpy(dtype=np.float64),
        log["propensity"].to_numpy(),
        policy=np.asarray(policy(shop, rows)),
        context=np.column_stack([shop.catalogue.category[seen.item[rows]], seen.position[rows]]),
        affinity=learned.affinity[seen.shopper[rows]],
        group=seen.shopper[rows],
    )


def naive(log: LoggedFeedback) -> float:
    """Click rate of the rows that show what the policy likes best."""
    assert log.policy is not None
    same = log.policy.argmax(axis=1) == log.action
    return float(log.reward[same].mean())


RIVALS = ("best single look", "plain photos")


def lifts(learned: Learned) -> pd.DataFrame:
    """True, estimated and naive lift of personal looks over each rival, with the interval."""
    logs = {name: feedback(learned, policy) for name, policy in learned.policies.items()}
    q = cross_fit_rewards(logs["personal looks"], 0, MODEL)
    true = {
        name: policy_value(learned.shop, policy, rows=learned.judged).clicks
        for name, policy in learned.policies.items()
    }
    rows = []
    ours = dr(logs["personal looks"], q)
    for rival in RIVALS:
        lift = relative_lift(ours, dr(logs[rival], q))
        guess = naive(logs["personal looks"]) / naive(logs[rival]) - 1
        truth = true["personal looks"] / true[rival] - 1
        rows.append((rival, truth, lift.value, *interval(lift), guess))
    return pd.DataFrame(rows, columns=["rival", "true", "estimated", "low", "high", "naive"])


def lift_table(runs: list[pd.DataFrame]) -> str:
    """The first shop's figures, then what became of all shops."""
    lines = [
        "| personal looks against | true lift | estimated (DR) | 95 % interval | naive "
        "| RMSE, DR | RMSE, naive | interval holds the truth |\n|---|---|---|---|---|---|---|---|"
    ]
    for rival, all_runs in pd.concat(runs).groupby("rival", sort=True):
        one = all_runs.iloc[0]
        held = all_runs["true"].between(all_runs["low"], all_runs["high"]).sum()
        errors = [
            np.sqrt(((all_runs[name] - all_runs["true"]) ** 2).mean())
            for name in ("estimated", "naive")
        ]
        lines.append(
            f"| {rival} | {one['true']:+.1%} | {one['estimated']:+.1%} "
            f"| {one['low']:+.1%} to {one['high']:+.1%} | {one['naive']:+.1%} "
            f"| {100 * errors[0]:.1f} | {100 * errors[1]:.1f} | {held} of {len(all_runs)} |"
        )
    return "\n".join(lines)


def compared_modes(learned: Learned, seed: int) -> tuple[tuple[Effect, ...], str]:
    """A/B test over 14 days: everybody sees personal looks, half of the shoppers artistic ones."""
    shop = learned.shop
    rng = np.random.default_rng(seed)
    variant = np.where(rng.random(shop.config.n_shoppers) < 0.5, "artistic", "faithful")
    fortnight = shop.seconds < 14 * 86_400
    parts = []
    for mode in (FAITHFUL, ARTISTIC):
        arm = variant[shop.impressions.shopper] == mode.name
        log = run_policy(shop, learned.policies["personal looks"], seed + 1, mode)
        parts.append(log[arm & fortnight])
    outcomes = pd.concat(parts).groupby("user_id")[["clicked", "purchased", "returned"]].sum()
    users = pd.DataFrame({"user_id": shop.user_ids, "variant": variant})
    users["kind"] = np.array(KINDS)[shop.kinds]
    users = users.join(outcomes.astype(float), on="user_id").fillna(0.0)
    users["net"] = users["purchased"] - (1 + shop.config.return_cost) * users["returned"]
    metrics = [Metric(name, name) for name in ("net", "clicked", "purchased", "returned")]
    shares = {"faithful": 0.5, "artistic": 0.5}
    analysis = analyse(users, metrics, "faithful", "artistic", shares, segment="kind")
    return analysis.effects, analysis.verdict


def true_modes(learned: Learned) -> list[str]:
    rows = []
    modes: list[RenderMode] = [FAITHFUL]
    modes += [replace(ARTISTIC, misleading=level) for level in (0.0, 0.2, 0.4, 0.6, 0.8)]
    base = None
    for mode in modes:
        value = policy_value(learned.shop, learned.policies["personal looks"], mode)
        base = base or value
        rows.append(
            f"| {mode.name} | {mode.misleading:.1f} | {value.clicks / base.clicks - 1:+.1%} "
            f"| {value.purchases / base.purchases - 1:+.1%} "
            f"| {value.returns / value.purchases:.1%} | {value.net / base.net - 1:+.1%} |"
        )
    return rows


def main() -> None:
    """Print the tables."""
    print(describe("numpy", "torch", "lightgbm", "tea-tasting"))
    shops = [learn(CONFIG, seed) for seed in SEEDS]
    n = len(shops[0].judged)
    print(
        f"\nSimulated shop: {CONFIG.n_shoppers:,} shoppers, {len(LOOKS)} looks and the plain photo;"
        f" about {n:,} impressions judged, tastes learned from four times as many before them; "
        f"figures of the first of {len(SEEDS)} shops, errors in points over all of them\n"
    )
    print(lift_table([lifts(learned) for learned in shops]))
    print("\nThe same with looks that wear out (0.04 per log of times seen): the log's shoppers")
    print("have seen each look less often than those of a policy that keeps to a few\n")
    wearing = replace(CONFIG, wear_out=0.04)
    print(lift_table([lifts(learn(wearing, seed)) for seed in SEEDS]))

    print("\nPainting over the product, personal looks, seed 0: the truth against faithful ones\n")
    print("| pictures | misleading | clicks | purchases | sent back | net |")
    print("|---|---|---|---|---|---|")
    print("\n".join(true_modes(shops[0])))
    effects, verdict = compared_modes(shops[0], 0)
    print("\nAn A/B test of 14 days, artistic (misleading 0.6) against faithful, per shopper\n")
    print("| metric | faithful | artistic | lift | 95 % interval | p |\n|---|---|---|---|---|---|")
    for effect in effects:
        print(
            f"| {effect.metric} | {effect.control:.3f} | {effect.treatment:.3f} "
            f"| {effect.relative:+.1%} | {effect.relative_low:+.1%} to {effect.relative_high:+.1%} "
            f"| {effect.p_value:.2g} |"
        )
    print(f"\n{verdict}")


if __name__ == "__main__":
    main()
