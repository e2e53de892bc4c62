"""What an exported answer holds: the feed's contract as models, which JSON Schema is made from."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

FORMAT: Final = 2
"""Goes up with every change of what an answer holds or how it is kept."""
DIGEST_CHARACTERS: Final = 32


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Fidelity(_Strict):
    """The numbers that say the product survived; all null for an original."""

    mode: str = Field(description="Mode served: faithful, accent, artistic or original.")
    mask_confidence: float | None = Field(description="Confidence of the product mask, 0 to 1.")
    delta_e: float | None = Field(description="Mean CIEDE2000 inside the product.")
    ssim: float | None = Field(description="Structural similarity inside the product.")
    edge_f1: float | None = Field(description="F1 of edges inside the product.")
    identity_rank: float | None = Field(description="Rank of the item among the catalogue.")
    arrival: float | None = Field(description="How far the look arrived, 0 to 1.")


class FeedItem(_Strict):
    """One row of a feed: an item, the look it is shown in, and how both were drawn."""

    rank: int = Field(ge=1, description="Place in the feed, from 1.")
    item_id: str
    score: float = Field(description="What items were ranked by.")
    probability: float | None = Field(description="That the shopper touches it, calibrated.")
    item_propensity: float = Field(gt=0, le=1, description="Below 1: drawn to explore.")
    style_id: str = Field(description="The look served; `original` for the plain photo.")
    style_drawn: str = Field(description="The look drawn.")
    style_propensity: float = Field(gt=0, le=1, description="Probability of the look drawn.")
    strength: float = Field(ge=0, le=1, description="Strength served, 0 for the original.")
    image_uri: str | None = Field(description="Picture, relative to the job's folder.")
    original_uri: str | None = Field(description="Original photo, relative to the job's folder.")
    video_uri: str | None = Field(
        description="Clip in the look served, relative to the job's folder; null without one."
    )
    render_key: str | None
    fidelity: Fidelity
    reason: str = Field(description="Why, in words for the shopper.")
    render_note: str = Field(
        description="Why the original is shown or a clip is missing, in words for engineers."
    )


class FeedAnswer(_Strict):
    """The feed of one shopper, whole, of one version."""

    user_id: str | None = Field(description="Null for a shopper whom the feed does not know.")
    known: bool = Field(description="False: items often recommended to others, as photographed.")
    version: str = Field(description="The version of the feed.")
    run_id: str = Field(description="The run that made it; log it with what is shown.")
    items: list[FeedItem] = Field(description="By rank.")


@dataclass(frozen=True)
class About:
    """What an export holds: `version` of the feed, `source` its digest, `users` and `rows`."""

    version: str
    source: str
    users: int
    rows: int
    format: int = FORMAT


@dataclass(frozen=True)
class Entry:
    """An answer as it is kept and sent: `body`, UTF-8 JSON, and its hex digest `etag`."""

    etag: str
    body: bytes

    def pack(self) -> bytes:
        """The one value that a key-value store keeps."""
        return self.etag.encode() + self.body

    @classmethod
    def unpack(cls, value: bytes) -> Entry:
        """The entry that `pack` made `value` of."""
        return cls(value[:DIGEST_CHARACTERS].decode(), value[DIGEST_CHARACTERS:])


def answer_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of `FeedAnswer`."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **FeedAnswer.model_json_schema(),
    }


def answer_body(
    user_id: str | None, known: bool, version: str, run_id: str, rows: list[bytes]
) -> bytes:
    """UTF-8 JSON of one answer out of the JSON of its `rows`."""
    head = {"user_id": user_id, "known": known, "version": version, "run_id": run_id}
    text = json.dumps(head, ensure_ascii=False, separators=(",", ":"))
    return b'%s,"items":[%s]}' % (text[:-1].encode(), b",".join(rows))
