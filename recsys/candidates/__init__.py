"""Candidate models: which items could interest a user, behind one protocol."""

from recsys.candidates.als import ALS, ALSConfig
from recsys.candidates.bpr import BPR, BPRConfig
from recsys.candidates.category import CategoryPopularity
from recsys.candidates.content import Content
from recsys.candidates.ease import EASE, EASEConfig
from recsys.candidates.history import History
from recsys.candidates.interactions import Interactions
from recsys.candidates.itemknn import ItemKNN, ItemKNNConfig
from recsys.candidates.model import CandidateModel
from recsys.candidates.popularity import Popularity
from recsys.candidates.recency import RecentPopularity

__all__ = [
    "ALS",
    "BPR",
    "EASE",
    "ALSConfig",
    "BPRConfig",
    "CandidateModel",
    "CategoryPopularity",
    "Content",
    "EASEConfig",
    "History",
    "Interactions",
    "ItemKNN",
    "ItemKNNConfig",
    "Popularity",
    "RecentPopularity",
]
