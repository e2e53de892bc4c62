"""`stylefeed challenge`: ranks the looks that were submitted, and makes the winner a look."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from features.schema import InputError
from pipelines.jobs.add_look import add_look
from pipelines.stores.challenge_store import ChallengeStore, Entry

STORE: Final = "studio"
"""Where the challenge is in a job's folder."""
_Z: Final = 1.959964


@dataclass(frozen=True)
class Ranked:
    """A look and its place: `score` is what share of voters like it at least, at 95 %."""

    place: int
    entry: Entry
    score: float


def wilson_lower_bound(likes: int, votes: int) -> float:
    """The lower end of the 95 % interval of a share, 0 without votes.

    Wilson, "Probable inference, the law of succession, and statistical inference" (1927): few
    votes leave it low, so that one friend's vote does not beat a hundred mostly good ones.
    """
    if votes == 0:
        return 0.0
    share, z2 = likes / votes, _Z**2
    spread = _Z * math.sqrt(share * (1.0 - share) / votes + z2 / (4.0 * votes**2))
    return max((share + z2 / (2.0 * votes) - spread) / (1.0 + z2 / votes), 0.0)


def rank(entries: list[Entry]) -> list[Ranked]:
    """Looks by their Wilson score; equal ones by more votes, then by who came first."""
    scored = [(wilson_lower_bound(entry.likes, entry.votes), entry) for entry in entries]
    scored.sort(key=lambda pair: (-pair[0], -pair[1].votes, pair[1].entry_id))
    return [Ranked(place, entry, score) for place, (score, entry) in enumerate(scored, 1)]


def challenge_table(out: Path) -> list[dict[str, Any]]:
    """The ranking of the challenge in the job's folder `out`, JSON-able.

    Raises InputError where there is no such folder.
    """
    if not out.is_dir():
        raise InputError(f"{out} is no folder: give that of a job, as `stylefeed run` made it")
    return [
        {
            "place": ranked.place,
            "entry": ranked.entry.entry_id,
            "name": ranked.entry.name,
            "likes": ranked.entry.likes,
            "votes": ranked.entry.votes,
            "score": round(ranked.score, 4),
            "style_id": ranked.entry.style_id,
        }
        for ranked in rank(ChallengeStore(out / STORE).entries())
    ]


def make_look(out: Path, entry_id: int, styles_path: Path, pictures: Path | None = None) -> str:
    """Add the look of an entry to the table `styles_path`; returns its style_id.

    One that is a look already is not added again. Raises InputError where there is no such entry,
    its picture is gone, or the table cannot be added to.
    """
    store = ChallengeStore(out / STORE)
    entry = next((one for one in store.entries() if one.entry_id == entry_id), None)
    if entry is None:
        raise InputError(
            f"{out} has no submitted look {entry_id}: `stylefeed challenge` lists them"
        )
    try:
        png = store.picture_path(entry.picture).read_bytes()
    except OSError as error:
        raise InputError(f"the picture of {entry.name!r} cannot be read: {error}") from error
    style_id = add_look(styles_path, entry.name, entry.tags, png, pictures)
    store.mark_won(entry_id, style_id)
    return style_id
