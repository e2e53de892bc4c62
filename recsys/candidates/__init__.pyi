from .als import ALS as ALS
from .bpr import BPR as BPR
from .category import CategoryPopularity as CategoryPopularity
from .content import Content as Content
from .ease import EASE as EASE
from .history import History as History
from .interactions import Interactions as Interactions
from .itemknn import ItemKNN as ItemKNN
from .model import CandidateModel as CandidateModel
from .popularity import Popularity as Popularity
from .recency import RecentPopularity as RecentPopularity

__all__ = [
    "ALS",
    "BPR",
    "EASE",
    "CandidateModel",
    "CategoryPopularity",
    "Content",
    "History",
    "Interactions",
    "ItemKNN",
    "Popularity",
    "RecentPopularity",
]
