"""From users to their lists: candidates, scores, variety, reasons."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from recsys.candidates.allowed import Allowed, cells_of, holds, no_cells
from recsys.candidates.reason_words import POPULAR
from recsys.candidates.sparse_selection import best_of, flat, most_popular
from recsys.candidates.union import union
from recsys.config import TwoStageConfig
from recsys.lists.exploration import explore_places
from recsys.lists.reasons import SEEN, UNEXPLAINED, reasons, reasons_of_model
from recsys.lists.rerank import rerank
from recsys.ranking.features import feature_names, pair_features
from recsys.ranking.models import TwoStageModels
from recsys.ranking.served_model import TWO_STAGE
from recsys.ranking.snapshot import ITEM_COLUMNS
from recsys.ranking.windows import find_allowed


@dataclass(frozen=True)
class _Lists:
    """Items int64 (n, k), -1 for none, their scores and the chance that they were drawn with."""

    items: NDArray[np.int64]
    scores: NDArray[np.float32]
    propensity: NDArray[np.float64]


def serve(
    models: TwoStageModels,
    config: TwoStageConfig,
    seed: int,
    user_ids: NDArray[np.object_],
    k: int,
    barred: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Lists of one batch of users, as `TwoStageRecommender.recommend` returns them.

    In a catalogue under `LARGE_FROM` items some dense (users, items) arrays are made.
    """
    known, n_items = models.known, len(models.available)
    positions = known.interactions.users.to_index(user_ids)
    offered = Allowed(models.available, _barred(models, user_ids, barred))
    seen = find_allowed(known, positions, models.available, config.exclude_seen).hidden
    quotas = [config.quota(model.name, k) for model in models.candidates]
    rows = union(models.candidates, positions, quotas, offered.without(seen))
    values = pair_features(known, positions, rows)
    scored = _Scored(rows.users, rows.items, _scored(models, values), len(user_ids))
    lists = _arranged(models, config, seed, user_ids, scored, offered, k)
    row, column = np.nonzero(lists.items >= 0)
    item, score = lists.items[row, column], lists.scores[row, column]
    propensity = lists.propensity[row, column]
    popular = known.item_columns[:, ITEM_COLUMNS.index("recent")] * n_items > 1.0
    why = np.where(popular[item], POPULAR, UNEXPLAINED).astype(object)
    probability = np.full(len(item), np.nan, dtype=np.float32)
    cells = rows.users * n_items + rows.items
    place = np.searchsorted(cells, row * n_items + item)
    ranked = np.append(cells, -1)[place] == row * n_items + item
    why[ranked] = _explained(models, values[place[ranked]])
    if models.calibrator is not None:
        probability[ranked] = models.calibrator.probability(score[ranked])
    why[propensity < 1.0] = UNEXPLAINED
    why[holds(seen, row, item)] = SEEN
    return pd.DataFrame(
        {
            "user_id": pd.Series(user_ids[row], dtype="str"),
            "rank": (column + 1).astype(np.int64),
            "item_id": pd.Series(known.interactions.items.to_ids(item), dtype="str"),
            "score": score,
            "probability": probability,
            "item_propensity": propensity,
            "reason": pd.Series(why, dtype="str"),
        }
    )


@dataclass(frozen=True)
class _Scored:
    """Rows (users, items) ascending, each once, with their scores; `users` index `n` users."""

    users: NDArray[np.int64]
    items: NDArray[np.int64]
    scores: NDArray[np.float32]
    n: int

    def best(self, k: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Items (n, k) of the highest scores, and these; -1 and -inf for none."""
        return best_of(self.users, self.items, self.scores, self.n, k)


def _filled_up(models: TwoStageModels, scored: _Scored, offered: Allowed, k: int) -> _Scored:
    """`scored`, and below it as many popular items as users of under `k` rows lack."""
    short = np.flatnonzero(np.bincount(scored.users, minlength=scored.n) < k)
    if not len(short):
        return scored
    shape = (scored.n, len(offered.items))
    known = models.known.interactions
    ranked = cells_of(scored.users, scored.items, shape)
    user, item = flat(most_popular(known, offered.without(ranked).of(short), k))
    user = short[user]
    floor = np.zeros(scored.n, dtype=np.float32)
    np.minimum.at(floor, scored.users, scored.scores)
    score = np.asarray(floor[user] + known.popularity[item] - 2.0, dtype=np.float32)
    users, items = np.concatenate([scored.users, user]), np.concatenate([scored.items, item])
    order = np.lexsort((items, users))
    return _Scored(
        users[order], items[order], np.concatenate([scored.scores, score])[order], scored.n
    )


def _scored(models: TwoStageModels, values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scores (rows,) by the served model of pairs with features `values` (rows, features).

    A single model's are taken from the features, where they are comparable between users.
    """
    if models.served.name == TWO_STAGE and models.ranker is not None:
        return models.ranker.score(values)
    return values[:, _names(models).index(f"score_{models.served.name}")]


def _explained(models: TwoStageModels, values: NDArray[np.float32]) -> NDArray[np.object_]:
    """Why the served model ranked pairs with features `values` (rows, features)."""
    if models.served.name == TWO_STAGE and models.ranker is not None:
        return reasons(models.ranker.contributions(values), values, _names(models))
    return reasons_of_model(models.served.name, values, _names(models))


def _names(models: TwoStageModels) -> list[str]:
    return feature_names([model.name for model in models.candidates])


def _barred(
    models: TwoStageModels, user_ids: NDArray[np.object_], barred: pd.DataFrame | None
) -> sparse.csr_matrix:
    """The cells (n, items) that some rule forbids."""
    shape = (len(user_ids), len(models.available))
    if barred is None:
        return no_cells(*shape)
    asked = pd.DataFrame({"user_id": user_ids, "row": np.arange(len(user_ids))})
    pairs = asked.merge(barred[["user_id", "item_id"]].astype(object), on="user_id")
    item = models.known.interactions.items.to_index(pairs["item_id"])
    return cells_of(pairs["row"].to_numpy()[item >= 0], item[item >= 0], shape)


def _arranged(
    models: TwoStageModels,
    config: TwoStageConfig,
    seed: int,
    user_ids: NDArray[np.object_],
    scored: _Scored,
    offered: Allowed,
    k: int,
) -> _Lists:
    """The `k` best of the `scored` rows, in the order that `config.rerank` gives them.

    Where a user has fewer, the most popular of what else is `offered` follow. Only a user's scored
    items change places, unless they are under `k`.
    """
    settings = config.rerank
    n_ranked = np.bincount(scored.users, minlength=scored.n)
    every = _filled_up(models, scored, offered, k)
    if settings.keeps_ranking:
        best, score = every.best(k)
        return _Lists(best, score, np.ones(best.shape))
    best, score = every.best(max(k, config.candidates_per_model))
    content, category = models.known.content, models.known.category
    lists = _Lists(
        np.full((len(best), k), -1, dtype=np.int64),
        np.full((len(best), k), -np.inf, dtype=np.float32),
        np.ones((len(best), k)),
    )
    for row, user in enumerate(user_ids):
        n_open = min(max(int(n_ranked[row]), k), int((best[row] >= 0).sum()))
        items, mine = best[row, :n_open], score[row, :n_open]
        order = rerank(mine, content[items], category[items], k, settings)
        order, propensity = explore_places(order, category[items], settings, str(user), seed)
        lists.items[row, : len(order)] = items[order]
        lists.scores[row, : len(order)] = mine[order]
        lists.propensity[row, : len(order)] = propensity
    return lists
