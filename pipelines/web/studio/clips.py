"""Clips of the studio's pages: files that rows of the feed name, a part at a time if asked so."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import FileResponse

from pipelines.stores import storage
from pipelines.stores.workspace import Workspace
from pipelines.web.studio.described import CLIP, NOT_FOUND
from pipelines.web.studio.pictures import IMMUTABLE


class Clips:
    """The clips of a feed by a name made here, never by a path: others are not there."""

    def __init__(self, workspace: Workspace, uris: Iterable[object]) -> None:
        """Know those of `uris` that are text: paths in the job's folder, named by content."""
        known = {uri: workspace.path(uri) for uri in uris if isinstance(uri, str)}
        self._paths = {_name(uri): path for uri, path in known.items()}

    def address(self, uri: str) -> str:
        """Where a page finds the clip; '' for '' and for what is not there."""
        name = _name(uri)
        return "" if self.path(name) is None else f"/clips/{name}"

    def path(self, name: str) -> Path | None:
        """The file of that name, None where there is none."""
        path = self._paths.get(name)
        return path if path is not None and path.is_file() else None


def _name(uri: str) -> str:
    return storage.digest_bytes(uri.encode())[:20] + Path(uri).suffix


router = APIRouter()


@router.get("/clips/{name}", response_class=FileResponse, responses=NOT_FOUND | CLIP)
async def clip(request: Request, name: str) -> FileResponse:
    """A clip that a page links to; its address changes with its content."""
    clips: Clips = request.app.state.studio.runs.current().clips
    path = clips.path(name)
    if path is None:
        raise HTTPException(404, "This clip is not part of the run.")
    return FileResponse(path, headers={"Cache-Control": IMMUTABLE})
