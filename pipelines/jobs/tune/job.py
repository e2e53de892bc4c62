"""Tunes a shop's settings: searches, keeps what it measured, draws the front, writes a config."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import tomli_w
import torch
from numpy.typing import NDArray

from features.schema import ConfigError, InputError
from pipelines.config import RunConfig, lay_over, parse_config, read_settings
from pipelines.jobs.catalogue import Catalogue, encode_catalogue, read_catalogue
from pipelines.jobs.tune.journal import Journal, Side
from pipelines.jobs.tune.measure import Measured, Trial, recogniser_of
from pipelines.jobs.tune.search import METHODS, on_front, search
from pipelines.jobs.tune.space import genes, nested, point_of, present_settings, settings_at
from pipelines.progress import progress
from pipelines.report.tune_page import tune_page
from pipelines.stages.render import fitted_version, recipe, with_fitted
from pipelines.stores import storage
from pipelines.stores.folder_lock import hold_folder
from pipelines.stores.picture_files import resolve_picture
from pipelines.stores.workspace import Workspace
from styletransfer.training.entries import Entry, part, spread

CONFIG: Final = "tuned.toml"
FRONT: Final = "front.csv"
PAGE: Final = "tune.html"
RULE: Final = (
    "of the settings on the front that are no worse than the present ones in recognised share and "
    "budget left and at most a tenth slower, the one recognised most, then that leaves most budget"
)
_HELD_OUT: Final = 0.25
_SLOWER: Final = 1.1
_TESTED: Final = 2

Say = Callable[[str], None]


def tune(
    items: Path,
    styles: Path,
    out: Path,
    config_path: Path | None,
    method: str,
    points: int,
    size: tuple[int, int],
    choose: int | None,
    seed: int | None,
    say: Say,
) -> dict[str, Any]:
    """Search the settings around those of `config_path` and write those chosen to `out`.

    `size` is how many items and looks are painted at every point; twice as many others are painted
    with the present and the chosen settings. `choose` (None: by `RULE`) takes a row of
    `front.csv`. Every point is kept as it is measured: a rerun goes on, or does no work. Writes
    `points.csv`, `front.csv`, `tune.html` and `tuned.toml`. Raises ConfigError on options out of
    range, InputError on a shop that cannot be tuned on or a folder of another search.
    """
    if points < 2 or min(size) < 2:
        raise ConfigError(
            f"--points is {points} and --photos and --looks are {size[0]} and {size[1]}: expected "
            "at least 2 of each"
        )
    if method not in METHODS:
        raise ConfigError(f"--method is {method!r}: expected {' or '.join(METHODS)}")
    told = {} if config_path is None else read_settings(config_path)
    base = parse_config(told if seed is None else {**told, "seed": seed})
    if base.render.mode == "artistic":
        raise ConfigError(
            "render.mode is 'artistic', which paints over the product on purpose: tune balances "
            "looks against the product; expected faithful or accent"
        )
    # What cannot paint is said before any picture is encoded.
    made_by = recipe(base.render, base.images.enhance), fitted_version(base.render)
    torch.set_num_threads(1)
    with hold_folder(out):
        workspace = Workspace(out)
        catalogue = read_catalogue(items, styles, workspace, base)
        trials = _Trials(catalogue, workspace, base, size)
        identity = {
            "inputs": [storage.digest_input(items), storage.digest_input(styles)],
            "pictures": trials.digests(),
            "made_by": list(made_by),
            "settings": base.settings(),
            "size": list(size),
        }
        journal = Journal(out / "points.jsonl", storage.digest_json(identity))
        worked = _search(base, journal, trials, method, points, say)
        table = journal.table(present_settings(genes(base), base))
        front = _front(table)
        row = choose_row(front, table.iloc[0]) if choose is None else choose
        if not 0 <= row < len(front):
            raise ConfigError(
                f"--choose is {row}: expected a row of {out / FRONT}, 0 to {len(front) - 1}"
            )
        chosen = journal.settings(int(front["point"][row]))
        tested = {
            name: _measured("tested", settings, base, journal, trials, say)
            for name, settings in (("present", {}), ("chosen", chosen))
        }
        storage.write_table(out / "points.csv", table)
        storage.write_table(out / FRONT, front)
        rule = RULE if choose is None else "chosen by hand"
        head = f"# Made by `stylefeed tune`: row {row} of {FRONT}, {rule}.\n"
        text = head + tomli_w.dumps(lay_over(told, nested(chosen)))
        storage.write_bytes(out / CONFIG, text.encode())
        figures = {name: found.to_dict() for name, found in tested.items()}
        page = tune_page(table, front, row, figures, rule)
        storage.write_bytes(out / PAGE, page.encode())
    return {
        "worked": worked,
        "points": len(table),
        "front": len(front),
        "row": row,
        "chosen": chosen,
        "tested": figures,
        "default_on_front": bool((front["point"] == 0).any()),
    }


class _Trials:
    """The trial that is tuned on and the one that is tested on, each made when it is needed."""

    def __init__(
        self, catalogue: Catalogue, workspace: Workspace, base: RunConfig, size: tuple[int, int]
    ) -> None:
        self._workspace, self._base = workspace, base
        items, styles = catalogue.items.dropna(subset=["image_path"]), catalogue.styles
        photos, looks = (
            part([Entry(name, name, Path(name)) for name in names], what, _HELD_OUT)
            for what, names in (("photos", items["item_id"]), ("looks", styles["style_id"]))
        )
        sides = {
            "tuned": (photos.train + photos.validation, looks.train + looks.validation, 1),
            "tested": (photos.test, looks.test, _TESTED),
        }
        self._names = {
            side: [
                [entry.name for entry in spread(of, times * most)]
                for of, most in zip(two, size, strict=True)
            ]
            for side, (*two, times) in sides.items()
        }
        painted = [name for two in self._names.values() for name in two[0]]
        self._catalogue = dataclasses.replace(
            catalogue, items=items[items["item_id"].isin(painted)]
        )
        self._made: dict[str, Trial] = {}
        self._rejects: list[dict[str, Any]] = []

    def measure(self, side: str, config: RunConfig) -> Measured:
        """What `config` does on `side`: tuned or tested. Items that cannot be painted are set
        aside."""
        if not self._made:
            self._make()
        found, rejects = self._made[side].measure(config)
        told = {(one["key"], one["reason"]) for one in self._rejects}
        new = [one for one in rejects if (one["key"], one["reason"]) not in told]
        if new:
            self._set_aside(new)
        return found

    def digests(self) -> list[list[str]]:
        """Digests of the files that are painted from: photos, masks, looks; empty for none."""
        items, styles = self._catalogue.items, self._catalogue.styles
        root, look_root = self._catalogue.root, self._catalogue.look_root
        return [
            [_digest(path, root) for path in items["image_path"]],
            [_digest(path, root) for path in items["mask_path"]],
            [_digest(path, look_root) for path in styles["image_path"]],
        ]

    def _set_aside(self, rejects: list[dict[str, Any]]) -> None:
        self._rejects += [{"table": "items", **one} for one in rejects]
        self._workspace.set_aside("render", self._rejects)

    def _make(self) -> None:
        items, looks, rejects = encode_catalogue(self._catalogue, self._workspace, self._base)
        self._set_aside(rejects)
        looks = with_fitted(looks, self._base.render)
        recogniser = recogniser_of(looks, self._base.images)
        for side, (item_ids, style_ids) in self._names.items():
            some = items[items["item_id"].isin(item_ids)].reset_index(drop=True)
            of_looks = looks[looks["style_id"].isin(style_ids)].reset_index(drop=True)
            if some.empty or of_looks.empty:
                raise InputError(
                    f"tune: no {side} item or look has a picture that can be read: see "
                    f"{self._workspace.path('rejects')}"
                )
            budget = self._base.render.budget
            folder = self._workspace.path("work")
            self._made[side] = Trial(some, of_looks, recogniser, budget, folder)


def _digest(path: Any, root: Path) -> str:
    try:
        return storage.digest_file(resolve_picture(path, root)) if isinstance(path, str) else ""
    except (InputError, OSError):
        return ""


def _search(
    base: RunConfig, journal: Journal, trials: _Trials, method: str, points: int, say: Say
) -> bool:
    """Measure the present settings, then search; whether anything had to be measured."""
    searched, before = genes(base), len(journal)
    present = present_settings(searched, base)
    _measured("tuned", {}, base, journal, trials, say)
    with progress("points", points) as advance:

        def costs(point: NDArray[np.float64]) -> Sequence[float]:
            settings = settings_at(searched, point.tolist())
            settings = {} if settings == present else settings
            found = _measured("tuned", settings, base, journal, trials, say)
            advance(1)
            return found.costs

        search(costs, point_of(searched, present), points, method, base.seed)
    return len(journal) > before


def _measured(
    side: Side,
    settings: dict[str, Any],
    base: RunConfig,
    journal: Journal,
    trials: _Trials,
    say: Say,
) -> Measured:
    """What the journal knows of `settings`, else what is measured now and kept there."""
    known = journal.find(side, settings)
    if known is None:
        known = trials.measure(side, _with(base, settings))
        journal.add(side, settings, known)
        named = ", ".join(f"{name} {value:.3f}" for name, value in known.to_dict().items())
        say(f"point {len(journal)}: {named}")
    return known


def _with(base: RunConfig, settings: dict[str, Any]) -> RunConfig:
    """`base` with the dotted `settings` laid over it."""
    return parse_config(lay_over(dataclasses.asdict(base), nested(settings)))


def _front(table: pd.DataFrame) -> pd.DataFrame:
    """The points no other beats, most recognised first; `point` is their row of `points.csv`."""
    costs = np.column_stack([-table["recognised"], -table["budget_left"], table["seconds"]])
    front = table[on_front(costs)].reset_index(names="point")
    order = ["recognised", "budget_left", "seconds"]
    front = front.sort_values(order, ascending=[False, False, True], kind="stable")
    return front.drop_duplicates(order).reset_index(drop=True)


def choose_row(front: pd.DataFrame, present: pd.Series) -> int:
    """The row of `front` that `RULE` takes in place of the `present` settings' figures.

    There is one: the present settings are on the front, or are beaten by a row of it.
    """
    fits = (
        (front["recognised"] >= present["recognised"])
        & (front["budget_left"] >= present["budget_left"])
        & (front["seconds"] <= _SLOWER * present["seconds"])
    )
    return int(np.flatnonzero(fits)[0])
