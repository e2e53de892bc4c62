"""The current feed of a job as an object that shows itself in a notebook."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, Final, Self

import pandas as pd

from features.images import decode, img_tag
from features.schema import InputError
from pipelines.stores.feed_versions import read_feed

SHOPPERS: Final = 3
ITEMS: Final = 6
PICTURE_PX: Final = 140


@dataclass(frozen=True, eq=False)
class Feed:
    """One whole version of a feed: its `rows`, and the job's folder `root`, where pictures are."""

    root: Path
    rows: pd.DataFrame

    @classmethod
    def read(cls, out: str | Path) -> Self:
        """The current feed of the job in `out`. Raises InputError when there is none."""
        root = Path(out)
        rows = read_feed(root).sort_values(["user_id", "rank"], ignore_index=True)
        return cls(root, rows)

    def of(self, user_id: str) -> pd.DataFrame:
        """The rows of one user, by rank. Raises InputError for a user without any."""
        mine = self.rows[self.rows["user_id"] == user_id]
        if mine.empty:
            raise InputError(f"no row for user {user_id!r} among {len(self.rows):,}: check the id")
        return mine.reset_index(drop=True)

    def _repr_html_(self) -> str:
        """The first items of the first shoppers, as they see them."""
        users = self.rows["user_id"].drop_duplicates()
        shown = [self._shopper(str(user)) for user in users.head(SHOPPERS)]
        return f"<p>{len(users):,} shoppers, {len(self.rows):,} rows</p>" + "".join(shown)

    def _shopper(self, user_id: str) -> str:
        cells = [
            f'<td style="text-align:center">{self._picture(row)}<br>{escape(str(row["item_id"]))}'
            f"<br><small>{escape(str(row['style_id']))}</small></td>"
            for row in self.of(user_id).head(ITEMS).to_dict("records")
        ]
        return f"<p><b>{escape(user_id)}</b></p><table><tr>{''.join(cells)}</tr></table>"

    def _picture(self, row: Any) -> str:
        if not isinstance(row["image_uri"], str):
            return "no picture"
        try:
            picture = decode(self.root / row["image_uri"])
        except InputError:
            return "picture missing"
        return img_tag(picture, str(row["reason"]), PICTURE_PX)
