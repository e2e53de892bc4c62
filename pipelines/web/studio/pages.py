"""What all pages of the studio share: templates, who is asking, forms that may be sent."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Final, cast

from fastapi import Depends, HTTPException, Request
from fastapi.responses import HTMLResponse
from jinja2 import Template
from starlette.datastructures import FormData

from pipelines.jobs.campaigns.worker import CampaignWorker
from pipelines.report.templates import open_template
from pipelines.web.studio.access.accounts import Role
from pipelines.web.studio.access.audit import Audit
from pipelines.web.studio.access.rates import Rates
from pipelines.web.studio.access.sessions import Session, Sessions
from pipelines.web.studio.finished_run import FinishedRun, Runs
from pipelines.web.studio.previews import Previews

STATIC: Final = files("pipelines.web.studio").joinpath("static")
# Two for each look and one for each category of a large shop.
_MOST_FIELDS: Final = 4000
_MOST_FILES: Final = 1


@dataclass(frozen=True)
class Studio:
    """What the pages work with."""

    out: Path
    runs: Runs
    sessions: Sessions
    rates: Rates
    audit: Audit
    previews: Previews
    campaigns: CampaignWorker


@dataclass(frozen=True)
class NavigationEntry:
    """A page that the bar at the top leads to, who may see it, and what begins the addresses of
    pages that it leads to."""

    path: str
    name: str
    roles: tuple[Role, ...]
    leads_to: tuple[str, ...] = ()


_STAFF: Final[tuple[Role, ...]] = ("merchandiser", "engineer")
NAVIGATION: Final = (
    NavigationEntry("/feed", "My feed", ("shopper",), ("/look",)),
    NavigationEntry("/shoppers", "Shoppers", _STAFF, ("/feed", "/look")),
    NavigationEntry("/campaigns", "Campaigns", _STAFF, ("/campaigns/",)),
    NavigationEntry("/channels", "Channels", _STAFF),
    NavigationEntry("/challenge", "Challenge", ("shopper", *_STAFF)),
    NavigationEntry("/limits", "Limits", _STAFF),
    NavigationEntry("/prototypes", "Map of looks", _STAFF),
    NavigationEntry("/inspector", "Inspector", ("engineer",)),
    NavigationEntry("/failures", "Failures", ("engineer",)),
    NavigationEntry("/masks", "Masks", ("engineer",), ("/mask",)),
    NavigationEntry("/rejects", "Rejects", ("engineer",)),
    NavigationEntry("/runs", "Runs", ("engineer",)),
    NavigationEntry("/api", "API", ("engineer",)),
)


def studio_of(request: Request) -> Studio:
    """The studio that `request` is sent to."""
    return cast(Studio, request.app.state.studio)


def session_of(request: Request) -> Session:
    """Who is asking; the guard lets nobody else through."""
    session: Session | None = request.state.session
    if session is None:
        raise HTTPException(401, "Log in first.")
    return session


def run_of(request: Request) -> FinishedRun:
    """The finished run that the pages are about."""
    return studio_of(request).runs.current()


def allow(*roles: Role) -> Callable[[Request], Awaitable[None]]:
    """The dependency that lets sessions of `roles` alone through: 403 to others."""

    async def check(request: Request) -> None:
        session = session_of(request)
        if session.account.role not in roles:
            studio_of(request).audit.note(session.account, request.url.path, "refused: role")
            raise HTTPException(403, f"This page is for the role {' or '.join(roles)}.")

    return check


async def form_of(request: Request) -> AsyncIterator[FormData]:
    """The form that was sent, read within limits: it must carry its session's token, else 403."""
    form = await request.form(max_files=_MOST_FILES, max_fields=_MOST_FIELDS)
    try:
        session = session_of(request)
        sent, expected = request.headers.get("x-csrf-token") or form.get("csrf"), session.csrf
        if not isinstance(sent, str) or not hmac.compare_digest(sent.encode(), expected.encode()):
            studio_of(request).audit.note(
                session.account, request.url.path, "refused: form's token"
            )
            words = "This form is out of date: go back, reload the page, try again."
            raise HTTPException(403, words)
        yield form
    finally:
        await form.close()


SentForm = Annotated[FormData, Depends(form_of)]


def is_fragment(request: Request) -> bool:
    """Whether a script asks for a part of a page."""
    return request.headers.get("hx-request") == "true"


def number_of(form: FormData, name: str, low: float, high: float, default: float) -> float:
    """A number of a form within `low` to `high`; `default` where it is not there. 422 otherwise."""
    text = form.get(name)
    if text is None or text == "":
        return default
    try:
        value = float(str(text))
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        raise HTTPException(422, f"{name} must be a number from {low:g} to {high:g}.")
    return value


def text_of(form: FormData, name: str, longest: int = 200) -> str:
    """A text of a form, '' where it is not there; 422 where it is longer or no text."""
    value = form.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > longest or "\0" in value:
        raise HTTPException(422, f"{name} must be text of at most {longest} characters.")
    return value.strip()


def page(request: Request, template: str, code: int = 200, **names: Any) -> HTMLResponse:
    """A page, or a part of one, of `pipelines/templates/studio`."""
    session: Session | None = request.state.session
    role = None if session is None else session.account.role
    navigation = [entry for entry in NAVIGATION if role in entry.roles]
    html = _template(template).render(
        session=session,
        navigation=navigation,
        here=request.url.path,
        static=static_url,
        **names,
    )
    return HTMLResponse(html, code)


@cache
def _template(name: str) -> Template:
    return open_template(f"studio/{name}")


@cache
def static_url(name: str) -> str:
    """The address of a static file: it changes with its content."""
    digest = hashlib.sha256(STATIC.joinpath(name).read_bytes()).hexdigest()[:12]
    return f"/static/{digest}/{name}"
