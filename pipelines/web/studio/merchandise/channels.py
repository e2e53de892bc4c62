"""Channels: what each asks of a picture, pictures made for it, and one look across them."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from starlette.concurrency import run_in_threadpool

from pipelines.campaigns.presets import PRESETS
from pipelines.web.studio.merchandise.campaigns import (
    STAFF,
    examples_of,
    latest_done,
    manifest_of,
)
from pipelines.web.studio.pages import page, run_of

router = APIRouter(dependencies=STAFF)
_EXAMPLES = 3


@router.get("/channels")
async def channels(request: Request, channel: str = "") -> HTMLResponse:
    """Every preset; `channel` is shown first, larger."""
    entry = await run_in_threadpool(latest_done, request)
    manifest = None if entry is None else await run_in_threadpool(manifest_of, entry)
    run = run_of(request)
    names = {str(one): run.describe.look(str(one)).name for one in run.run.styles["style_id"]}
    return page(
        request, "channels.html", presets=PRESETS.values(), entry=entry, manifest=manifest,
        examples=examples_of(manifest, _EXAMPLES), names=names,
        first=PRESETS.get(channel),
    )  # fmt: skip
