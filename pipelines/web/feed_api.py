"""GET /v1/feed/{user_id}, /healthz and /metrics over an export of the feed."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any, Final, Protocol

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from pydantic import BaseModel, Field

from features.schema import InputError
from pipelines.exports.contract import About, Entry, FeedAnswer

_SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)


class FeedSource(Protocol):
    """An export that is read: each method answers from one whole version of the feed."""

    async def about(self) -> About:
        """What the export holds. Raises InputError where it cannot be read, as all methods do."""
        ...

    async def find(self, user_id: str) -> Entry | None:
        """The entry of a shopper; None for one whom the feed does not know."""
        ...

    async def unknown(self) -> Entry:
        """The entry for a shopper whom the feed does not know."""
        ...

    async def close(self) -> None:
        """Let go of files and connections."""
        ...


class Health(BaseModel):
    """Whether answers can be given, and of which feed."""

    status: str = Field(description="ok, stale (another feed is current) or failed.")
    version: str | None = Field(description="The version that answers are of.")
    current: str | None = Field(description="The current version in the job's folder.")
    users: int
    detail: str | None = Field(description="What failed, in one line.")


class Problem(BaseModel):
    """Why there is no answer, in one line."""

    detail: str


class _Metrics:
    """What is counted, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        answers = Counter(
            "stylefeed_answers",
            "Answers to GET /v1/feed.",
            ["kind"],
            registry=self.registry,
        )
        kinds = ("known", "unknown", "not_modified", "failed")
        self.answers = {kind: answers.labels(kind) for kind in kinds}
        self.seconds = Histogram(
            "stylefeed_answer_seconds", "Time from a request's handling to its answer.",
            buckets=_SECONDS, registry=self.registry,
        )  # fmt: skip
        self.users = Gauge(
            "stylefeed_export_users", "Shoppers in the export.", registry=self.registry
        )
        self.stale = Gauge(
            "stylefeed_export_stale", "1 where another feed is current.", registry=self.registry
        )


def feed_api(open_source: Callable[[], FeedSource], current: Callable[[], str | None]) -> FastAPI:
    """The service; `open_source` opens the export in its event loop, `current` names the feed.

    A shopper whom the feed does not know gets items that are often recommended to others, as
    photographed, with `known` false. Where the export cannot be read the answer is 503 and one
    line. Answers carry an ETag, the digest of their bytes, and are revalidated at every use.
    """
    metrics = _Metrics()
    opened: list[FeedSource] = []

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        opened.append(open_source())
        yield
        await opened.pop().close()

    app = FastAPI(title="Stylefeed", version=version("stylefeed"), lifespan=lifespan)
    not_served: dict[int | str, dict[str, Any]] = {
        304: {"description": "The feed is the one of If-None-Match."},
        503: {"model": Problem, "description": "The export cannot be read."},
    }

    @app.get("/v1/feed/{user_id:path}", response_model=FeedAnswer, responses=not_served)
    async def feed(user_id: str, request: Request) -> Response:
        """The feed of one shopper, whole, of one version."""
        begun = time.perf_counter()
        source = opened[0]
        kind = "known"
        try:
            entry = await source.find(user_id)
            if entry is None:
                kind, entry = "unknown", await source.unknown()
        except InputError as error:
            metrics.answers["failed"].inc()
            return JSONResponse({"detail": str(error)}, 503)
        tag = f'"{entry.etag}"'
        headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
        asked = request.headers.get("if-none-match")
        if asked is not None and _matches(asked, tag):
            kind, response = "not_modified", Response(None, 304, headers)
        else:
            response = Response(entry.body, 200, headers, "application/json")
        metrics.answers[kind].inc()
        metrics.seconds.observe(time.perf_counter() - begun)
        return response

    async def examine() -> Health:
        now = current()
        try:
            about = await opened[0].about()
        except InputError as error:
            return Health(status="failed", version=None, current=now, users=0, detail=str(error))
        status = "ok" if about.version == now else "stale"
        return Health(
            status=status, version=about.version, current=now, users=about.users, detail=None
        )

    @app.get("/healthz", response_model=Health, responses={503: {"model": Health}})
    async def healthz() -> Response:
        """200 while answers can be given, of the current feed (ok) or an older one (stale)."""
        health = await examine()
        return JSONResponse(health.model_dump(), 503 if health.status == "failed" else 200)

    @app.get("/metrics", response_class=Response)
    async def read_metrics() -> Response:
        """Counts and times in Prometheus' text format."""
        health = await examine()
        metrics.users.set(health.users)
        metrics.stale.set(float(health.status != "ok"))
        return Response(generate_latest(metrics.registry), 200, None, CONTENT_TYPE_LATEST)

    return app


def _matches(asked: str, tag: str) -> bool:
    """Whether If-None-Match names `tag`, by the weak comparison of RFC 9110."""
    if asked.strip() == "*":
        return True
    return any(part.strip().removeprefix("W/") == tag for part in asked.split(","))
