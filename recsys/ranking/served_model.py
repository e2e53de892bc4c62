"""Which model is served: two stages, or the single model that beat them on validation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recsys.candidates import Popularity, RecentPopularity
from recsys.config import RankerConfig
from recsys.ranking.lambdarank import RankingRows, has_contrast
from recsys.ranking.training import TrainingLists, fit_ranker

TWO_STAGE: Final = "two-stage"
JUDGED_AT: Final = 10
"""Length of the lists by whose NDCG the models are compared."""
ONE_LIST_FOR_ALL: Final = (Popularity.name, RecentPopularity.name)
"""Models that know no shopper: as good as a personal one, they would show less of the catalogue."""


@dataclass(frozen=True)
class ServedModel:
    """The model whose order is served, by its name, and why.

    `validation`: of each model that was judged, `ndcg`, `gain` (its NDCG less that of two stages)
    and `gain_se`, the standard error of the gain over `n_lists` lists; empty if none was.
    """

    name: str
    why: str
    n_lists: int
    validation: dict[str, dict[str, float]]


def leave_unjudged(name: str, why: str) -> ServedModel:
    """`name` without a comparison."""
    return ServedModel(name, why, 0, {})


def choose_served(
    lists: TrainingLists, min_training_lists: int, config: RankerConfig, seed: int
) -> ServedModel:
    """Two stages, unless the best single model beat them by over one standard error.

    Every window from the third on is validation once: the ranker learns from the windows before
    it, rounds and all, and orders its lists beside each candidate model alone (rolling origin,
    Tashman 2000). Judged on the window that also set its rounds, the ranker would look better than
    it is; on the last window alone, noise would decide on a small log. The rule of one standard
    error is that of Breiman et al. 1984, section 3.4.3, on differences list by list. A
    single model that serves everybody one list gives way to a personal one within one standard
    error of it. Only models
    that propose candidates are judged. Windows with under `min_training_lists` lists before them
    are skipped.
    """
    found: dict[str, list[NDArray[np.float64]]] = {}
    for index in range(2, len(lists.windows)):
        past = replace(lists, windows=lists.windows[:index], cuts=lists.cuts[:index])
        if len(past.train.groups) < min_training_lists or not has_contrast(past.train):
            continue
        ranker, _ = fit_ranker(past, config, seed)
        window = lists.windows[index]
        scores = {TWO_STAGE: ranker.score(window.features)}
        scores |= {model: single_scores(model, window, lists.names) for model in _proposing(lists)}
        for model, values in scores.items():
            found.setdefault(model, []).append(list_ndcg(window, values, JUDGED_AT))
    ndcg = {model: np.concatenate(parts) for model, parts in found.items()}
    n_lists = len(ndcg.get(TWO_STAGE, ()))
    if n_lists < max(2, min_training_lists):
        return leave_unjudged(
            TWO_STAGE, f"{n_lists} validation lists are too few to prefer a model"
        )
    return _decided(ndcg, n_lists)


def single_scores(model: str, rows: RankingRows, names: list[str]) -> NDArray[np.float32]:
    """What candidate model `model` alone says of `rows` whose features are called `names`."""
    return np.asarray(rows.features[:, names.index(f"score_{model}")])


def _decided(ndcg: dict[str, NDArray[np.float64]], n_lists: int) -> ServedModel:
    validation = {}
    for model, values in ndcg.items():
        gains = values - ndcg[TWO_STAGE]
        validation[model] = {
            "ndcg": float(values.mean()),
            "gain": float(gains.mean()),
            "gain_se": float(gains.std(ddof=1) / np.sqrt(n_lists)),
        }
    best = _best_single(ndcg)
    gain, error = validation[best]["gain"], validation[best]["gain_se"]
    figures = (
        f"NDCG@{JUDGED_AT} of {best} {validation[best]['ndcg']:.3f}, of two stages "
        f"{validation[TWO_STAGE]['ndcg']:.3f}: {gain:+.3f} ± {error:.3f} (one standard error) over "
        f"{n_lists} validation lists"
    )
    if gain > error:
        return ServedModel(
            best, f"better by over one standard error: {figures}", n_lists, validation
        )
    why = f"no single model is better by over one standard error: {figures}"
    return ServedModel(TWO_STAGE, why, n_lists, validation)


def _best_single(ndcg: dict[str, NDArray[np.float64]]) -> str:
    """The best single model, or the best personal one where that is within one standard error."""
    singles = {model: values for model, values in ndcg.items() if model != TWO_STAGE}
    best = max(singles, key=lambda model: singles[model].mean())
    personal = {m: values for m, values in singles.items() if m not in ONE_LIST_FOR_ALL}
    if best in personal or not personal:
        return best
    rival = max(personal, key=lambda model: personal[model].mean())
    lead = singles[best] - personal[rival]
    return best if lead.mean() > lead.std(ddof=1) / np.sqrt(len(lead)) else rival


def _proposing(lists: TrainingLists) -> list[str]:
    """The candidate models that propose anything: without a rank anywhere a model has no quota."""
    features = lists.validation.features
    return [
        name.removeprefix("rank_")
        for index, name in enumerate(lists.names)
        if name.startswith("rank_") and np.isfinite(features[:, index]).any()
    ]


def list_ndcg(rows: RankingRows, scores: NDArray[np.float32], k: int) -> NDArray[np.float64]:
    """NDCG at `k`, in [0, 1], of every list of `rows` whose user wanted anything, by `scores`.

    `scores` (rows,), higher first, equal ones in the order of the rows; gains are binary, and the
    ideal list holds min(wanted, k) hits, in the list of candidates or not.
    """
    n_lists = len(rows.groups)
    group = np.repeat(np.arange(n_lists), rows.groups)
    order = np.lexsort((-scores, group))
    start = np.cumsum(rows.groups) - rows.groups
    place = np.arange(len(order)) - start[group]
    hit = (rows.labels[order] > 0) & (place < k)
    gain = np.bincount(group[hit], 1.0 / np.log2(place[hit] + 2.0), minlength=n_lists)
    ideal = np.cumsum(1.0 / np.log2(np.arange(2, k + 2)))
    wanted = rows.wanted
    assert wanted is not None
    asked = wanted > 0
    return np.asarray(gain[asked] / ideal[np.minimum(wanted[asked], k) - 1], dtype=np.float64)
