"""The slot for rembg: its mask, where the package and its model are already on the machine."""

from __future__ import annotations

import importlib
import importlib.util
import os
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

_MODEL: Final = "u2net"


def rembg_alpha(picture: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """Alpha (h, w) uint8 that rembg finds for `picture` (h, w, 3) uint8.

    None unless rembg is installed and its u2net model lies in its own folder (U2NET_HOME): left to
    itself rembg would download the model, and nothing is downloaded at run time.
    """
    if importlib.util.find_spec("rembg") is None or not _model_path().is_file():
        return None
    rembg, session = _load()
    return np.asarray(rembg.remove(picture, session=session, only_mask=True), dtype=np.uint8)


def _model_path() -> Path:
    home = os.environ.get("XDG_DATA_HOME", "~")
    folder = os.environ.get("U2NET_HOME", str(Path(home) / ".u2net"))
    return Path(folder).expanduser() / f"{_MODEL}.onnx"


@lru_cache(maxsize=1)
def _load() -> tuple[Any, Any]:
    rembg = importlib.import_module("rembg")
    return rembg, rembg.new_session(_MODEL)
