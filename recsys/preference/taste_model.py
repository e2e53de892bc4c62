"""What every taste model answers, with which tables, and how it is saved by its kind."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.schema import ORIGINAL, NotFittedError

_KIND: Final = "kind.json"
_SHOWN_USERS: Final = 8
_SHOWN_LOOKS: Final = 3


class TasteModel(Protocol):
    """Which looks each user likes, fitted.

    Unknown users get the population's answer. Columns of the matrices are `style_ids`, then the
    plain photo.
    """

    @property
    def kind(self) -> str:
        """Name of the kind of model, under which `load_tastes` opens it."""
        ...

    @property
    def style_ids(self) -> list[str]:
        """Looks in the order of the matrices' columns, without the plain photo."""
        ...

    def affinity_matrix(self, user_ids: Iterable[str]) -> NDArray[np.float32]:
        """Expected utility of every look in log odds, float32 (n_users, n_looks + 1)."""
        ...

    def uncertainty_matrix(self, user_ids: Iterable[str]) -> NDArray[np.float32]:
        """Standard deviation of `affinity_matrix`, of the same shape."""
        ...

    def affinity(self, user_ids: Iterable[str] | None = None) -> pd.DataFrame:
        """`affinity_matrix` as rows user_id, style_id, affinity. Default: the users of the fit."""
        ...

    def users(self, user_ids: Iterable[str] | None = None) -> pd.DataFrame:
        """One row per user: user_id, style_embedding, style_strength, n_events, cold."""
        ...

    def predict_click(self, exposures: pd.DataFrame) -> NDArray[np.float64] | None:
        """Probability of a click on each exposure (n,); None where tastes say nothing of clicks."""
        ...

    def save(self, folder: str | Path) -> None:
        """Write the model to `folder`."""
        ...


class TasteLoader(Protocol):
    """A kind of taste model: opens what its `save` wrote."""

    def load(self, folder: str | Path) -> TasteModel:
        """Read the model in `folder`; raises NotFittedError if there is none."""
        ...


def save_tastes(model: TasteModel, folder: Path) -> None:
    """Write `model` and its kind to `folder`."""
    model.save(folder)
    (folder / _KIND).write_text(json.dumps({"kind": model.kind}), encoding="utf-8")


def read_kind(folder: Path) -> str:
    """The kind of the model in `folder`; raises NotFittedError where `save_tastes` wrote none."""
    path = folder / _KIND
    if not path.is_file():
        raise NotFittedError(f"no {_KIND} in {folder}: save a fitted taste model there")
    return str(json.loads(path.read_text(encoding="utf-8"))["kind"])


def taste_html(model: TasteModel) -> str | None:
    """How certain the first users' tastes are, and the looks they like best, as an HTML table.

    None before the fit: a notebook then falls back to the model's name.
    """
    try:
        users = model.users().head(_SHOWN_USERS)
    except NotFittedError:
        return None
    affinity = model.affinity_matrix(users["user_id"])
    looks = [*model.style_ids, ORIGINAL]
    lines = []
    for user, certainty, row in zip(
        users["user_id"], users["style_strength"], affinity, strict=True
    ):
        best = ", ".join(
            f"{escape(looks[column])} {row[column]:+.2f}"
            for column in np.argsort(-row, kind="stable")[:_SHOWN_LOOKS]
        )
        lines.append(
            f"<tr><td>{escape(str(user))}</td><td>{certainty:.2f}</td><td>{best}</td></tr>"
        )
    head = "<tr><th>user</th><th>style strength</th><th>looks, log odds</th></tr>"
    return f"<table>{head}{''.join(lines)}</table>"


def affinity_table(
    names: Sequence[str] | NDArray[Any],
    looks: Sequence[str] | NDArray[Any],
    matrix: NDArray[np.float32],
) -> pd.DataFrame:
    """Rows user_id, style_id, affinity of a matrix (n_users, n_looks)."""
    return pd.DataFrame(
        {
            "user_id": pd.Series(np.repeat(names, matrix.shape[1]), dtype="str"),
            "style_id": pd.Series(np.tile(looks, len(names)), dtype="str"),
            "affinity": matrix.reshape(-1),
        }
    )


def user_table(
    names: Sequence[str] | NDArray[Any],
    embeddings: NDArray[np.float32],
    strength: NDArray[np.float32],
    n_events: NDArray[np.int64],
) -> pd.DataFrame:
    """Rows user_id, style_embedding (list of d float32), style_strength, n_events, cold."""
    return pd.DataFrame(
        {
            "user_id": pd.Series(names, dtype="str"),
            "style_embedding": pd.Series(list(embeddings), dtype=object),
            "style_strength": strength,
            "n_events": n_events,
            "cold": n_events == 0,
        }
    )
