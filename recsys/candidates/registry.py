"""The candidate models of the recommender by name: a new one is a file of its own and a line here.

In the order of the ranker's features. A class is imported when it is first asked for, so that
settings can name models without loading them.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from recsys.candidates.model import CandidateModel

CANDIDATE_MODELS: Final[Mapping[str, str]] = {
    "popularity": "recsys.candidates.popularity.Popularity",
    "recent": "recsys.candidates.recency.RecentPopularity",
    "category": "recsys.candidates.category.CategoryPopularity",
    "history": "recsys.candidates.history.History",
    "content": "recsys.candidates.content.Content",
    "als": "recsys.candidates.als.ALS",
    "itemknn": "recsys.candidates.itemknn.ItemKNN",
    "ease": "recsys.candidates.ease.EASE",
}


def candidate_model(name: str) -> type[CandidateModel]:
    """The class of the model `name`, one of CANDIDATE_MODELS."""
    module, _, attribute = CANDIDATE_MODELS[name].rpartition(".")
    found: type[CandidateModel] = getattr(import_module(module), attribute)
    return found
