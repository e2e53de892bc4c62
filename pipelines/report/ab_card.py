"""The model card of the policy judged: what it is, what it learned from, and what it is worth."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pipelines.report import formatting

# What means something in Markdown, or in HTML inside it, anywhere and at the start of a line.
_MARKUP = re.compile(r"([\\`*_\[\]<>&|~$#])")
_MARKER = re.compile(r"^(\d*)([-+=.)])")


def plain(text: str) -> str:
    """`text` on one line, escaped so that Markdown shows it letter by letter."""
    return _MARKER.sub(r"\1\\\2", _MARKUP.sub(r"\\\1", " ".join(text.split())))


def policy_card(result: Mapping[str, Any]) -> str:
    """The card of policy B as Markdown, from what `ab.json` holds."""
    job, facts, b = result["job"], result["facts"], result["job"]["b"]
    policy = result["policies"][b]
    weights = policy["weights"]
    main = next(row for row in result["estimates"] if row["estimator"] == result["main"])
    low, high = main["b"]["bootstrap"]
    lines = [
        f"# Policy card: {b}",
        "",
        f"Shows {policy['meaning']}.",
        "",
        "## What it was made from",
        "",
        f"- Log {plain(str(job['log']))} (digest {job['log_digest'][:12]}), "
        f"{facts['impressions']:,} impressions from {formatting.day(facts['first_utc'])} to "
        f"{formatting.day(facts['last_utc'])}; learned from those before "
        f"{formatting.moment(facts['cut_utc'])}.",
        f"- Stylefeed {job['version']}, seed {job['seed']}.",
    ]
    if result["best_single"] and b == "best_single":
        lines.append(
            f"- The look it found best before the cut: {plain(str(result['best_single']))}."
        )
    if result["personal"] and b == "personal":
        settings = ", ".join(f"{key} {value}" for key, value in result["personal"].items())
        lines.append(f"- Drawn by {settings}. Looks first shown after the cut are left out.")
    lines += [
        "",
        "## What it shows most",
        "",
        *(f"- {plain(str(look))}: {formatting.percent(share)}" for look, share in policy["shown"]),
        "",
        "## What it is worth",
        "",
        f"- Clicks per impression, {result['main']}: {100 * main['b']['value']:.2f} % "
        f"({100 * result['level']:g} % interval {100 * low:.2f} % to {100 * high:.2f} %), judged "
        f"by {facts['judged']:,} impressions of {facts['shoppers']:,} shoppers.",
        f"- {plain(result['verdict']['sentence'])}",
        "",
        "## What to know before using it",
        "",
        f"- Effective sample size {weights['effective_rows']:,.0f} rows; largest weight "
        f"{weights['weight_max']:.1f}; mean weight {weights['weight_mean']:.3f} "
        f"(1 if the propensities are true).",
        "- The value holds for shoppers, items and looks like those of the log, at the positions "
        "logged. Wear-out of a look shown far more often than in the log is not in it.",
        "- A click is not a purchase: judge returns and purchases in a real test.",
        "",
    ]
    return "\n".join(lines)
