"""What the gate refused: the photo, the look, the reason, and the picture that was not served."""

from __future__ import annotations

import re
from typing import Any, Final

import numpy as np
import pandas as pd
from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import HTMLResponse
from starlette.concurrency import run_in_threadpool

from pipelines.report import formatting
from pipelines.web.studio.described import NOT_FOUND, TEXT, sends
from pipelines.web.studio.finished_run import FinishedRun
from pipelines.web.studio.pages import (
    SentForm,
    allow,
    is_fragment,
    page,
    run_of,
    studio_of,
    text_of,
)
from pipelines.workers.preview import PreviewPart, PreviewWork
from styletransfer.preview import Controls

router = APIRouter(dependencies=[Depends(allow("engineer"))])
SHOWN: Final = 24
_FIGURES: Final = {
    "mask_confidence": "mask confidence",
    "delta_e": "mean ΔE",
    "ssim": "SSIM",
    "edge_f1": "edges kept",
    "identity_rank": "identity rank",
    "arrival": "arrival",
}
_NUMBER: Final = re.compile(r"\d+(?:\.\d+)?")


@router.get("/failures")
def failures(request: Request, reason: str = "", at: int = 1) -> HTMLResponse:
    """Renders that the gate refused, or served weaker than asked for, by reason."""
    run = run_of(request)
    table = _failed(run)
    kinds = table["kind"].value_counts()
    chosen = table[table["kind"] == reason] if reason in kinds.index else table
    pages = max(-(-len(chosen) // SHOWN), 1)
    at = min(max(at, 1), pages)
    rows = chosen.iloc[(at - 1) * SHOWN : at * SHOWN].to_dict("records")
    return page(
        request, "failures.html", rows=[_described(run, row) for row in rows],
        kinds=[(str(kind), int(count)) for kind, count in kinds.items()], reason=reason, at=at,
        pages=pages, n_failed=len(table), n_renders=len(run.renders), run=run,
    )  # fmt: skip


@router.post("/failures/refused", **sends({"item": TEXT, "style": TEXT}, missing=NOT_FOUND))
async def refused(request: Request, form: SentForm) -> HTMLResponse:
    """The picture that the gate refused, as quickly as previews are painted."""
    run = run_of(request)
    item, style = text_of(form, "item"), text_of(form, "style")
    photo = run.run.item_paths.get(item)
    if photo is None or style not in run.looks.index:
        raise HTTPException(404, "The run has no such product or look.")
    look: dict[Any, Any] = run.looks.loc[style].to_dict()
    part = PreviewPart(str(look["path"]), look["style_code"], 1.0, bool(look["verbatim"]))
    mask = run.masks.get(item)
    work = PreviewWork(photo, mask, (part,), Controls(), unjudged=True)
    name, made = await run_in_threadpool(studio_of(request).previews.paint, work)
    template = "_refused.html" if is_fragment(request) else "refused.html"
    title, look_name = run.describe.item_title(item), run.describe.look(style).name
    link = f"/previews/{name}.jpg"
    return page(request, template, title=title, look_name=look_name, link=link, made=made)


def _failed(run: FinishedRun) -> pd.DataFrame:
    """Rows of renders with a reason, with its kind and in how many feeds they were wanted."""
    renders = run.renders
    failed = renders[renders["reason"].fillna("") != ""].copy()
    failed["kind"] = [_NUMBER.sub("…", str(reason)) for reason in failed["reason"]]
    feed = run.run.feed
    wanted = feed.groupby(["item_id", "style_drawn"]).size().rename("wanted").reset_index()
    wanted = wanted.rename(columns={"style_drawn": "style_id"})
    joined = failed.merge(wanted, on=["item_id", "style_id"], how="left")
    joined["wanted"] = joined["wanted"].fillna(0).astype(int)
    order = ["wanted", "item_id", "style_id"]
    return joined.sort_values(order, ascending=[False, True, True], ignore_index=True)


def _described(run: FinishedRun, row: dict[Any, Any]) -> dict[str, Any]:
    item, style = str(row["item_id"]), str(row["style_id"])
    figures = [
        (label, formatting.number(float(row[name])))
        for name, label in _FIGURES.items()
        if row[name] is not None and np.isfinite(row[name])
    ]
    return {
        "item_id": item,
        "style_id": style,
        "title": run.describe.item_title(item),
        "photo": run.describe.item_picture(item),
        "look": run.describe.look(style),
        "reason": str(row["reason"]),
        "mode": str(row["served_mode"]),
        "wanted": int(row["wanted"]),
        "figures": figures,
    }
