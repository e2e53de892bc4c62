"""A version of the feed in; an entry per shopper, and one for shoppers it does not know, out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from features.schema import ORIGINAL, InputError
from pipelines.exports.contract import About, Entry, FeedItem, Fidelity, answer_body
from pipelines.stores import storage
from pipelines.stores.feed_versions import bucket_files

_ROWS_AT_ONCE: Final = 200_000
_UNKNOWN_REASON: Final = "often recommended to other shoppers"
_POPULARITY: Final = ["rank", "item_id", "original_uri"]


class Answers:
    """The answers of one version: `entries` goes over the shoppers, bucket by bucket.

    Memory holds one bucket, and eight bytes for each shopper. When `entries` has ended, `users` and
    `rows` say how many there were, and `unknown` is the entry for a shopper whom the feed does not
    know: the items that the feeds hold, by the sum of 1 / rank over all shoppers (ties by item_id),
    as photographed.
    """

    def __init__(self, folder: Path) -> None:
        """`folder` is the version's, `feed/<version>`."""
        self._files = bucket_files(folder)
        self.version = folder.name
        self._run_id = folder.name
        self._weights = pd.Series(dtype="float64")
        self._originals: dict[str, str | None] = {}
        self._length = 0
        self._seen = np.zeros(0, dtype=np.uint64)
        self.users = 0
        self.rows = 0

    def entries(self) -> Iterator[tuple[str, Entry]]:
        """(user_id, entry) of every shopper, once. Raises InputError where a bucket is damaged, or
        holds a shopper whom an earlier one holds."""
        for file in self._files:
            table = _read(file)
            self._require_others(file, table)
            yield from self._bucket(table)

    def about(self, source: str) -> About:
        """What an export of all entries holds, once `entries` has ended."""
        return About(self.version, source, self.users, self.rows)

    def unknown(self) -> Entry:
        """The entry for a shopper whom the feed does not know, once `entries` has ended."""
        ranked = self._weights.rename("weight").rename_axis("item_id").reset_index()
        ranked = ranked.sort_values(["weight", "item_id"], ascending=[False, True])
        rows = []
        for rank, (item, weight) in enumerate(
            ranked.head(self._length)[["item_id", "weight"]].itertuples(index=False), 1
        ):
            picture = self._originals[item]
            row = FeedItem(
                rank=rank, item_id=item, score=round(weight / self.users, 10), probability=None,
                item_propensity=1.0, style_id=ORIGINAL, style_drawn=ORIGINAL,
                style_propensity=1.0, strength=0.0, image_uri=picture, original_uri=picture,
                video_uri=None, render_key=None, fidelity=_unmeasured(), reason=_UNKNOWN_REASON,
                render_note="",
            )  # fmt: skip
            rows.append(row.model_dump_json().encode())
        return _entry(answer_body(None, False, self.version, self._run_id, rows))

    def _bucket(self, table: pa.Table) -> Iterator[tuple[str, Entry]]:
        if not table.num_rows:
            return
        table = table.sort_by([("user_id", "ascending"), ("rank", "ascending")])
        users = table.column("user_id").to_numpy()
        starts = np.flatnonzero(np.r_[True, users[1:] != users[:-1]])
        ends = np.r_[starts[1:], len(users)]
        self._run_id = str(table.column("run_id")[0].as_py())
        self._count(table, int((ends - starts).max()))
        self.users += len(starts)
        self.rows += len(users)
        rows = table.drop_columns(["user_id", "run_id"])
        first = 0
        while first < len(starts):
            begin = starts[first]
            last = max(int(np.searchsorted(ends, begin + _ROWS_AT_ONCE, "right")), first + 1)
            part = rows.slice(begin, ends[last - 1] - begin).to_pandas()
            text = part.to_json(orient="records", lines=True, force_ascii=False)
            lines = text.encode().splitlines()
            for place in range(first, last):
                own = lines[starts[place] - begin : ends[place] - begin]
                user = str(users[starts[place]])
                body = answer_body(user, True, self.version, self._run_id, own)
                yield user, _entry(body)
            first = last

    def _require_others(self, file: Path, table: pa.Table) -> None:
        """Remember the shoppers of a bucket, by a hash of their ids; none may be there already."""
        users = np.unique(pd.util.hash_array(table.column("user_id").to_numpy()))
        both = int(np.isin(users, self._seen).sum())
        if both:
            raise InputError(
                f"{file} holds {both:,} shoppers whom another bucket of the version holds too: "
                "expected each in one; run `stylefeed run` there again, which makes it good"
            )
        self._seen = np.concatenate([self._seen, users])

    def _count(self, table: pa.Table, length: int) -> None:
        shown = table.select(_POPULARITY).to_pandas()
        weights = (1.0 / shown["rank"]).groupby(shown["item_id"]).sum()
        self._weights = self._weights.add(weights, fill_value=0.0)
        pictures = shown.drop_duplicates("item_id")
        for item, picture in pictures[["item_id", "original_uri"]].itertuples(index=False):
            self._originals[item] = picture if isinstance(picture, str) else None
        self._length = max(self._length, length)


def digest_version(folder: Path) -> str:
    """Hex digest of the rows of the version in `folder`: of its buckets' names and bytes."""
    return storage.digest_json(
        {file.name: storage.digest_file(file) for file in bucket_files(folder)}
    )


def _read(file: Path) -> pa.Table:
    try:
        table = pq.read_table(file)
    except (OSError, pa.ArrowException) as error:
        raise InputError(
            f"{file} cannot be read ({str(error).splitlines()[0]}); run `stylefeed run` there "
            "again, which makes it good"
        ) from error
    if "video_uri" in table.column_names:
        return table
    # A version from before there were clips.
    return table.append_column("video_uri", pa.nulls(table.num_rows, pa.string()))


def _entry(body: bytes) -> Entry:
    return Entry(storage.digest_content(body), body)


def _unmeasured() -> Fidelity:
    none: dict[str, Any] = dict.fromkeys(Fidelity.model_fields)
    return Fidelity(**{**none, "mode": ORIGINAL})
