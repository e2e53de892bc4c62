"""The feed as engineers look at it: every row, found by shopper, item, look or note."""

from __future__ import annotations

from typing import Any, Final

import pandas as pd
from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse

from features.schema import ORIGINAL
from pipelines.web.studio.finished_run import FinishedRun
from pipelines.web.studio.pages import allow, is_fragment, page, run_of

router = APIRouter(dependencies=[Depends(allow("engineer"))])
ROWS: Final = 40


@router.get("/inspector")
def inspector(
    request: Request, find: str = "", look: str = "", served: str = "", at: int = 1
) -> HTMLResponse:
    """Rows of the feed that hold the words `find`, are drawn in `look`, or are `served` so."""
    run = run_of(request)
    rows = _matching(run, find.strip()[:200], look[:200], served)
    pages = max(-(-len(rows) // ROWS), 1)
    at = min(max(at, 1), pages)
    shown = rows.iloc[(at - 1) * ROWS : at * ROWS].to_dict("records")
    template = "_inspected.html" if is_fragment(request) else "inspector.html"
    return page(
        request, template, rows=[_described(run, row) for row in shown], n_found=len(rows), at=at,
        pages=pages, find=find, look=look, served=served,
        looks=sorted((name, style) for style, name in run.describe.look_names.items()),
        n_rows=len(run.run.feed), run=run,
    )  # fmt: skip


def _matching(run: FinishedRun, find: str, look: str, served: str) -> pd.DataFrame:
    feed = run.run.feed
    kept = pd.Series(True, index=feed.index)
    if find:
        titles = feed["item_id"].map(run.run.items.set_index("item_id").get("title", pd.Series()))
        texts = (feed["user_id"], feed["item_id"], titles, feed["reason"], feed["render_note"])
        found = pd.Series(False, index=feed.index)
        for text in texts:
            has = text.astype("str").str.contains(find, case=False, regex=False, na=False)
            found |= has & text.notna()
        kept &= found
    if look:
        kept &= (feed["style_id"] == look) | (feed["style_drawn"] == look)
    if served == "look":
        kept &= feed["style_id"] != ORIGINAL
    elif served == "original":
        kept &= feed["style_id"] == ORIGINAL
    elif served == "fallback":
        kept &= (feed["style_id"] == ORIGINAL) & (feed["style_drawn"] != ORIGINAL)
    elif served == "explored":
        kept &= feed["item_propensity"] < 1.0
    return feed[kept]


def _described(run: FinishedRun, row: dict[Any, Any]) -> dict[str, Any]:
    describe, item = run.describe, str(row["item_id"])
    restyled = None
    if row["style_id"] != ORIGINAL:
        restyled = run.pictures.add(run.workspace.path(str(row["image_uri"])), 160)
    return {
        **{str(name): value for name, value in row.items()},
        "title": describe.item_title(item),
        "shown": restyled or describe.item_picture(item),
        "look": describe.look(str(row["style_id"])),
        "drawn": describe.look(str(row["style_drawn"])),
    }
