"""Why an item was ranked high, in a few words that are true of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recsys.candidates.reason_words import AGAIN, CATEGORY, POPULAR, SHOPPERS, SIMILAR
from recsys.candidates.registry import CANDIDATE_MODELS, candidate_model

LOOK: Final = "its look is near your taste"
UNEXPLAINED: Final = "to widen your choice"
SEEN: Final = "you looked at it before"

# Columns of the ranker beside the candidate models' own, by what they say of an item.
_FEATURES: Final = {
    POPULAR: (
        *("popularity", "recent_popularity", "recent_trend", "days_since_touched", "click_rate"),
        *("item_buyers", "item_week_share"),
    ),
    AGAIN: ("own_visits", "own_last_days", "own_gap_days", "own_due"),
    SIMILAR: ("content_similarity",),
    SHOPPERS: (),
    CATEGORY: ("category_affinity",),
    LOOK: ("style_similarity",),
}


def _group_columns() -> dict[str, tuple[str, ...]]:
    """All the ranker's columns by what they say of an item; the first bears the claim out."""
    groups = {word: list(names) for word, names in _FEATURES.items()}
    for name in CANDIDATE_MODELS:
        columns = (f"score_{name}", f"rank_{name}")
        groups.setdefault(candidate_model(name).reason, []).extend(columns)
    return {word: tuple(names) for word, names in groups.items()}


_GROUPS: Final = _group_columns()


def reasons(
    contributions: NDArray[np.float32], features: NDArray[np.float32], names: Sequence[str]
) -> NDArray[np.object_]:
    """The reason of each row, object (rows,).

    `contributions` and `features` (rows, features) by `names`: the group of features that adds most
    to the score gives the reason, among the groups whose claim the features bear out.
    """
    words = np.array(list(_GROUPS), dtype=object)
    weight = np.full((len(features), len(words)), -np.inf, dtype=np.float64)
    column = {name: index for index, name in enumerate(names)}
    for index, (word, members) in enumerate(_GROUPS.items()):
        present = [column[name] for name in members if name in column]
        if present:
            added = contributions[:, present].sum(axis=1, dtype=np.float64)
            weight[:, index] = np.where(_holds(word, features, column), added, -np.inf)
    best = weight.argmax(axis=1) if len(weight) else np.empty(0, dtype=np.int64)
    known = weight[np.arange(len(weight)), best] > -np.inf
    return np.asarray(np.where(known, words[best], UNEXPLAINED), dtype=object)


def reasons_of_model(
    model: str, features: NDArray[np.float32], names: Sequence[str]
) -> NDArray[np.object_]:
    """The reason of each row that candidate model `model` alone ranked, object (rows,).

    `features` (rows, features) by `names`: what the model goes by where that is true of the row,
    else that the item is popular where it is, else UNEXPLAINED.
    """
    column = {name: index for index, name in enumerate(names)}
    word = next(word for word, members in _GROUPS.items() if f"score_{model}" in members)
    popular = np.where(_holds(POPULAR, features, column), POPULAR, UNEXPLAINED)
    return np.where(_holds(word, features, column), word, popular).astype(object)


def _holds(word: str, features: NDArray[np.float32], column: dict[str, int]) -> NDArray[np.bool_]:
    """Rows of which the claim `word` is true; an unknown value (NaN) bears nothing out."""
    if not _FEATURES.get(word):
        ranks = [i for name, i in column.items() if name in _GROUPS[word] and name[:4] == "rank"]
        proposed = np.isfinite(features[:, ranks]).any(axis=1)
        return np.asarray(proposed & (features[:, column["user_items"]] > 0), dtype=bool)
    evidence = "recent_popularity" if word == POPULAR else _FEATURES[word][0]
    return np.asarray(features[:, column[evidence]] > 0.0, dtype=bool)
