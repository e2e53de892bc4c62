"""Sets: a look made into surroundings for a product's photo."""

from styletransfer.config import SetConfig
from styletransfer.sets.guides import HORIZON, SetLayout
from styletransfer.sets.store import SetStore
from styletransfer.sets.synthesis import DEFAULT_SETS, MadeSet, make_set

__all__ = [
    "DEFAULT_SETS",
    "HORIZON",
    "MadeSet",
    "SetConfig",
    "SetLayout",
    "SetStore",
    "make_set",
]
