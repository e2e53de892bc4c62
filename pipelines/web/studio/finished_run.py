"""The finished run that the studio shows: read whole, and again when another feed is current."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.images import decode
from features.images.look_traits import colour_words, measure_look, trait_words
from features.networks.sentences import SentenceEncoder, has_sentences
from features.schema import ORIGINAL, InputError
from pipelines.config import RunConfig, parse_config
from pipelines.report.artefacts import Artefacts, read_artefacts
from pipelines.report.selection import Portrait, choose_shoppers
from pipelines.report.shoppers import Describer, Shopper
from pipelines.stages.render import with_permissions
from pipelines.stores.arrays import stack_vectors
from pipelines.stores.feed_versions import POINTER, current_version, read_feed
from pipelines.stores.picture_files import job_root, resolve_picture
from pipelines.stores.workspace import Workspace
from pipelines.web.studio.clips import Clips
from pipelines.web.studio.pictures import Pictures
from recsys.prototypes.look_words import LookWords

_KEPT_SHOPPERS: Final = 4096


class FinishedRun:
    """One version of the feed with all that pages tell about it; read-only but for its caches."""

    def __init__(self, out: Path) -> None:
        """Read the job in `out`. Raises InputError where it is not finished or cannot be read."""
        self.workspace = Workspace(out)
        self.version = current_version(out).name
        try:
            run = read_artefacts(self.workspace)
            feed = read_feed(out).sort_values(["user_id", "rank"], ignore_index=True)
            self._look_pictures = self.workspace.read("tables/look_pictures.parquet")
        except (OSError, ValueError, KeyError) as error:
            raise InputError(
                f"{out} holds no finished run ({str(error).splitlines()[0]}): run `stylefeed run` "
                "there first"
            ) from error
        self.run: Artefacts = replace(run, feed=feed)
        self.config: RunConfig = parse_config(run.job["config"])
        self.pictures = Pictures(self.config.images)
        self.clips = Clips(self.workspace, feed["video_uri"].unique())
        self._know_sizes()
        self.user_ids: Sequence[str] = tuple(feed["user_id"].drop_duplicates())
        self._known = frozenset(self.user_ids)
        self._shoppers: dict[str, Shopper] = {}
        self._records: dict[str, list[dict[str, Any]]] = {}
        self.masks = _masks(run)
        users = run.users[run.users["user_id"].isin(self._known)]
        self.portraits: list[Portrait] = choose_shoppers(users, run.affinity, run.members)
        # Words and pictures for ids; bars are on the scale of the portraits. Made here, so that no
        # page waits for it.
        chosen = [portrait.user_id for portrait in self.portraits]
        self.describe = Describer(self.workspace, self.run, self.pictures, chosen)

    @cached_property
    def renders(self) -> pd.DataFrame:
        """All of `renders.parquet`."""
        return self.workspace.read("renders.parquet")

    @cached_property
    def looks(self) -> pd.DataFrame:
        """Looks by style_id: path of the picture, raw style_code, verbatim, and its statistics."""
        return with_permissions(self._look_pictures, self.run.styles).set_index("style_id")

    @cached_property
    def look_words(self) -> LookWords:
        """What words say of the looks, read from their names, tags and pictures."""
        pictures = [decode(Path(path), self.config.images) for path in self.looks["path"]]
        said = describe_looks(self.run.styles, self.looks.index, pictures)
        codes = stack_vectors(self.looks["style_code"])
        sentences = SentenceEncoder() if has_sentences() else None
        titles = title_looks(self.run.styles, self.looks.index)
        ids = [str(style) for style in self.looks.index]
        return LookWords(sentences).fit(ids, titles, said, codes)

    def rows_of(self, user_id: str) -> list[dict[str, Any]] | None:
        """The rows of a shopper's feed by rank; None for one whom the feed does not know."""
        if user_id not in self._known:
            return None
        records = self._records.get(user_id)
        if records is None:
            if len(self._records) >= _KEPT_SHOPPERS:
                self._records.clear()
            records = self._records[user_id] = self.describe.feed_rows(user_id)
        return records

    def shopper(self, user_id: str) -> Shopper | None:
        """Everything that the page says about a shopper; None for one whom the feed lacks."""
        rows = self.rows_of(user_id)
        if rows is None:
            return None
        shopper = self._shoppers.get(user_id)
        if shopper is None:
            if len(self._shoppers) >= _KEPT_SHOPPERS:
                self._shoppers.clear()
            known = {portrait.user_id: portrait for portrait in self.portraits}
            portrait = known.get(user_id, Portrait(user_id, "The feed", ""))
            shopper = self._shoppers[user_id] = self.describe.shopper(portrait, rows)
        return shopper

    def _know_sizes(self) -> None:
        """Sizes of photos and looks from their tables; a render has its photo's shape."""
        columns = ["path", "width_px", "height_px", "picture_digest"]
        for table in (self.run.item_pictures, self._look_pictures):
            for path, width, height, digest in table[columns].itertuples(index=False):
                self.pictures.know_size(str(path), int(width), int(height), str(digest))
        sizes = {
            str(item): (int(width), int(height))
            for item, width, height in self.run.item_pictures[
                ["item_id", "width_px", "height_px"]
            ].itertuples(index=False)
        }
        shown = self.run.feed[["item_id", "image_uri", "style_id"]].drop_duplicates()
        side = self.config.render.size_px
        for item, uri, style in shown.itertuples(index=False):
            if style != ORIGINAL and isinstance(uri, str) and item in sizes:
                width, height = sizes[item]
                scale = min(side / max(width, height), 1.0)
                path = self.workspace.path(uri)
                size = (max(round(width * scale), 1), max(round(height * scale), 1))
                self.pictures.know_size(str(path), *size, path.stem)


class Runs:
    """The current finished run of a job's folder."""

    def __init__(self, out: Path) -> None:
        """Read it. Raises InputError as `FinishedRun`."""
        self.out = out
        self._lock = threading.Lock()
        self._stamp = self._pointer()
        self._run = FinishedRun(out)

    def current(self) -> FinishedRun:
        """The run of the current feed; the one before while that cannot be read."""
        if self._pointer() != self._stamp and self._lock.acquire(blocking=False):
            try:
                # Once more when the manifest is written: then the last stage is done.
                stamp = self._pointer()
                self._run = FinishedRun(self.out)
                self._stamp = stamp
            except InputError:
                pass
            finally:
                self._lock.release()
        return self._run

    def _pointer(self) -> tuple[int, ...]:
        found = []
        for name in (POINTER, "manifest.json"):
            try:
                found.append((self.out / name).stat().st_mtime_ns)
            except OSError:
                found.append(0)
        return tuple(found)


def describe_looks(
    styles: pd.DataFrame, style_ids: Iterable[str], pictures: Sequence[NDArray[np.uint8]]
) -> list[str]:
    """What is said of each look: its name, tags, and words for its picture.

    `styles` is the table of looks, `pictures` uint8 (h, w, 3), one for each of `style_ids`.
    """
    traits = trait_words(np.stack([measure_look(picture) for picture in pictures]))
    titles = title_looks(styles, style_ids)
    parts = zip(titles, pictures, traits, strict=True)
    return [" ".join([title, *colour_words(picture), *words]) for title, picture, words in parts]


def title_looks(styles: pd.DataFrame, style_ids: Iterable[str]) -> list[str]:
    """Name and tags of each look, as far as the table of looks has them."""
    known = styles.set_index("style_id")
    columns = [column for column in ("name", "tags") if column in known]
    named = [[known.at[style, column] for column in columns] for style in style_ids]
    return [", ".join(text for text in texts if isinstance(text, str)) for texts in named]


def _masks(run: Artefacts) -> dict[str, str]:
    """item_id -> file of the mask that the catalogue gives it, where it can be found."""
    items = run.items
    if "mask_path" not in items:
        return {}
    root = job_root(run.job, "items", items["image_path"].dropna())
    found = {}
    known = items.loc[items["mask_path"].notna(), ["item_id", "mask_path"]]
    for item, mask_path in known.itertuples(index=False):
        with suppress(InputError):
            found[str(item)] = str(resolve_picture(mask_path, root))
    return found
