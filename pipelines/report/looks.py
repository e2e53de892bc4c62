"""The gallery of looks: grouped by prototype, with how often each was served and liked."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from features.schema import ORIGINAL
from pipelines.report.artefacts import Artefacts
from pipelines.report.drift import Drift, taste_drift
from pipelines.report.shoppers import Describer, LookTag

# A page has to open at once; past this many looks, the most served of them stand for the rest.
MOST_PICTURES = 240


@dataclass(frozen=True)
class GalleryLook:
    """One look: rows of the feed it was served in, and how the shoppers take to it."""

    look: LookTag
    tags: str
    served: int
    share: float
    favourite_of: int
    affinity: float


@dataclass(frozen=True)
class Group:
    """A prototype and its looks, most served first; its share of favourites earlier and now."""

    name: str
    served: int
    share: float
    favourites_before: float | None
    favourites_now: float | None
    looks: list[GalleryLook]


@dataclass(frozen=True)
class Gallery:
    """All groups, the plain photo, and how many looks were left out of the pictures.

    `drift`: of favourite looks since the evaluation's cut, None where nobody has a taste.
    """

    groups: list[Group]
    plain: GalleryLook
    left_out: int
    never_served: int
    drift: Drift | None


def make_gallery(run: Artefacts, describe: Describer) -> Gallery:
    """Count how often each look was served and liked, by prototype."""
    served = run.feed["style_id"].value_counts()
    favourite = run.affinity.idxmax(axis=1).value_counts()
    mean = run.affinity.mean(axis=0)
    tags = _tags(run.styles)
    looks = [str(look) for look in run.styles["style_id"]]
    counted = pd.Series({look: int(served.get(look, 0)) for look in looks}, dtype="int64")
    kept = set(
        counted.sort_index().sort_values(ascending=False, kind="stable").index[:MOST_PICTURES]
    )

    def entry(look: str) -> GalleryLook:
        count = int(served.get(look, 0))
        return GalleryLook(
            describe.look(look),
            tags.get(look, ""),
            count,
            count / max(len(run.feed), 1),
            int(favourite.get(look, 0)),
            float(mean.get(look, float("nan"))),
        )

    groups = []
    drift = taste_drift(run)
    for prototype, members in run.members.items():
        shown = sorted((m for m in members if m in kept), key=lambda m: (-counted[m], m))
        if shown:
            total = int(sum(counted[m] for m in members if m in counted))
            share = total / max(len(run.feed), 1)
            name = run.prototype_names[prototype]
            before = None if drift is None else float(drift.table["share_before"][prototype])
            now = None if drift is None else float(drift.table["share_after"][prototype])
            groups.append(Group(name, total, share, before, now, [entry(look) for look in shown]))
    groups.sort(key=lambda group: (-group.served, group.name))
    never_served = int((counted == 0).sum())
    return Gallery(groups, entry(ORIGINAL), len(looks) - len(kept), never_served, drift)


def _tags(styles: pd.DataFrame) -> dict[str, str]:
    if "tags" not in styles:
        return {}
    known = styles[styles["tags"].notna()]
    return {
        str(look): str(tags)
        for look, tags in zip(known["style_id"], known["tags"], strict=True)
        if str(tags).strip()
    }
