"""Making a look: one of the run's, a blend, a picture of one's own or words, on a feed's photo."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from numpy.typing import NDArray
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData

from features.images import decode, encode, resize_longest
from features.schema import ORIGINAL
from pipelines.web.studio.access.sessions import Session
from pipelines.web.studio.described import NOT_FOUND, PICTURE, TEXT, Jpeg, number_from, sends
from pipelines.web.studio.finished_run import FinishedRun
from pipelines.web.studio.pages import (
    SentForm,
    is_fragment,
    number_of,
    page,
    run_of,
    session_of,
    studio_of,
    text_of,
)
from pipelines.web.studio.pictures import IMMUTABLE, SMALL_PX
from pipelines.web.studio.shoppers import ShopperId, row_of
from pipelines.web.studio.uploads import read_upload
from pipelines.workers.preview import Preview, PreviewPart, PreviewWork
from recsys.prototypes.look_words import Understood
from styletransfer.look import mix_codes
from styletransfer.preview import Controls

router = APIRouter()
_OWN: Final = "own:"
_MOST_OWN: Final = 6
_OWN_SIDE_PX: Final = 512
_CONTROLS: Final = {
    "second": TEXT,
    "blend": number_from(0, 100),
    "strength": number_from(0, 100),
    "texture": number_from(-100, 100),
    "motif": number_from(60, 200),
}


@dataclass(frozen=True, eq=False)
class OwnLook:
    """A look that somebody made since logging in: an uploaded picture, or a point of words."""

    name: str
    title: str
    picture: bytes | None = None
    understood: Understood | None = None


@dataclass(frozen=True)
class Choice:
    """What a form asks for; percentages but for the names of looks."""

    look: str
    second: str = ""
    blend: int = 0
    strength: int = 100
    texture: int = 0
    motif: int = 100


@dataclass(frozen=True, eq=False)
class Shown:
    """A preview on the page."""

    url: str
    preview: Preview
    title: str


@router.get("/look", responses=NOT_FOUND)
async def look_page(request: Request, rank: int, user_id: ShopperId, own: str = "") -> Response:
    """The workbench for one photo of a feed, with nothing changed yet."""
    run, session = run_of(request), session_of(request)
    row = row_of(run, user_id, rank)
    look = own if _find_own(session, own) else str(row["style_id"])
    if look == ORIGINAL:
        look = _favourites(run, user_id)[0]
    choice = Choice(look)
    await run_in_threadpool(studio_of(request).previews.warm)
    shown = await _paint(request, row, choice) if own else None
    return _workbench(request, row, choice, shown)


@router.post("/preview", **sends({"look": TEXT}, _CONTROLS, missing=NOT_FOUND))
async def preview(request: Request, form: SentForm, rank: int, user_id: ShopperId) -> Response:
    """The photo as the form asks for it: the page, or for a script the picture alone."""
    row = row_of(run_of(request), user_id, rank)
    choice = _choice(form)
    shown = await _paint(request, row, choice)
    if is_fragment(request):
        return page(request, "_result.html", **_names(request, row, choice, shown))
    return _workbench(request, row, choice, shown)


@router.post(
    "/own-look",
    status_code=303,
    response_class=RedirectResponse,
    **sends({"picture": PICTURE}, missing=NOT_FOUND),
)
async def own_look(request: Request, form: SentForm, rank: int, user_id: ShopperId) -> Response:
    """Take a picture of one's own as a look, until the visitor logs out."""
    studio, session = studio_of(request), session_of(request)
    row_of(run_of(request), user_id, rank)
    try:
        uploaded = await read_upload(form, "picture", _OWN_SIDE_PX)
    except HTTPException:
        studio.audit.note(session.account, "own look", "refused")
        raise
    studio.audit.note(session.account, "own look", "kept", bytes=len(uploaded.data))
    name = _keep(session, OwnLook("", "Your picture", uploaded.data))
    return _back(request, user_id, rank, name)


@router.post(
    "/words",
    status_code=303,
    response_class=RedirectResponse,
    **sends({"phrase": TEXT}, missing=NOT_FOUND),
)
async def words(request: Request, form: SentForm, rank: int, user_id: ShopperId) -> Response:
    """Take words as a look, until the visitor logs out."""
    run = run_of(request)
    row_of(run, user_id, rank)
    phrase = text_of(form, "phrase")
    if not phrase:
        raise HTTPException(422, "Say in a few words what the look is like.")
    understood = await run_in_threadpool(lambda: run.look_words.understand(phrase))
    name = _keep(session_of(request), OwnLook("", f"“{phrase}”", None, understood))
    return _back(request, user_id, rank, name)


@router.get("/previews/{name}.jpg", response_class=Jpeg, responses=NOT_FOUND)
async def preview_file(request: Request, name: str) -> Response:
    """A preview that was painted not long ago."""
    made = studio_of(request).previews.find(name)
    if not isinstance(made, Preview):
        raise HTTPException(404, "This preview is no longer kept: paint it again.")
    return Jpeg(made.data, headers={"Cache-Control": IMMUTABLE})


@router.get("/own/{name}.jpg", response_class=Jpeg, responses=NOT_FOUND)
async def own_file(request: Request, name: str) -> Response:
    """The picture of a look that was uploaded since logging in."""
    own = _find_own(session_of(request), _OWN + name)
    if own is None or own.picture is None:
        raise HTTPException(404, "There is no such look; those of your own go when you log out.")
    small = resize_longest(decode(own.picture), SMALL_PX)
    return Jpeg(encode(small, "jpeg", 84), headers={"Cache-Control": IMMUTABLE})


def _choice(form: FormData) -> Choice:
    look = text_of(form, "look")
    if not look:
        raise HTTPException(422, "Choose a look first.")
    return Choice(
        look,
        text_of(form, "second"),
        round(number_of(form, "blend", 0, 100, 0)),
        round(number_of(form, "strength", 0, 100, 100)),
        round(number_of(form, "texture", -100, 100, 0)),
        round(number_of(form, "motif", 60, 200, 100)),
    )


async def _paint(request: Request, row: dict[str, Any], choice: Choice) -> Shown:
    """The row's photo as `choice` says; 404 where it names looks that are not there."""
    run, session = run_of(request), session_of(request)
    item = str(row["item_id"])
    photo = run.run.item_paths.get(item)
    if photo is None:
        raise HTTPException(404, "This product has no photo.")
    parts, code = _parts(run, session, choice.look)
    title = _title(run, session, choice.look)
    if choice.second and choice.blend:
        share = choice.blend / 100
        second, second_code = _parts(run, session, choice.second)
        title = f"{title}, {choice.blend} % {_title(run, session, choice.second)}"
        parts = _weighed(parts, 1.0 - share) + _weighed(second, share)
        # Points found by words meet between them; where only one is, the parts' own codes do.
        points = [point for point in (code, second_code) if point is not None]
        both = np.array([1.0 - share, share])
        code = mix_codes(np.stack(points), both) if len(points) == 2 else None
    parts = tuple(part for part in parts if part.weight > 0.0)
    controls = Controls(choice.strength / 100, choice.texture / 100, choice.motif / 100)
    work = PreviewWork(photo, run.masks.get(item), parts, controls, code)
    name, made = await run_in_threadpool(studio_of(request).previews.paint, work)
    return Shown(f"/previews/{name}.jpg", made, title)


def _parts(
    run: FinishedRun, session: Session, look: str
) -> tuple[tuple[PreviewPart, ...], NDArray[np.float32] | None]:
    """What a look, of the run or of the session, is painted of."""
    own = _find_own(session, look)
    if own is not None and own.picture is not None:
        return (PreviewPart(own.picture, None),), None
    if own is not None and own.understood is not None:
        named = own.understood.nearest
        parts = (_weighed(_parts(run, session, style)[0], share)[0] for style, share in named)
        return tuple(parts), own.understood.code
    if look not in run.looks.index:
        raise HTTPException(404, "There is no such look: it may have been of another session.")
    row: dict[Any, Any] = run.looks.loc[look].to_dict()
    part = PreviewPart(str(row["path"]), row["style_code"], 1.0, bool(row["verbatim"]))
    return (part,), None


def _weighed(parts: tuple[PreviewPart, ...], share: float) -> tuple[PreviewPart, ...]:
    return tuple(part._replace(weight=part.weight * share) for part in parts)


def _title(run: FinishedRun, session: Session, look: str) -> str:
    own = _find_own(session, look)
    return run.describe.look(look).name if own is None else own.title


def _keep(session: Session, look: OwnLook) -> str:
    """Keep a look in its session, the last six of them; its name."""
    name = _OWN + secrets.token_urlsafe(9)
    session.made[name] = replace(look, name=name)
    while len(session.made) > _MOST_OWN:
        session.made.popitem(last=False)
    return name


def _find_own(session: Session, name: str) -> OwnLook | None:
    found = session.made.get(name)
    return found if isinstance(found, OwnLook) else None


def _favourites(run: FinishedRun, user_id: str) -> list[str]:
    """The run's looks, those that the shopper likes most first."""
    affinity = run.run.affinity.loc[user_id].drop(ORIGINAL, errors="ignore")
    order = sorted(affinity.index.astype(str), key=lambda look: (-affinity[look], look))
    return [look for look in order if look in run.looks.index]


def _workbench(
    request: Request, row: dict[str, Any], choice: Choice, shown: Shown | None
) -> HTMLResponse:
    return page(request, "look.html", **_names(request, row, choice, shown))


def _names(
    request: Request, row: dict[str, Any], choice: Choice, shown: Shown | None
) -> dict[str, Any]:
    run, session = run_of(request), session_of(request)
    user_id, rank = str(row["user_id"]), int(row["rank"])
    shopper = run.shopper(user_id)
    assert shopper is not None
    looks = [(look, run.describe.look(look)) for look in _favourites(run, user_id)]
    return {
        "run": run,
        "row": row,
        "user_id": user_id,
        "card": next(card for card in shopper.cards if card.rank == rank),
        "last": max(int(one["rank"]) for one in run.rows_of(user_id) or [row]),
        "choice": choice,
        "shown": shown,
        "looks": looks,
        "own_looks": [own for own in session.made.values() if isinstance(own, OwnLook)],
        "own": _find_own(session, choice.look),
        "describe": run.describe,
    }


def _back(request: Request, user_id: str, rank: int, own: str) -> RedirectResponse:
    """To the workbench, with a look that was just made."""
    target = request.url_for("look_page").include_query_params(shopper=user_id, rank=rank, own=own)
    return RedirectResponse(f"{target.path}?{target.query}", 303)
