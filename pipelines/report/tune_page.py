"""The page of a search: what was found, what was chosen, and what it does to other pictures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import pandas as pd

from pipelines.report import formatting
from pipelines.report.plots import scatter
from pipelines.report.templates import open_template

_FIGURES: Final = ("recognised", "budget_left", "seconds", "served")


def tune_page(
    points: pd.DataFrame,
    front: pd.DataFrame,
    row: int,
    tested: Mapping[str, Mapping[str, float]],
    rule: str,
) -> str:
    """One self-contained HTML text.

    `points` has a row per measured point, the present settings first: figures, then settings by
    dotted key. `front` holds those of them (`point`) that no other beats, `row` is the chosen one,
    `tested` its figures and the present ones' on pictures that were not searched on.
    """
    on_front = np.isin(np.arange(len(points)), front["point"])
    chosen = int(front["point"][row])
    marks = ["front" if best else "beaten" for best in on_front]
    marks[chosen], marks[0] = "chosen", "present"
    plots = [
        (f"recognised by {said}", scatter(f"Recognised by {said}", points[name].to_numpy(),
                                          points["recognised"].to_numpy(), marks))
        for name, said in (("budget_left", "budget left"), ("seconds", "seconds per picture"))
    ]  # fmt: skip
    keys = [name for name in front.columns if name not in ("point", *_FIGURES)]
    rows = [
        {
            "number": number,
            "css": marks[one["point"]],
            "figures": [formatting.number(one[name]) for name in _FIGURES],
            "settings": [str(one[key]) for key in keys],
        }
        for number, one in enumerate(front.to_dict("records"))
    ]
    return str(
        open_template("tune.html").render(
            count=len(points),
            row=row,
            rule=rule,
            is_present=chosen == 0,
            plots=plots,
            names=[name.replace("_", " ") for name in _FIGURES],
            keys=keys,
            rows=rows,
            tested=[
                (name, [formatting.number(found[one]) for one in _FIGURES])
                for name, found in tested.items()
            ],
        )
    )
