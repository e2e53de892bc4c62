"""The data section: what came in, what was set aside and why, and where the time went."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from features.schema import ORIGINAL
from pipelines.report import formatting
from pipelines.report.plots import timeline

EXAMPLES = 3
_MOST_BARS = 12
# What differs between two rows set aside for the same reason: quoted text, paths and numbers.
_PARTICULARS = re.compile(r"'[^']*'|\"[^\"]*\"|(?:/[\w.\-]+)+|\b\d[\d.,:]*\b")


@dataclass(frozen=True)
class Bar:
    """One row of a bar list; `share` in [0, 1] is its length."""

    name: str
    value: str
    share: float


@dataclass(frozen=True)
class Figure:
    """One finding: a number, and the ids of examples where there are any."""

    name: str
    value: str
    note: str


@dataclass(frozen=True)
class Block:
    """One part of the quality report: plain figures and counted lists."""

    name: str
    figures: list[Figure]
    lists: list[tuple[str, list[Bar]]]


@dataclass(frozen=True)
class Reason:
    """Rows set aside for one reason, with examples as (key, row, what was got, full reason)."""

    stage: str
    table: str
    reason: str
    count: int
    examples: list[tuple[str, str, str, str]]


@dataclass(frozen=True)
class StageRow:
    """A stage's counts in words and its time."""

    name: str
    counts: str
    time: str
    share: float


def bars(
    counts: Iterable[tuple[str, float]], as_text: Callable[[float], str] = formatting.number
) -> list[Bar]:
    """A bar per entry, longest first, at most `_MOST_BARS`; the rest is summed up."""
    ordered = sorted(counts, key=lambda entry: (-entry[1], entry[0]))
    shown, rest = ordered[:_MOST_BARS], ordered[_MOST_BARS:]
    most = max((value for _, value in shown), default=0.0) or 1.0
    rows = [Bar(formatting.title(str(k)), as_text(v), max(v, 0.0) / most) for k, v in shown]
    if rest:
        rows.append(Bar(f"{len(rest)} more", as_text(sum(v for _, v in rest)), 0.0))
    return rows


def quality_blocks(
    report: Mapping[str, Mapping[str, Any]], look_names: Mapping[str, str]
) -> list[Block]:
    """The report of `features.quality`, part by part; looks are called by their names."""
    return [_block(name, part, look_names) for name, part in report.items()]


def _block(name: str, part: Mapping[str, Any], look_names: Mapping[str, str]) -> Block:
    figures = []
    lists = []
    for key, value in part.items():
        if isinstance(value, Mapping):
            names = look_names if "look" in key else {}
            # The plain photo is shown so often that beside it every look's bar would be a dot.
            counts = [(str(names.get(k, k)), v) for k, v in value.items() if k != ORIGINAL]
            lists.append((formatting.label(key), bars(counts)))
        elif not key.endswith("_examples"):
            said, unit = _with_unit(key, value)
            examples = part.get(f"{key}_examples") or []
            note = ", ".join(one for one in examples if isinstance(one, str))
            figures.append(Figure(unit, said, f"e.g. {note}" if note else ""))
    return Block(formatting.label(name).capitalize(), figures, lists)


def _with_unit(key: str, value: Any) -> tuple[str, str]:
    """A finding and its name, in words: units in a key's ending go to the number."""
    if key.endswith("_utc"):
        return formatting.moment(value), formatting.label(key[: -len("_utc")])
    for ending, unit in (("_hours", "h"), ("_px", "px")):
        if key.endswith(ending):
            return f"{formatting.number(value)} {unit}", formatting.label(key[: -len(ending)])
    if "share" in key and isinstance(value, float):
        return formatting.percent(value), formatting.label(key)
    return formatting.number(value), formatting.label(key)


def reject_reasons(rejects: pd.DataFrame) -> list[Reason]:
    """Group rejected rows by stage, table and reason, most frequent first.

    `rejects`: stage, table, row, key, reason, got, all text. Reasons that differ only in what
    they quote count as one.
    """
    if rejects.empty:
        return []
    kind = rejects["reason"].str.replace(_PARTICULARS, "…", regex=True)
    reasons = []
    for (stage, table, text), rows in rejects.groupby([rejects["stage"], rejects["table"], kind]):
        examples = [
            (str(row.key), str(row.row), str(row.got), str(row.reason))
            for row in rows.head(EXAMPLES).itertuples(index=False)
        ]
        # Figures that all the rows share, such as a limit, belong to the reason.
        said = rows["reason"].iloc[0] if rows["reason"].nunique() == 1 else text
        reasons.append(Reason(str(stage), str(table), str(said), len(rows), examples))
    return sorted(reasons, key=lambda r: (-r.count, r.stage, r.table, r.reason))


def stage_rows(stages: Mapping[str, Mapping[str, Any]]) -> list[StageRow]:
    """The finished stages in the road's order."""
    longest = max((record["seconds"] for record in stages.values()), default=0.0) or 1.0
    return [
        StageRow(
            name,
            ", ".join(
                f"{value:,} {formatting.label(key)}"
                for key, value in record["counts"].items()
                if type(value) is int
            ),
            formatting.seconds(record["seconds"]),
            record["seconds"] / longest,
        )
        for name, record in stages.items()
    ]


def events_over_time(events: pd.DataFrame, most_columns: int = 60) -> Markup:
    """Events per step of time, in at most `most_columns` equal steps."""
    time = events["timestamp"]
    # Microseconds, the unit of the canonical column.
    at = time.astype("int64").to_numpy()
    days = max(1, int(np.ceil((at.max() - at.min()) / 86_400_000_000)))
    counts, _ = np.histogram(at, bins=min(days, most_columns))
    return timeline(
        "Events over time",
        counts.astype(np.float64),
        formatting.day(time.min()),
        formatting.day(time.max()),
    )
