"""The page of a comparison of two look policies: figures in, one self-contained HTML text out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pipelines.report import formatting
from pipelines.report.ab_plots import (
    ForestRow,
    calibration_plot,
    cumulative,
    forest,
    percent,
    power_curve,
    weight_histogram,
)
from pipelines.report.templates import open_template

KINDS = {
    "better": "B is better",
    "worse": "B is worse",
    "no difference": "No difference can be told",
    "refused": "No verdict",
}
METHOD_NAMES = {
    "normal": "asymptotic",
    "bootstrap": "bootstrap",
    "bernstein": "empirical Bernstein",
}


def ab_page(result: Mapping[str, Any]) -> str:
    """Write the page of what `ab.json` holds; the same figures give the same text."""
    a, b = result["job"]["a"], result["job"]["b"]
    main = next(row for row in result["estimates"] if row["estimator"] == result["main"])
    base = main["a"]["value"]
    # In per cent of A's value, or clicks per thousand where A has none.
    unit, say = (base, percent) if base else (1.0, _per_thousand)
    days = [formatting.day(result["facts"][key]) for key in ("cut_utc", "last_utc")]
    error = result["difference_error"] or 0.0
    return str(
        open_template("ab.html").render(
            a=a,
            b=b,
            kind=KINDS[result["verdict"]["kind"]],
            verdict=result["verdict"],
            headline=headline(result),
            facts=_facts(result),
            level=f"{100 * result['level']:g} %",
            main=result["main"],
            forest_plot=forest(f"{b} against {a}", _forest_rows(result, unit), say),
            cumulative_plot=cumulative(
                "Lift over time", _points(result["cumulative"], unit), say, (days[0], days[1])
            ),
            power_plot=power_curve("Power", error / unit, say, result["level"]),
            detectable=say(result["verdict"]["detectable"] / unit).lstrip("+"),
            policies=[_policy(name, result["policies"][name]) for name in (a, b)],
            calibration=calibration_plot(
                "Calibration", result["calibration"]["predicted"], result["calibration"]["observed"]
            ),
            calibration_error=f"{100 * result['calibration']['error']:.2f}",
            rows=[_table_row(row, unit, say) for row in result["estimates"]],
            methods=METHOD_NAMES,
            values=[_value_row(row) for row in result["estimates"]],
            result=result,
            base_known=bool(base),
        )
    )


def headline(result: Mapping[str, Any]) -> str:
    """What is asked, as a title."""
    return formatting.title(f"{result['job']['b']} against {result['job']['a']}".replace("_", " "))


def _per_thousand(value: float) -> str:
    return f"{1000 * value:+.2f} ‰".replace("-", "−")


def _facts(result: Mapping[str, Any]) -> list[tuple[str, str]]:
    facts = result["facts"]
    return [
        (formatting.number(facts["judged"]), "impressions judged"),
        (formatting.number(facts["clicks"]), "clicks among them"),
        (formatting.number(facts["shoppers"]), "shoppers"),
        (formatting.number(facts["looks"]), "looks"),
        (formatting.number(facts["impressions"] - facts["judged"]), "impressions learned from"),
        (formatting.number(facts["set_aside"]), "rows set aside"),
    ]


def _points(points: list[dict[str, Any]], unit: float) -> list[dict[str, Any]]:
    scaled = ("value", "low", "high")
    return [
        {k: v / unit if k in scaled and v is not None else v for k, v in point.items()}
        for point in points
    ]


def _forest_rows(result: Mapping[str, Any], unit: float) -> list[ForestRow]:
    rows = []
    for row in result["estimates"]:
        gap = row["difference"]
        low, high = gap["bootstrap"]
        if gap["value"] is not None and low is not None and high is not None:
            main = row["estimator"] == result["main"]
            rows.append(
                ForestRow(
                    row["estimator"],
                    gap["value"] / unit,
                    low / unit,
                    high / unit,
                    main,
                    row["unbiased"],
                )
            )
    return rows


def _span(bounds: list[float | None], unit: float, say: Callable[[float], str]) -> str:
    low, high = bounds
    return "–" if low is None or high is None else f"{say(low / unit)} to {say(high / unit)}"


def _table_row(row: Mapping[str, Any], unit: float, say: Callable[[float], str]) -> dict[str, Any]:
    gap = row["difference"]
    return {
        "name": row["estimator"],
        "setting": row["setting"],
        "unbiased": row["unbiased"],
        "gap": "–" if gap["value"] is None else say(gap["value"] / unit),
        "spans": [_span(gap[method], unit, say) for method in METHOD_NAMES],
    }


def _value_row(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": row["estimator"],
        "cells": [
            ("–" if row[side]["value"] is None else _rate(row[side]["value"]),
             _span(row[side]["bootstrap"], 1.0, _rate))
            for side in ("a", "b")
        ],
    }  # fmt: skip


def _rate(value: float) -> str:
    return f"{100 * value:.2f} %".replace("-", "−")


def _policy(name: str, policy: Mapping[str, Any]) -> dict[str, Any]:
    weights, support = policy["weights"], policy["support"]
    figures = [
        ("effective sample size", f"{formatting.number(round(weights['effective_rows']))} rows"),
        ("clicks that bear on it", formatting.number(weights["rewarded"])),
        ("worth, by their weights", formatting.number(round(weights["effective_rewarded"]))),
        (
            "mean weight (1 if the propensities are true)",
            f"{weights['weight_mean']:.3f} ± {weights['weight_mean_error']:.3f}",
        ),
        ("99 % of weights below", formatting.number(round(weights["weight_p99"], 2))),
        ("largest weight", formatting.number(round(weights["weight_max"], 2))),
        ("weight on the heaviest 1 % of rows", formatting.percent(weights["top_share"])),
        ("rows of weight 0", formatting.percent(weights["unused"])),
    ]
    if support is not None:
        figures.append(("of it never logged", formatting.percent(support["mass"])))
        figures.append(
            (f"logged in under {support['few']} rows", formatting.percent(support["thin_mass"]))
        )
    return {
        "name": name,
        "meaning": policy["meaning"],
        "figures": figures,
        "histogram": weight_histogram(f"Weights of {name}", policy["histogram"]),
        "shown": [(look, formatting.percent(share)) for look, share in policy["shown"]],
    }
