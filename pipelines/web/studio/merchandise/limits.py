"""Limits of looks: which are shown, how often, how strongly, and how much is held out."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.concurrency import run_in_threadpool

from pipelines.jobs.look_limits import (
    SETTINGS,
    LookLimits,
    read_limits,
    run_command,
    write_limits,
)
from pipelines.stores import storage
from pipelines.web.studio.described import number_from, sends, some_of
from pipelines.web.studio.merchandise.campaigns import STAFF
from pipelines.web.studio.pages import SentForm, number_of, page, run_of, session_of, studio_of

router = APIRouter(dependencies=STAFF)
_STRENGTH: Final = "strength:"
_FIELDS: Final = {
    "share": number_from(0, 100),
    "floor": number_from(0, 100),
    "epsilon": number_from(0, 100),
    "excluded": some_of(),
}
AB: Final = "ab/ab.json"
"""What `stylefeed ab` found of the job's own log."""


@router.get("/limits")
async def limits(request: Request) -> HTMLResponse:
    """The limits that the next run has, and the command that runs it."""
    run, out = run_of(request), studio_of(request).out
    told = await run_in_threadpool(read_limits, out)
    path = out / SETTINGS
    judged = await run_in_threadpool(storage.find_json, out / AB)
    looks = [(str(one), run.describe.look(str(one))) for one in run.run.styles["style_id"]]
    return page(
        request, "limits.html", limits=told, looks=looks, usual=run.config.looks.strength,
        command=run_command(out, path) if path.is_file() else "", kind=run.config.policy.kind,
        judged=judged,
    )  # fmt: skip


@router.post("/limits", status_code=303, response_class=RedirectResponse, **sends({}, _FIELDS))
async def keep_limits(request: Request, form: SentForm) -> Response:
    """Write what the form says as the settings of the next run."""
    run, studio = run_of(request), studio_of(request)
    style_ids = [str(one) for one in run.run.styles["style_id"]]
    usual = 100.0 * run.config.looks.strength
    told = LookLimits(
        number_of(form, "share", 0, 100, 100) / 100.0,
        number_of(form, "floor", 0, 100, 2) / 100.0,
        number_of(form, "epsilon", 0, 100, 20) / 100.0,
        tuple(sorted({str(one) for one in form.getlist("excluded")})),
        {one: number_of(form, _STRENGTH + one, 5, 100, usual) / 100.0 for one in style_ids},
    )
    await run_in_threadpool(write_limits, studio.out, told, style_ids)
    studio.audit.note(session_of(request).account, "limits", "kept")
    return RedirectResponse("/limits#next", 303)
