"""A reason is the strongest group of features whose claim is true."""

from __future__ import annotations

import numpy as np

from recsys.candidates.reason_words import CATEGORY, POPULAR, SHOPPERS, SIMILAR
from recsys.lists.reasons import LOOK, UNEXPLAINED, reasons
from recsys.ranking.features import feature_names

NAMES = feature_names(["popularity", "ease"])


def row(**values: float) -> np.ndarray:
    return np.array([[values.get(name, np.nan) for name in NAMES]], dtype=np.float32)


def added(**values: float) -> np.ndarray:
    return np.nan_to_num(row(**values))


TRUE = {
    "recent_popularity": 0.5,
    "content_similarity": 0.2,
    "rank_ease": 3.0,
    "user_items": 4.0,
    "category_affinity": 0.3,
    "style_similarity": 0.1,
}


def test_each_group_of_features_has_its_words() -> None:
    for name, word in {
        "click_rate": POPULAR,
        "content_similarity": SIMILAR,
        "score_ease": SHOPPERS,
        "category_affinity": CATEGORY,
        "style_similarity": LOOK,
    }.items():
        assert reasons(added(**{name: 1.0}), row(**TRUE), NAMES).tolist() == [word]


def test_a_claim_that_is_not_true_is_never_made() -> None:
    strong = added(click_rate=5, content_similarity=4, score_ease=3, style_similarity=2)
    features = {**TRUE, "recent_popularity": -0.1, "content_similarity": -0.2, "user_items": 0.0}
    assert reasons(strong, row(**features), NAMES).tolist() == [LOOK]
    assert reasons(strong, row(), NAMES).tolist() == [UNEXPLAINED]
    assert reasons(strong[:0], row()[:0], NAMES).tolist() == []
