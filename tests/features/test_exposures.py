"""Exposures: which outcome belongs to which impression."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from features.exposures import Matches, exposures, matched_exposures
from features.tables import validate_events

NOON = pd.Timestamp("2026-01-01 12:00", tz="UTC")
COLUMNS = ["user_id", "item_id", "event_type", "hours", "style_id", "session_id", "position"]


def log(*rows: tuple[object, ...], dwell_s: list[float | None] | None = None) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=COLUMNS)
    table["timestamp"] = NOON + pd.to_timedelta(table.pop("hours").astype(float), unit="h")
    if dwell_s is not None:
        table["dwell_s"] = dwell_s
    return validate_events(table)[0]


def test_an_outcome_belongs_to_the_impression_of_its_session_and_position() -> None:
    table = exposures(
        log(
            ("u", "a", "impression", 0, "s1", "x", 1),
            ("u", "a", "impression", 1, "s1", "y", 1),
            ("u", "a", "impression", 1, "s1", "x", 2),
            ("u", "a", "view", 2, "s1", "x", 1),
            ("u", "a", "purchase", 90, "s1", "x", 1),
            dwell_s=[None, None, None, 4.0, None],
        )
    )
    assert table["clicked"].tolist() == [True, False, False]
    assert table["purchased"].tolist() == [True, False, False]
    assert table["carted"].tolist() == [False] * 3
    assert table["dwell_s"].tolist() == [4.0, 0.0, 0.0]
    assert table["session_id"].tolist() == ["x", "x", "y"]


def test_an_outcome_without_a_session_belongs_to_the_latest_impression_within_a_day() -> None:
    table = exposures(
        log(
            ("u", "a", "impression", 0, "s1", "x", 1),
            ("u", "a", "impression", 5, "s1", "y", 1),
            ("u", "a", "impression", 6, "s2", "y", 2),
            ("u", "a", "impression", 9, "s1", "z", 1),
            ("u", "a", "cart", 8, "s1", None, None),
            ("v", "a", "impression", 0, None, "x", 1),
            ("v", "a", "view", 24, None, None, None),
            ("w", "a", "impression", 0, None, "x", 1),
            ("w", "a", "view", 24.01, None, None, None),
        )
    )
    clicked = table[table["clicked"]]
    assert clicked[["user_id", "session_id", "style_id"]].to_numpy().tolist() == [
        ["v", "x", "original"],
        ["u", "y", "s1"],
    ]
    assert table["carted"].sum() == 1


def test_an_outcome_in_a_session_unknown_to_the_impressions_falls_back_to_the_latest() -> None:
    table = exposures(
        log(
            ("u", "a", "impression", 0, "s1", None, None),
            ("u", "a", "view", 1, "s1", "x", 1),
        )
    )
    assert table["clicked"].tolist() == [True]


def test_an_event_type_that_never_names_a_look_is_matched_by_user_and_item() -> None:
    rows: list[tuple[object, ...]] = [
        ("u", "a", "impression", 0, None, "x", 1),
        ("u", "a", "impression", 1, "s1", "x", 2),
        ("u", "a", "purchase", 2, None, None, None),
    ]
    table = exposures(log(*rows))
    assert table.loc[table["purchased"], "style_id"].tolist() == ["s1"]
    # Once some purchase names its look, a purchase that names none means the plain photo.
    table = exposures(log(*rows, ("v", "b", "purchase", 2, "s1", None, None)))
    assert table.loc[table["purchased"], "style_id"].tolist() == ["original"]


@pytest.mark.parametrize(
    "outcome",
    [
        ("u", "a", "view", -0.1, "s1", "x", 1),
        ("u", "b", "view", 1, "s1", "x", 1),
        ("v", "a", "view", 1, "s1", "x", 1),
        ("u", "a", "view", 1, "s2", "x", 1),
    ],
)
def test_an_outcome_of_something_else_or_from_before_is_no_click(outcome: tuple[object]) -> None:
    table = exposures(log(("u", "a", "impression", 0, "s1", "x", 1), outcome))
    assert table["clicked"].tolist() == [False]


def test_dwell_is_summed_over_the_views_of_one_impression() -> None:
    table = exposures(
        log(
            ("u", "a", "impression", 0, None, "x", 1),
            ("u", "a", "view", 1, None, "x", 1),
            ("u", "a", "view", 2, None, "x", 1),
            dwell_s=[None, 1.5, 2.0],
        )
    )
    assert table["dwell_s"].tolist() == [3.5]


def test_columns_and_dtypes_are_those_promised_with_outcomes_or_without() -> None:
    shown = ("u", "a", "impression", 0, None, None, None)
    for rows in (
        [shown],
        [shown, ("u", "a", "view", 1, None, None, None)],
        [(*shown[:2], "view", *shown[3:])],
    ):
        table = exposures(log(*rows))
        assert {name: str(dtype) for name, dtype in table.dtypes.items()} == {
            "user_id": "str",
            "item_id": "str",
            "style_id": "str",
            "style_drawn": "str",
            "timestamp": "datetime64[us, UTC]",
            "position": "float32",
            "propensity": "float32",
            "session_id": "str",
            "clicked": "bool",
            "dwell_s": "float32",
            "carted": "bool",
            "purchased": "bool",
        }
        assert table["position"].isna().all()
        assert table["propensity"].isna().all()


ROW = st.tuples(
    st.sampled_from(["u1", "u2"]),
    st.sampled_from(["a", "b"]),
    st.sampled_from(["impression", "impression", "view", "click", "cart", "purchase"]),
    st.sampled_from([0, 1, 2, 20, 30, 50]),
    st.sampled_from(["s1", "s2", None]),
    st.sampled_from(["x", "y", None]),
    st.sampled_from([1, 2, None]),
)
LOGS = st.lists(ROW, min_size=1, max_size=25)


def same(left: object, right: object) -> bool:
    return left == right or (left is None and right is None)


def oracle(rows: list[tuple[object, ...]]) -> list[tuple[object, ...]]:
    """The rule, said with loops: (impression, any click, cart, purchase) for each impression."""
    shown = [row for row in rows if row[2] == "impression"]
    styled = {row[2] for row in rows if row[4] is not None}
    outcomes: dict[tuple[object, ...], set[object]] = {row: set() for row in shown}

    def latest(row: tuple[object, ...], fields: tuple[int, ...], hours: float) -> object:
        fitting = [
            other
            for other in shown
            if all(same(other[field], row[field]) for field in fields)
            and 0 <= row[3] - other[3] <= hours  # type: ignore[operator]
        ]
        return max(fitting, key=lambda other: order(other), default=None)

    def order(row: tuple[object, ...]) -> tuple[object, ...]:
        user, item, _, hours, style, session, position = row
        return (hours, user, session or "", position or 0, item, style or "")

    for row in rows:
        if row[2] == "impression":
            continue
        found = None
        if row[5] is not None and row[6] is not None:
            exact = (0, 1, 4, 5, 6) if row[2] in styled else (0, 1, 5, 6)
            found = latest(row, exact, np.inf)
        if found is None:
            found = latest(row, (0, 1, 4) if row[2] in styled else (0, 1), 24)
        if found is not None:
            outcomes[found].add(row[2])  # type: ignore[index]
    return [
        (*row, bool(outcomes[row]), "cart" in outcomes[row], "purchase" in outcomes[row])
        for row in sorted(set(shown), key=order)
    ]


@settings(deadline=None, max_examples=50)
@given(LOGS)
def test_outcomes_are_matched_as_the_rule_says(rows: list[tuple[object, ...]]) -> None:
    distinct = list(dict.fromkeys(rows))
    table = exposures(log(*distinct))
    expected = oracle(distinct)
    got = table[["user_id", "item_id", "style_id", "clicked", "carted", "purchased"]]
    assert got.to_numpy().tolist() == [
        [row[0], row[1], row[4] or "original", *row[7:]] for row in expected
    ]


@settings(deadline=None, max_examples=50)
@given(LOGS, st.integers(0, 2**32 - 1))
def test_each_impression_is_one_exposure_whatever_the_order_of_rows(
    rows: list[tuple[object, ...]], seed: int
) -> None:
    events = log(*rows, dwell_s=[0.1 * (index % 7) for index in range(len(rows))])
    table = exposures(events)
    assert len(table) == (events["event_type"] == "impression").sum()
    shuffled = events.sample(frac=1, random_state=seed).reset_index(drop=True)
    assert_frame_equal(exposures(shuffled), table)


def test_a_large_log_is_matched_at_over_three_hundred_thousand_rows_a_second() -> None:
    rng = np.random.default_rng(0)
    shown = pd.DataFrame(
        {
            "user_id": np.char.add("u", rng.integers(0, 2000, 60_000).astype(str)),
            "item_id": np.char.add("i", rng.integers(0, 500, 60_000).astype(str)),
            "timestamp": NOON + pd.to_timedelta(rng.integers(0, 10**6, 60_000), unit="s"),
            "event_type": "impression",
            "session_id": np.char.add("x", np.arange(60_000).astype(str)),
            "position": rng.integers(1, 9, 60_000),
        }
    )
    viewed = shown.iloc[::6].assign(
        event_type="view", timestamp=lambda table: table["timestamp"] + pd.Timedelta(seconds=3)
    )
    events = validate_events(pd.concat([shown, viewed]))[0]
    start = time.process_time()
    table = exposures(events)
    assert time.process_time() - start < 0.25
    assert table["clicked"].sum() == 10_000


S = 1 / 3600  # hours
SHOWN = ("u", "a", "impression", 1.0, "s1", "x", 1)


@pytest.mark.parametrize(
    ("seconds", "tolerance_s", "clicked"),
    [
        (-5, 300.0, True),
        (-120, 300.0, True),
        (-301, 300.0, False),
        (-5, 0.0, False),
        (9e4, 0, True),
    ],
)
def test_an_exact_outcome_may_be_stamped_a_little_before_its_impression(
    seconds: float, tolerance_s: float, clicked: bool
) -> None:
    late = ("u", "a", "view", 1.0 + seconds * S, "s1", "x", 1)
    table, matches = matched_exposures(log(SHOWN, late), tolerance_s)
    assert table["clicked"].tolist() == [clicked]
    assert matches == Matches(1, int(clicked and seconds < 0), int(not clicked))


@pytest.mark.parametrize(
    ("change", "clicked"),
    [
        ({}, True),
        ({6: None}, True),  # the session is enough within the tolerance
        ({5: None, 6: None}, False),  # without one, what came before belongs to something else
        ({5: "y"}, False),
        ({6: 2}, False),
        ({4: "s2"}, False),
        ({1: "b"}, False),
    ],
)
def test_the_tolerance_is_for_outcomes_that_name_the_session(
    change: dict[int, object], clicked: bool
) -> None:
    early = ["u", "a", "view", 1.0 - 5 * S, "s1", "x", 1]
    for place, value in change.items():
        early[place] = value
    assert exposures(log(SHOWN, tuple(early)))["clicked"].tolist() == [clicked]


def test_an_impression_before_the_outcome_comes_before_one_after_it() -> None:
    second = (*SHOWN[:3], 1.0 + 60 * S, *SHOWN[4:])
    between = ("u", "a", "view", 1.0 + 58 * S, "s1", "x", 1)
    assert exposures(log(SHOWN, second, between))["clicked"].tolist() == [True, False]


@pytest.mark.parametrize("unit", ["min", "h", "D"])
def test_outcomes_stamped_in_whole_units_are_matched_in_that_unit(unit: str) -> None:
    rng = np.random.default_rng(0)
    n = 40
    shown = pd.DataFrame(
        {
            "user_id": [f"u{i % 7}" for i in range(n)],
            "item_id": [f"i{i}" for i in range(n)],
            "timestamp": NOON + pd.to_timedelta(rng.integers(0, 40 * 86_400_000, n), unit="ms"),
            "event_type": "impression",
        }
    )
    bought = shown.assign(event_type="purchase", timestamp=shown["timestamp"].dt.floor(unit))
    table, matches = matched_exposures(validate_events(pd.concat([shown, bought]))[0], 0.0)
    assert table["purchased"].all()
    assert matches == Matches(n, 0, 0)


def test_a_placed_outcome_that_names_no_look_is_matched_by_its_place() -> None:
    bought = ("u", "a", "purchase", 90, None, "x", 1)
    assert exposures(log(SHOWN, bought))["purchased"].tolist() == [True]
