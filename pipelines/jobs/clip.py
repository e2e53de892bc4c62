"""One clip, or one spin, in a look: a file or a folder, whole or not at all."""

from __future__ import annotations

import shutil
import tempfile
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from features.images import decode, read_picture
from features.networks.encoders import StyleEncoder
from features.schema import ORIGINAL, ConfigError, InputError
from pipelines.config import RunConfig
from pipelines.progress import progress
from pipelines.stages.render import recipe
from pipelines.stores import storage
from pipelines.workers.film import KEY, ClipRefused, film, read_look
from pipelines.workers.paint import LookSource, publish
from styletransfer.look import Look
from styletransfer.provenance.record import Provenance, embed_provenance
from styletransfer.renderer import open_painter
from styletransfer.sets.shelf import SetShelf
from styletransfer.video.clip import CLIP_REVISION, ClipReport, restyle_clip
from styletransfer.video.reader import ClipReader, read_tags
from styletransfer.video.spin import read_spin, spin_files
from styletransfer.video.writer import kind_of

REPORT: Final = "report.json"


def make_clip(video: Path, look: Path, out: Path, config: RunConfig) -> dict[str, Any]:
    """Show the clip `video`, a file or the folder of a spin, in the look of the picture `look`.

    `out` is a file whose suffix says what it is to be, or the folder for a spin's frames, new,
    empty or of an earlier spin; it is replaced whole. Where it holds the result of the same inputs
    and settings, nothing is done. Returns whether there was work, and the figures of the clip's
    report if so. Raises ConfigError for settings or names that do not go together, InputError for
    what cannot be read and where the clip is not to be shown in the look, with nothing written.
    """
    if config.render.mode != "faithful":
        raise ConfigError(f"render.mode is {config.render.mode!r}: a clip is faithful, or nothing")
    if out.resolve() == video.resolve():
        raise ConfigError(f"--out {out} is the clip itself: give another name")
    is_spin = video.is_dir()
    if is_spin:
        _require_replaceable(out)
    if not is_spin:
        kind_of(out)
        if not video.is_file():
            raise InputError(f"clip {video} is missing: expected a file of video")
    key = storage.digest_json(
        {
            "video": _digest_spin(video) if is_spin else storage.digest_file(video),
            "look": storage.digest_content(read_picture(look, config.images)),
            "recipe": recipe(config.render),
            "revision": CLIP_REVISION,
            "out": config.render.format if is_spin else out.suffix.lower(),
        }
    )
    if _holds(out, key):
        return {"worked": False, "served_mode": "faithful"}
    make = _make_spin if is_spin else _make_file
    report = make(video, _read_look(look, config), out, config, key)
    return {"worked": True, **report.to_dict()}


def _read_look(path: Path, config: RunConfig) -> Look:
    (code,) = StyleEncoder().encode([decode(path, config.images)])
    return read_look(path.stem, LookSource(code, str(path)), config.render, config.images)


def _make_file(video: Path, look: Look, out: Path, config: RunConfig, key: str) -> ClipReport:
    with (
        ClipReader(video, config.render.size_px, config.images) as reader,
        progress("clip", reader.expected) as advance,
    ):
        painter, shelf = open_painter(config.render), SetShelf(config=config.render.sets)
        try:
            return film(
                reader,
                out,
                look,
                video.stem,
                config.render,
                painter,
                shelf,
                key,
                on_frame=partial(advance, 1),
            )
        except ClipRefused as refused:
            raise _not_shown(video, refused.report) from None


def _make_spin(folder: Path, look: Look, out: Path, config: RunConfig, key: str) -> ClipReport:
    painter = open_painter(config.render)
    told = Provenance("faithful", folder.stem, look.style_id, look.strength, painter.version)
    count = len(spin_files(folder))
    storage.make_folder(out.parent)
    with storage.naming_write_errors(out):
        made = Path(tempfile.mkdtemp(dir=out.parent, prefix=storage.WRITING))
        try:
            writer = _SpinWriter(folder, made, config, key, told)
            with progress("spin", count) as advance:
                report = restyle_clip(
                    read_spin(folder, config.render.size_px, config.images),
                    writer,
                    look,
                    config.render,
                    painter,
                    SetShelf(config=config.render.sets),
                    count,
                    spin=True,
                    on_frame=partial(advance, 1),
                )
            if report.served_mode == ORIGINAL:
                raise _not_shown(folder, report)
            files = sorted(path.name for path in made.iterdir())
            storage.write_json(made / REPORT, {KEY: key, "files": files, **report.to_dict()})
            made.chmod(0o755)
            if out.exists():
                shutil.rmtree(out)
            made.replace(out)
        finally:
            shutil.rmtree(made, ignore_errors=True)
    return report


class _SpinWriter:
    """Writes a spin's frames as picture files, each under the name of its source."""

    def __init__(
        self, folder: Path, out: Path, config: RunConfig, key: str, told: Provenance
    ) -> None:
        self._files = spin_files(folder)
        self._out = out
        self._config = config
        self._key = key
        self._told = told

    def write(self, picture: NDArray[np.uint8], pts: int) -> list[NDArray[np.uint8]]:
        """Write the frame of number `pts`; what viewers see of it."""
        config, source = self._config, self._files[pts]
        data = publish(picture, self._key, config.render)
        photo = read_picture(source, config.images)
        data = embed_provenance(data, config.render.format, self._told, photo)
        suffix = config.render.format.replace("jpeg", "jpg")
        storage.write_bytes(self._out / f"{source.stem}.{suffix}", data, durable=False)
        return [decode(data)]

    def finish(self) -> list[NDArray[np.uint8]]:
        """Nothing is left."""
        return []


def _not_shown(video: Path, report: ClipReport) -> InputError:
    return InputError(
        f"{video} is not to be shown in this look, nothing was written: {report.reason}; show "
        "the clip as it is, or film the product apart from what is around it"
    )


def _require_replaceable(out: Path) -> None:
    """Raise ConfigError where a spin's folder has a file, or what no spin has left there."""
    if out.exists() and not out.is_dir():
        raise ConfigError(f"--out {out} is a file: a spin is written to a folder")
    found = {path.name for path in out.iterdir()} if out.is_dir() else set()
    told = storage.find_json(out / REPORT) or {}
    if found and (KEY not in told or not found <= {REPORT, *told.get("files", ())}):
        raise ConfigError(
            f"--out {out} holds files that no spin has left there, and would be replaced whole: "
            "give an empty folder, or another name"
        )


def _holds(out: Path, key: str) -> bool:
    """Whether `out` is the whole result of the same inputs and settings."""
    if out.is_dir():
        told = storage.find_json(out / REPORT) or {}
        return told.get(KEY) == key and len(list(out.iterdir())) == len(told.get("files", ())) + 1
    return out.is_file() and read_tags(out).get(KEY) == key


def _digest_spin(folder: Path) -> str:
    return storage.digest_json(
        {path.name: storage.digest_file(path) for path in spin_files(folder)}
    )
