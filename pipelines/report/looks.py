"""The gallery of looks: grouped by prototype, with how often each was served and liked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from features.schema import ORIGINAL
from pipelines.report.artefacts import Artefacts
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

    `drift`: population stability index of favourite looks by prototype since the evaluation's
    cut, None where nobody has a taste before it or now.
    """

    groups: list[Group]
    plain: GalleryLook
    left_out: int
    never_served: int
    drift: float | None


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
    moved = taste_drift(run)
    for prototype, members in run.members.items():
        shown = sorted((m for m in members if m in kept), key=lambda m: (-counted[m], m))
        if shown:
            total = int(sum(counted[m] for m in members if m in counted))
            share = total / max(len(run.feed), 1)
            name = run.prototype_names[prototype]
            before = None if moved is None else float(moved["share_before"][prototype])
            now = None if moved is None else float(moved["share_after"][prototype])
            groups.append(Group(name, total, share, before, now, [entry(look) for look in shown]))
    groups.sort(key=lambda group: (-group.served, group.name))
    drift = None if moved is None else float(moved["stability"].sum())
    never_served = int((counted == 0).sum())
    return Gallery(groups, entry(ORIGINAL), len(looks) - len(kept), never_served, drift)


def taste_drift(run: Artefacts) -> pd.DataFrame | None:
    """`PrototypeIndex.drift` of shoppers' favourite looks since the evaluation's cut.

    By prototype_id; the codes are those of each shopper's favourite look, of the shoppers who more
    likely than not have a taste. None where there are none.
    """
    restyled = run.affinity.drop(columns=ORIGINAL)
    now = run.users.assign(favourite=restyled.idxmax(axis=1).loc[run.users["user_id"]].to_numpy())
    codes = [
        [run.look_codes[look] for look in users["favourite"] if look in run.look_codes]
        for users in (table[table["style_strength"] > 0.5] for table in (run.earlier, now))
    ]
    if not all(codes):
        return None
    return run.prototypes.drift(*map(np.stack, codes)).set_index("prototype_id")


def _tags(styles: pd.DataFrame) -> dict[str, str]:
    if "tags" not in styles:
        return {}
    known = styles[styles["tags"].notna()]
    return {
        str(look): str(tags)
        for look, tags in zip(known["style_id"], known["tags"], strict=True)
        if str(tags).strip()
    }
