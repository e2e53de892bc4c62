"""Fits looks' style codes on photos of the shop; keeps those that win on other photos."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from features.images import crop_square, decode, resize, resize_longest
from features.schema import ConfigError, InputError
from pipelines.config import RunConfig
from pipelines.jobs.catalogue import encode_catalogue, read_catalogue
from pipelines.progress import progress
from pipelines.stores import storage
from pipelines.stores.folder_lock import hold_folder
from pipelines.stores.workspace import Workspace
from styletransfer.fidelity.look_features import FeatureEncoder, LookRecogniser
from styletransfer.painters.generator.fitted import FittedLooks
from styletransfer.painters.generator.grain import grain
from styletransfer.painters.generator.network import load_pretrained
from styletransfer.painters.generator.trained import load_painter
from styletransfer.training.data import as_tensor
from styletransfer.training.entries import Entry, part, spread
from styletransfer.training.look_fit import FIT_REVISION, Fit, fit_code, measure_code

FITTED: Final = "fitted.safetensors"
TABLE: Final = "fits.csv"
_FITTED_ON: Final = 60
_VALIDATED_ON: Final = 8
_HELD_OUT: Final = 0.15
_LEAST_PX: Final = 128
_LOOK_PX: Final = 800

Say = Callable[[str], None]
_Pictures = tuple[Tensor, Tensor]


def fit_looks(
    items: Path, styles: Path, out: Path, config: RunConfig, names: Sequence[str], say: Say
) -> dict[str, Any]:
    """Fit the looks `names` (none: all of the table) to the generator that `config` paints with.

    Codes are fitted on photos of three quarters of the items and kept where they are recognised no
    less often, more surely, and at no lower SSIM on photos of others. Every look is kept as it is
    done: a rerun goes on, or does no work. Writes `fitted.safetensors`, which `render.fitted_looks`
    names, and `fits.csv` to `out`. Raises ConfigError where the generator does not paint or a name
    is unknown, InputError on fewer than two looks or three photos.
    """
    if config.render.method != "generator":
        raise ConfigError(
            f"render.method is {config.render.method!r}: a fitted look is the generator's; "
            "expected generator"
        )
    weights = config.render.weights
    generator = load_painter(Path(weights)) if weights else load_pretrained()
    torch.set_num_threads(1)
    with hold_folder(out):
        workspace = Workspace(out)
        catalogue = read_catalogue(items, styles, workspace, config)
        unknown = sorted(set(names) - set(catalogue.styles["style_id"]))
        if unknown:
            raise ConfigError(f"--look {unknown[0]}: no such style_id in {styles}")
        pictured = catalogue.items.dropna(subset=["image_path"])
        parts = part(
            [Entry(one, one, Path(one)) for one in pictured["item_id"]], "photos", _HELD_OUT
        )
        trained_on = [one.name for one in spread(parts.train, _FITTED_ON)]
        judged_on = [one.name for one in spread(parts.validation, _VALIDATED_ON)]
        chosen = pictured[pictured["item_id"].isin([*trained_on, *judged_on])]
        photos, looks, _ = encode_catalogue(replace(catalogue, items=chosen), workspace, config)
        if len(looks) < 2:
            raise InputError(f"styles: got {len(looks)} that can be read, expected at least 2")
        identity = {
            "revision": FIT_REVISION,
            "generator": generator.model_version,
            "size_px": config.render.size_px,
            "seed": config.seed,
            "photos": sorted(photos["picture_digest"]),
            "looks": sorted(looks["picture_digest"]),
        }
        shop = _Shop(generator, looks, photos, trained_on, judged_on, config)
        rows, codes, worked = [], {}, 0
        wanted = [row for row, name in enumerate(looks["style_id"]) if not names or name in names]
        with progress("looks", len(wanted)) as advance:
            for row in wanted:
                digest = str(looks["picture_digest"][row])
                kept = out / "looks" / f"{storage.digest_json({**identity, 'look': digest})}.json"
                found = storage.find_json(kept)
                if found is None:
                    found = shop.fit(row)
                    storage.write_json(kept, found)
                    worked += 1
                    say(_told(found, str(looks["style_id"][row])))
                if not found["refused"]:
                    codes[digest] = np.asarray(found["code"], dtype=np.float32)
                rows.append(_row(found, str(looks["style_id"][row])))
                advance(1)
        fitted = FittedLooks(generator.model_version, codes)
        storage.write_bytes(out / FITTED, fitted.to_bytes())
        table = pd.DataFrame(rows)
        storage.write_table(out / TABLE, table)
    return {
        "worked": worked,
        "looks": len(rows),
        "kept": len(codes),
        "recognised": [float(table[name].mean()) for name in ("plain_recognised", "recognised")],
        "ssim": [float(table[name].mean()) for name in ("plain_ssim", "ssim")],
    }


class _Shop:
    """Photos, opened when the first look has to be fitted, and looks."""

    def __init__(
        self,
        generator: nn.Module,
        looks: pd.DataFrame,
        photos: pd.DataFrame,
        trained_on: Sequence[str],
        judged_on: Sequence[str],
        config: RunConfig,
    ) -> None:
        self._generator, self._looks, self._photos = generator, looks, photos
        self._sides = (trained_on, judged_on)
        self._side_px = max(config.render.size_px, _LEAST_PX)
        self._config = config
        self._opened: tuple[LookRecogniser, _Pictures, _Pictures] | None = None

    def fit(self, row: int) -> dict[str, Any]:
        """The code of the look in `row`, what it does, and why it is refused, if it is."""
        recogniser, trained_on, judged_on = self._open()
        code = torch.from_numpy(np.array(self._looks["style_code"][row], dtype=np.float32))
        begun = time.process_time()
        fitted = fit_code(self._generator, code, row, recogniser, *trained_on, self._config.seed)
        seconds = time.process_time() - begun
        before, after = (
            measure_code(self._generator, one, row, recogniser, *judged_on)
            for one in (code, fitted)
        )
        return {
            "code": [float(value) for value in fitted],
            "plain": asdict(before),
            "fitted": asdict(after),
            "refused": after.loses_to(before),
            "seconds": round(seconds, 2),
        }

    def _open(self) -> tuple[LookRecogniser, _Pictures, _Pictures]:
        if self._opened is None:
            limits = self._config.images
            named = zip(self._looks["style_id"], self._looks["path"], strict=True)
            pictures = {
                name: resize_longest(decode(Path(path), limits), _LOOK_PX) for name, path in named
            }
            recogniser = LookRecogniser(pictures, FeatureEncoder())
            trained_on, judged_on = (self._squares(names) for names in self._sides)
            self._opened = recogniser, trained_on, judged_on
        return self._opened

    def _squares(self, names: Sequence[str]) -> _Pictures:
        """Photos as squares of the renders' size, and as the painter gets them, with grain."""
        paths = self._photos.loc[self._photos["item_id"].isin(names), "path"]
        if len(paths) < 2:
            # Two at least are painted at a step, and one says little: others stand in.
            paths = self._photos["path"]
        cut = [crop_square(decode(Path(path), self._config.images)) for path in paths]
        photos = as_tensor([resize(one, self._side_px, self._side_px) for one in cut])
        return photos, photos + torch.from_numpy(grain(self._side_px, self._side_px))


def _row(found: dict[str, Any], name: str) -> dict[str, Any]:
    plain = {f"plain_{key}": round(value, 4) for key, value in found["plain"].items()}
    fitted = {key: round(value, 4) for key, value in found["fitted"].items()}
    refused = {"refused": found["refused"], "seconds": found["seconds"]}
    return {"style_id": name, **plain, **fitted, **refused}


def _told(found: dict[str, Any], name: str) -> str:
    before, after = Fit(**found["plain"]), Fit(**found["fitted"])
    verdict = f"refused: {found['refused']}" if found["refused"] else "kept"
    return (
        f"{name}: recognised {before.recognised:.2f} to {after.recognised:.2f}, "
        f"SSIM {before.ssim:.3f} to {after.ssim:.3f}, {verdict}"
    )
