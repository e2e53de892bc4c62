"""The metrics section: a lenient reading of `metrics.json` as a table and interval plots."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from pipelines.report import formatting
from pipelines.report.plots import Interval, interval_plot

# In the order of the table; (key, name, what it says).
KNOWN = (
    ("ndcg", "NDCG", "hits near the top count more"),
    ("recall", "Recall", "share of what the shopper took that was in the list"),
    ("precision", "Precision", "share of the list that the shopper took"),
    ("map", "MAP", "precision averaged at each hit"),
    ("mrr", "MRR", "one over the rank of the first hit"),
    ("hit_rate", "Hit rate", "shoppers with at least one hit"),
    ("coverage", "Coverage", "share of the catalogue recommended to anybody"),
    ("novelty", "Novelty", "surprise of what is shown, in bits"),
    ("intra_list_diversity", "List diversity", "how different a list's items look"),
    ("look_diversity", "Look diversity", "chance that two rows have different looks"),
    ("gini", "Gini", "inequality of the items' exposure; 0 is even"),
)
MODEL_NAMES = {
    "als": "ALS",
    "bpr": "BPR",
    "ease": "EASE",
    "itemknn": "ItemKNN",
    "two-stage": "Two-stage",
    "popularity": "Popularity",
    "recent": "Recent popularity",
    "category": "Popularity in own categories",
    "content": "Similar pictures",
    "history": "What was touched before",
}
SERVED = "served"
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


@dataclass(frozen=True)
class Row:
    """A model: its cells by column, whether it is the one served, and how it compares with that."""

    name: str
    served: bool
    verdict: str
    cells: list[Cell]


@dataclass(frozen=True)
class Comparison:
    """Models x metrics, as a table and as plots (caption, picture), and which is served, and why.

    `served` and `because` are empty where the metrics do not say.
    """

    columns: list[Column]
    rows: list[Row]
    plots: list[tuple[Column, Markup]]
    served: str
    because: str


def compare(metrics: Mapping[str, Any]) -> Comparison:
    """Read `metrics["models"]`: {model: {metric: value, metric_low:, metric_high:}}.

    `metrics["served_model"]`, `metrics["served_because"]` and `metrics["against_served"]` say which
    is served, why, and each other's gain in NDCG over it. Metrics nobody measured are left out;
    unknown ones come last under their own names.
    """
    models: dict[str, Mapping[str, Any]] = {
        str(name): values
        for name, values in metrics.get("models", {}).items()
        if isinstance(values, Mapping)
    }
    served = str(metrics.get("served_model", ""))
    against = metrics.get("against_served", {})
    columns = _columns(models)
    if columns:
        first = columns[0].key
        order = sorted(models, key=lambda name: (-(_number(models[name].get(first)) or 0.0), name))
        models = {name: models[name] for name in order}
    rows = [
        Row(
            model_name(name),
            name == served,
            SERVED if name == served else _verdict(against.get(name)),
            [_cell(values, column.key) for column in columns],
        )
        for name, values in models.items()
    ]
    plots = []
    for column in columns:
        dots = [
            Interval(model_name(name), value, *_bounds(values, column.key))
            for name, values in models.items()
            if (value := _number(values.get(column.key))) is not None
        ]
        if column.key in _PLOTTED and len(dots) > 1:
            plots.append((column, interval_plot(column.name, dots)))
    because = str(metrics.get("served_because", ""))
    return Comparison(columns, rows, plots, model_name(served) if served else "", because)


def lift_sentence(lift: Any) -> str:
    """What personal looks gain over plain photos by the log, as a sentence; empty if unknown."""
    if not isinstance(lift, Mapping) or "kind" not in lift:
        return ""
    value, low, high = (_number(lift.get(name)) for name in ("lift", "lift_low", "lift_high"))
    if lift["kind"] == "refused" or value is None or low is None or high is None:
        return f"This log cannot tell yet what looks gain over plain photos. {lift['sentence']}"
    span = f"95 % interval {formatting.gain(low)} to {formatting.gain(high)}"
    if lift["kind"] == "no difference":
        return (
            "By this log, personal looks and plain photos cannot be told apart in clicks: "
            f"{formatting.gain(value)}, {span}."
        )
    more = "more" if value > 0.0 else "fewer"
    return (
        f"By this log, personal looks earn {formatting.percent(abs(value))} {more} clicks than "
        f"plain photos, {span}."
    )


def figures(values: Any) -> list[tuple[str, str]]:
    """The numbers of a mapping as (name, value) in words; what is nested further is left out."""
    if not isinstance(values, Mapping):
        return []
    return [
        (formatting.label(str(key)), formatting.number(value))
        for key, value in values.items()
        if isinstance(value, int | float)
    ]


def model_name(model: str) -> str:
    """A model's name for readers: `als` becomes `ALS`; empty stays empty."""
    return MODEL_NAMES.get(model, formatting.label(model))


def _cell(values: Mapping[str, Any], key: str) -> Cell:
    low, high = _bounds(values, key)
    interval = "" if low is None else f"{formatting.number(low)} – {formatting.number(high)}"
    return Cell(formatting.number(_number(values.get(key))), interval)


def _verdict(gain: Any) -> str:
    """What a gain over the served model, with its interval, allows to say; empty if unknown."""
    if not isinstance(gain, Mapping):
        return ""
    low, high = _bounds(gain, "gain")
    if low is None or high is None:
        return ""
    span = f"{low:+.3f} to {high:+.3f}"
    if low <= 0.0 <= high:
        return f"within noise: {span}"
    return f"{'better' if low > 0.0 else 'worse'}: {span}"


def _columns(models: Mapping[str, Mapping[str, Any]]) -> list[Column]:
    measured = {
        key
        for values in models.values()
        for key, value in values.items()
        if _number(value) is not None and not key.endswith(("_low", "_high")) and key != "n_users"
    }
    known = [Column(key, name, meaning) for key, name, meaning in KNOWN if key in measured]
    others = sorted(measured - {column.key for column in known})
    return [*known, *(Column(key, formatting.label(key).capitalize(), "") for key in others)]


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _bounds(values: Mapping[str, Any], key: str) -> tuple[float, float] | tuple[None, None]:
    low, high = _number(values.get(f"{key}_low")), _number(values.get(f"{key}_high"))
    return (None, None) if low is None or high is None else (low, high)
