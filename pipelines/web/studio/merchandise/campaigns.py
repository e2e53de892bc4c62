"""Campaigns: planned with their cost, queued, watched, cancelled, and taken away as a ZIP."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pandas as pd
from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData

from pipelines.campaigns.presets import PRESETS
from pipelines.jobs.campaigns.make import CHANNELS, progress_of
from pipelines.jobs.campaigns.plan import Campaign, choose, plan, plan_line
from pipelines.jobs.campaigns.worker import QUEUE
from pipelines.jobs.channels import MANIFEST
from pipelines.jobs.plan import unit_costs
from pipelines.stores import storage
from pipelines.stores.campaign_queue import CampaignQueue, QueuedCampaign
from pipelines.web.studio.described import (
    NOT_FOUND,
    Answers,
    Jpeg,
    Zip,
    number_from,
    sends,
    some_of,
)
from pipelines.web.studio.finished_run import FinishedRun
from pipelines.web.studio.pages import (
    SentForm,
    allow,
    is_fragment,
    number_of,
    page,
    run_of,
    session_of,
    studio_of,
    text_of,
)

STAFF: Final = [Depends(allow("merchandiser", "engineer"))]
router = APIRouter(dependencies=STAFF)
_SHEET: Final = re.compile(r"contact-sheet-\d{2,4}\.jpg")
_EXAMPLES: Final = 6
_CHOSEN: Final = {
    "name": {"type": "string", "maxLength": 80},
    "look": some_of(),
    "channel": some_of(),
}
_SIZES: Final = {
    "category": some_of(),
    "strength": number_from(5, 100),
    "size": number_from(64, 1536),
    "most": number_from(0, 1_000_000),
}
_PICTURE_OF_A_CHANNEL: Final[Answers] = {
    200: {"content": {f"image/{preset.format}": {} for preset in PRESETS.values()}}
}


@dataclass(frozen=True, eq=False)
class ShownCampaign:
    """A campaign of the queue as pages show it; `line` is its plan in words."""

    entry: QueuedCampaign
    campaign: Campaign
    line: str
    looks: list[str]


@router.get("/campaigns")
def campaigns(request: Request) -> HTMLResponse:
    """The queue, and the form of a new campaign."""
    return _page(request, {})


@router.post("/campaigns/plan", **sends(_CHOSEN, _SIZES))
async def plan_campaign(request: Request, form: SentForm) -> HTMLResponse:
    """What the campaign of a form comes to; nothing is queued."""
    asked = campaign_of(form)
    line = await run_in_threadpool(_plan, request, asked)
    if is_fragment(request):
        return page(request, "_campaign_plan.html", line=plan_line(line), files=line["files"])
    return await run_in_threadpool(_page, request, {"asked": asked, "line": plan_line(line)})


@router.post(
    "/campaigns", status_code=303, response_class=RedirectResponse, **sends(_CHOSEN, _SIZES)
)
async def queue_campaign(request: Request, form: SentForm) -> Response:
    """Queue the campaign of a form."""
    asked = campaign_of(form)
    studio = studio_of(request)
    planned = await run_in_threadpool(_plan, request, asked)
    queue = _queue(request)
    request_ = {"campaign": asked.to_request(), "plan": planned}
    campaign_id = await run_in_threadpool(queue.add, request_)
    studio.audit.note(
        session_of(request).account,
        "campaign",
        "queued",
        number=campaign_id,
        files=planned["files"],
    )
    await run_in_threadpool(studio.campaigns.wake)
    return RedirectResponse(f"/campaigns/{campaign_id}", 303)


@router.post("/campaigns/clear", status_code=303, response_class=RedirectResponse, **sends({}))
async def clear(request: Request, _: SentForm) -> Response:
    """Take away the campaigns that have ended; can be undone until the next time."""
    gone = await run_in_threadpool(_queue(request).clear)
    studio_of(request).audit.note(session_of(request).account, "campaigns cleared", "done", n=gone)
    return RedirectResponse("/campaigns", 303)


@router.post("/campaigns/restore", status_code=303, response_class=RedirectResponse, **sends({}))
async def restore(request: Request, _: SentForm) -> Response:
    """Bring back what was taken away last."""
    back = await run_in_threadpool(_queue(request).restore)
    studio_of(request).audit.note(session_of(request).account, "campaigns restored", "done", n=back)
    return RedirectResponse("/campaigns", 303)


@router.get("/campaigns/{campaign_id}", responses=NOT_FOUND)
def campaign(request: Request, campaign_id: str) -> HTMLResponse:
    """One campaign: how far it is, or what was made."""
    entry = _entry(request, campaign_id)
    shown, planned = _shown(request, entry), entry.request["plan"]
    done, of = progress_of(entry.folder, planned["renders"], planned["files"])
    if is_fragment(request):
        return page(request, "_campaign_progress.html", shown=shown, done=done, of=of)
    manifest = manifest_of(entry)
    return page(
        request, "campaign.html", shown=shown, done=done, of=of, manifest=manifest,
        examples=examples_of(manifest, _EXAMPLES),
        names=dict(zip(shown.campaign.style_ids, shown.looks, strict=True)),
    )  # fmt: skip


@router.post(
    "/campaigns/{campaign_id}/cancel",
    status_code=303,
    response_class=RedirectResponse,
    **sends({}, missing=NOT_FOUND),
)
async def cancel(request: Request, _: SentForm, campaign_id: str) -> Response:
    """Let no more be done about a campaign."""
    entry = _entry(request, campaign_id)
    await run_in_threadpool(_queue(request).cancel, entry.campaign_id)
    studio_of(request).audit.note(
        session_of(request).account, "campaign", "cancelled", number=entry.campaign_id
    )
    return RedirectResponse(f"/campaigns/{entry.campaign_id}", 303)


@router.get("/campaigns/{campaign_id}/archive", response_class=Zip, responses=NOT_FOUND)
async def archive(request: Request, campaign_id: str) -> Response:
    """The ZIP of a campaign that is done."""
    entry = _entry(request, campaign_id)
    name = str(entry.told.get("archive", ""))
    if entry.state != "done" or not name:
        raise HTTPException(404, "This campaign is not done: there is nothing to take away yet.")
    return FileResponse(_inside(entry, name), media_type="application/zip", filename=name)


@router.get("/campaigns/{campaign_id}/sheets/{name}", response_class=Jpeg, responses=NOT_FOUND)
async def sheet(request: Request, campaign_id: str, name: str) -> Response:
    """A contact sheet of a campaign."""
    if not _SHEET.fullmatch(name):
        raise HTTPException(404, "There is no such contact sheet.")
    return FileResponse(_inside(_entry(request, campaign_id), name), media_type="image/jpeg")


@router.get(
    "/campaigns/{campaign_id}/files/{number}",
    response_class=Response,
    responses=NOT_FOUND | _PICTURE_OF_A_CHANNEL,
)
async def file(request: Request, campaign_id: str, number: int) -> Response:
    """One of the files that a campaign sends out, by its number in the manifest."""
    entry = _entry(request, campaign_id)
    manifest = await run_in_threadpool(manifest_of, entry)
    files = [] if manifest is None else manifest["files"]
    if not 0 <= number < len(files):
        raise HTTPException(404, "The campaign has no such file.")
    kind = PRESETS[files[number]["channel"]].format
    path = _inside(entry, f"{CHANNELS}/{files[number]['file']}")
    return FileResponse(path, media_type=f"image/{kind}")


def campaign_of(form: FormData) -> Campaign:
    """The campaign that a form asks for. Raises as `Campaign`."""

    def chosen(name: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys(str(value)[:300] for value in form.getlist(name)))

    return Campaign(
        text_of(form, "name", 80),
        chosen("look"),
        chosen("category"),
        chosen("channel"),
        number_of(form, "strength", 5, 100, 100) / 100.0,
        int(number_of(form, "size", 64, 1536, 768)),
        int(number_of(form, "most", 0, 1_000_000, 0)),
    )


def manifest_of(entry: QueuedCampaign) -> dict[str, Any] | None:
    """What a campaign that is done sends out; None where there is nothing yet."""
    if entry.state != "done":
        return None
    return storage.find_json(entry.folder / CHANNELS / MANIFEST)


def examples_of(manifest: dict[str, Any] | None, most: int) -> dict[str, list[tuple[int, Any]]]:
    """Channel -> (number, row) of some of its files."""
    found: dict[str, list[tuple[int, Any]]] = {}
    for number, row in enumerate([] if manifest is None else manifest["files"]):
        shown = found.setdefault(row["channel"], [])
        if len(shown) < most:
            shown.append((number, row))
    return found


def _page(request: Request, more: dict[str, Any]) -> HTMLResponse:
    run, queue = run_of(request), _queue(request)
    shown = [_shown(request, entry) for entry in queue.entries()]
    looks = [(str(style), run.describe.look(str(style))) for style in run.run.styles["style_id"]]
    items = run.run.items
    known = items["category"].dropna() if "category" in items else pd.Series(dtype="str")
    names: dict[str, Any] = {
        "asked": None,
        "line": "",
        "shown": shown,
        "looks": looks,
        "categories": sorted(known.astype(str).value_counts().items()),
        "presets": PRESETS.values(),
        "n_cleared": queue.n_cleared,
        "n_ended": sum(one.entry.has_ended for one in shown),
    }
    return page(request, "campaigns.html", **{**names, **more})


def _plan(request: Request, asked: Campaign) -> dict[str, int]:
    run = run_of(request)
    tables = _tables(run)
    manifest = storage.find_json(studio_of(request).out / "manifest.json")
    costs = None if manifest is None else unit_costs(manifest)
    return plan(asked, choose(asked, *tables), run.config, costs)


def _tables(run: FinishedRun) -> tuple[Path, Path]:
    inputs = run.run.job["inputs"]
    return Path(inputs["items"]), Path(inputs["styles"])


def _shown(request: Request, entry: QueuedCampaign) -> ShownCampaign:
    asked = Campaign.from_request(entry.request["campaign"])
    run = run_of(request)
    known = set(run.run.styles["style_id"].astype(str))
    looks = [run.describe.look(one).name if one in known else one for one in asked.style_ids]
    return ShownCampaign(entry, asked, plan_line(entry.request["plan"]), looks)


def _queue(request: Request) -> CampaignQueue:
    return CampaignQueue(studio_of(request).out / QUEUE)


def _entry(request: Request, campaign_id: str) -> QueuedCampaign:
    entry = _queue(request).find(campaign_id)
    if entry is None:
        raise HTTPException(404, "There is no such campaign: it may have been cleared.")
    return entry


def _inside(entry: QueuedCampaign, name: str) -> Path:
    """A file of a campaign's folder; 404 where it is gone, or is not inside."""
    path = (entry.folder / name).resolve()
    if not path.is_relative_to(entry.folder.resolve()) or not path.is_file():
        raise HTTPException(404, "That file is gone: make the campaign again.")
    return path


def latest_done(request: Request) -> QueuedCampaign | None:
    """The newest campaign that is done."""
    done = (entry for entry in _queue(request).entries() if entry.state == "done")
    return next(done, None)
