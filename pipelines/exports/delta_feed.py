"""The current feed as a Delta Lake table, for those with a lakehouse: a commit for each version."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pyarrow.dataset as ds

from features.schema import InputError
from pipelines.exports.answers import digest_version
from pipelines.stores.feed_versions import bucket_files

try:
    from deltalake import CommitProperties, DeltaTable, write_deltalake
    from deltalake.exceptions import DeltaError
except ModuleNotFoundError as error:
    raise InputError(
        f"{error.name} is not installed: pip install 'stylefeed[delta]', or export without --to"
    ) from None

VERSION: Final = "stylefeed.version"
SOURCE: Final = "stylefeed.digest"
"""What each commit says of the feed it holds: the version's name, and the digest of its rows."""


def write_delta(address: str, folder: Path) -> dict[str, Any]:
    """Make the table at `address` hold the rows of the version in `folder`, in one commit.

    `address` is a folder or a URL that delta-rs knows. A table whose latest commit is of these rows
    is left alone. Returns the `version`, `rows`, the table's `commit` and whether anything had to
    be done (`worked`). Raises InputError where the table cannot be read or written.
    """
    source = digest_version(folder)
    try:
        table = DeltaTable(address) if DeltaTable.is_deltatable(address) else None
        (latest,) = table.history(1) if table is not None else ({},)
        worked = (latest.get(VERSION), latest.get(SOURCE)) != (folder.name, source)
        rows = ds.dataset([str(file) for file in bucket_files(folder)])
        if worked:
            write_deltalake(
                address,
                # Read as it is written, so that memory holds a part of it.
                rows.scanner().to_reader(),
                mode="overwrite",
                schema_mode="overwrite",
                commit_properties=CommitProperties({VERSION: folder.name, SOURCE: source}),
            )
            table = DeltaTable(address)
    except (DeltaError, OSError, ValueError) as error:
        first = (str(error).splitlines() or [""])[0]
        raise InputError(
            f"export: the Delta table at {address} cannot be written: {type(error).__name__}: "
            f"{first}; check its address, and that you may read and write there"
        ) from error
    assert table is not None
    return {
        "version": folder.name,
        "rows": rows.count_rows(),
        "commit": table.version(),
        "worked": worked,
    }
