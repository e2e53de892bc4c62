"""The page shows the photos most in need of a repair, before and after it."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
from PIL import Image

from features.config import ImageLimits
from pipelines.report.repairs import show_repairs
from pipelines.report.thumbnails import Thumbnails


def test_the_flattest_and_the_softest_photos_are_shown_before_and_after(tmp_path):
    y, x = np.mgrid[0:64, 0:80]
    noise = np.random.default_rng(0).normal(0, 4, (64, 80, 3))
    paths = {}
    for place, item in enumerate(("flat", "soft", "gone", "unseen")):
        colours = np.where(np.hypot(x - 40, y - 32)[..., None] < 20, [90, 110, 130], 180 - place)
        photo = Image.fromarray(np.clip(colours + noise, 0, 255).astype(np.uint8))
        paths[item] = str(tmp_path / f"{item}.png")
        if item != "gone":
            photo.save(paths[item])
    pictures = pd.DataFrame(
        {
            "item_id": list(paths),
            "contrast": [10.0, 80.0, 60.0, 1.0],
            "sharpness": [0.9, 0.1, 0.5, 0.01],
        }
    )
    feed = pd.DataFrame({"item_id": ["flat", "soft", "gone"]})
    run = SimpleNamespace(item_pictures=pictures, feed=feed, item_paths=paths)
    thumbnails = Thumbnails(ImageLimits())
    repairs = show_repairs(run, thumbnails)
    assert [one.item_id for one in repairs] == ["flat", "soft"]
    assert all(one.before != one.after for one in repairs)
    assert len(thumbnails) == 4
    assert "noise" in repairs[0].figures
