"""Masks of products: how far each is trusted, and an editor for those that are wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.concurrency import run_in_threadpool

from features.matting import LOW_CONFIDENCE, read_mask
from features.schema import ImageError
from pipelines.stores.drawn_masks import find_mask, keep_mask
from pipelines.web.studio.described import NOT_FOUND, PICTURE, Answers, Png, sends
from pipelines.web.studio.finished_run import FinishedRun
from pipelines.web.studio.pages import (
    SentForm,
    allow,
    is_fragment,
    page,
    run_of,
    session_of,
    studio_of,
)
from pipelines.web.studio.pictures import LARGE_PX
from pipelines.web.studio.uploads import LIMITS, read_upload
from pipelines.workers.preview import MaskWork, PreviewPart, PreviewWork, ShownMask
from styletransfer.preview import Controls

router = APIRouter(dependencies=[Depends(allow("engineer"))])
LISTED: Final = 48
_REDIRECTED: Final[Answers] = {204: {"description": "Kept; `HX-Redirect` is the editor."}}


@router.get("/masks")
def masks(request: Request, at: int = 1, find: str = "") -> HTMLResponse:
    """Products by how far their masks are trusted, the least first."""
    run, out = run_of(request), studio_of(request).out
    trusted = run.renders.groupby("item_id")["mask_confidence"].min()
    items = [str(item) for item in run.run.item_paths]
    wanted = find.strip()[:200].casefold()
    if wanted:
        title = run.describe.item_title
        items = [one for one in items if wanted in f"{one} {title(one)}".casefold()]
    known = {item: float(trusted.get(item, np.nan)) for item in items}
    items.sort(key=lambda item: (not known[item] < 1.0, known[item], item))
    pages = max(-(-len(items) // LISTED), 1)
    at = min(max(at, 1), pages)
    rows = [
        {
            "item_id": item,
            "title": run.describe.item_title(item),
            "photo": run.describe.item_picture(item),
            "confidence": known[item] if np.isfinite(known[item]) else None,
            "given": item in run.masks,
            "drawn": find_mask(out, item) is not None,
        }
        for item in items[(at - 1) * LISTED : at * LISTED]
    ]
    return page(
        request, "masks.html", rows=rows, n_found=len(items), at=at, pages=pages, find=find,
        least=LOW_CONFIDENCE, n_low=sum(value < LOW_CONFIDENCE for value in known.values()),
    )  # fmt: skip


@router.get("/mask", responses=NOT_FOUND)
async def mask_page(request: Request, item: str, saved: int = 0) -> HTMLResponse:
    """The editor, with the mask drawn before, or the run's."""
    run, studio = run_of(request), studio_of(request)
    photo = _photo(run, item)
    drawn = find_mask(studio.out, item)
    name, mask = await run_in_threadpool(studio.previews.mask, _mask_work(run, item, photo, drawn))
    names: dict[str, Any] = {"shown": None, "before": None, "look": None}
    if drawn is not None:
        names = await run_in_threadpool(_renders, request, item, photo)
    width, height = run.pictures.size_of(photo)
    scale = min(LARGE_PX / max(width, height), 1.0)
    shown = run.pictures.add(Path(photo), LARGE_PX)
    return page(
        request, "mask.html", item=item, title=run.describe.item_title(item),
        photo=shown, mask=mask, mask_link=f"/mask-picture/{name}.png",
        width=max(round(width * scale), 1), height=max(round(height * scale), 1),
        drawn=None if drawn is None else drawn.relative_to(studio.out).as_posix(), saved=saved,
        **names,
    )  # fmt: skip


@router.post(
    "/mask",
    status_code=303,
    response_class=RedirectResponse,
    **sends({"mask": PICTURE}, missing=NOT_FOUND, done=_REDIRECTED),
)
async def save_mask(request: Request, form: SentForm, item: str) -> Response:
    """Keep a mask, drawn or uploaded, in the job's folder."""
    run, studio = run_of(request), studio_of(request)
    photo = _photo(run, item)
    uploaded = await read_upload(form, "mask")
    width, height = run.pictures.size_of(photo)
    try:
        await run_in_threadpool(read_mask, uploaded.data, (height, width), None, LIMITS)
    except ImageError as error:
        raise HTTPException(422, str(error)) from None
    await run_in_threadpool(keep_mask, studio.out, item, uploaded.data)
    studio.audit.note(session_of(request).account, "mask", "kept", bytes=len(uploaded.data))
    target = request.url_for("mask_page").include_query_params(item=item, saved=1)
    address = f"{target.path}?{target.query}"
    if is_fragment(request):
        return Response(None, 204, {"HX-Redirect": address})
    return RedirectResponse(address, 303)


@router.get("/mask-picture/{name}.png", response_class=Png, responses=NOT_FOUND)
async def mask_picture(request: Request, name: str) -> Response:
    """A mask that the editor opens with."""
    made = studio_of(request).previews.find(name)
    if not isinstance(made, ShownMask):
        raise HTTPException(404, "This mask is no longer kept: open the editor again.")
    return Png(made.data)


@router.get("/mask-file", response_class=Png, responses=NOT_FOUND)
async def mask_file(request: Request, item: str) -> Response:
    """The mask drawn for an item, to be put into the catalogue."""
    found = find_mask(studio_of(request).out, item)
    if found is None:
        raise HTTPException(404, "No mask was drawn for this product.")
    headers = {"Content-Disposition": f'attachment; filename="{found.name}"'}
    return Png(found.read_bytes(), headers=headers)


def _photo(run: FinishedRun, item: str) -> str:
    photo = run.run.item_paths.get(item)
    if photo is None:
        raise HTTPException(404, "The run has no photo of such a product.")
    return photo


def _mask_work(run: FinishedRun, item: str, photo: str, drawn: Path | None) -> MaskWork:
    given = run.masks.get(item) if drawn is None else str(drawn)
    return MaskWork(photo, given, _stamp(given))


def _stamp(path: str | None) -> int:
    """What changes with a mask's file, so that an older one is not shown for it."""
    return 0 if path is None else Path(path).stat().st_mtime_ns


def _renders(request: Request, item: str, photo: str) -> dict[str, Any]:
    """The product in the look it is drawn in most: with the run's mask, and with the drawn one."""
    run, studio = run_of(request), studio_of(request)
    counts = run.run.feed.loc[run.run.feed["item_id"] == item, "style_drawn"].value_counts()
    styles = [str(style) for style in counts.index if str(style) in run.looks.index]
    style = styles[0] if styles else str(run.looks.index[0])
    look: dict[Any, Any] = run.looks.loc[style].to_dict()
    part = PreviewPart(str(look["path"]), look["style_code"], 1.0, bool(look["verbatim"]))
    drawn = find_mask(studio.out, item)
    shown = []
    for mask in (run.masks.get(item), str(drawn)):
        work = PreviewWork(photo, mask, (part,), Controls(), stamp=_stamp(mask))
        name, made = studio.previews.paint(work)
        shown.append({"link": f"/previews/{name}.jpg", "made": made})
    return {"before": shown[0], "shown": shown[1], "look": run.describe.look(style)}
