"""What a finished run tells a monitoring system: a file in Prometheus' text format."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from features.schema import StorageError
from pipelines.limits import reason_kind
from pipelines.stores import storage
from pipelines.stores.run_history import Attempt
from pipelines.verbosity import warn

FILE: Final = "metrics.prom"
_LEFT_OUT: Final = {"budget": "left_out_by_budget", "deadline": "left_for_next_run"}
_MOST_REASONS: Final = 20
_ROWS: Final = ("events", "users", "items", "styles")

Sample = tuple[Mapping[str, str], float]


def write_metrics(out: Path, manifest: Mapping[str, Any], attempt: Attempt) -> None:
    """Write `metrics.prom` of the run that has just succeeded, in one step.

    A file that cannot be written is a warning: the feed is there.
    """
    text = metrics_text(manifest, attempt, time.time())
    try:
        storage.write_bytes(out / FILE, text.encode())
    except StorageError as error:
        warn(str(error))


def metrics_text(manifest: Mapping[str, Any], attempt: Attempt, ended: float) -> str:
    """The metrics of a run, each with its help and type; `ended` in seconds since 1970.

    Reasons for rejects are without names and numbers; the 20 most frequent of a stage are told, the
    others as `other`.
    """
    counts, worked = manifest["counts"], attempt.seconds
    renders = int(counts["render"]["renders"])
    left_out = {why: int(counts["render"].get(name, 0)) for why, name in _LEFT_OUT.items()}
    painted = int(counts["render"]["painted"]) if "render" in worked else 0
    rows = {name: counts["prepare"][name] for name in _ROWS} | {"feed": counts["feed"]["rows"]}
    families: list[tuple[str, str, Iterable[Sample]]] = [
        ("stage_seconds", "Seconds of the stage when it last had work.",
         [({"stage": name}, value) for name, value in manifest["seconds"].items()]),
        ("stage_worked", "1 where the run had work for the stage.",
         [({"stage": name}, float(name in worked)) for name in manifest["seconds"]]),
        ("rows", "Rows of the tables that were used, and of the feed.",
         [({"table": name}, value) for name, value in rows.items()]),
        ("rejects", "What was set aside, by stage and reason.", list(_rejects(counts))),
        ("renders", "Renders that the feed needs.", [({}, renders)]),
        ("renders_painted", "Renders that the run painted.", [({}, painted)]),
        ("render_cache_hits", "Renders that were there already.",
         [({}, renders - painted - sum(left_out.values()))]),
        ("renders_left_out", "Renders that the feed shows as plain photos for now.",
         [({"why": why}, n) for why, n in left_out.items()]),
        ("run_seconds", "Seconds of the run.", [({}, round(attempt.elapsed, 3))]),
        ("last_success_timestamp_seconds", "When a run last succeeded.", [({}, round(ended, 3))]),
    ]  # fmt: skip
    lines = []
    for name, help_text, samples in families:
        lines += [f"# HELP stylefeed_{name} {help_text}", f"# TYPE stylefeed_{name} gauge"]
        lines += [f"stylefeed_{name}{_labels(labels)} {value!r}" for labels, value in samples]
    return "\n".join(lines) + "\n"


def _rejects(counts: Mapping[str, Mapping[str, Any]]) -> Iterable[Sample]:
    for stage, told in counts.items():
        parts = [part["reasons"] for part in told.get("set_aside", [])]
        reasons: Counter[str] = Counter()
        for part in [told["rejects_by_reason"]] if "rejects_by_reason" in told else parts:
            for reason, n in part.items():
                reasons[reason_kind(reason)] += n
        ordered = sorted(reasons.items(), key=lambda pair: (-pair[1], pair[0]))
        for reason, n in ordered[:_MOST_REASONS]:
            yield {"stage": stage, "reason": reason}, n
        if len(ordered) > _MOST_REASONS:
            rest = sum(n for _, n in ordered[_MOST_REASONS:])
            yield {"stage": stage, "reason": "other"}, rest


def _labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    told = [f'{name}="{_escaped(value)}"' for name, value in labels.items()]
    return "{" + ",".join(told) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
