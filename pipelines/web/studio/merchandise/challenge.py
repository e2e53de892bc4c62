"""The challenge: looks are submitted and voted on, and the winner becomes one of the shop's."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse
from starlette.concurrency import run_in_threadpool

from features.schema import InputError
from pipelines.jobs.challenge import STORE, make_look, rank
from pipelines.stores.challenge_store import ChallengeStore, TooMany
from pipelines.web.studio.described import (
    COUNTED_BEFORE,
    NOT_FOUND,
    PICTURE,
    TEXT,
    Png,
    one_of,
    sends,
)
from pipelines.web.studio.pages import (
    SentForm,
    allow,
    page,
    run_of,
    session_of,
    studio_of,
    text_of,
)
from pipelines.web.studio.pictures import IMMUTABLE
from pipelines.web.studio.uploads import read_upload

router = APIRouter()
_SIDE_PX: Final = 1024
_PICTURE: Final = re.compile(r"[0-9a-f]{32}\.png")


@router.get("/challenge")
async def challenge(request: Request) -> HTMLResponse:
    """The looks by their score, and the form to submit one."""
    store = _store(request)
    ranked = rank(await run_in_threadpool(store.entries))
    said = await run_in_threadpool(store.said, _voter(request))
    styles = Path(run_of(request).run.job["inputs"]["styles"]).name
    return page(request, "challenge.html", ranked=ranked, said=said, styles=styles)


@router.post(
    "/challenge/enter",
    status_code=303,
    response_class=RedirectResponse,
    **sends({"picture": PICTURE, "name": TEXT}, {"tags": TEXT}),
)
async def enter(request: Request, form: SentForm) -> Response:
    """Take a look's picture, drawn anew from its pixels."""
    studio, account = studio_of(request), session_of(request).account
    try:
        uploaded = await read_upload(form, "picture", _SIDE_PX)
        name, tags = text_of(form, "name"), text_of(form, "tags")
        await run_in_threadpool(
            _store(request).submit, name, tags, uploaded.data, _address(request)
        )
    except (HTTPException, InputError) as error:
        studio.audit.note(account, "challenge entry", "refused")
        raise _as_answer(error) from None
    studio.audit.note(account, "challenge entry", "kept", bytes=len(uploaded.data))
    return RedirectResponse("/challenge", 303)


@router.post(
    "/challenge/vote",
    status_code=303,
    response_class=RedirectResponse,
    **sends({"entry": TEXT, "liked": one_of("yes", "no")}, twice=COUNTED_BEFORE),
)
async def vote(request: Request, form: SentForm) -> Response:
    """Keep whether a look is liked: once for the session, and once for its network."""
    entry_id, liked = _number(text_of(form, "entry")), text_of(form, "liked")
    if liked not in ("yes", "no"):
        raise HTTPException(422, "A vote is yes or no.")
    try:
        outcome = await run_in_threadpool(
            _store(request).vote, entry_id, liked == "yes", _voter(request), _address(request)
        )
    except InputError as error:
        raise _as_answer(error) from None
    if outcome == "counted before":
        raise HTTPException(409, "Somebody of your network has voted on this look: it counts once.")
    return RedirectResponse(f"/challenge#entry-{entry_id}", 303)


@router.post(
    "/challenge/winner",
    status_code=303,
    response_class=RedirectResponse,
    dependencies=[Depends(allow("merchandiser", "engineer"))],
    **sends({"entry": TEXT}),
)
async def winner(request: Request, form: SentForm) -> Response:
    """Add an entry to the job's table of looks."""
    studio, job = studio_of(request), run_of(request).run.job
    entry_id = _number(text_of(form, "entry"))
    pictures = job.get("pictures")
    style_id = await run_in_threadpool(
        make_look,
        studio.out,
        entry_id,
        Path(job["inputs"]["styles"]),
        None if pictures is None else Path(pictures),
    )
    studio.audit.note(session_of(request).account, "challenge winner", "done", look=style_id)
    return RedirectResponse(f"/challenge#entry-{entry_id}", 303)


@router.get("/challenge/pictures/{name}", response_class=Png, responses=NOT_FOUND)
async def picture(request: Request, name: str) -> Response:
    """The picture of an entry, named by its content."""
    path = _store(request).picture_path(name)
    if not _PICTURE.fullmatch(name) or not path.is_file():
        raise HTTPException(404, "There is no such picture.")
    return FileResponse(path, headers={"Cache-Control": IMMUTABLE}, media_type="image/png")


def _store(request: Request) -> ChallengeStore:
    return ChallengeStore(studio_of(request).out / STORE)


def _voter(request: Request) -> str:
    """Who votes: a shopper is one in every session; of other roles each session is one."""
    session = session_of(request)
    who = session.account.user_id
    if who is not None:
        return f"shopper {who}"
    return hashlib.sha256(session.csrf.encode()).hexdigest()


def _address(request: Request) -> str:
    return request.client.host if request.client else "unknown"


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise HTTPException(422, "entry must be the number of a look.")
    return int(text)


def _as_answer(error: Exception) -> HTTPException:
    """What the store refused, as the page tells it."""
    if isinstance(error, HTTPException):
        return error
    status = 429 if isinstance(error, TooMany) else 422
    words = str(error)
    return HTTPException(status, f"{words[:1].upper()}{words[1:]}.")
