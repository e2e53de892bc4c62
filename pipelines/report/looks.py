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
    """One look: rows of the feed it was served in, and how the shoppers take to it.

    `withheld`: too few shoppers see it for its figures to be shown; `favourite_of` is None where
    it is the favourite of too few.
    """

    look: LookTag
    tags: str
    served: int
    share: float
    favourite_of: int | None
    affinity: float
    withheld: bool


@dataclass(frozen=True)
class Group:
    """A prototype and its looks, most served first; its share of favourites earlier and now.

    `withheld`: too few shoppers see its looks for its share to be shown; the shares of favourites
    are None where too few shoppers are behind one of them.
    """

    name: str
    served: int
    share: float
    favourites_before: float | None
    favourites_now: float | None
    looks: list[GalleryLook]
    withheld: bool


@dataclass(frozen=True)
class Gallery:
    """All groups, the plain photo, and how many looks were left out of the pictures.

    `drift`: of favourite looks since the evaluation's cut, None where nobody has a taste.
    Withheld are figures that fewer than `least_group` shoppers are behind.
    """

    groups: list[Group]
    plain: GalleryLook
    left_out: int
    never_served: int
    drift: Drift | None
    least_group: int


def make_gallery(run: Artefacts, describe: Describer, least_group: int = 1) -> Gallery:
    """Count how often each look was served and liked, by prototype.

    Figures that one shopper or more, but fewer than `least_group`, are behind are withheld.
    """
    served = run.feed["style_id"].value_counts()
    shown = run.feed[["user_id", "style_id"]].drop_duplicates()

    def too_few(shoppers: int) -> bool:
        return 0 < shoppers < least_group

    def few_see(of: list[str]) -> bool:
        return too_few(int(shown.loc[shown["style_id"].isin(of), "user_id"].nunique()))

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
        liked_by = int(favourite.get(look, 0))
        return GalleryLook(
            describe.look(look),
            tags.get(look, ""),
            count,
            count / max(len(run.feed), 1),
            None if too_few(liked_by) else liked_by,
            float(mean.get(look, float("nan"))),
            few_see([look]),
        )

    groups = []
    drift = taste_drift(run)
    for prototype, members in run.members.items():
        pictured = sorted((m for m in members if m in kept), key=lambda m: (-counted[m], m))
        if pictured:
            total = int(sum(counted[m] for m in members if m in counted))
            share = total / max(len(run.feed), 1)
            name = run.prototype_names[prototype]
            before, now = _favourites(drift, prototype, least_group)
            looks_of = [entry(look) for look in pictured]
            few = few_see(members)
            groups.append(Group(name, total, share, before, now, looks_of, few))
    groups.sort(key=lambda group: (-group.served, group.name))
    never_served = int((counted == 0).sum())
    return Gallery(
        groups, entry(ORIGINAL), len(looks) - len(kept), never_served, drift, least_group
    )


def _favourites(
    drift: Drift | None, prototype: str, least_group: int
) -> tuple[float | None, float | None]:
    """Shares of the shoppers whose favourite is of the prototype, before and now; None unless both
    may be shown. Memberships are soft, so the shoppers behind a share are a sum of parts."""
    if drift is None:
        return None, None
    before, now = (float(drift.table[f"share_{when}"][prototype]) for when in ("before", "after"))
    if least_group > 1 and min(before * drift.n_before, now * drift.n_now) < least_group:
        return None, None
    return before, now


def _tags(styles: pd.DataFrame) -> dict[str, str]:
    if "tags" not in styles:
        return {}
    known = styles[styles["tags"].notna()]
    return {
        str(look): str(tags)
        for look, tags in zip(known["style_id"], known["tags"], strict=True)
        if str(tags).strip()
    }
