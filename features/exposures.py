"""Exposures: every impression, and what came of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.order import grouped, sorted_by
from features.schema import ORIGINAL

ATTRIBUTION_WINDOW: Final = pd.Timedelta(hours=24)
"""How long after an impression an outcome that names no session may still be its outcome."""

CLOCK_TOLERANCE_S: Final = 300.0
"""How long before its impression an outcome may be stamped that names its session and position."""

EXPOSURE_ORDER: Final = ("timestamp", "user_id", "session_id", "position", "item_id", "style_id")
_UNITS_US: Final = tuple(seconds * 10**6 for seconds in (86_400, 3_600, 60))
_FEWEST_STAMPS: Final = 10


@dataclass(frozen=True)
class Matches:
    """How many outcomes a log has, and how many found their impression.

    `early` of the matched ones are stamped before it, within the tolerance; `unmatched` have none.
    """

    outcomes: int
    early: int
    unmatched: int

    @property
    def unmatched_share(self) -> float:
        """Share of the outcomes without an impression, 0 where there is no outcome."""
        return self.unmatched / self.outcomes if self.outcomes else 0.0


@dataclass(frozen=True)
class Stamping:
    """How a log stamps its outcomes: what decides how they are matched, learned from all of it.

    `units`: event type -> the unit it is stamped in, microseconds: of whole days, hours or minutes,
    or 1; a type of fewer than 10 rows does not tell. `names_look`: event types of which any row
    names a look.
    """

    units: dict[str, int]
    names_look: tuple[str, ...]

    @classmethod
    def of(cls, events: pd.DataFrame, few: bool = True) -> Self:
        """That of the outcomes among `events`; `few`: a type of few rows does not tell."""
        outcomes = events[events["event_type"] != "impression"]
        named = outcomes.loc[outcomes["style_id"].notna(), "event_type"]
        return cls(_units(outcomes, few), tuple(sorted(named.unique())))

    @classmethod
    def joined(cls, parts: Iterable[Self], counts: Iterable[dict[str, int]]) -> Self:
        """That of a log told by its `parts` and how many outcomes of each type they have.

        A unit that every part is stamped in is that of the log; parts must have been told with
        `few` False.
        """
        units: dict[str, int] = {}
        rows: dict[str, int] = {}
        looks: set[str] = set()
        for part, count in zip(parts, counts, strict=True):
            looks |= set(part.names_look)
            for kind, unit in part.units.items():
                units[kind] = math.gcd(units.get(kind, unit), unit)
                rows[kind] = rows.get(kind, 0) + count[kind]
        few = {kind for kind, n in rows.items() if n < _FEWEST_STAMPS}
        return cls(
            {kind: 1 if kind in few else unit for kind, unit in units.items()},
            tuple(sorted(looks)),
        )


def exposures(
    events: pd.DataFrame,
    tolerance_s: float = CLOCK_TOLERANCE_S,
    stamping: Stamping | None = None,
) -> pd.DataFrame:
    """One row per impression of a clean log, with the outcomes that followed it.

    An outcome (view, click, cart, purchase) that logs a session and a position belongs to the
    latest impression of the same user, item, look, session and position before it, or else to the
    first one at most `tolerance_s` seconds after it: servers' clocks differ. Any other, and
    one for which there is none, belongs to the latest impression of the same user, item and look at
    most 24 hours before it, or else, if it logs a session, to one of the same user, item, look and
    session within the tolerance; event types that never name a look are matched without it. An
    event type that is stamped in whole minutes, hours or days is matched in that unit. Outcomes
    with no impression are left out. `stamping`: that of the whole log where `events` are those of
    some of its users (None: of `events`).

    Returns, sorted by (timestamp, user_id, session_id, position, item_id, style_id): user_id,
    item_id, style_id (`original` for the plain photo), style_drawn (the look that was drawn with
    the propensity: another one where its render fell back to the original), timestamp, position
    and propensity float32 (NaN unknown), session_id, clicked (any outcome), dwell_s float32 (sum
    over its outcomes, 0 if none), carted, purchased.
    """
    return matched_exposures(events, tolerance_s, stamping)[0]


def matched_exposures(
    events: pd.DataFrame,
    tolerance_s: float = CLOCK_TOLERANCE_S,
    stamping: Stamping | None = None,
) -> tuple[pd.DataFrame, Matches]:
    """`exposures`, and how many of the outcomes they account for."""
    shown = events["event_type"] == "impression"
    impressions = sorted_by(events[shown], EXPOSURE_ORDER)
    outcomes = events[~shown].reset_index(drop=True)
    stamping = Stamping.of(events) if stamping is None else stamping
    owner, early = _owners(impressions, outcomes, tolerance_s, stamping)

    owned = owner >= 0
    matches = Matches(len(outcomes), int(early.sum()), int((~owned).sum()))
    owner, outcomes = owner[owned], outcomes[owned]
    count = len(impressions)
    dwell_s = outcomes["dwell_s"].fillna(0.0).to_numpy(dtype=np.float64)
    order = np.argsort(dwell_s, kind="stable")  # makes the sums independent of the rows' order
    dwelt = np.bincount(owner[order], weights=dwell_s[order], minlength=count)

    def happened(mask: pd.Series) -> NDArray[np.bool_]:
        return np.bincount(owner[mask.to_numpy()], minlength=count) > 0

    types = outcomes["event_type"]
    table = pd.DataFrame(
        {
            "user_id": impressions["user_id"],
            "item_id": impressions["item_id"],
            "style_id": impressions["style_id"].fillna(ORIGINAL),
            "style_drawn": _drawn(impressions),
            "timestamp": impressions["timestamp"],
            "position": impressions["position"]
            .astype("Float32")
            .to_numpy(np.float32, na_value=np.nan),
            "propensity": impressions["propensity"].astype(np.float32),
            "session_id": impressions["session_id"],
            "clicked": happened(types.notna()),
            "dwell_s": dwelt.astype(np.float32),
            "carted": happened(types == "cart"),
            "purchased": happened(types == "purchase"),
        }
    )
    return table, matches


def _drawn(impressions: pd.DataFrame) -> pd.Series:
    served = impressions["style_id"].fillna(ORIGINAL)
    if "style_drawn" not in impressions:
        return served
    return impressions["style_drawn"].fillna(served)


def _owners(
    impressions: pd.DataFrame, outcomes: pd.DataFrame, tolerance_s: float, stamping: Stamping
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Position of the impression each outcome belongs to, -1 for none; and which are early."""
    owner = np.full(len(outcomes), -1, dtype=np.int64)
    early = np.zeros(len(outcomes), dtype=bool)
    if impressions.empty or outcomes.empty:
        return owner, early
    kinds = outcomes["event_type"]
    names_look = kinds.isin(stamping.names_look).to_numpy(dtype=bool)
    in_session = outcomes["session_id"].notna().to_numpy()
    placed = in_session & outcomes["position"].notna().to_numpy()
    units = stamping.units
    unit = np.array([units[str(kind)] for kind in kinds], dtype=np.int64)
    search = _Search(impressions, outcomes, unit, round(tolerance_s * 1e6))
    for look, of_look in ((("style_id",), names_look), ((), ~names_look)):
        anywhere = ("user_id", "item_id", *look)
        session, exact = (*anywhere, "session_id"), (*anywhere, "session_id", "position")
        for find, keys, applies, is_early in (
            (search.latest_before, exact, placed, False),
            (search.first_after, exact, placed, True),
            (search.recent, anywhere, of_look, False),
            (search.first_after, session, in_session & ~placed, True),
        ):
            rows = np.flatnonzero((owner < 0) & of_look & applies)
            if rows.size:
                owner[rows] = find(keys, rows)
                early[rows] = is_early & (owner[rows] >= 0)
    return owner, early


def _units(outcomes: pd.DataFrame, few: bool) -> dict[str, int]:
    """`Stamping.units` of outcomes."""
    units = {}
    times = outcomes["timestamp"].to_numpy(dtype="datetime64[us]").astype(np.int64)
    codes, kinds = pd.factorize(outcomes["event_type"])
    for code, kind in enumerate(kinds):
        stamps = times[codes == code]
        whole = (unit for unit in _UNITS_US if not (stamps % unit).any())
        units[str(kind)] = 1 if few and len(stamps) < _FEWEST_STAMPS else next(whole, 1)
    return units


class _Search:
    """Impressions by keys and time; `unit` is what each outcome's time is a whole number of."""

    def __init__(
        self,
        impressions: pd.DataFrame,
        outcomes: pd.DataFrame,
        unit: NDArray[np.int64],
        tolerance_us: int,
    ) -> None:
        self._n = len(impressions)
        self._unit, self._tolerance = unit, tolerance_us
        self._shown_at, self._done_at = _microseconds(impressions), _microseconds(outcomes)
        names = ["user_id", "item_id", "style_id", "session_id", "position"]
        both = pd.concat([impressions[names], outcomes[names]], ignore_index=True)
        self._codes = pd.DataFrame(
            {name: pd.factorize(both[name], use_na_sentinel=False)[0] for name in names}
        )

    def latest_before(self, keys: tuple[str, ...], rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """The latest impression with equal `keys` at or before each of `rows`, -1 if none."""
        return self._found(keys, rows, lambda when, wanted: np.searchsorted(when, wanted, "right"))

    def recent(self, keys: tuple[str, ...], rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """As `latest_before`, but of the 24 hours before."""
        found = self.latest_before(keys, rows)
        age = self._done_at[rows] - self._shown_at[found]
        return np.where(age <= ATTRIBUTION_WINDOW // pd.Timedelta(microseconds=1), found, -1)

    def first_after(self, keys: tuple[str, ...], rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """The first impression with equal `keys` after each of `rows`, within the tolerance."""
        found = self._found(
            keys, rows, lambda when, wanted: np.searchsorted(when, wanted, "left") + 1
        )
        wait = self._shown_at[found] - self._done_at[rows]
        return np.where(wait <= self._tolerance, found, -1)

    def _found(
        self,
        keys: tuple[str, ...],
        rows: NDArray[np.int64],
        place: Callable[[NDArray[np.int64], NDArray[np.int64]], NDArray[np.int64]],
    ) -> NDArray[np.int64]:
        """Impressions with equal `keys`, by time, the one before the `place` of each of `rows`."""
        found = np.full(len(rows), -1, dtype=np.int64)
        chosen = np.concatenate([np.arange(self._n), self._n + rows])
        group = grouped(self._codes.iloc[chosen], keys)
        for unit in np.unique(self._unit[rows]):
            # An outcome stamped with its minute happened at any time within it.
            mine = np.flatnonzero(self._unit[rows] == unit)
            times = np.concatenate([self._shown_at // unit * unit, self._done_at[rows[mine]]])
            moment = np.unique(times, return_inverse=True)[1]
            groups = np.concatenate([group[: self._n], group[self._n + mine]])
            when = groups * (moment.max(initial=0) + 1) + moment
            order = np.argsort(when[: self._n], kind="stable")
            at = place(when[: self._n][order], when[self._n :]) - 1
            near = order[np.clip(at, 0, self._n - 1)]
            inside = (at >= 0) & (at < self._n)
            same = inside & (groups[: self._n][near] == groups[self._n :])
            found[mine] = np.where(same, near, -1)
        return found


def _microseconds(table: pd.DataFrame) -> NDArray[np.int64]:
    return table["timestamp"].to_numpy(dtype="datetime64[us]").astype(np.int64)
