"""What became of the run: rows set aside, every run of the folder, and the studio's own API."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, JSONResponse

from pipelines.report.health import reject_reasons, stage_rows
from pipelines.stores.run_history import read_history
from pipelines.web.studio.pages import allow, page, run_of, studio_of

router = APIRouter(dependencies=[Depends(allow("engineer"))])
LISTED: Final = 200


@router.get("/rejects")
def rejects(request: Request) -> HTMLResponse:
    """What could not be used, by reason and row by row."""
    run = run_of(request)
    table = run.run.rejects
    return page(
        request, "rejects.html", reasons=reject_reasons(table), n_rejects=len(table),
        rows=table.head(LISTED).to_dict("records"),
    )  # fmt: skip


@router.get("/runs")
def runs(request: Request) -> HTMLResponse:
    """Every run of the folder, the last one first, and the stages of the finished one."""
    run = run_of(request)
    history = read_history(studio_of(request).out)[::-1]
    return page(
        request, "runs.html", runs=history[:LISTED], n_runs=len(history),
        stages=stage_rows(run.run.stages), job=run.run.job,
    )  # fmt: skip


@router.get("/api")
async def api(request: Request) -> HTMLResponse:
    """The studio's addresses, from its OpenAPI description."""
    described: dict[str, Any] = request.app.openapi()
    calls = [
        (method.upper(), path, str(told.get("description") or told.get("summary")))
        for path, methods in sorted(described["paths"].items())
        for method, told in methods.items()
    ]
    return page(request, "api.html", calls=calls, version=described["info"]["version"])


@router.get("/openapi.json", response_class=JSONResponse)
async def openapi(request: Request) -> JSONResponse:
    """The OpenAPI description of the studio."""
    return JSONResponse(request.app.openapi())
