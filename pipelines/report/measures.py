"""The metrics section: a lenient reading of `metrics.json` as a table and interval plots."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from pipelines.report import words
from pipelines.report.plots import Interval, interval_plot

# In the order of the table; (key, name, what it says, whether more is better).
KNOWN = (
    ("ndcg", "NDCG", "hits near the top count more", True),
    ("recall", "Recall", "share of what the shopper took that was in the list", True),
    ("precision", "Precision", "share of the list that the shopper took", True),
    ("map", "MAP", "precision averaged at each hit", True),
    ("mrr", "MRR", "one over the rank of the first hit", True),
    ("hit_rate", "Hit rate", "shoppers with at least one hit", True),
    ("coverage", "Coverage", "share of the catalogue recommended to anybody", True),
    ("novelty", "Novelty", "surprise of what is shown, in bits", True),
    ("intra_list_diversity", "List diversity", "how different a list's items look", True),
    ("look_diversity", "Look diversity", "chance that two rows have different looks", True),
    ("gini", "Gini", "inequality of the items' exposure; 0 is even", False),
)
MODEL_NAMES = {
    "als": "ALS",
    "bpr": "BPR",
    "ease": "EASE",
    "itemknn": "ItemKNN",
    "two-stage": "Two-stage",
    "popularity": "Popularity",
}
_PLOTTED = ("ndcg", "recall", "map", "coverage", "novelty", "intra_list_diversity")


@dataclass(frozen=True)
class Column:
    """A metric of the table."""

    key: str
    name: str
    meaning: str


@dataclass(frozen=True)
class Cell:
    """A model's value of one metric, with its interval where there is one."""

    text: str
    interval: str
    best: bool


@dataclass(frozen=True)
class Comparison:
    """Models x metrics, as a table and as plots (caption, picture)."""

    columns: list[Column]
    rows: list[tuple[str, list[Cell]]]
    plots: list[tuple[Column, Markup]]


def compare(metrics: Mapping[str, Any]) -> Comparison:
    """Read `metrics["models"]`: {model: {metric: value, metric_low:, metric_high:}}.

    Metrics nobody measured are left out; unknown ones come last under their own names.
    """
    models: dict[str, Mapping[str, Any]] = {
        str(name): values
        for name, values in metrics.get("models", {}).items()
        if isinstance(values, Mapping)
    }
    columns = _columns(models)
    if columns:
        first = columns[0].key
        order = sorted(models, key=lambda name: (-(_number(models[name].get(first)) or 0.0), name))
        models = {MODEL_NAMES.get(name, words.label(name)): models[name] for name in order}
    falling = {key for key, _, _, rising in KNOWN if not rising}
    rows: list[tuple[str, list[Cell]]] = [(name, []) for name in models]
    for column in columns:
        known = [
            v for values in models.values() if (v := _number(values.get(column.key))) is not None
        ]
        best = min(known) if column.key in falling else max(known)
        for (_, cells), values in zip(rows, models.values(), strict=True):
            value = _number(values.get(column.key))
            low, high = _bounds(values, column.key)
            interval = "" if low is None else f"{words.number(low)} – {words.number(high)}"
            cells.append(Cell(words.number(value), interval, value == best and len(models) > 1))
    plots = []
    for column in columns:
        dots = [
            Interval(name, value, *_bounds(values, column.key))
            for name, values in models.items()
            if (value := _number(values.get(column.key))) is not None
        ]
        if column.key in _PLOTTED and len(dots) > 1:
            plots.append((column, interval_plot(column.name, dots)))
    return Comparison(columns, rows, plots)


def figures(values: Any) -> list[tuple[str, str]]:
    """The numbers of a mapping as (name, value) in words; what is nested further is left out."""
    if not isinstance(values, Mapping):
        return []
    return [
        (words.label(str(key)), words.number(value))
        for key, value in values.items()
        if isinstance(value, int | float)
    ]


def _columns(models: Mapping[str, Mapping[str, Any]]) -> list[Column]:
    measured = {
        key
        for values in models.values()
        for key, value in values.items()
        if _number(value) is not None and not key.endswith(("_low", "_high")) and key != "n_users"
    }
    known = [Column(key, name, meaning) for key, name, meaning, _ in KNOWN if key in measured]
    others = sorted(measured - {column.key for column in known})
    return [*known, *(Column(key, words.label(key).capitalize(), "") for key in others)]


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _bounds(values: Mapping[str, Any], key: str) -> tuple[float, float] | tuple[None, None]:
    low, high = _number(values.get(f"{key}_low")), _number(values.get(f"{key}_high"))
    return (None, None) if low is None or high is None else (low, high)
