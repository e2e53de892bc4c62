"""Clicks of the shop's last fifth predicted, beside LightGBM and VBPR.

Semi-synthetic shop, global time split: everything learns from the impressions before the 80 %
quantile of event times and is judged on those after it. Peers get the same raw columns and choose
their settings on the last fifth of the training time, after which they are refitted on all of it:

- LightGBM: user, item and look as categories, position, hour, day of the week, and the first
  principal components of the look's style code, so that looks never shown are no mystery to it;
  boosting rounds by early stopping.
- VBPR (cornac) ranks and predicts no probability: its scores go through a logistic regression with
  the position, fitted on the last fifth of the training time. Once as published, items with their
  content embeddings; and once with every item in every look as a thing of its own, whose picture
  features are the principal components of both.

Intervals are 95 % bootstraps over shoppers, differences are paired.

    pip install --no-deps --target /tmp/cornac cornac powerlaw mpmath
    PYTHONPATH=/tmp/cornac python -m benchmarks.held_out_clicks
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from benchmarks.machine import describe
from benchmarks.ranking_shop import encoded
from benchmarks.shop import read_events, read_items, read_styles
from features.events import split_at, time_split
from features.exposures import exposures
from features.schema import ORIGINAL
from recsys.preference import StylePreferenceModel

Floats = NDArray[np.float64]
DRAWS = 1000
TRIALS = 12
COMPONENTS = 10
ROUNDS = 1000
PATIENCE = 40
VBPR_GRID = tuple({"lambda_w": weight, "lambda_b": weight} for weight in (0.01, 0.1, 1.0))


@dataclass(frozen=True)
class Split:
    """Training exposures, their inner parts by time, and the exposures to predict."""

    past: pd.DataFrame
    early: pd.DataFrame
    inner: pd.DataFrame
    later: pd.DataFrame

    def in_looks(self) -> Split:
        """The same with a column `thing`, the item in its look."""
        tables = (self.past, self.early, self.inner, self.later)
        return Split(*(t.assign(thing=t["item_id"] + "|" + t["style_id"]) for t in tables))


@dataclass(frozen=True)
class Features:
    """One row per id: float32 (n, d)."""

    ids: list[str]
    vectors: NDArray[np.float32]


def things(items: Features, looks: Features) -> Features:
    """Every item in every look, with the principal components of both pictures."""
    parts = []
    for features in (items, looks):
        small = PCA(32, random_state=0).fit_transform(features.vectors)
        parts.append(small / np.linalg.norm(small, axis=1).mean())
    vectors = np.hstack(
        [np.repeat(parts[0], len(looks.ids), axis=0), np.tile(parts[1], (len(items.ids), 1))]
    )
    ids = [f"{item}|{look}" for item in items.ids for look in looks.ids]
    return Features(ids, vectors.astype(np.float32))


def lightgbm_columns(table: pd.DataFrame, known: pd.DataFrame, looks: Features) -> pd.DataFrame:
    moment = table["timestamp"].dt
    columns: dict[str, Any] = {
        name: pd.Categorical.from_codes(
            pd.Index(levels).get_indexer(pd.Index(table[name])), categories=pd.Index(levels)
        )
        for name in ("user_id", "item_id", "style_id")
        for levels in [sorted(known[name].unique())]
    }
    columns |= {
        "position": table["position"].to_numpy(),
        "hour": (moment.hour + moment.minute / 60).to_numpy(),
        "day": moment.day_of_week.to_numpy(),
    }
    parts = PCA(COMPONENTS, random_state=0).fit_transform(looks.vectors)
    at = pd.Index(looks.ids).get_indexer(pd.Index(table["style_id"]))
    padded = np.vstack([parts, np.full(COMPONENTS, np.nan)])
    columns |= {f"code {number}": padded[at, number] for number in range(COMPONENTS)}
    return pd.DataFrame(columns)


def lightgbm_clicks(split: Split, looks: Features) -> Floats:
    """Random search over what bounds categories and leaves; rounds by early stopping."""
    rng = np.random.default_rng(0)
    early, inner = (lightgbm_columns(t, split.early, looks) for t in (split.early, split.inner))
    past, later = (lightgbm_columns(t, split.past, looks) for t in (split.past, split.later))
    trials: list[tuple[float, int, dict[str, Any], int]] = []
    for _ in range(TRIALS):
        settings = {
            "objective": "binary",
            "learning_rate": float(rng.choice([0.02, 0.05])),
            "num_leaves": int(rng.choice([7, 15, 31, 63])),
            "min_data_in_leaf": int(rng.choice([50, 200, 1000])),
            "cat_smooth": float(rng.choice([10, 50, 200])),
            "cat_l2": float(rng.choice([3, 10, 30])),
            "max_cat_threshold": int(rng.choice([32, 128, 512])),
            "feature_fraction": float(rng.choice([0.5, 0.8, 1.0])),
            "lambda_l2": float(rng.choice([0.0, 10.0])),
            "num_threads": 1,
            "seed": 0,
            "deterministic": True,
            "verbose": -1,
        }
        train = lightgbm.Dataset(early, split.early["clicked"].to_numpy())
        valid = lightgbm.Dataset(inner, split.inner["clicked"].to_numpy(), reference=train)
        stop = lightgbm.early_stopping(PATIENCE, verbose=False)
        model = lightgbm.train(settings, train, ROUNDS, valid_sets=[valid], callbacks=[stop])
        loss = model.best_score["valid_0"]["binary_logloss"]
        trials.append((loss, len(trials), settings, model.best_iteration))
    _, _, settings, rounds = min(trials)
    dataset = lightgbm.Dataset(past, split.past["clicked"].to_numpy())
    model = lightgbm.train(settings, dataset, rounds)
    return np.asarray(model.predict(later), dtype=np.float64)


def vbpr_scores(
    train: pd.DataFrame,
    tables: Sequence[pd.DataFrame],
    column: str,
    features: Features,
    settings: dict[str, Any],
) -> list[Floats]:
    """VBPR's scores for the rows of `tables`; users it has not met get those of no user."""
    from cornac.data import Dataset, ImageModality  # type: ignore[import-not-found]
    from cornac.models import VBPR  # type: ignore[import-not-found]

    clicked = train.loc[train["clicked"], ["user_id", column]].drop_duplicates()
    pairs = [(user, thing, 1.0) for user, thing in clicked.itertuples(index=False)]
    data = Dataset.build(pairs, seed=0)
    images = ImageModality(features=features.vectors, ids=features.ids, normalized=True)
    images.build(id_map=data.iid_map)
    data.add_modalities(item_image=images)
    model = VBPR(
        **settings, n_epochs=10, batch_size=512, learning_rate=0.01, verbose=False, seed=0
    ).fit(data)
    # cornac keeps the features of things it was trained on; the rest are scored by theirs alone.
    base = np.asarray(features.vectors @ model.beta_prime, dtype=np.float64).ravel()
    visual = np.asarray(features.vectors @ model.emb_matrix, dtype=np.float64)
    own = np.zeros((len(features.ids), model.k))
    for place, name in enumerate(features.ids):
        if (at := data.iid_map.get(name)) is not None:
            base[place] += model.beta_item[at]
            own[place] = model.gamma_item[at]
    nobody = np.zeros((1, model.k))
    gamma, theta = np.vstack([model.gamma_user, nobody]), np.vstack([model.theta_user, nobody])
    scores = []
    for table in tables:
        user = table["user_id"].map(data.uid_map).fillna(-1).to_numpy(dtype=np.int64)
        thing = pd.Index(features.ids).get_indexer(pd.Index(table[column]))
        scores.append(base[thing] + (gamma[user] * own[thing] + theta[user] * visual[thing]).sum(1))
    return scores


def vbpr_columns(split: Split, column: str, features: Features) -> list[Floats]:
    """Scores of the inner part by its past and of the test by all the past, best settings."""
    tried: list[tuple[float, int, Floats, dict[str, Any]]] = []
    for settings in VBPR_GRID:
        [inner] = vbpr_scores(split.early, [split.inner], column, features, settings)
        p = calibrated([inner], split.inner, [inner], split.inner)
        tried.append((log_loss(split.inner["clicked"], p), len(tried), inner, settings))
    _, _, inner, settings = min(tried)
    [later] = vbpr_scores(split.past, [split.later], column, features, settings)
    return [inner, later]


def calibrated(
    scores: Sequence[Floats], seen: pd.DataFrame, new_scores: Sequence[Floats], new: pd.DataFrame
) -> Floats:
    """Clicks on `new` by a logistic regression on scores and position fitted on `seen`."""

    def columns(columns: Sequence[Floats], table: pd.DataFrame) -> Floats:
        place = np.eye(11)[table["position"].fillna(0).clip(0, 10).astype(int)]
        return np.column_stack([*columns, place])

    model = LogisticRegression(C=100.0, max_iter=1000).fit(columns(scores, seen), seen["clicked"])
    return np.asarray(model.predict_proba(columns(new_scores, new))[:, 1], dtype=np.float64)


class Judge:
    """Log loss and AUC under draws of shoppers, the same draws for every method."""

    def __init__(self, later: pd.DataFrame) -> None:
        self._user, users = pd.factorize(later["user_id"], sort=True)
        self._clicked = later["clicked"].to_numpy(dtype=bool)
        rng = np.random.default_rng(0)
        draws = rng.multinomial(len(users), np.full(len(users), 1 / len(users)), size=DRAWS)
        # The first row is the sample itself.
        self._times = np.vstack([np.ones((1, len(users))), draws])

    def __call__(self, p: Floats) -> tuple[Floats, Floats]:
        """Log loss and AUC of the sample and of every draw, float64 (1 + DRAWS,) each."""
        loss = -np.where(self._clicked, np.log(p), np.log1p(-p))
        losses = (
            self._times @ np.bincount(self._user, loss) / (self._times @ np.bincount(self._user))
        )
        order = np.argsort(p, kind="stable")
        user, hit, rank = self._user[order], self._clicked[order], p[order]
        starts = np.flatnonzero(np.append(True, np.diff(rank) > 0))
        areas = []
        for times in self._times:
            weight = times[user]
            up = np.add.reduceat(weight * hit, starts)
            down = np.add.reduceat(weight * ~hit, starts)
            below = np.cumsum(down) - down / 2
            areas.append((up @ below) / (up.sum() * down.sum()))
        return losses, np.asarray(areas)


def main() -> None:
    events = read_events()
    items = read_items()
    styles = read_styles()
    style_codes, _ = encoded(styles)
    _, content = encoded(items)
    past, later = (exposures(part) for part in split_at(events, time_split(events)))
    early, inner = split_at(past, time_split(past))
    split = Split(past, early, inner, later)
    # Unit length for the pictures; the plain photo is a look of its own, like no other.
    looks = Features(
        [*styles["style_id"], ORIGINAL],
        np.vstack([style_codes - style_codes.mean(axis=0), np.zeros((1, style_codes.shape[1]))]),
    )
    pictures = Features(
        items["item_id"].tolist(), content / np.linalg.norm(content, axis=1, keepdims=True)
    )

    answers: dict[str, Floats] = {}
    seconds: dict[str, float] = {}

    def record(name: str, started: float, p: Floats) -> None:
        answers[name], seconds[name] = p, time.perf_counter() - started

    start = time.perf_counter()
    record("position alone", start, calibrated([], past, [], later))
    start = time.perf_counter()
    scores = vbpr_columns(split, "item_id", pictures)
    record("VBPR, items", start, calibrated(scores[:1], inner, scores[1:], later))
    start = time.perf_counter()
    scores = vbpr_columns(split.in_looks(), "thing", things(pictures, looks))
    record("VBPR, items in looks", start, calibrated(scores[:1], inner, scores[1:], later))
    start = time.perf_counter()
    record(f"LightGBM, {TRIALS} trials", start, lightgbm_clicks(split, looks))
    start = time.perf_counter()
    model = StylePreferenceModel(seed=0).fit(past, styles["style_id"].tolist(), style_codes)
    record("StylePreferenceModel", start, model.predict_click(later))

    print(describe("lightgbm", "cornac", "torch", "numpy"))
    print(
        f"\nSemi-synthetic shop: {len(past)} impressions to learn from, {len(later)} to predict, "
        f"{later['user_id'].nunique()} shoppers; {DRAWS} draws of shoppers; the seconds include "
        "the search for settings\n"
    )
    print("| method | log loss | ours less it | AUC | ours less it | fit, s |")
    print("|---|---|---|---|---|---|")
    judge = Judge(later)
    ours = judge(answers["StylePreferenceModel"])
    for name, p in answers.items():
        cells = []
        for mine, found in zip(ours, judge(p), strict=True):
            cells.append(interval(found, ""))
            cells.append("-" if name == "StylePreferenceModel" else interval(mine - found, "+"))
        print(f"| {name} | {' | '.join(cells)} | {seconds[name]:.0f} |")


def interval(values: Floats, sign: str) -> str:
    """The sample's value and the 95 % interval of the draws."""
    low, high = np.quantile(values[1:], [0.025, 0.975])
    return f"{values[0]:{sign}.4f} ({low:{sign}.4f} to {high:{sign}.4f})"


if __name__ == "__main__":
    main()
