"""What a setting does to served pictures: the look recognised, the product kept, the time taken."""

from __future__ import annotations

import shutil
import time
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.images import ImageLimits, decode, resize
from features.schema import ORIGINAL, ImageError
from pipelines.config import RunConfig
from pipelines.stages.render import work_list
from pipelines.stores import storage
from pipelines.workers.paint import LookSource, Row, item_painter
from styletransfer.config import FidelityBudget
from styletransfer.fidelity.look_features import FeatureEncoder, LookRecogniser
from styletransfer.training.entries import Entry
from styletransfer.training.pictures import Pictures

_OUTSIDE: Final = 0.05


@dataclass(frozen=True)
class Measured:
    """What a setting does to the pictures asked for.

    recognised: share of them served in a look that is the nearest of all looks to what surrounds
    the product, by centred Gram matrices of EfficientNet-Lite0; an original shows no look.
    budget_left: mean share of the fidelity budget that the worst figure of a picture leaves, 1 for
    an original, below 0 for a picture over it. seconds: processor time per picture, sets at hand.
    served: share of them served in a look.
    """

    recognised: float
    budget_left: float
    seconds: float
    served: float

    @property
    def costs(self) -> tuple[float, float, float]:
        """The three objectives, all to be minimised."""
        return -self.recognised, -self.budget_left, self.seconds

    def to_dict(self) -> dict[str, float]:
        """The figures by name."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class Trial:
    """Items to paint in looks, judged among all looks.

    `items` and `looks` are tables of encoded pictures, as `pipelines.stages.render` takes them;
    `recogniser` knows all the shop's looks by `style_id`. `budget` is what fidelity is measured
    against, whatever budget is tried. Sets stay in `folder`, pictures do not.
    """

    items: pd.DataFrame
    looks: pd.DataFrame
    recogniser: LookRecogniser
    budget: FidelityBudget
    folder: Path

    def measure(self, config: RunConfig) -> tuple[Measured, list[Row]]:
        """Serve every item in every look as a job with `config` does, and judge the files.

        The second are the items that could not be painted: key, reason, got. They count as
        originals.
        """
        # Variants of a set are there so that a feed repeats no background: one tells enough.
        render = replace(config.render, set_variants=1)
        images = config.images
        painter = item_painter(render, images, self.folder, self._sources, images.enhance)
        work = work_list(self._plan(config), self.items)
        if render.surroundings == "set" and render.sets.start_px not in self._made:
            # Sets are made once, however many pictures show them: their time is not a picture's.
            painter(work)
            self._made.add(render.sets.start_px)
        begun = time.process_time()
        rows, rejects = painter(work)
        seconds = time.process_time() - begun
        wanted = len(self.items) * len(self.looks)
        recognised = [self._recognised(row, images) for row in rows]
        left = [budget_left(row, self.budget) for row in rows] + [1.0] * (wanted - len(rows))
        served = sum(row["served_mode"] != ORIGINAL for row in rows)
        shutil.rmtree(self.folder / "renders", ignore_errors=True)
        found = Measured(
            round(sum(recognised) / wanted, 4),
            round(float(np.mean(left)), 4),
            round(seconds / wanted, 4),
            round(served / wanted, 4),
        )
        return found, rejects

    def _plan(self, config: RunConfig) -> pd.DataFrame:
        plan = self.items[["item_id"]].merge(self.looks[["style_id"]], how="cross")
        looks = config.looks
        strengths = [looks.strength_of.get(style, looks.strength) for style in plan["style_id"]]
        keys = [storage.digest_bytes(f"{i}".encode())[:32] for i in range(len(plan))]
        return plan.assign(strength=strengths, render_key=keys)

    def _recognised(self, row: Row, limits: ImageLimits) -> bool:
        if row["image_uri"] is None:
            return False
        picture = decode(self.folder / row["image_uri"])
        alpha = self._alpha(row["item_id"], limits)
        where = resize(alpha, *picture.shape[:2])[..., 0] < 255 * _OUTSIDE
        return self.recogniser.nearest(picture, where) == str(row["style_id"])

    @cached_property
    def _made(self) -> set[int]:
        return set()

    @cached_property
    def _sources(self) -> dict[str, LookSource]:
        columns = ["style_id", "style_code", "path", "verbatim"]
        return {
            style: LookSource(np.asarray(code, dtype=np.float32), path, bool(verbatim))
            for style, code, path, verbatim in self.looks[columns].itertuples(index=False)
        }

    def _alpha(self, item_id: str, limits: ImageLimits) -> NDArray[np.uint8]:
        """Where the product of an item that was painted is, (h, w, 3)."""
        if item_id not in self._alphas:
            row = self.items.set_index("item_id").loc[item_id]
            mask = None if row["mask_file"] is None else Path(row["mask_file"])
            entry = Entry(item_id, item_id, Path(row["path"]), mask)
            pictures = Pictures(self.folder / "masks", limits)
            try:
                alpha = pictures.photo(entry).alpha
            except ImageError:
                # The painter estimates too where a mask is not its photo's.
                alpha = pictures.photo(replace(entry, mask=None)).alpha
            self._alphas[item_id] = np.dstack([np.rint(255 * alpha).astype(np.uint8)] * 3)
        return self._alphas[item_id]

    @cached_property
    def _alphas(self) -> dict[str, NDArray[np.uint8]]:
        return {}


def recogniser_of(looks: pd.DataFrame, limits: ImageLimits) -> LookRecogniser:
    """Knows every look of the table of encoded pictures by its `style_id`."""
    named = zip(looks["style_id"], looks["path"], strict=True)
    pictures = {style: decode(Path(path), limits) for style, path in named}
    return LookRecogniser(pictures, FeatureEncoder())


def budget_left(row: Row, budget: FidelityBudget) -> float:
    """The share of `budget` that the worst figure of a `renders.parquet` row leaves.

    1 for an original; 0 where a figure is at its limit, below where it is over.
    """
    if row["served_mode"] == ORIGINAL:
        return 1.0
    lost = row["silhouette_original"] - row["silhouette"]
    spent = (
        _share(row["delta_e"], budget.max_delta_e),
        _share(row["delta_e_p95"], budget.max_delta_e_p95),
        _share(1 - row["ssim"], 1 - budget.min_ssim),
        _share(1 - row["edge_f1"], 1 - budget.min_edge_f1),
        _share(lost, budget.max_silhouette_loss),
    )
    return 1.0 - max(spent)


def _share(got: float, allowed: float) -> float:
    return max(float(got), 0.0) / max(allowed, 1e-9)
