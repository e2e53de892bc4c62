"""Logging in and out: a password, or the token that the command printed."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.concurrency import run_in_threadpool

from pipelines.web.studio.access.accounts import Account, find_account
from pipelines.web.studio.access.guard import COOKIE
from pipelines.web.studio.described import TEXT, sends
from pipelines.web.studio.pages import SentForm, page, studio_of, text_of

router = APIRouter()
_REFUSED: Final = "That name and password, or that token, open nothing here."


@router.get("/login")
async def login_page(request: Request) -> HTMLResponse:
    """The form to log in with."""
    return page(request, "login.html", problem="")


@router.get("/enter", status_code=303, response_class=RedirectResponse)
async def enter(request: Request, token: str = "") -> Response:
    """Log in with the token of the address that the command printed."""
    studio = studio_of(request)
    account = studio.sessions.take_token(token[:200])
    if account is None:
        studio.audit.note(None, "login", "refused")
        words = "That link was used before, or is not of this studio. Start it again for another."
        return page(request, "login.html", 403, problem=words)
    return _logged_in(request, account)


@router.post(
    "/login",
    status_code=303,
    response_class=RedirectResponse,
    **sends({}, {"name": TEXT, "password": {"type": "string", "maxLength": 400}, "token": TEXT}),
)
async def login(request: Request) -> Response:
    """Log in with a name and password, or a token."""
    studio = studio_of(request)
    form = await request.form(max_files=0, max_fields=4)
    token = text_of(form, "token")
    if token:
        account = studio.sessions.take_token(token)
    else:
        name, password = text_of(form, "name"), text_of(form, "password", 400)
        account = await run_in_threadpool(find_account, studio.out, name, password)
    if account is None:
        studio.audit.note(None, "login", "refused")
        return page(request, "login.html", 403, problem=_REFUSED)
    return _logged_in(request, account)


@router.post("/logout", status_code=303, response_class=RedirectResponse, **sends({}))
async def logout(request: Request, _: SentForm) -> Response:
    """End the session."""
    studio = studio_of(request)
    studio.sessions.close(request.cookies.get(COOKIE))
    response = RedirectResponse("/login", 303)
    response.delete_cookie(COOKIE)
    return response


def _logged_in(request: Request, account: Account) -> Response:
    studio = studio_of(request)
    # A session of before ends: a cookie that somebody planted never becomes one that is logged in.
    studio.sessions.close(request.cookies.get(COOKIE))
    studio.audit.note(account, "login", "done")
    response = RedirectResponse("/feed" if account.role == "shopper" else "/shoppers", 303)
    response.set_cookie(
        COOKIE,
        studio.sessions.open(account),
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return response
