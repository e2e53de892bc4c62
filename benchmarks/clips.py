"""Are clips in a look steady, recognised, and their product untouched?

    python -m benchmarks.clips [--part all|quality|speed] [--size 256] [--frames 24]
        [--looks 2]
        [--photos 2] [--folder runs/clips]

Clips of `benchmarks.moving`, with exact masks and motion, encoded as MP4, then shown by
`restyle_clip` with a set and with paint, beside the renderer called frame by frame: `stills` choose
a set by each frame as a feed does, `one set` places the same set in every frame. All are encoded
alike and measured as decoded. Surroundings: outside the true mask. Warping error (Lai et al. 2018,
by exact motion) times 10,000, tOF (Chu et al. 2020) in px; product delta-E 2000 two pixels inside
the true mask. Recognised (VGG16 judge, 77 looks) at three frames of each clip. Figures are of the
clips that every engine of the same surroundings serves. `speed`: a clip of 5 s at 384 px and one of
60 s, in processes of their own; seconds are the processor's. Frames and `TABLE.csv` stay in the
folder.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from PIL import Image

from benchmarks import vgg_judge
from benchmarks.machine import describe
from benchmarks.moving import KINDS, RATE, Moved, make, scenes, studio, write
from benchmarks.photo_kinds import Photo
from features.images import decode, resize_longest
from features.matting import product_mask
from features.networks.encoders import StyleEncoder
from styletransfer.config import RenderConfig
from styletransfer.faithful.compose import Composer
from styletransfer.faithful.gate import look_anchor
from styletransfer.faithful.plate import take_apart
from styletransfer.fidelity import FidelityMeter
from styletransfer.look import Look
from styletransfer.painters.generator.painter import Painter
from styletransfer.renderer import Renderer, open_painter
from styletransfer.sets.place import SetPlacer
from styletransfer.sets.shelf import SetRequest, SetShelf
from styletransfer.sets.store import SetStore
from styletransfer.sets.variant import choose_variant, picture_name
from styletransfer.video.clip import restyle_clip
from styletransfer.video.measures import tof, warping_error
from styletransfer.video.reader import ClipReader, Frame
from styletransfer.video.writer import ClipWriter

DATA: Final = Path("../shared/data")
KEPT_SETS: Final = Path("runs/sets")
Picture = NDArray[np.uint8]
Row = dict[str, Any]
Mark = Callable[[Picture], Picture]


class Bench:
    """What all engines share: settings, looks, sets, weights."""

    def __init__(self, size_px: int, n_looks: int, folder: Path) -> None:
        self.folder = folder
        self.config = RenderConfig(size_px=size_px)
        self.painter: Painter = open_painter(self.config)
        KEPT_SETS.mkdir(parents=True, exist_ok=True)
        self.shelf = SetShelf(SetStore(KEPT_SETS))
        styles = pd.read_csv(DATA / "shop" / "styles.csv", dtype="str")["image_path"]
        self.every_look = folder / "looks"
        self.every_look.mkdir(parents=True, exist_ok=True)
        for path in styles:
            shutil.copy(DATA / path, self.every_look)
        rows = np.linspace(0, len(styles) - 1, n_looks + 2).round().astype(int)[1:-1]
        self.looks = [self._look(DATA / styles[row]) for row in rows]

    def _look(self, path: Path) -> Look:
        full = decode(path)
        (code,) = StyleEncoder().encode([full])
        picture = resize_longest(full, self.config.set_side_px)
        return Look(path.name, code, 1.0, look_anchor(resize_longest(full, 384)), picture)

    def clip(
        self, surroundings: str, frames: list[Frame], look: Look, mark: Mark | None = None
    ) -> list[Picture] | None:
        """By `restyle_clip`."""
        config = replace(self.config, surroundings=surroundings)  # type: ignore[arg-type]
        shown: list[Picture] = []

        class Sink:
            def __init__(self, writer: ClipWriter) -> None:
                self.writer = writer

            def write(self, picture: Picture, pts: int) -> list[Picture]:
                seen = self.writer.write(picture, pts)
                shown.extend(seen)
                return seen

            def finish(self) -> list[Picture]:
                seen = self.writer.finish()
                shown.extend(seen)
                return seen

        with _writer(self.folder, frames) as writer:
            report = restyle_clip(
                iter(frames), Sink(writer), look, config, self.painter, self.shelf, len(frames),
                mark=mark,
            )  # fmt: skip
        return shown if report.served_mode == "faithful" else None

    def stills(self, surroundings: str, frames: list[Frame], look: Look) -> list[Picture]:
        """By the renderer, frame by frame, as a feed's photos are."""
        config = replace(self.config, surroundings=surroundings)  # type: ignore[arg-type]
        renderer = Renderer(config, sets=self.shelf)
        return [renderer.render(frame.picture, [look])[0].picture for frame in frames]

    def one_set(self, frames: list[Frame], look: Look) -> list[Picture]:
        """The same set in every frame, mask and light of each frame by itself."""
        made, window, pictures = None, None, []
        for frame in frames:
            plate = take_apart(frame.picture, product_mask(frame.picture).alpha)
            placer = SetPlacer(plate.background, plate.alpha)
            if made is None or window is None:
                window = choose_variant(picture_name(frame.picture), look.code, 2)
                assert look.picture is not None
                side = self.config.set_side_px
                request = SetRequest(look.picture, placer.layout, side, window.seed)
                made = self.shelf.fetch([request])[0]
            colours = placer.place(made.picture, window.shift, window.mirrored)
            assert look.anchor is not None
            pictures.append(Composer(plate).faithful(colours, look.anchor.palette, grade=0.0))
        return pictures


def _writer(folder: Path, frames: list[Frame]) -> ClipWriter:
    height, width = frames[0].picture.shape[:2]
    rate = Fraction(RATE)
    return ClipWriter(folder / "clip.mp4", height, width, 1 / rate, rate, {})


def _encoded(folder: Path, pictures: list[Picture], frames: list[Frame]) -> list[Picture]:
    with _writer(folder, frames) as writer:
        seen = [one for i, picture in enumerate(pictures) for one in writer.write(picture, i)]
        return seen + writer.finish()


Engine = Callable[[Bench, list[Frame], Look], list[Picture] | None]
ENGINES: Final[dict[str, tuple[str, Engine]]] = {
    "clip, set": ("set", lambda b, f, k: b.clip("set", f, k)),
    "stills, set": ("set", lambda b, f, k: _encoded(b.folder, b.stills("set", f, k), f)),
    "stills, one set": ("set", lambda b, f, k: _encoded(b.folder, b.one_set(f, k), f)),
    "clip, paint": ("paint", lambda b, f, k: b.clip("paint", f, k)),
    "stills, paint": ("paint", lambda b, f, k: _encoded(b.folder, b.stills("paint", f, k), f)),
    "untouched": ("", lambda b, f, k: [one.picture for one in f]),
}  # fmt: skip


def jobs(n_photos: int) -> Iterator[tuple[str, Photo, Photo]]:
    """(kind, photo, photo after the cut): phone photos for cameras, studio ones for turntables."""
    rooms, products = scenes(3 * n_photos), studio(4 * n_photos)[1::2]
    for number in range(n_photos):
        for place, kind in enumerate(KINDS):
            photo = rooms[(place + 3 * number) % len(rooms)]
            other = products[(place + number) % len(products)]
            yield (kind, other, photo) if kind == "turntable" else (kind, photo, other)


def filmed(
    folder: Path, n_photos: int, size_px: int, count: int
) -> Iterator[tuple[int, str, str, list[Moved], list[Frame]]]:
    """Write each clip to `folder` and read it again: its number, its kind, its photo's name, what
    is true of it, and its frames."""
    for number, (kind, photo, other) in enumerate(jobs(n_photos)):
        source = folder / f"{number}-{kind}.mp4"
        made = write(source, make(kind, photo, other, size_px, count))
        with ClipReader(source, size_px) as reader:
            yield number, kind, photo.name, made, list(reader.frames())


def measure(made: list[Moved], shown: list[Picture], frames: list[Frame]) -> Row:
    """The figures of one clip of one engine."""
    errors, flows, shifts = [], [], []
    for place, (true, picture, frame) in enumerate(zip(made, shown, frames, strict=True)):
        inner = cv2.erode((true.alpha > 0.95).astype(np.uint8), np.ones((5, 5), np.uint8))
        if inner.any():
            meter = FidelityMeter(frame.picture, inner.astype(np.float32))
            shifts.append(meter.measure(picture).delta_e)
        if true.back is None or true.known is None:
            continue
        # A mask that is a pixel off is told apart from a set that flickers.
        away = cv2.dilate(true.alpha, np.ones((7, 7), np.uint8)) < 0.05
        around = true.known & away
        errors.append(warping_error(shown[place - 1], picture, true.back, around))
        pair = frames[place - 1].picture, frame.picture
        flows.append(tof(shown[place - 1], picture, *pair, around))
    return {
        "warping": 1e4 * float(np.nanmean(errors)),
        "tof": float(np.nanmean(flows)),
        "delta_e": float(np.mean(shifts)),
        "within": float((np.array(shifts) <= 2.5).mean()),
    }


def run_quality(bench: Bench, n_photos: int, size_px: int, count: int) -> pd.DataFrame:
    """A row per clip, look and engine; frames to judge go to the folder."""
    rows: list[Row] = []
    for number, kind, photo, made, frames in filmed(bench.folder, n_photos, size_px, count):
        for look in bench.looks:
            for who, (surroundings, engine) in ENGINES.items():
                began = time.process_time()
                shown = engine(bench, frames, look)
                row: Row = {"kind": kind, "photo": photo, "look": look.style_id, "who": who}
                row |= {"surroundings": surroundings, "served": shown is not None}
                row["seconds"] = time.process_time() - began
                if shown is not None:
                    row |= measure(made, shown, frames)
                    row["files"] = ";".join(
                        _save(bench.folder, f"{number}-{look.style_id}-{who}", place, shown, made)
                        for place in (0, count // 2, count - 1)
                    )
                rows.append(row)
                print(kind, photo, look.style_id, who, row.get("warping"), file=sys.stderr)
    return pd.DataFrame(rows)


def _save(folder: Path, name: str, place: int, shown: list[Picture], made: list[Moved]) -> str:
    path = folder / "frames" / f"{name}-{place}.png"
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(shown[place]).save(path)
    photo = path.with_suffix(".photo.png")
    Image.fromarray(made[place].picture).save(photo)
    Image.fromarray((made[place].alpha * 255).astype(np.uint8)).save(path.with_suffix(".mask.png"))
    return str(path)


def recognised(table: pd.DataFrame, folder: Path) -> pd.Series:
    """Share of the frames judged whose look comes first, by row of `table`."""
    asked = [
        {
            "row": row,
            "who": who,
            "image": path,
            "photo": str(Path(path).with_suffix(".photo.png")),
            "mask": str(Path(path).with_suffix(".mask.png")),
            "look": look,
        }
        for row, who, look, files in table[["who", "look", "files"]].dropna().itertuples()
        for path in files.split(";")
    ]
    judged = vgg_judge.judge(pd.DataFrame(asked), folder)
    return (judged["rank"] == 1).groupby(judged["row"]).mean()


def show(table: pd.DataFrame) -> None:
    """Print a row per kind and engine, then one over all kinds."""
    print(
        "| clips | engine | served | warping error | tOF | delta-E <= 2.5, frames | mean delta-E "
        "| recognised | frames a second |\n|---|---|---|---|---|---|---|---|---|"
    )
    names = ["kind", "photo", "look"]
    groups = [*table.groupby("kind", sort=False), ("all", table)]
    for kind, of_kind in groups:
        for who, rows in of_kind.groupby("who", sort=False):
            rivals = of_kind[of_kind["surroundings"] == rows["surroundings"].iloc[0]]
            everywhere = rivals.groupby(names)["served"].all()
            kept = rows[rows["served"] & rows.set_index(names).index.map(everywhere)]
            clips = f"{kind} ({len(rows)})"
            print(
                f"| {clips} | {who} | {rows['served'].mean():.2f} | {kept['warping'].mean():.1f} "
                f"| {kept['tof'].mean():.2f} | {kept['within'].mean():.3f} "
                f"| {kept['delta_e'].mean():.2f} | {kept['recognised'].mean():.2f} "
                f"| {(rows['frames'] / rows['seconds']).median():.1f} |"
            )


def time_one(seconds: float, who: str) -> None:
    """In a process of its own: make, read, show and write a clip, print frames, time, memory and
    the size of the file."""
    folder = Path("runs/clips_speed")
    bench = Bench(384, 1, folder)
    photo, count = scenes(3)[-1], round(seconds * RATE)
    source = folder / f"{seconds:g}.mp4"
    if not source.is_file():
        _write_long(source, photo, count)
    look = bench.looks[0]
    out = folder / f"{who}-{seconds:g}.out.mp4"
    bench.one_set([Frame(resize_longest(decode(photo.file), 384), 0)], look)  # sets are made once
    began = time.process_time()
    with ClipReader(source, 384) as reader:
        if who == "stills":
            bench.stills("set", list(reader.frames()), look)
        else:
            config = replace(bench.config, surroundings=who)  # type: ignore[arg-type]
            rate = Fraction(RATE)
            with ClipWriter(out, reader.height, reader.width, 1 / rate, rate, {}) as writer:
                report = restyle_clip(
                    reader.frames(), writer, look, config, bench.painter, bench.shelf, count
                )
            if report.served_mode != "faithful":
                raise SystemExit(f"the clip was not served: {report.reason}")
    spent = time.process_time() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    each = f"{out.stat().st_size / count / 384**2:.3f}" if out.is_file() else ""
    print(
        f"| {seconds:g} s | {who} | {count} | {count / spent:.1f} | {peak:.0f} | {each} |",
        flush=True,
    )


def _write_long(path: Path, photo: Photo, count: int) -> None:
    """A clip that shakes, written frame by frame."""
    first = None
    writer = None
    part = path.with_suffix(".part.mp4")
    for number, frame in enumerate(make("shake", photo, photo, 384, count)):
        if writer is None or first is None:
            first = frame.picture.shape[:2]
            rate = Fraction(RATE)
            writer = ClipWriter(part, *first, 1 / rate, rate, {})
        writer.write(frame.picture, number)
    assert writer is not None
    writer.finish()
    part.rename(path)


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--part", choices=("all", "quality", "speed"), default="all")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--frames", type=int, default=24)
    parser.add_argument("--looks", type=int, default=2)
    parser.add_argument("--photos", type=int, default=2)
    parser.add_argument("--folder", type=Path, default=Path("runs/clips"))
    parser.add_argument("--one", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    if chosen.one:
        seconds, who = chosen.one.split(",")
        time_one(float(seconds), who)
        return
    print(describe("av", "opencv-python-headless", "torch"), "\n")
    if chosen.part in ("all", "quality"):
        bench = Bench(chosen.size, chosen.looks, chosen.folder)
        table = run_quality(bench, chosen.photos, chosen.size, chosen.frames)
        table["frames"] = chosen.frames
        table["recognised"] = recognised(table, chosen.folder)
        table.to_csv(chosen.folder / "TABLE.csv", index=False)
        show(table)
    if chosen.part in ("all", "speed"):
        print(
            "\n| clip | engine | frames | frames a second | peak memory, MB | bytes a frame and "
            "square px of 384 |"
        )
        print("|---|---|---|---|---|---|", flush=True)
        for one in ("5,set", "60,set", "5,stills", "5,paint"):
            subprocess.run([sys.executable, "-m", "benchmarks.clips", "--one", one], check=True)


if __name__ == "__main__":
    main()
