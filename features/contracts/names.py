"""Names of columns and of event types: other spellings, a mapping, and what was probably meant."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

from features.schema import EVENT_TYPES, ConfigError, SchemaError

if TYPE_CHECKING:
    import pandas as pd

IGNORE: Final = "ignore"
"""What an event type is mapped to whose rows are of no use."""

_COLUMNS: Final[dict[str, tuple[str, ...]]] = {
    "user_id": (
        *("user", "userid", "visitor", "visitorid", "customer", "customerid", "client"),
        *("clientid", "shopper", "shopperid", "uid", "memberid", "accountid", "fullvisitorid"),
    ),
    "item_id": (
        *("item", "product", "productid", "sku", "skuid", "article", "articleid", "stockcode"),
        *("asin", "contentid", "movieid", "id"),
    ),
    "timestamp": (
        *("time", "ts", "date", "datetime", "eventtime", "eventtimestamp", "createdat"),
        *("occurredat", "tdat", "invoicedate", "unixtime", "timestamputc", "timestampms"),
    ),
    "event_type": ("event", "type", "action", "eventname", "behavior", "behaviour", "behaviortype"),
    "dwell_s": ("dwell", "dwelltime", "duration", "durations", "dwellseconds", "timespent"),
    "style_id": ("style", "look", "lookid", "shownstyle"),
    "position": ("rank", "slot", "pos", "place", "index"),
    "propensity": ("pscore", "propensityscore", "probability", "stylepropensity"),
    "session_id": ("session", "usersession", "visit", "visitid", "basketid", "invoiceno"),
    "image_path": ("image", "imagelink", "imageurl", "picture", "photo", "filename", "imagefile"),
    "title": ("productname", "prodname", "description"),
    "category": ("producttype", "categoryid", "categorycode", "productcategory"),
    "available": ("availability", "instock", "stock", "quantity"),
}
_EVENT_TYPES: Final[dict[str, tuple[str, ...]]] = {
    "impression": (
        *("shown", "show", "imp", "exposure", "exposed", "display", "displayed", "served"),
        *("viewitemlist", "rendered", "impress"),
    ),
    "view": (
        *("pageview", "productview", "viewitem", "viewproduct", "detailview", "itemview", "pv"),
        *("viewed", "viewcontent", "productdetail", "detail", "visit", "viewproductdetail"),
    ),
    "click": ("selectitem", "clicked", "tap", "clickout", "productclick", "itemclick", "press"),
    "cart": (
        *("addtocart", "addcart", "cartadd", "basket", "addtobasket", "addtobag", "carted"),
        *("productadded", "bag", "shoppingcart", "cartaddition"),
    ),
    "purchase": (
        *("order", "ordered", "buy", "bought", "transaction", "checkout", "sale", "conversion"),
        *("purchased", "orderplaced", "ordercompleted", "pay", "payment", "paid", "convert"),
    ),
}


def folded(name: object) -> str:
    """`User ID`, `user-id` and `userId` -> `userid`: a name without case and punctuation."""
    return "".join(letter for letter in str(name).casefold() if letter.isalnum())


def meant(name: object, known: Sequence[str]) -> str | None:
    """Which of `known` somebody probably meant by `name`; None where there is no telling."""
    short = folded(name)
    for table in (_EVENT_TYPES, _COLUMNS):
        for word, others in table.items():
            if word in known and short in (folded(word), *others, *(f"{o}s" for o in others)):
                return word
    spellings = {folded(word): word for word in known}
    near = get_close_matches(short, spellings, n=1, cutoff=0.82)
    return spellings[near[0]] if near else None


def rename_columns(
    table: pd.DataFrame, name: str, known: Sequence[str], told: Mapping[str, str]
) -> pd.DataFrame:
    """`table` with its columns under the contract's names, `known`.

    `told` maps the contract's name to the table's. A column whose name differs only in case,
    spaces or punctuation is taken as it is, where no other has the name. Raises SchemaError when
    a column of `told` is not there, or two columns may be meant.
    """
    found = [str(column) for column in table.columns]
    renamed = list(found)
    for canonical, theirs in told.items():
        if theirs not in found:
            raise SchemaError(
                f"{name}: column {theirs!r}, which is to be read as {canonical}, is missing: "
                f"found {', '.join(found)}: correct the mapping of columns"
            )
        for place, column in enumerate(found):
            if column == theirs:
                renamed[place] = canonical
            elif column == canonical:
                renamed[place] = f"{column} (not used)"
    for canonical in known:
        if canonical in renamed:
            continue
        alike = [i for i, column in enumerate(renamed) if folded(column) == folded(canonical)]
        if len(alike) > 1:
            raise SchemaError(
                f"{name}: columns {', '.join(repr(found[i]) for i in alike)} may all be "
                f"{canonical}: expected one: drop or rename the others"
            )
        for place in alike:
            renamed[place] = canonical
    return table if renamed == list(table.columns) else table.set_axis(renamed, axis=1)


def missing_column(
    name: str, column: str, found: Sequence[str], needed: Sequence[str], known: Sequence[str]
) -> SchemaError:
    """The error for a table without a column it needs; says which one was probably meant."""
    likely = [other for other in found if other not in known and meant(other, known) == column]
    prefix = "" if name == "events" else f"{name}."
    mend = "add the column or rename the one that holds it"
    if likely:
        mend = f"did you mean {likely[0]!r}? Give --columns {prefix}{column}={likely[0]}"
    return SchemaError(
        f"{name}: column {column!r} is missing: found {', '.join(found) or 'no columns'}; "
        f"expected {', '.join(needed)}: {mend}"
    )


def name_event_types(values: pd.Series, told: Mapping[str, str]) -> pd.Series:
    """Event types under their canonical names, others as they are.

    `told` maps the log's word to an event type or to `ignore`. `Click` and `CLICK ` are `click`.
    """
    canonical = {folded(kind): kind for kind in EVENT_TYPES}
    also = {folded(word): kind for word, kind in told.items()}
    named = {}
    for word in values.dropna().unique():
        known = told.get(word, also.get(folded(word)))
        named[word] = canonical.get(folded(word), word) if known is None else known
    return values.map(named).astype("str") if named else values


def check_event_types(values: pd.Series, name: str) -> None:
    """Raise SchemaError where outcomes would be lost to an event type of another name.

    An unknown name that probably means an event type is refused when it has at least one row in a
    hundred, or when the log has no row of that type; one of no known meaning is no error.
    """
    counts = values.value_counts()
    lost = []
    for word, count in counts.items():
        if word in EVENT_TYPES or word == IGNORE:
            continue
        kind = meant(word, EVENT_TYPES)
        if kind is not None and (count >= len(values) / 100 or kind not in counts.index):
            lost.append((str(word), kind, int(count)))
    if lost:
        said = ", ".join(f"{word!r} ({count:,} rows)" for word, _, count in lost)
        mapping = ",".join(f"{word}={kind}" for word, kind, _ in lost)
        kinds = " and ".join(dict.fromkeys(kind for _, kind, _ in lost))
        raise SchemaError(
            f"{name}: event types {said} are unknown: expected {', '.join(EVENT_TYPES)}; "
            f"did you mean {kinds}? Give --event-types {_quoted(mapping)}, or `{IGNORE}` for one "
            "of no use"
        )


def _quoted(mapping: str) -> str:
    return f"'{mapping}'" if any(letter in mapping for letter in " ()&;|") else mapping


def column_mapping(told: Mapping[str, str], known: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """`told` with the contract's name on the left, whichever way round each pair is written.

    `known`: the columns of each table. Names of other tables than events are `items.price`.
    Raises ConfigError on a pair that names no column of a contract.
    """
    names = set(known["events"])
    names |= {f"{table}.{column}" for table, columns in known.items() for column in columns}
    mapping = {}
    for left, right in told.items():
        if left not in names and right in names:
            left, right = right, left
        if left not in names:
            near = meant(left, list(known["events"])) or meant(right, list(known["events"]))
            hint = f"did you mean {near}?" if near else f"expected {', '.join(known['events'])}"
            raise ConfigError(
                f"columns: neither {left!r} nor {right!r} is a column of the log: {hint} "
                "Write name=theirs, such as user_id=visitorid or items.price=amount"
            )
        mapping[left.removeprefix("events.")] = right
    return mapping


def event_type_mapping(told: Mapping[str, str]) -> dict[str, str]:
    """`told` as the log's word -> event type, whichever way round each pair is written.

    Raises ConfigError on a pair that names no event type.
    """
    known = (*EVENT_TYPES, IGNORE)
    mapping = {}
    for left, right in told.items():
        if right not in known and left in known:
            left, right = right, left
        if right not in known:
            near = meant(right, EVENT_TYPES)
            hint = f"did you mean {near}?" if near else ""
            raise ConfigError(
                f"event_types: {right!r} is no event type: expected one of {', '.join(known)}: "
                f"{hint} Write theirs=name, such as order=purchase".replace(":  ", ": ")
            )
        mapping[left] = right
    return mapping


def unused_columns(found: Collection[str], known: Sequence[str]) -> dict[str, str]:
    """Columns of no contract that probably hold one that is missing: theirs -> ours."""
    absent = [column for column in known if column not in found]
    likely = {str(column): meant(column, absent) for column in found if column not in known}
    return {theirs: ours for theirs, ours in likely.items() if ours is not None}
