"""Caution, temperature and exploration of the value policy, compared on the shop.

    python -m benchmarks.look_choice

Off-policy: tastes learned from the first 80 % of the log, each setting judged on the rest by its
doubly robust lift over plain photos, with the standard error over shoppers; this alone may settle
a setting. Beside it, for the record: what the policies would capture of the looks' true value if
all looks drawn were served, and the share of ten-row feeds without any look among the half of the
family shoppers whose tastes are worth most.
"""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.machine import describe
from benchmarks.shop import SHOP, encode_styles, read_events, read_styles
from features.events import clean_events, split_at, time_split
from features.exposures import exposures
from features.schema import ORIGINAL
from recsys.config import GuardRails
from recsys.offpolicy.look_trial import LookTrial
from recsys.policy.guardrails import apply_guard_rails
from recsys.policy.value import value_probabilities
from recsys.preference import StylePreferenceModel

CAUTIONS, TEMPERATURES, EXPLORED = (0.0, 0.25, 0.5), (0.02, 0.03, 0.05), (0.05, 0.15)
ROWS = 10
Floats = NDArray[np.float64]


def probabilities(
    model: StylePreferenceModel,
    users: list[str],
    caution: float,
    temperature: float,
    explore: float,
) -> Floats:
    """What each of `users` is shown, guard-rails included, (users, looks + 1)."""
    affinity = model.affinity_matrix(users)
    chosen = value_probabilities(
        affinity,
        model.uncertainty_matrix(users),
        np.ones(affinity.shape, dtype=bool),
        affinity.shape[1] - 1,
        caution=caution,
        temperature=temperature,
        explore=explore,
        seed=0,
    )
    return apply_guard_rails(chosen.probabilities, [*model.style_ids, ORIGINAL], GuardRails())


def doubly_robust(trial: LookTrial, shown: Floats) -> Floats:
    """The doubly robust value of every judged row under `shown` (rows, looks)."""
    at = np.arange(len(trial.action))
    weight = shown[at, trial.action] / trial.pscore
    expected = (shown * trial.q).sum(axis=1)
    return np.asarray(expected + weight * (trial.reward - trial.q[at, trial.action]))


def main() -> None:
    """Print the table."""
    events = read_events()
    events, _ = clean_events(events)
    styles = read_styles()
    codes = encode_styles(styles)
    looks = styles["style_id"].tolist()
    past, later = (exposures(part) for part in split_at(events, time_split(events, 0.8)))
    trial = LookTrial(past, later, looks, codes, seed=0)
    judged, users = pd.factorize(later["user_id"])
    whole = StylePreferenceModel(seed=0).fit(exposures(events), looks, codes)
    truth = pd.read_parquet(SHOP / "truth.parquet")
    utility = np.stack(truth["utility"].to_list()).astype(np.float64)
    everybody = truth["user_id"].astype(str).tolist()
    plain, best = utility[:, -1], utility.max(axis=1)
    family = (truth["kind"] == "family").to_numpy()
    strong = family & (best - plain >= np.median((best - plain)[family]))
    photo = doubly_robust(trial, trial.probabilities("original"))
    print(describe("torch"))
    print(
        "\n| caution | temperature | explored | lift, off-policy | captured | all plain, strong |"
    )
    print("|---|---|---|---|---|---|")
    for setting in itertools.product(CAUTIONS, TEMPERATURES, EXPLORED):
        gain = (
            doubly_robust(trial, probabilities(trial.model, users.tolist(), *setting)[judged])
            - photo
        )
        by_shopper = np.bincount(judged, weights=gain)
        error = np.sqrt(((by_shopper - by_shopper.mean()) ** 2).sum()) / len(gain)
        shown = probabilities(whole, everybody, *setting)
        served = (shown * utility).sum(axis=1)
        captured = (served.mean() - plain.mean()) / (best.mean() - plain.mean())
        unseen = (shown[strong, -1] ** ROWS).mean()
        figures = " | ".join(f"{value:g}" for value in setting)
        lift, error = gain.mean() / photo.mean(), error / photo.mean()
        print(f"| {figures} | {lift:+.3f} +- {error:.3f} | {captured:.3f} | {unseen:.3f} |")


if __name__ == "__main__":
    main()
