"""Candidate models: which items could interest a user, behind one protocol."""

from recsys.candidates.als import ALS, ALSConfig
from recsys.candidates.bpr import BPR, BPRConfig
from recsys.candidates.ease import EASE, EASEConfig
from recsys.candidates.interactions import Interactions
from recsys.candidates.itemknn import ItemKNN, ItemKNNConfig
from recsys.candidates.popularity import Popularity
from recsys.candidates.protocol import CandidateModel

__all__ = [
    "ALS",
    "BPR",
    "EASE",
    "ALSConfig",
    "BPRConfig",
    "CandidateModel",
    "EASEConfig",
    "Interactions",
    "ItemKNN",
    "ItemKNNConfig",
    "Popularity",
]
