"""Sets kept by content: each is made once, whoever asks first."""

from __future__ import annotations

import hashlib
import os
import tempfile
from dataclasses import asdict
from io import BytesIO
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin, UnidentifiedImageError

from features.images import require_picture
from styletransfer.config import SetConfig
from styletransfer.sets.synthesis import DEFAULT_SETS, MadeSet, SetLayout, make_set

REVISION: Final = 3
"""Goes up with every change of what `make_set` returns, so that older files are not taken."""

_COPIED: Final = "stylefeed:copied"
_METHOD: Final = "stylefeed:method"


class SetStore:
    """A folder of sets, one lossless PNG each, that several processes may share.

    A file is written beside its place and renamed, so a reader finds a whole set or none. One that
    is damaged all the same is made again.
    """

    def __init__(self, folder: Path, config: SetConfig = DEFAULT_SETS) -> None:
        """Keep sets in `folder`, made where it lacks."""
        self._folder = folder
        self._config = config
        folder.mkdir(parents=True, exist_ok=True)

    def get(
        self,
        look: NDArray[np.uint8],
        layout: SetLayout,
        side_px: int,
        seed: int,
        verbatim: bool = False,
    ) -> MadeSet:
        """The set that `make_set` makes of the same arguments, made now if it is not kept yet.

        Raises what `make_set` raises, and OSError where the folder cannot be written.
        """
        path = self.path(look, layout, side_px, seed, verbatim)
        kept = _read(path, side_px)
        if kept is not None:
            return kept
        made = make_set(look, layout, side_px, seed, self._config, verbatim)
        _write(path, made)
        return made

    def path(
        self,
        look: NDArray[np.uint8],
        layout: SetLayout,
        side_px: int,
        seed: int,
        verbatim: bool = False,
    ) -> Path:
        """Where a set is kept: named by the hash of all that it is made from."""
        require_picture(look)
        state = hashlib.blake2b(digest_size=16)
        settings = sorted(asdict(self._config).items())
        state.update(
            repr(
                (REVISION, look.shape, layout, int(side_px), int(seed), bool(verbatim), settings)
            ).encode()
        )
        state.update(np.ascontiguousarray(look).tobytes())
        return self._folder / f"{state.hexdigest()}.png"


def _read(path: Path, side_px: int) -> MadeSet | None:
    """The set kept in a file, or None where there is none or it is damaged."""
    try:
        with Image.open(path, formats=("PNG",)) as file:
            file.load()
            words = file.info
            picture = np.array(file)
            copied, method = float(words[_COPIED]), str(words[_METHOD])
    except FileNotFoundError:
        return None
    except (OSError, SyntaxError, KeyError, ValueError, UnidentifiedImageError):
        # Cut short, overwritten or of another origin: the caller makes it again.
        return None
    if picture.dtype != np.uint8 or picture.shape != (side_px, side_px, 3):
        return None
    return MadeSet(picture, copied, method)


def _write(path: Path, made: MadeSet) -> None:
    words = PngImagePlugin.PngInfo()
    words.add_text(_COPIED, repr(made.copied))
    words.add_text(_METHOD, made.method)
    buffer = BytesIO()
    Image.fromarray(made.picture).save(buffer, "PNG", pnginfo=words)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".writing-", suffix=".png")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(buffer.getvalue())
        temporary.chmod(0o644)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
