"""Fits looks' style codes on photos of the shop; keeps those that win on other photos."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
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
_FEWEST: Final = 2
_LEAST_PX: Final = 128
_LOOK_PX: Final = 800

Say = Callable[[str], None]
_Pictures = tuple[Tensor, Tensor]


def fit_looks(
    items: Path, styles: Path, out: Path, config: RunConfig, names: Sequence[str], say: Say
) -> dict[str, Any]:
    """Fit the looks `names` (none: all of the table) to the generator that `config` paints with.

    Codes are fitted on at most 60 photos of 70 % of the items and kept where they are recognised no
    less often, more surely, and at no lower SSIM on at most 8 photos of others. Every look is kept
    as it is done: a rerun goes on, or does no work, and looks that were fitted before on the same
    photos stay beside those that are named. Writes `fitted.safetensors`, which
    `render.fitted_looks` names, and `fits.csv` to `out`. Raises ConfigError where the generator
    does not paint or a name is unknown, InputError on a named look that cannot be read, and on
    fewer than two looks or three photos that can.
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
        sides = (
            spread(parts.train, _FITTED_ON),
            spread(parts.validation, _VALIDATED_ON),
            spread(parts.test, _FEWEST),
        )
        used = [entry.name for side in sides for entry in side]
        chosen = replace(catalogue, items=pictured[pictured["item_id"].isin(used)])
        photos, looks, _ = encode_catalogue(chosen, workspace, config)
        known = set(looks["style_id"])
        for name in names:
            if name not in known:
                raise InputError(
                    f"--look {name}: its picture cannot be read: see {out / 'rejects'}; repair it "
                    "or leave the look out"
                )
        if len(looks) < 2:
            raise InputError(f"styles: got {len(looks)} that can be read, expected at least 2")
        fitted_on, judged_on = _parted(photos, *([one.name for one in side] for side in sides))
        identity = {
            "revision": FIT_REVISION,
            "generator": generator.model_version,
            "size_px": config.render.size_px,
            "seed": config.seed,
            "photos": [sorted(side["picture_digest"]) for side in (fitted_on, judged_on)],
            "looks": sorted(looks["picture_digest"]),
        }
        shop = _Shop(generator, looks, fitted_on, judged_on, config)
        rows, codes, worked = [], {}, 0
        wanted = [not names or name in names for name in looks["style_id"]]
        with progress("looks", sum(wanted)) as advance:
            for row, is_wanted in enumerate(wanted):
                digest = str(looks["picture_digest"][row])
                kept = out / "looks" / f"{storage.digest_json({**identity, 'look': digest})}.json"
                found = storage.find_json(kept)
                if found is None and not is_wanted:
                    continue
                if found is None:
                    found = shop.fit(row)
                    storage.write_json(kept, found)
                    worked += 1
                    say(_told(found, str(looks["style_id"][row])))
                if not found["refused"]:
                    codes[digest] = np.asarray(found["code"], dtype=np.float32)
                rows.append(_row(found, str(looks["style_id"][row])))
                advance(int(is_wanted))
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
        fitted_on: pd.DataFrame,
        judged_on: pd.DataFrame,
        config: RunConfig,
    ) -> None:
        self._generator, self._looks = generator, looks
        self._sides = (fitted_on, judged_on)
        self._side_px = max(config.render.size_px, _LEAST_PX)
        self._config = config
        self._opened: tuple[LookRecogniser, _Pictures, _Pictures] | None = None

    def fit(self, row: int) -> dict[str, Any]:
        """The code of the look in `row`, what it does, and why it is refused, if it is."""
        recogniser, fitted_on, judged_on = self._open()
        code = torch.from_numpy(np.array(self._looks["style_code"][row], dtype=np.float32))
        begun = time.process_time()
        fitted = fit_code(self._generator, code, row, recogniser, *fitted_on, self._config.seed)
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
            fitted_on, judged_on = (self._squares(photos["path"]) for photos in self._sides)
            self._opened = recogniser, fitted_on, judged_on
        return self._opened

    def _squares(self, paths: Iterable[str]) -> _Pictures:
        """Photos as squares of the renders' size, and as the painter gets them, with grain."""
        cut = [crop_square(decode(Path(path), self._config.images)) for path in paths]
        photos = as_tensor([resize(one, self._side_px, self._side_px) for one in cut])
        return photos, photos + torch.from_numpy(grain(self._side_px, self._side_px))


def _parted(
    photos: pd.DataFrame, fitted_on: Sequence[str], judged_on: Sequence[str], spare: Sequence[str]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The encoded `photos` to fit on and to judge on, no item among both.

    `spare` items stand in where fewer than two can be fitted on, as many as a step paints, or none
    can be judged on. Raises InputError where they do not suffice.
    """
    known = set(photos["item_id"])
    fitted, judged, left = (
        [n for n in side if n in known] for side in (fitted_on, judged_on, spare)
    )
    while left and len(fitted) < _FEWEST:
        fitted.append(left.pop(0))
    if not judged:
        judged = left
    if len(fitted) < _FEWEST or not judged:
        raise InputError(
            f"items: got {len(fitted)} photos to fit looks on and {len(judged)} others to judge "
            f"them on, expected at least {_FEWEST} and 1 that can be read"
        )
    parts = (photos[photos["item_id"].isin(names)] for names in (fitted, judged))
    first, second = (one.reset_index(drop=True) for one in parts)
    return first, second


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
