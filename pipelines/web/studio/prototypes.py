"""The map of looks: style space in two dimensions, with prototypes and shoppers in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse
from numpy.typing import NDArray

from features.schema import ORIGINAL
from features.style_space import StyleSpace
from pipelines.report.shoppers import LookTag
from pipelines.stores import storage
from pipelines.stores.arrays import stack_vectors
from pipelines.web.studio.finished_run import FinishedRun
from pipelines.web.studio.pages import allow, page, run_of

router = APIRouter(dependencies=[Depends(allow("merchandiser", "engineer"))])
WIDTH: Final = 1200
HEIGHT: Final = 760
TILE: Final = 64
_MARGIN: Final = 60
_MOST_SHOPPERS: Final = 400
_TURNS: Final = 80


@dataclass(frozen=True)
class PlacedLook:
    """A look on the map: the middle of its tile."""

    style_id: str
    look: LookTag
    x: float
    y: float
    served: int
    prototype: str


@dataclass(frozen=True)
class StyleMap:
    """The map: looks, shoppers' points, the middle of every prototype, and how much it shows."""

    looks: list[PlacedLook]
    shoppers: list[tuple[float, float]]
    prototypes: list[tuple[str, float, float, int]]
    explained: float


@router.get("/prototypes")
def prototypes(request: Request) -> HTMLResponse:
    """The map of looks, and the prototypes with their looks."""
    run = run_of(request)
    made = style_map(run)
    return page(
        request, "prototypes.html", map=made, width=WIDTH, height=HEIGHT, tile=TILE,
        n_users=len(run.user_ids), run=run,
    )  # fmt: skip


def style_map(run: FinishedRun) -> StyleMap:
    """Lay out style space on the two directions in which looks differ most (PCA of their codes)."""
    styles = [str(style) for style in run.looks.index]
    told = storage.read_json(run.workspace.path("style_space.json"))
    space = StyleSpace(np.asarray(told["centre"], dtype=np.float32))
    codes = np.asarray(space.unit(stack_vectors(run.looks["style_code"])), dtype=np.float64)
    centre = codes.mean(axis=0)
    _, lengths, axes = np.linalg.svd(codes - centre, full_matrices=False)
    # An axis of the decomposition has no sign: the largest part of it is made positive.
    axes = np.vstack([axes, np.zeros((2, codes.shape[1]))])[:2]
    largest = axes[[0, 1], np.abs(axes).argmax(axis=1)]
    axes = axes * np.where(largest < 0.0, -1.0, 1.0)[:, None]
    flat = (codes - centre) @ axes.T
    users = run.run.users
    users = users[users["style_strength"] > 0.0]
    step = max(-(-len(users) // _MOST_SHOPPERS), 1)
    some = users["style_embedding"].iloc[::step]
    embeddings = stack_vectors(some) if len(some) else np.zeros((0, codes.shape[1]))
    theirs = (np.asarray(space.unit(embeddings), dtype=np.float64) - centre) @ axes.T
    scale = np.maximum(np.abs(flat).max(axis=0), 1e-9)
    half = np.array([WIDTH / 2 - _MARGIN, HEIGHT / 2 - _MARGIN])

    def place(points: NDArray[np.float64]) -> NDArray[np.float64]:
        inside = np.clip(points / scale, -1.05, 1.05)
        return np.asarray(inside * half + np.array([WIDTH / 2, HEIGHT / 2]), dtype=np.float64)

    spread = _apart(place(flat))
    counts = run.run.feed["style_id"].value_counts()
    of = {look: name for name, looks in run.run.members.items() for look in looks}
    placed = [
        PlacedLook(
            style, run.describe.look(style), float(x), float(y), int(counts.get(style, 0)),
            run.run.prototype_names.get(of.get(style, ""), ""),
        )
        for style, (x, y) in zip(styles, spread, strict=True)
        if style != ORIGINAL
    ]  # fmt: skip
    index = {style: number for number, style in enumerate(styles)}
    middles = []
    for prototype, members in run.run.members.items():
        known = [index[look] for look in members if look in index]
        if known:
            x, y = spread[known].mean(axis=0)
            middles.append((run.run.prototype_names[prototype], float(x), float(y), len(known)))
    share = float((lengths[:2] ** 2).sum() / max(float((lengths**2).sum()), 1e-12))
    points = [(float(x), float(y)) for x, y in place(theirs)]
    return StyleMap(placed, points, middles, share)


def _apart(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Move tiles that lie over each other apart, a little at a time, inside the map."""
    moved = points.copy()
    low, high = np.array([TILE / 2 + 4] * 2), np.array([WIDTH, HEIGHT]) - TILE / 2 - 4
    need = TILE + 6
    for _ in range(_TURNS):
        apart = moved[:, None] - moved[None]
        near: NDArray[np.bool_] = np.all(np.abs(apart) < need, axis=2)
        np.fill_diagonal(near, False)
        if not near.any():
            break
        length = np.linalg.norm(apart, axis=2)[..., None]
        # Points at one place part in directions of their own.
        angle = np.arange(len(moved))[:, None] * 2.4
        own = np.stack([np.cos(angle + angle.T), np.sin(angle - angle.T)], axis=2)
        unit = np.where(length > 1e-6, apart / np.maximum(length, 1e-6), own)
        moved += (unit * near[..., None]).sum(axis=1) * 4.0
        moved = np.clip(moved, low, high)
    return moved
