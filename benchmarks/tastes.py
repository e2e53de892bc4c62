"""Tastes in looks recovered on the semi-synthetic shop, beside simpler ways of telling them.

Every method learns from the same exposures. The peers get the clicks that our baseline (item,
position, shopper, shopper and item) leaves unexplained, and one free setting each, chosen by the
clicks of a tenth of the training impressions; nothing is chosen by the truth, which is read for the
table only. Judged are: NDCG@5 of each shopper's ranking of the 77 looks and the plain photo by the
shop's own judge; the area under the curve of strength, indifferent shoppers against the others; the
looks never shown before the 80 % time quantile, ranked among themselves for shoppers fond of
families by a model of the time before it; clicks after that quantile predicted by the same model.
Mean and range over seeds.

    python -m benchmarks.tastes
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from sklearn.decomposition import TruncatedSVD
from sklearn.metrics import log_loss, roc_auc_score

from benchmarks.machine import describe
from benchmarks.shop import SHOP, read_events, read_styles
from features.events import split_at, time_split
from features.exposures import exposures
from features.ids import IdMap
from features.images import ImageLimits, decode
from features.networks.encoders import StyleEncoder
from features.schema import ORIGINAL
from recsys.preference import StylePreferenceModel
from recsys.preference.baseline import Effects, fit_effects
from recsys.preference.kernel import style_kernel
from recsys.preference.rows import Rows, Vocabulary

JUDGE = Path("../shared/tools/score_styles.py")
SEEDS = (0, 1, 2)
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Log:
    """Exposures as the peers see them: (n_users, L+1) sums over each shopper and look."""

    vocabulary: Vocabulary
    effects: Effects
    rows: Rows
    shown: Floats
    clicked: Floats
    residual: Floats
    weight: Floats

    @classmethod
    def of(cls, rows: Rows, vocabulary: Vocabulary) -> Log:
        effects = fit_effects(rows.clicked, rows.levels, vocabulary.sizes)
        p = torch.sigmoid(effects.log_odds(rows.levels))
        shape = (len(vocabulary.users), len(vocabulary.looks))
        cell = rows.user * shape[1] + rows.look

        def total(values: torch.Tensor) -> Floats:
            sums = torch.bincount(cell, values, minlength=shape[0] * shape[1])
            return np.asarray(sums.reshape(shape).numpy(), dtype=np.float64)

        ones = torch.ones_like(p)
        return cls(
            vocabulary,
            effects,
            rows,
            total(ones),
            total(rows.clicked),
            total(rows.clicked - p),
            total(p * (1 - p)),
        )

    def predict(self, utility: Floats, rows: Rows) -> Floats:
        """Probability of a click with `utility` added, scaled as suits the training clicks."""
        scale = torch.zeros((), dtype=torch.float64)
        table = torch.from_numpy(utility - utility.mean(axis=1, keepdims=True))
        added, offset = table[self.rows.user, self.rows.look], self._offset(self.rows)
        for _ in range(10):
            p = torch.sigmoid(offset + scale * added)
            curvature = (p * (1 - p) * added.square()).sum() + 1e-9
            scale = scale + ((self.rows.clicked - p) * added).sum() / curvature
        known = (rows.user >= 0).to(torch.float64)
        log_odds = self._offset(rows) + scale * table[rows.user, rows.look] * known
        return np.asarray(torch.sigmoid(log_odds).numpy(), dtype=np.float64)

    def _offset(self, rows: Rows) -> torch.Tensor:
        return self.effects.log_odds(rows.levels)


Peer = Callable[[Log, NDArray[np.float32], float, int], Floats]


def random_order(log: Log, codes: NDArray[np.float32], setting: float, seed: int) -> Floats:
    return np.random.default_rng(seed).random(log.shown.shape)


def most_clicked(log: Log, codes: NDArray[np.float32], setting: float, seed: int) -> Floats:
    shown = log.shown.sum(axis=0)
    rate = (log.clicked.sum(axis=0) + setting * log.clicked.sum() / log.shown.sum()) / (
        shown + setting
    )
    return np.broadcast_to(rate, log.shown.shape).copy()


def click_rate(log: Log, codes: NDArray[np.float32], setting: float, seed: int) -> Floats:
    everyone = most_clicked(log, codes, 10.0, seed)
    return (log.clicked + setting * everyone) / (log.shown + setting)


def kernel(log: Log, codes: NDArray[np.float32], setting: float, seed: int) -> Floats:
    """A Gaussian process over looks for each shopper alone; the plain photo is like no look."""
    similar = np.eye(log.shown.shape[1])
    similar[:-1, :-1] = style_kernel(codes, 0.8)
    rows = []
    for residual, weight in zip(log.residual, log.weight, strict=True):
        system = np.eye(len(similar)) + setting * similar * weight
        rows.append(setting * similar @ np.linalg.solve(system.T, residual))
    return np.stack(rows)


def factorisation(log: Log, codes: NDArray[np.float32], setting: float, seed: int) -> Floats:
    """scikit-learn's TruncatedSVD of rank 9 of the shrunk residual clicks."""
    shrunk = log.residual / (log.weight + setting)
    model = TruncatedSVD(9, random_state=seed)
    return np.asarray(model.inverse_transform(model.fit_transform(shrunk)), dtype=np.float64)


PEERS: dict[str, tuple[Peer, Sequence[float]]] = {
    "random": (random_order, (0.0,)),
    "most-clicked look": (most_clicked, (10.0,)),
    "shopper's click rate, shrunk": (click_rate, (3.0, 10.0, 30.0, 100.0)),
    "style-space kernel per shopper": (kernel, (0.1, 0.3, 1.0, 3.0)),
    "rank-9 factorisation (TruncatedSVD)": (factorisation, (0.3, 1.0, 3.0, 10.0)),
}
KNOWS_NEW_LOOKS = ("random", "style-space kernel per shopper")


def chosen(
    peer: Peer,
    settings: Sequence[float],
    rows: Rows,
    vocabulary: Vocabulary,
    codes: NDArray[np.float32],
) -> float:
    """The setting that best predicts a tenth of the impressions, kept out."""
    if len(settings) == 1:
        return settings[0]
    held = torch.from_numpy(np.random.default_rng(0).random(len(rows.user)) < 0.1)
    log, test = Log.of(rows.take(~held), vocabulary), rows.take(held)
    losses = [log_loss(test.clicked, log.predict(peer(log, codes, s, 0), test)) for s in settings]
    return settings[int(np.argmin(losses))]


class Truth:
    """The judge's side of the shop; no method sees it."""

    def __init__(self, style_ids: list[str]) -> None:
        spec = importlib.util.spec_from_file_location("score_styles", JUDGE)
        assert spec is not None
        assert spec.loader is not None
        self._judge: Any = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self._judge)
        self._table = pd.read_parquet(SHOP / "truth.parquet")
        self._style_ids = style_ids
        self.users = self._table["user_id"].tolist()

    def ndcg(self, utility: NDArray[Any]) -> dict[str, float]:
        """NDCG@5 by kind of shopper; utility: (n_users, L+1) in the order of `users`."""
        looks = [*self._style_ids, ORIGINAL]
        table = pd.DataFrame(
            {
                "user_id": np.repeat(self.users, len(looks)),
                "style_id": np.tile(looks, len(self.users)),
                "affinity": utility.reshape(-1),
            }
        )
        scores = self._judge.score(self._table, self._style_ids, table)["ndcg5"]
        return {str(kind): float(value) for kind, value in scores.items()}

    def strength_auc(self, strength: NDArray[Any]) -> float:
        """Indifferent shoppers told from the others."""
        return float(roc_auc_score(self._table["kind"] != "indifferent", strength))

    def unseen(self, utility: NDArray[Any], looks: NDArray[np.int64]) -> float:
        """NDCG@5 of `looks` among themselves, shoppers fond of families."""
        fond = (self._table["kind"] == "family").to_numpy()
        gains = np.clip(np.stack(self._table["utility"].tolist())[fond][:, looks], 0, None)
        order = np.argsort(-utility[fond][:, looks], axis=1, kind="stable")[:, :5]
        discount = 1 / np.log2(np.arange(2, 7))
        ideal = (-np.sort(-gains, axis=1)[:, :5]) @ discount
        reached = np.take_along_axis(gains, order, axis=1) @ discount
        return float(np.mean(reached[ideal > 0] / ideal[ideal > 0]))


def aligned(utility: NDArray[Any], users: IdMap, wanted: list[str]) -> NDArray[Any]:
    """Rows for `wanted`; shoppers not in `users` get the mean row."""
    return np.concatenate([utility, utility.mean(axis=0, keepdims=True)])[users.to_index(wanted)]


def main() -> None:
    events = read_events()
    styles = read_styles()
    encoder = StyleEncoder()
    pictures = (decode(SHOP.parent / path, ImageLimits()) for path in styles["image_path"])
    codes = np.stack([encoder.encode([picture])[0] for picture in pictures])
    style_ids = styles["style_id"].tolist()
    truth = Truth(style_ids)

    cut = time_split(events)
    everything = exposures(events)
    past, later = (exposures(part) for part in split_at(events, cut))
    looks = IdMap([*style_ids, ORIGINAL])
    fresh = np.flatnonzero(~np.isin(style_ids, past["style_id"].unique()))
    clicks = later["clicked"].to_numpy()
    records: dict[str, list[dict[str, float]]] = {}

    words, past_words = Vocabulary.of(everything, looks), Vocabulary.of(past, looks)
    rows, past_rows = words.encode(everything), past_words.encode(past)
    log, past_log = Log.of(rows, words), Log.of(past_rows, past_words)
    later_rows = past_words.encode(later)
    for name, (peer, settings) in PEERS.items():
        setting = chosen(peer, settings, rows, words, codes)
        past_setting = chosen(peer, settings, past_rows, past_words, codes)
        for seed in SEEDS:
            start = time.perf_counter()
            utility = peer(log, codes, setting, seed)
            seconds = time.perf_counter() - start
            before = peer(past_log, codes, past_setting, seed)
            p = past_log.predict(before, later_rows)
            ranked = aligned(utility, words.users, truth.users)
            record = {**truth.ndcg(ranked), "strength AUC": truth.strength_auc(ranked.std(axis=1))}
            if name in KNOWS_NEW_LOOKS:
                old = aligned(before, past_words.users, truth.users)
                record["new looks"] = truth.unseen(old, fresh)
            record |= {"log loss": log_loss(clicks, p), "click AUC": roc_auc_score(clicks, p)}
            records.setdefault(name, []).append({**record, "fit, s": seconds})
    for seed in SEEDS:
        start = time.perf_counter()
        model = StylePreferenceModel(seed=seed).fit(everything, style_ids, codes)
        seconds = time.perf_counter() - start
        old_model = StylePreferenceModel(seed=seed).fit(past, style_ids, codes)
        p = old_model.predict_click(later)
        record = {
            **truth.ndcg(model.affinity_matrix(truth.users)),
            "strength AUC": truth.strength_auc(
                model.users(truth.users)["style_strength"].to_numpy()
            ),
            "new looks": truth.unseen(old_model.affinity_matrix(truth.users), fresh),
            "log loss": log_loss(clicks, p),
            "click AUC": roc_auc_score(clicks, p),
            "fit, s": seconds,
        }
        records.setdefault("StylePreferenceModel", []).append(record)

    print(describe("torch", "scikit-learn", "numpy"))
    print(
        f"\nSemi-synthetic shop: {len(everything)} impressions, {len(truth.users)} shoppers, "
        f"{len(style_ids)} looks and the plain photo; {len(fresh)} looks first shown after "
        f"{cut:%Y-%m-%d %H:%M} UTC; {len(SEEDS)} seeds\n"
    )
    kinds = ("all", "family", "plain", "indifferent")
    columns = (*kinds, "strength AUC", "new looks", "log loss", "click AUC", "fit, s")
    print(f"| method | {' | '.join(columns)} |")
    print("|---" * (len(columns) + 1) + "|")
    for name, runs in records.items():
        print(f"| {name} | {' | '.join(spread(runs, column) for column in columns)} |")


def spread(runs: list[dict[str, float]], column: str) -> str:
    """Mean of a column, and its range where seeds differ."""
    values = [run[column] for run in runs if column in run]
    if not values:
        return "-"
    digits = 1 if column.endswith(", s") else 4 if column == "log loss" else 3
    low, mean, high = (f"{v:.{digits}f}" for v in (min(values), np.mean(values), max(values)))
    return mean if low == high else f"{mean} ({low}-{high})"


if __name__ == "__main__":
    main()
