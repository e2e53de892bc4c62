"""Candidate models: which items could interest a user, behind one protocol."""

from recsys.candidates.als import ALS
from recsys.candidates.bpr import BPR
from recsys.candidates.category import CategoryPopularity
from recsys.candidates.content import Content
from recsys.candidates.ease import EASE
from recsys.candidates.history import History
from recsys.candidates.interactions import Interactions
from recsys.candidates.itemknn import ItemKNN
from recsys.candidates.model import CandidateModel
from recsys.candidates.popularity import Popularity
from recsys.candidates.recency import RecentPopularity
from recsys.config import ALSConfig, BPRConfig, EASEConfig, ItemKNNConfig

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
