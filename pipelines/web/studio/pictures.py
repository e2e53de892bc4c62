"""Pictures of the studio's pages: small copies of files that the run names, kept in memory."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fastapi import APIRouter, HTTPException, Request, Response
from starlette.concurrency import run_in_threadpool

from features.images import ImageLimits, decode, encode, resize_longest
from features.schema import ImageError
from pipelines.report.thumbnails import MISSING, Picture
from pipelines.stores import storage
from pipelines.web.studio.described import NOT_CHANGED, NOT_FOUND, Jpeg

SMALL_PX: Final = 160
CARD_PX: Final = 480
LARGE_PX: Final = 768
IMMUTABLE: Final = "private, max-age=31536000, immutable"
_SIZES: Final = (SMALL_PX, CARD_PX, LARGE_PX)
_KEPT_BYTES: Final = 96 * 2**20
_QUALITY: Final = 84


@dataclass(frozen=True)
class LinkedPicture(Picture):
    """A picture of a page: where it is fetched from, and its size there in pixels."""

    url: str
    width: int
    height: int


class Pictures:
    """Small copies of pictures, JPEG, at most about 96 MB of them.

    A request names a picture by a digest made here, never by a path: what was not added is not
    there. `sizes` are (width, height) of files, as far as the run knows them.
    """

    def __init__(self, limits: ImageLimits) -> None:
        """No picture yet; `limits` guard the decoding."""
        self._limits = limits
        self._paths: dict[str, tuple[Path, str]] = {}
        self._sizes: dict[str, tuple[int, int]] = {}
        self._kept: OrderedDict[tuple[str, int], bytes] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def know_size(self, path: str, width: int, height: int, version: str) -> None:
        """Remember the size of a file and what stands for its contents, so that neither is read."""
        self._sizes[path] = (width, height)
        self._paths[self._name(path)] = (Path(path), version)

    def size_of(self, path: str) -> tuple[int, int]:
        """(width, height) of a file that was made known."""
        return self._sizes[path]

    def add(self, path: Path, size_px: int) -> Picture:
        """See `PictureSource.add`: the link to a copy of about that size."""
        name = self._name(str(path))
        found = self._paths.get(name)
        if found is None:
            if not path.is_file():
                return MISSING
            # A render's name is that of its content.
            found = self._paths[name] = (path, path.stem[:12])
        side = next((size for size in _SIZES if size >= size_px), _SIZES[-1])
        width, height = self._sizes.get(str(path), (side, side))
        scale = min(side / max(width, height), 1.0)
        return LinkedPicture(
            "", width / height, f"/pictures/{name}-{found[1][:12]}-{side}.jpg",
            max(round(width * scale), 1), max(round(height * scale), 1),
        )  # fmt: skip

    def read(self, name: str, side: int) -> bytes | None:
        """The JPEG file of a picture, its longer side at most `side`; None where there is none."""
        key = (name, side)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        found = self._paths.get(name)
        if found is None:
            return None
        try:
            small = resize_longest(decode(found[0], self._limits), side)
        except (ImageError, OSError):
            return None
        data = encode(small, "jpeg", _QUALITY)
        with self._lock:
            if key not in self._kept:
                self._kept[key] = data
                self._bytes += len(data)
            while self._bytes > _KEPT_BYTES:
                self._bytes -= len(self._kept.popitem(last=False)[1])
        return data

    @staticmethod
    def _name(path: str) -> str:
        return storage.digest_bytes(path.encode(errors="surrogateescape"))[:20]


router = APIRouter()


@router.get(
    "/pictures/{name}-{version}-{side}.jpg",
    response_class=Jpeg,
    responses=NOT_FOUND | NOT_CHANGED,
)
async def picture(request: Request, name: str, version: str, side: int) -> Response:
    """A picture that a page links to; its address changes with its content."""
    if side not in _SIZES:
        raise HTTPException(404, "There is no picture of that size.")
    tag = f'"{name}-{version}-{side}"'
    headers = {"ETag": tag, "Cache-Control": IMMUTABLE}
    if request.headers.get("if-none-match") == tag:
        return Response(None, 304, headers)
    pictures: Pictures = request.app.state.studio.runs.current().pictures
    data = await run_in_threadpool(pictures.read, name, side)
    if data is None:
        raise HTTPException(404, "This picture is not part of the run, or cannot be read.")
    return Jpeg(data, headers=headers)
