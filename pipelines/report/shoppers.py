"""The facts about one shopper: what was looked at, the taste found, and the feed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.schema import ORIGINAL
from pipelines.report import formatting
from pipelines.report.artefacts import Artefacts
from pipelines.report.rows import Rows
from pipelines.report.selection import Portrait
from pipelines.report.thumbnails import LOOK_PX, MISSING, PRODUCT_PX, Picture, PictureSource
from pipelines.stores.workspace import Workspace

SEEN = 10
TASTES = 6
PROTOTYPES = 3
MEMBERS = 6

_DONE = {"purchase": "bought", "cart": "put in the cart", "click": "clicked", "view": "viewed"}
_NOWHERE = np.empty(0, np.intp)


@dataclass(frozen=True)
class LookTag:
    """A look as the page names it; `picture` is None for the plain photo."""

    name: str
    picture: Picture | None


@dataclass(frozen=True)
class Seen:
    """An item the shopper looked at, in the look it was shown in."""

    picture: Picture
    title: str
    done: str
    when: pd.Timestamp
    look: LookTag


@dataclass(frozen=True)
class Taste:
    """Affinity for one look; `share` in [0, 1] is the length of its bar."""

    look: LookTag
    affinity: float
    share: float


@dataclass(frozen=True)
class NearPrototype:
    """A prototype near the shopper: cosine similarity and the looks it stands for."""

    name: str
    cosine: float
    n_members: int
    members: list[LookTag]


@dataclass(frozen=True)
class Card:
    """One row of the feed; `restyled` is None where the original is served, `clip` the file of its
    clip relative to the job's folder, '' without one."""

    rank: int
    title: str
    details: str
    original: Picture
    restyled: Picture | None
    look: LookTag
    strength: float
    propensity: float
    reason: str
    clip: str


@dataclass(frozen=True)
class Shopper:
    """Everything the page says about one shopper."""

    portrait: Portrait
    strength: float
    n_events: int
    cold: bool
    seen: list[Seen]
    prototypes: list[NearPrototype]
    tastes: list[Taste]
    cards: list[Card]


class Describer:
    """Turns ids into what the page shows of them; keeps each picture once."""

    def __init__(
        self,
        workspace: Workspace,
        run: Artefacts,
        thumbnails: PictureSource,
        user_ids: Sequence[str],
    ) -> None:
        self.workspace = workspace
        self.run = run
        self.thumbnails = thumbnails
        item_ids = run.items["item_id"]
        self._items = {
            name: dict(zip(item_ids, run.items[name], strict=True))
            for name in ("title", "category", "price")
            if name in run.items
        }
        self.look_names = {
            str(look): formatting.look_name(str(name))
            for look, name in zip(run.styles["style_id"], run.styles["name"], strict=True)
        }
        # Found once: a page of many shoppers would search the whole log for each.
        seen = _last_seen(run.events)
        self._seen_rows, self._seen_by = Rows(seen), _places(seen["user_id"])
        self._feed_rows, self._feed_by = Rows(run.feed), _places(run.feed["user_id"])
        users = run.users[["user_id", "style_strength", "n_events", "cold", "style_embedding"]]
        self._user_rows, self._user_by = Rows(users), _places(users["user_id"])
        self._photos: dict[str, Picture] = {}
        self._looks: dict[str, LookTag] = {}
        # One scale for all shoppers shown, so that an indifferent one's bars look as flat as
        # they are.
        shown = run.affinity.loc[list(user_ids)].to_numpy(dtype=np.float64)
        self.scale = float(np.abs(shown).max()) if shown.size else 1.0

    def item_picture(self, item_id: str) -> Picture:
        """The original photo of an item."""
        picture = self._photos.get(item_id)
        if picture is None:
            path = self.run.item_paths.get(item_id)
            picture = MISSING if path is None else self.thumbnails.add(Path(path), PRODUCT_PX)
            self._photos[item_id] = picture
        return picture

    def look(self, style_id: str) -> LookTag:
        """A look's name and picture."""
        tag = self._looks.get(style_id)
        if tag is None:
            tag = self._looks[style_id] = self._look(style_id)
        return tag

    def _look(self, style_id: str) -> LookTag:
        if style_id == ORIGINAL:
            return LookTag("Plain photo", None)
        name = self.look_names.get(style_id, style_id)
        path = self.run.look_paths.get(style_id)
        return LookTag(name, MISSING if path is None else self.thumbnails.add(Path(path), LOOK_PX))

    def item_title(self, item_id: str) -> str:
        """An item's title, or its id where it has none."""
        text = self._items.get("title", {}).get(item_id)
        return formatting.title(text) if isinstance(text, str) and text.strip() else item_id

    def item_details(self, item_id: str) -> str:
        """Category and price, as far as they are known."""
        known = []
        category = self._items.get("category", {}).get(item_id)
        if isinstance(category, str):
            known.append(category)
        price = self._items.get("price", {}).get(item_id)
        if price is not None and np.isfinite(price):
            known.append(f"{price:,.2f}")
        return " · ".join(part for part in known if part)

    def bar(self, affinity: float) -> float:
        """The length of an affinity's bar, in [0, 1]: from zero, whatever its sign."""
        return min(abs(affinity) / self.scale, 1.0) if self.scale > 0.0 else 0.0

    def shopper(self, portrait: Portrait, rows: Sequence[Mapping[str, Any]]) -> Shopper:
        """Everything about one shopper, whose `feed_rows` are `rows`."""
        [row] = self._user_rows.at(self._user_by[portrait.user_id])
        return Shopper(
            portrait,
            float(row["style_strength"]),
            int(row["n_events"]),
            bool(row["cold"]),
            self._seen(portrait.user_id),
            self._prototypes(np.asarray(row["style_embedding"], dtype=np.float32)),
            self._tastes(portrait.user_id),
            [self._card(row) for row in rows],
        )

    def _seen(self, user_id: str) -> list[Seen]:
        return [
            Seen(
                self.item_picture(str(event["item_id"])),
                self.item_title(str(event["item_id"])),
                _DONE[str(event["event_type"])],
                event["timestamp"],
                self.look(event["style_id"] if isinstance(event["style_id"], str) else ORIGINAL),
            )
            for event in self._seen_rows.at(self._seen_by.get(user_id, _NOWHERE))
        ]

    def _prototypes(
        self, embedding: np.ndarray[tuple[int], np.dtype[np.float32]]
    ) -> list[NearPrototype]:
        ids, cosines = self.run.prototypes.search(embedding[None], PROTOTYPES)
        return [
            NearPrototype(
                self.run.prototype_names[prototype],
                float(cosine),
                len(self.run.members[prototype]),
                [self.look(look) for look in self.run.members[prototype][:MEMBERS]],
            )
            for prototype, cosine in zip(ids[0], cosines[0], strict=True)
            if prototype
        ]

    def _tastes(self, user_id: str) -> list[Taste]:
        row = self.run.affinity.loc[[user_id]].to_numpy(dtype=np.float64)[0]
        mine = {str(look): float(a) for look, a in zip(self.run.affinity, row, strict=True)}
        top = sorted(mine, key=lambda look: (-mine[look], look))[:TASTES]
        # The plain photo is what every look is compared with, so it is never left out.
        shown = top if ORIGINAL in top else [*top[:-1], ORIGINAL]
        return [Taste(self.look(look), mine[look], self.bar(mine[look])) for look in shown]

    def feed_rows(self, user_id: str) -> list[dict[str, Any]]:
        """The rows of a shopper's feed, none for one whom it does not know."""
        return self._feed_rows.at(self._feed_by.get(user_id, _NOWHERE))

    def _card(self, row: Mapping[str, Any]) -> Card:
        item, look = str(row["item_id"]), str(row["style_id"])
        restyled = None
        if look != ORIGINAL:
            restyled = self.thumbnails.add(self.workspace.path(str(row["image_uri"])), PRODUCT_PX)
        return Card(
            int(row["rank"]),
            self.item_title(item),
            self.item_details(item),
            self.item_picture(item),
            restyled,
            self.look(look),
            float(row["strength"]),
            float(row["style_propensity"]),
            str(row["reason"]),
            row["video_uri"] if isinstance(row["video_uri"], str) else "",
        )


def _last_seen(events: pd.DataFrame) -> pd.DataFrame:
    """The last `SEEN` items of each user that something was done with, the last one first."""
    done = events.loc[
        events["event_type"] != "impression",
        ["user_id", "item_id", "timestamp", "event_type", "style_id"],
    ]
    weight = done["event_type"].astype(str).map({t: i for i, t in enumerate(_DONE)})
    done = done.assign(weight=weight).sort_values(
        ["timestamp", "weight", "item_id"], ascending=[False, True, True]
    )
    once = done.drop_duplicates(["user_id", "item_id"])
    last = once.groupby("user_id", observed=True).head(SEEN)
    return last.sort_values("user_id", kind="stable")


def _places(user_ids: pd.Series[str]) -> dict[str, NDArray[np.intp]]:
    """user_id -> positions of the rows that are about them."""
    return pd.Series(user_ids.to_numpy()).groupby(user_ids.to_numpy()).indices  # type: ignore[return-value]
