"""A tiny shop of generated pictures and a simulated log, as files."""

import contextlib
import shutil
import socket
import subprocess
import time
import zlib
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from pipelines.config import StageConfig, parse_config
from pipelines.stages.feed import COLUMN_TYPES, FEED_COLUMNS, FIGURES
from pipelines.stages.road import STAGES, run
from pipelines.stores import storage
from pipelines.stores.feed_versions import point_to, write_version
from pipelines.stores.workspace import StageFolder
from recsys.simulator import SimulatorConfig, simulate
from styletransfer.video.writer import ClipWriter

N_ITEMS = 12
N_LOOKS = 6


def _product(rng: np.random.Generator) -> Image.Image:
    """A shaded disc or box of one colour on a light sweep, 96 px."""
    y, x = np.mgrid[0:96, 0:96] / 96.0
    picture = np.full((96, 96, 3), 235.0) - 25.0 * y[..., None]
    inside = np.hypot(x - 0.5, y - 0.5) < rng.uniform(0.2, 0.4)
    colour = rng.uniform(40, 220, 3)
    picture[inside] = colour * (1.2 - 0.5 * (x + y)[inside][:, None])
    return Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8))


def _look(rng: np.random.Generator, number: int) -> Image.Image:
    """Stripes of two colours whose width and direction tell the looks apart, 128 px."""
    y, x = np.mgrid[0:128, 0:128]
    angle = np.pi * number / N_LOOKS
    wave = np.sin((x * np.cos(angle) + y * np.sin(angle)) / (2 + number))
    colours = rng.uniform(0, 255, (2, 3))
    return Image.fromarray(np.where(wave[..., None] > 0, *colours).astype(np.uint8))


@pytest.fixture(scope="session")
def tiny_shop(tmp_path_factory) -> Path:
    """A folder with events.parquet, items.csv, styles.csv and the pictures they name.

    Item 007 keeps its zeros; its shoppers are twenty-four, one of them with one event.
    """
    folder = tmp_path_factory.mktemp("tiny_shop")
    rng = np.random.default_rng(11)
    (folder / "pictures").mkdir()
    items = pd.DataFrame({"item_id": [f"{i:03}" for i in range(N_ITEMS)]})
    items["image_path"] = "pictures/item" + items["item_id"] + ".jpg"
    items["category"] = np.where(np.arange(N_ITEMS) % 2, "disc", "box")
    items["price"] = rng.uniform(1, 20, N_ITEMS).round(2)
    for path in items["image_path"]:
        _product(rng).save(folder / path, quality=92)
    styles = pd.DataFrame({"style_id": [f"s{i}" for i in range(N_LOOKS)]})
    styles["name"] = "stripes " + styles["style_id"]
    styles["image_path"] = "pictures/" + styles["style_id"] + ".png"
    for number, path in enumerate(styles["image_path"]):
        _look(rng, number).save(folder / path)
    config = SimulatorConfig(n_shoppers=24, n_impressions=1500, cold_share=0.1)
    families = [0, 0, 1, 1, 2, 2]
    events, _ = simulate(items, styles["style_id"].tolist(), families, config, seed=5)
    lonely = events.head(1).assign(user_id="lonely", event_type="view")
    pd.concat([events, lonely]).to_parquet(folder / "events.parquet", index=False)
    items.to_csv(folder / "items.csv", index=False)
    styles.to_csv(folder / "styles.csv", index=False)
    return folder


@pytest.fixture
def shop_copy(tiny_shop, tmp_path) -> Path:
    """A tiny shop of one's own, to damage."""
    folder = tmp_path / "shop"
    shutil.copytree(tiny_shop, folder)
    return folder


@pytest.fixture(scope="session")
def job_settings() -> dict[str, object]:
    """Settings of the finished job."""
    return {"top_k": 4, "seed": 3, "render": {"size_px": 96}}


@pytest.fixture(scope="session")
def rerun(tiny_shop, job_settings):
    """Runs the job in a folder, over another shop or log or with other settings if asked for."""

    def again(out, shop=tiny_shop, events=None, **settings):
        inputs = {
            "events": events or shop / "events.parquet",
            "items": shop / "items.csv",
            "styles": shop / "styles.csv",
        }
        return run(out, inputs, parse_config({**job_settings, **settings}), print)

    return again


@pytest.fixture(scope="session")
def finished_job(rerun, tmp_path_factory):
    """(folder, manifest) of a finished job over the tiny shop, to look at."""
    out = tmp_path_factory.mktemp("job") / "out"
    return out, rerun(out)


@pytest.fixture
def job_copy(finished_job, tmp_path) -> Path:
    """A finished job of one's own, to damage."""
    out = tmp_path / "out"
    shutil.copytree(finished_job[0], out)
    return out


@pytest.fixture(scope="session")
def write_clip():
    """Writes a clip of 128 by 112 px."""

    def write(path: Path, steps: Iterable[int] = (0, 1, 2)) -> None:
        """A patterned square that moves over a white ground, a frame for each of `steps`."""
        pattern = np.random.default_rng(0).uniform(0, 1, (60, 52, 3)).astype(np.float32)
        pattern = cv2.GaussianBlur(pattern, (0, 0), 4)
        pattern = (60 + 140 * np.clip((pattern - 0.5) * 6 + 0.5, 0, 1)).astype(np.uint8)
        with ClipWriter(path, 128, 112, Fraction(1, 24), Fraction(24), {}) as writer:
            for number, step in enumerate(steps):
                picture = np.full((128, 112, 3), 248, np.uint8)
                picture[34:94, 20 + step : 72 + step] = pattern
                writer.write(picture, number)
            writer.finish()

    return write


@pytest.fixture(scope="session")
def run_clips(job_settings):
    """Runs the stages `clips` and `feed` of a job over a shop with clips named for items, by path;
    returns their counts."""

    def run_both(out: Path, shop: Path, named: dict[str, str], **settings: object) -> list[dict]:
        table = pd.read_parquet(out / "tables/items.parquet")
        table["video_path"] = table["item_id"].map(named).astype("str")
        table.to_parquet(out / "tables/items.parquet", index=False)
        job = storage.read_json(out / "job.json")
        job["inputs"]["items"] = str(shop / "items.csv")
        config = parse_config({**job_settings, "workers": 1, **settings})
        counts = []
        for stage in STAGES:
            if stage.name in ("clips", "feed"):
                folder = StageFolder(out, stage, f"{stage.name} {settings}", job)
                seen = StageConfig(config, stage.name, stage.settings)
                counts.append(stage.run(folder, seen))
        return counts

    return run_both


def _feed_rows(run_id: str, users: int, length: int) -> pd.DataFrame:
    """Rows of `users` shoppers as the feed stage writes them; all of them name `run_id`."""
    names = [f"u/{n} é?" if n % 7 == 0 else f"{n:03}" for n in range(users)]
    rng = np.random.default_rng(users)
    rows = []
    for user in names:
        for rank, item in enumerate(rng.permutation(3 * length)[:length], 1):
            styled = bool(rng.random() < 0.5)
            figures = {name: float(rng.random()) if styled else None for name in FIGURES}
            rows.append(
                {
                    "user_id": user,
                    "rank": rank,
                    "item_id": f"{item:03}",
                    "score": float(rng.normal()),
                    "probability": float(rng.random()) if rank > 1 else None,
                    "item_propensity": 1.0,
                    "style_id": "s1" if styled else "original",
                    "style_drawn": "s1",
                    "style_propensity": float(rng.uniform(0.1, 1.0)),
                    "strength": 1.0 if styled else 0.0,
                    "image_uri": f"renders/{item}.jpg" if styled else f"originals/{item}.jpg",
                    "original_uri": f"originals/{item}.jpg",
                    "video_uri": f"clips/{item}.mp4" if styled and rank == 1 else None,
                    "render_key": f"key{item}" if styled else None,
                    "fidelity": {"mode": "faithful" if styled else "original", **figures},
                    "reason": 'said "often"\nby others',
                    "render_note": "" if styled else "its render failed",
                    "run_id": run_id,
                }
            )
    return pd.DataFrame(rows)[FEED_COLUMNS]


@pytest.fixture(scope="session")
def publish_feed():
    """Writes a version of a small feed, as the feed stage does, and makes it the current one."""

    def publish(out: Path, run_id: str, users: int = 23, length: int = 4) -> pd.DataFrame:
        rows = _feed_rows(run_id, users, length)

        def write(folder: Path) -> None:
            bucket_of = np.array([zlib.crc32(user.encode()) % 4 for user in rows["user_id"]])
            for bucket in range(4):
                # Ranks as they come: a reader sorts them.
                part = rows[bucket_of == bucket].sort_values("item_id")
                path = folder / f"bucket-{bucket:02}.parquet"
                storage.write_table(path, part, COLUMN_TYPES)

        name, _ = write_version(out, run_id, run_id, write)
        point_to(out, name)
        return rows

    return publish


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory):
    """The URL of a Redis or Valkey server started for these tests, ended with them."""
    program = shutil.which("redis-server") or shutil.which("valkey-server")
    if program is None:
        pytest.skip("neither redis-server nor valkey-server is installed")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = tmp_path_factory.mktemp("redis")
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    server = subprocess.Popen([program, *options], stdout=subprocess.DEVNULL)
    try:
        for _ in range(600):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            assert server.poll() is None, "the server ended before it answered"
            time.sleep(0.05)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.kill()
        server.wait()
