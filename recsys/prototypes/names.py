"""Words for prototypes, taken from the looks they hold."""

from __future__ import annotations

from collections import Counter
from typing import Final

import pandas as pd

from features.schema import SchemaError

_TAGS_NAMED: Final = 2


def prototype_names(prototypes: pd.DataFrame, styles: pd.DataFrame) -> pd.Series:
    """Name every prototype by its nearest look and its looks' most frequent tags.

    prototypes: as `PrototypeIndex.prototypes`. styles: style_id, name, optionally tags (split at
    commas, semicolons and bars). Returns str named by prototype_id, such as "Blue Delft (ceramic,
    cool)": the medoid's name, or its id where it has none, and up to two tags that more than one
    look carries, or all do; equally frequent ones by alphabet. Where two prototypes would be
    called the same, the medoid's id is added. Raises SchemaError on a missing column.
    """
    for column in ("style_id", "name"):
        if column not in styles.columns:
            raise SchemaError(
                f"styles have no column {column!r}: got {list(styles.columns)}, "
                "expected style_id, name and optionally tags"
            )
    known = styles.drop_duplicates("style_id").set_index("style_id")
    title = {str(look): str(name) for look, name in known["name"].dropna().items()}
    tags = known["tags"].dropna() if "tags" in known else pd.Series(dtype="str")
    tags_of = {str(look): _split(str(text)) for look, text in tags.items()}
    names: dict[str, str] = {}
    columns = (prototypes[column] for column in ("prototype_id", "style_id", "members"))
    for prototype, medoid, members in zip(*columns, strict=True):
        frequent = _frequent(members, tags_of)
        words = f" ({', '.join(frequent)})" if frequent else ""
        names[prototype] = title.get(medoid, medoid) + words
    twice = {name for name, count in Counter(names.values()).items() if count > 1}
    medoids = dict(zip(prototypes["prototype_id"], prototypes["style_id"], strict=True))
    told = {
        prototype: f"{name} [{medoids[prototype]}]" if name in twice else name
        for prototype, name in names.items()
    }
    return pd.Series(told, dtype="str", name="name").rename_axis("prototype_id")


def _split(text: str) -> set[str]:
    parts = text.replace(";", ",").replace("|", ",").split(",")
    return {part.strip() for part in parts if part.strip()}


def _frequent(members: list[str], tags_of: dict[str, set[str]]) -> list[str]:
    counts = Counter(tag for look in members for tag in tags_of.get(look, set()))
    needed = min(2, len(members))
    ordered = sorted(counts, key=lambda tag: (-counts[tag], tag))
    return [tag for tag in ordered if counts[tag] >= needed][:_TAGS_NAMED]
