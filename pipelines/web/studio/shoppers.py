"""A shopper's feed: the photo beside what is served, why, and what the shopper says of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Final, cast, get_args

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.concurrency import run_in_threadpool

from features.schema import ORIGINAL
from pipelines.report.shoppers import Card
from pipelines.stores.feedback_events import Opinion, keep_opinion, opinions
from pipelines.web.studio.described import NOT_FOUND, TEXT, one_of, sends
from pipelines.web.studio.finished_run import FinishedRun
from pipelines.web.studio.pages import (
    SentForm,
    allow,
    is_fragment,
    page,
    run_of,
    session_of,
    studio_of,
    text_of,
)

router = APIRouter()
LISTED: Final = 60


@dataclass(frozen=True)
class ShownCard:
    """A card of the feed, what the shopper said of it, its note for engineers, and the address of
    its clip, '' without one."""

    card: Card
    item_id: str
    style_id: str
    note: str
    said: Opinion | None
    clip: str


async def shopper_of(request: Request, shopper: str | None = None) -> str:
    """Whose feed the request is about: a shopper's own, whatever is asked; for staff the one named.

    Raises 403 where a shopper asks for somebody else's, 404 where the feed knows nobody of that id.
    """
    account = session_of(request).account
    if account.role == "shopper":
        if shopper not in (None, account.user_id):
            studio_of(request).audit.note(account, request.url.path, "refused: another's feed")
            raise HTTPException(403, "You can see your own feed alone.")
        shopper = account.user_id
    run = run_of(request)
    if shopper is None or run.rows_of(shopper) is None:
        raise HTTPException(404, "The feed knows no shopper of that id: search for one.")
    return shopper


ShopperId = Annotated[str, Depends(shopper_of)]


def row_of(run: FinishedRun, user_id: str, rank: int) -> dict[str, Any]:
    """One row of a shopper's feed; 404 where it has no such rank."""
    found = next((row for row in run.rows_of(user_id) or [] if row["rank"] == rank), None)
    if found is None:
        raise HTTPException(404, f"This feed has no place {rank}.")
    return found


def shown_card(run: FinishedRun, row: Mapping[str, Any], said: Mapping[int, Opinion]) -> ShownCard:
    """A row of the feed as pages show it."""
    shopper = run.shopper(str(row["user_id"]))
    assert shopper is not None
    card = next(card for card in shopper.cards if card.rank == int(row["rank"]))
    return ShownCard(
        card, str(row["item_id"]), str(row["style_id"]), str(row["render_note"] or ""),
        said.get(int(row["rank"])), run.clips.address(card.clip),
    )  # fmt: skip


@router.get("/shoppers", dependencies=[Depends(allow("merchandiser", "engineer"))])
def shoppers(request: Request, find: str = "") -> HTMLResponse:
    """Shoppers who differ, and a search by id."""
    run = run_of(request)
    wanted = find.strip()[:200]
    users = [user for user in run.user_ids if wanted.casefold() in user.casefold()]
    portraits = [(portrait, run.shopper(portrait.user_id)) for portrait in run.portraits]
    facts = run.run.users.set_index("user_id")[["style_strength", "n_events", "cold"]]
    listed = [(user, facts.loc[user].to_dict()) for user in users[:LISTED] if user in facts.index]
    template = "_found_shoppers.html" if is_fragment(request) else "shoppers.html"
    return page(
        request, template, portraits=portraits, find=wanted, listed=listed, n_found=len(users),
        run=run, n_looks=len(run.run.styles), n_items=len(run.run.items),
    )  # fmt: skip


@router.get("/feed", responses=NOT_FOUND)
async def feed(request: Request, user_id: ShopperId) -> HTMLResponse:
    """The feed of one shopper."""
    run = run_of(request)
    said = opinions(studio_of(request).out, user_id, run.version)
    return page(
        request, "feed.html", shopper=run.shopper(user_id), user_id=user_id, run=run,
        cards=[shown_card(run, row, said) for row in run.rows_of(user_id) or []],
        n_said=len(said),
    )  # fmt: skip


@router.post(
    "/feedback",
    **sends({"opinion": one_of(*get_args(Opinion), "none"), "rank": TEXT}, missing=NOT_FOUND),
)
async def feedback(request: Request, form: SentForm, user_id: ShopperId) -> Response:
    """Keep what the shopper says of one card, or of all (`plain photos please`)."""
    studio, run = studio_of(request), run_of(request)
    word = text_of(form, "opinion")
    if word not in (*get_args(Opinion), "none"):
        raise HTTPException(422, "An opinion is like, dislike, plain or none.")
    opinion = None if word == "none" else cast(Opinion, word)
    place = text_of(form, "rank")
    if place == "all":
        rows = run.rows_of(user_id) or []
        rows = [row for row in rows if row["style_id"] != ORIGINAL or opinion is None]
    elif place.isascii() and place.isdigit() and len(place) < 6:
        rows = [row_of(run, user_id, int(place))]
    else:
        raise HTTPException(422, "rank must be a place in the feed, or all.")
    now = datetime.now(UTC)
    changed = await run_in_threadpool(
        keep_opinion, studio.out, user_id, rows, run.version, opinion, now
    )
    account = session_of(request).account
    studio.audit.note(account, "feedback", word, cards=changed, about=user_id)
    if is_fragment(request) and len(rows) == 1 and place != "all":
        said = await run_in_threadpool(opinions, studio.out, user_id, run.version)
        shown = shown_card(run, rows[0], said)
        return page(request, "_opinion.html", shown=shown, user_id=user_id)
    anchor = "" if place == "all" else f"#card-{place}"
    target = request.url_for("feed").include_query_params(shopper=user_id)
    return RedirectResponse(f"{target.path}?{target.query}{anchor}", 303)
