"""A tiny shop of generated pictures and a simulated log, as files."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from pipelines.config import parse_config
from pipelines.stages.road import run
from recsys.simulator import SimulatorConfig, simulate

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
    """Runs the job in a folder, over another shop or with other settings where asked for."""

    def again(out, shop=tiny_shop, **settings):
        inputs = {
            "events": shop / "events.parquet",
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
