"""The studio as one application: every area's pages behind one guard."""

from __future__ import annotations

import mimetypes
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse
from starlette.exceptions import HTTPException as StarletteHTTPException

from features.schema import InputError
from pipelines.jobs.campaigns.worker import CampaignWorker
from pipelines.web.studio import (
    clips,
    enter,
    failures,
    inspector,
    looks,
    masks,
    pictures,
    prototypes,
    run_pages,
    shoppers,
)
from pipelines.web.studio.access.audit import Audit
from pipelines.web.studio.access.guard import Guard
from pipelines.web.studio.access.rates import Rates
from pipelines.web.studio.access.sessions import Sessions
from pipelines.web.studio.described import ANY, NOT_FOUND
from pipelines.web.studio.finished_run import Runs
from pipelines.web.studio.merchandise import campaigns, challenge, channels, limits
from pipelines.web.studio.pages import STATIC, Studio, is_fragment, page, session_of, static_url
from pipelines.web.studio.previews import Previews
from pipelines.workers.paint import SETS

AREAS = (
    *(enter, pictures, clips, shoppers, looks),
    *(campaigns, channels, challenge, limits),
    *(prototypes, inspector, failures, masks, run_pages),
)
"""Modules of pages, a `router` each."""


def studio_app(out: Path, sessions: Sessions, hosts: Collection[str] = ()) -> FastAPI:
    """The studio over the finished run in `out`; `hosts` as `Guard` takes them.

    Raises InputError where there is no finished run.
    """
    runs = Runs(out)
    config = runs.current().config
    previews = Previews(config.render, config.images, out / SETS)
    work = CampaignWorker(out)
    studio = Studio(out, runs, sessions, Rates(), Audit(out), previews, work)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        # What waited or was at work when the studio ended goes on.
        work.wake()
        yield
        work.close()
        previews.close()

    app = FastAPI(
        title="Stylefeed studio",
        version=version("stylefeed"),
        lifespan=lifespan,
        default_response_class=HTMLResponse,
        responses=ANY,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
    )
    app.state.studio = studio
    for area in AREAS:
        app.include_router(area.router)

    @app.get("/healthz", response_class=JSONResponse)
    async def healthz() -> JSONResponse:
        """200 while pages can be made."""
        return JSONResponse({"status": "ok"})

    @app.get("/", status_code=303, response_class=RedirectResponse)
    async def first_page(request: Request) -> Response:
        """To the page that the role begins with."""
        shopper = session_of(request).account.role == "shopper"
        return RedirectResponse("/feed" if shopper else "/shoppers", 303)

    @app.get("/static/{digest}/{name}", response_class=Response, responses=NOT_FOUND)
    async def static_file(digest: str, name: str) -> Response:
        """A style sheet, script or icon; its address changes with its content."""
        known = {file.name for file in STATIC.iterdir() if file.is_file()}
        if name not in known or static_url(name) != f"/static/{digest}/{name}":
            raise HTTPException(404, "There is no such file.")
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        headers = {"Cache-Control": "public, max-age=31536000, immutable", "ETag": f'"{digest}"'}
        return Response(STATIC.joinpath(name).read_bytes(), 200, headers, kind)

    @app.exception_handler(StarletteHTTPException)
    async def tell(request: Request, error: StarletteHTTPException) -> Response:
        return _problem(request, error.status_code, str(error.detail))

    @app.exception_handler(RequestValidationError)
    async def tell_invalid(request: Request, error: RequestValidationError) -> Response:
        words = "; ".join(f"{one['loc'][-1]}: {one['msg']}" for one in error.errors())
        return _problem(request, 422, f"That address cannot be used: {words}.")

    @app.exception_handler(InputError)
    async def tell_input(request: Request, error: InputError) -> Response:
        return _problem(request, 422, str(error))

    app.add_middleware(Guard, sessions=sessions, rates=studio.rates, hosts=hosts)
    return app


def _problem(request: Request, status: int, words: str) -> Response:
    """An error as the asker can read it: a page, a part of a page, or one line."""
    if "text/html" in request.headers.get("accept", "") or is_fragment(request):
        template = "_problem.html" if is_fragment(request) else "problem.html"
        return page(request, template, status, status=status, words=words)
    return JSONResponse({"detail": words}, status)
