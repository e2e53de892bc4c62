"""Puts the page together: artefacts in, one self-contained HTML text out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

import numpy as np
import pandas as pd

from features.config import PictureConfig
from features.schema import ORIGINAL
from pipelines.report import formatting
from pipelines.report.artefacts import Artefacts
from pipelines.report.health import (
    bars,
    events_over_time,
    quality_blocks,
    reject_reasons,
    stage_rows,
)
from pipelines.report.looks import make_gallery
from pipelines.report.measures import compare, figures, lift_sentence, model_name
from pipelines.report.plots import histogram
from pipelines.report.repairs import show_repairs
from pipelines.report.selection import choose_shoppers
from pipelines.report.shoppers import Card, Describer, Shopper
from pipelines.report.templates import open_template
from pipelines.report.thumbnails import Thumbnails
from pipelines.stores.workspace import Workspace

HERO_PICTURES = 12


@dataclass(frozen=True)
class Page:
    """The finished page and what it holds."""

    html: str
    n_shoppers: int
    n_pictures: int


def make_page(
    workspace: Workspace,
    run: Artefacts,
    quality: Mapping[str, Any],
    limits: PictureConfig,
    least_group: int = 1,
) -> Page:
    """Write the page of a run.

    `quality` is the report of `features.quality`; `limits` guard the decoding of pictures, and
    say whether photos were repaired. Figures about a look or a prototype that fewer than
    `least_group` shoppers are behind are withheld.
    The same artefacts give the same text.
    """
    thumbnails = Thumbnails(limits)
    in_feed = run.users[run.users["user_id"].isin(run.feed["user_id"])]
    portraits = choose_shoppers(in_feed, run.affinity, run.members)
    describe = Describer(workspace, run, thumbnails, [p.user_id for p in portraits])
    shoppers = [describe.shopper(one, describe.feed_rows(one.user_id)) for one in portraits]
    gallery = make_gallery(run, describe, least_group)
    strength = run.users["style_strength"].to_numpy(dtype=np.float64)
    distinct = np.asarray(run.feed.groupby("user_id")["style_id"].nunique(), dtype=np.float64)
    html = open_template("report.html").render(
        job=run.job,
        headline=_headline(run),
        lift=lift_sentence(run.metrics.get("lift")),
        feed_model=model_name(run.stages.get("fit", {}).get("counts", {}).get("served_model", "")),
        inputs=_inputs(run.job),
        cut=run.stages.get("prepare", {}).get("counts", {}).get("evaluation_cut_utc"),
        facts=_facts(run),
        hero=_hero(shoppers),
        shoppers=shoppers,
        gallery=gallery,
        comparison=compare(run.metrics),
        note=run.metrics.get("note"),
        k=run.metrics.get("k"),
        n_judged=run.metrics.get("n_users"),
        look_figures=figures(run.metrics.get("looks")),
        feed_figures=figures(run.metrics.get("feed")),
        served=bars(_served(run, describe, least_group), as_text=formatting.percent),
        strength_plot=histogram("Style strength of all shoppers", strength, 0.0, 1.0),
        looks_plot=_looks_plot(distinct),
        quality=quality_blocks(quality, describe.look_names),
        repairs=show_repairs(run, thumbnails) if limits.enhance else [],
        rejects=reject_reasons(run.rejects),
        n_rejects=len(run.rejects),
        stages=stage_rows(run.stages),
        total_seconds=sum(float(record["seconds"]) for record in run.stages.values()),
        timeline=events_over_time(run.events),
        tile=_tile_aspect(shoppers),
        pictures=thumbnails.css(),
    )
    return Page(html, len(shoppers), len(thumbnails))


def _headline(run: Artefacts) -> str:
    shoppers = run.feed["user_id"].nunique()
    each = round(len(run.feed) / max(shoppers, 1))
    styled = formatting.percent(_styled(run))
    return (
        f"{formatting.plural(shoppers, 'shopper')}, {formatting.plural(each, 'product')} each, "
        f"{styled} of them in a look"
    )


def _styled(run: Artefacts) -> float:
    """Share of the feed that is really served in a look."""
    return float((run.feed["style_id"] != ORIGINAL).mean()) if len(run.feed) else 0.0


def _inputs(job: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    return [
        (
            name,
            "/".join(PurePath(source).parts[-2:]),
            str(job.get("digests", {}).get(name, ""))[:12],
        )
        for name, source in job["inputs"].items()
    ]


def _facts(run: Artefacts) -> list[tuple[str, str]]:
    """The run's size in words, for the head of the page."""
    events = run.events["event_type"].value_counts()
    undecided = run.stages.get("score", {}).get("counts", {}).get("undecided_users")
    painted = run.stages.get("render", {}).get("counts", {}).get("renders")
    facts = [
        (formatting.number(len(run.events)), "events read"),
        (formatting.number(int(events.get("impression", 0))), "of them impressions"),
        (formatting.number(len(run.items)), "items"),
        (formatting.number(len(run.styles)), "looks"),
        (formatting.number(len(run.members)), "prototypes"),
        (formatting.percent(_styled(run)), "of the feed in a look"),
    ]
    fitted = run.stages.get("fit", {}).get("counts", {})
    served, privacy = fitted.get("served_model"), fitted.get("tastes_privacy")
    if served is not None:
        facts.append((model_name(served), "ranks the feed, having won on validation"))
    if privacy is not None:
        facts.append(
            (
                f"ε {privacy['epsilon']:g}, δ {privacy['delta']:g}",
                "differential privacy of what tastes share, and of nothing else",
            )
        )
    if undecided is not None:
        facts.append((formatting.number(undecided), "shoppers undecided, and explored"))
    if painted is not None:
        facts.append((formatting.number(painted), "renders, shared by all feeds"))
    facts.append((formatting.number(len(run.rejects)), "rows set aside"))
    return facts


def _hero(shoppers: Sequence[Shopper]) -> list[Card]:
    """Restyled cards for the head of the page, as many looks and items as the shoppers give."""
    cards = [card for shopper in shoppers for card in shopper.cards if card.restyled is not None]
    # Half way to the look, both the product and the look are plain to see.
    cards.sort(key=lambda card: (abs(card.strength - 0.5), card.rank))
    looks: dict[str, int] = {}
    turns = []
    for card in cards:
        turns.append((looks.get(card.look.name, 0), card))
        looks[card.look.name] = looks.get(card.look.name, 0) + 1
    titles: set[str] = set()
    chosen = []
    for _, card in sorted(turns, key=lambda turn: turn[0]):
        if card.title not in titles and card.restyled is not None:
            titles.add(card.title)
            chosen.append(card)
    return chosen[:HERO_PICTURES]


def _served(run: Artefacts, describe: Describer, least_group: int) -> list[tuple[str, float]]:
    """Share of the feed's rows per look, by the look's name, where enough shoppers see it."""
    seen_by = run.feed.groupby("style_id")["user_id"].nunique()
    shares = run.feed["style_id"].value_counts() / max(len(run.feed), 1)
    return [
        (describe.look(str(look)).name, float(share))
        for look, share in shares.items()
        if look != ORIGINAL and seen_by[str(look)] >= least_group
    ]


def _looks_plot(distinct: np.ndarray[Any, np.dtype[np.float64]]) -> Any:
    most = int(distinct.max()) if len(distinct) else 1
    return histogram(
        "Different looks in one shopper's feed", distinct, 0.5, most + 0.5, bins=max(most, 1)
    )


def _tile_aspect(shoppers: Sequence[Shopper]) -> float:
    """Width over height of a product's tile: what crops the photos least, within 3:4 and 4:3."""
    aspects = [card.original.aspect for shopper in shoppers for card in shopper.cards]
    return round(min(max(float(pd.Series(aspects).median()), 0.75), 4 / 3), 3) if aspects else 1.0
