"""`stylefeed ab`: a verdict with a page, or one clear line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from features.schema import ConfigError, InputError
from pipelines.cli import app
from pipelines.jobs.ab import compare_policies
from pipelines.report.ab_card import plain
from pipelines.stores.shopper_keys import KEY_VARIABLE, add_tombstones, pseudonym
from pipelines.stores.shopper_search import search_folder

KEY = "a key of the tests, long enough"

LOOKS = np.array(["s1", "s2", "s3", None], dtype=object)


def _log(n: int, clicks: float | int, seed: int = 0, gain: float = 1.0) -> pd.DataFrame:
    """Even draws over three looks and the plain photo; s2 is clicked `gain` times as often.

    `clicks`: a rate below 1, or how many there are in all, spread over the log.
    """
    rng = np.random.default_rng(seed)
    look = rng.integers(0, 4, n)
    if clicks < 1:
        clicked = rng.random(n) < np.where(look == 1, gain, 1.0) * clicks
    else:
        clicked = np.zeros(n, dtype=bool)
        clicked[rng.choice(n, int(clicks), replace=False)] = True
    shown = pd.DataFrame(
        {
            "user_id": "u" + pd.Series(rng.integers(0, 200, n)).astype(str),
            "item_id": "i" + pd.Series(rng.integers(0, 12, n)).astype(str),
            "timestamp": pd.date_range("2025-01-01", periods=n, freq="7min", tz="UTC"),
            "event_type": "impression",
            "style_id": LOOKS[look],
            "position": 1,
            "propensity": 0.25,
            "session_id": "v" + pd.Series(range(n)).astype(str),
        }
    )
    later = shown[clicked].assign(event_type="click")
    later["timestamp"] += pd.Timedelta("5s")
    return pd.concat([shown, later], ignore_index=True)


def _write(table: pd.DataFrame, folder: Path) -> Path:
    path = folder / "log.parquet"
    table.to_parquet(path, index=False)
    return path


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, object]]:
    """The look that is clicked two and a half times as often, against the plain photo."""
    folder = tmp_path_factory.mktemp("ab")
    table = _log(16_000, 0.2, gain=2.5)
    # The faults of a real export: other spellings, a row without a user, one propensity in error.
    table["event_type"] = table["event_type"].replace({"click": "Click"})
    table.loc[3, "user_id"] = "NULL"
    table.loc[15_000, "propensity"] = 1e-9
    log = _write(table, folder)
    result = compare_policies(log, "original", "best_single", folder / "out", seed=0)
    return folder, result


def test_a_better_policy_is_found_and_its_lift_is_in_the_interval(compared) -> None:  # type: ignore[no-untyped-def]
    _, result = compared
    assert result["best_single"] == "s2"
    assert result["verdict"]["kind"] == "better"
    main = next(row for row in result["estimates"] if row["estimator"] == result["main"])
    for method in ("normal", "bootstrap", "bernstein"):
        low, high = main["difference"][method]
        assert low < 0.3 < high
    assert {row["estimator"] for row in result["estimates"]} >= {"IPS", "SNIPS", "DM", "DR"}


def test_the_page_stands_alone_and_says_the_verdict(compared) -> None:  # type: ignore[no-untyped-def]
    folder, result = compared
    page = (folder / "out" / "ab.html").read_text()
    assert result["verdict"]["sentence"] in page
    assert page.count("<svg") == 6
    assert "<script" not in page
    assert "http" not in page.replace("http-equiv", "")
    written = json.loads((folder / "out" / "ab.json").read_text())
    assert written == json.loads(json.dumps({k: v for k, v in result.items() if k != "worked"}))
    card = (folder / "out" / "policy_card.md").read_text()
    assert card.startswith("# Policy card: best_single")
    assert "found best before the cut: s2" in card
    assert "- s2: 100 %" in card


def test_what_is_set_aside_is_counted_by_reason_and_named_by_the_row_of_the_file(compared) -> None:  # type: ignore[no-untyped-def]
    folder, result = compared
    assert result["facts"]["set_aside_by_reason"] == {"user_id is missing": 1}
    rejects = pd.read_csv(folder / "out" / "rejects" / "ab.csv")
    assert rejects[["row", "reason"]].to_numpy().tolist() == [[3, "user_id is missing"]]


def test_one_propensity_in_error_decides_nothing_and_its_row_is_named(compared) -> None:  # type: ignore[no-untyped-def]
    _, result = compared
    facts = result["facts"]
    assert facts["propensities_raised"] == 1
    assert facts["propensity_raised_to"] == pytest.approx(500 / facts["judged"])
    (warning,) = facts["warnings"]
    assert warning.startswith("log: the propensity 1e-09 of row 15000 is under 1 in 16,000 impress")
    assert (result["verdict"]["times_traffic"] or 1) < 2


def test_the_curve_over_time_ends_where_the_estimate_is(compared) -> None:  # type: ignore[no-untyped-def]
    _, result = compared
    main = next(row for row in result["estimates"] if row["estimator"] == result["main"])
    last = result["cumulative"][-1]
    assert last["rows"] == result["facts"]["judged"]
    assert last["value"] == pytest.approx(main["difference"]["value"])
    assert last["high"] == pytest.approx(main["difference"]["normal"][1], rel=1e-4)


def test_a_second_run_does_no_work_and_another_seed_does(compared) -> None:  # type: ignore[no-untyped-def]
    folder, result = compared
    page = folder / "out" / "ab.html"
    before = page.stat().st_mtime_ns
    again = compare_policies(folder / "log.parquet", "original", "best_single", folder / "out", 0)
    assert not again["worked"]
    assert page.stat().st_mtime_ns == before
    assert again["verdict"] == json.loads(json.dumps(result["verdict"]))
    assert compare_policies(
        folder / "log.parquet", "original", "best_single", folder / "out", seed=1
    )["worked"]


def test_few_clicks_give_a_wide_interval_and_no_verdict(tmp_path: Path) -> None:
    log = _write(_log(10_000, 38), tmp_path)
    result = compare_policies(log, "feed", "personal", tmp_path / "out", seed=0)
    assert result["verdict"]["kind"] == "refused"
    assert "No verdict on personal against feed" in result["verdict"]["sentence"]
    assert "at least 100 are needed" in result["verdict"]["sentence"]
    assert "more judged rows" in result["verdict"]["sentence"]
    main = next(row for row in result["estimates"] if row["estimator"] == result["main"])
    low, high = main["difference"]["bootstrap"]
    assert high - low > main["a"]["value"]


def test_policies_that_earn_alike_are_not_told_apart(tmp_path: Path) -> None:
    log = _write(_log(12_000, 0.3), tmp_path)
    result = compare_policies(log, "uniform", "original", tmp_path / "out", seed=0)
    assert result["verdict"]["kind"] == "no difference"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.drop(columns="propensity"), "column 'propensity' is missing"),
        (lambda t: t.assign(propensity=t["propensity"].where(t.index != 5)), "is missing in 1 of"),
        (lambda t: t.assign(propensity=t["propensity"].where(t.index != 5, 0.0)), "is zero in 1"),
        (lambda t: t.assign(propensity=t["propensity"].where(t.index != 5, 1.5)), "is above 1"),
        (lambda t: t.assign(propensity=0.125), "do not sum to 1 over the looks"),
        (lambda t: t.assign(propensity=0.5), "do not sum to 1 over the looks"),
        (lambda t: t.assign(propensity=t["propensity"].where(t.index != 5)), "first row 5"),
        (
            lambda t: t.assign(position=t["position"] - 1),
            "positions run from 0: got 0 in .*first in row 0; expected the top place to be 1: add",
        ),
        (lambda t: t.assign(position=t.index % 4), "positions run from 0"),
        (
            lambda t: t.assign(user_id=t["user_id"].where(t.index % 50 != 0)),
            r"80 of 4,000 impressions \(2.0%\) are set aside: user_id is missing: 80; estimates",
        ),
        (
            lambda t: t.assign(event_type=t["event_type"].replace("click", "tap")),
            "did you mean click. Give --event-types tap=click",
        ),
        (lambda t: t[t["event_type"] == "impression"], "no outcome is left: all 4,000 rows"),
        (lambda t: t.rename(columns={"propensity": "pscore"}), "Give --columns propensity=pscore"),
    ],
)
def test_a_log_that_would_bend_the_estimates_stops_with_one_line(
    change, words, tmp_path: Path
) -> None:  # type: ignore[no-untyped-def]
    log = _write(change(_log(4_000, 0.2)), tmp_path)
    with pytest.raises(InputError, match=words) as caught:
        compare_policies(log, "original", "uniform", tmp_path / "out", seed=0)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_policies_that_cannot_be_compared_are_refused(tmp_path: Path) -> None:
    log = _write(_log(200, 0.2), tmp_path)
    with pytest.raises(ConfigError, match="policy is 'best': expected one of feed, original"):
        compare_policies(log, "best", "uniform", tmp_path, 0)
    with pytest.raises(ConfigError, match="both policies are 'uniform'"):
        compare_policies(log, "uniform", "uniform", tmp_path, 0)


def test_forgotten_shoppers_teach_no_policy_and_pseudonyms_stand_for_all_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    table = _log(3_000, 0.2)
    # Rows that are set aside would name their shoppers in the list of rejects.
    table.loc[[40, 41], "user_id"] = ["gone-shopper", "other-shopper"]
    table.loc[[40, 41], "timestamp"] = pd.NaT
    table.loc[42:60, "user_id"] = "gone-shopper"
    log, out = _write(table, tmp_path), tmp_path / "out"
    settings = tmp_path / "settings.toml"
    settings.write_text("[privacy]\npseudonymise = true\n")
    base = ["ab", "--log", str(log), "--policy", "original", "--policy", "uniform"]
    base += ["--out", str(out), "--json"]
    shown = []
    for options in ([], ["--config", str(settings)]):
        done = CliRunner().invoke(app, [*base, *options])
        assert done.exit_code == 0, done.exception
        shown.append(json.loads(done.stdout))
    keys = set(pd.read_csv(out / "rejects" / "ab.csv")["key"])
    assert keys == {pseudonym(name, KEY.encode()) for name in ("gone-shopper", "other-shopper")}
    add_tombstones(out, ["gone-shopper"], KEY.encode())
    without = compare_policies(log, "original", "uniform", out, 0)
    assert without["worked"]
    assert shown[0]["facts"]["impressions"] - without["facts"]["impressions"] == 19
    assert set(pd.read_csv(out / "rejects" / "ab.csv")["key"]) == {"other-shopper"}
    assert search_folder(out, ["gone-shopper"]) == []
    assert not compare_policies(log, "original", "uniform", out, 0)["worked"]


def test_the_command_prints_json_and_wants_two_policies(tmp_path: Path) -> None:
    log = _write(_log(3_000, 0.2), tmp_path)
    base = ["ab", "--log", str(log), "--out", str(tmp_path / "out"), "--policy", "original"]
    done = CliRunner().invoke(app, [*base, "--policy", "uniform", "--json"])
    assert done.exit_code == 0
    assert json.loads(done.stdout)["job"]["b"] == "uniform"
    assert isinstance(CliRunner().invoke(app, base).exception, ConfigError)


@pytest.mark.slow
def test_pictures_of_the_looks_teach_the_personal_policy_which_are_alike(
    tiny_shop: Path, tmp_path: Path
) -> None:
    log, styles = tiny_shop / "events.parquet", tiny_shop / "styles.csv"
    result = compare_policies(log, "original", "personal", tmp_path, 0, styles)
    assert result["facts"]["looks"] == 6
    assert result["job"]["styles_digest"]
    assert result["personal"]["kind"] == "value"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Sea & sky", r"Sea \& sky"),
        ("<script>alert(1)</script>", r"\<script\>alert(1)\</script\>"),
        ("![x](http://evil)", r"!\[x\](http://evil)"),
        ("two\n# lines", r"two \# lines"),
        ("- item", r"\- item"),
        ("1. one", r"1\. one"),
        ("a_b*c`d`|e", r"a\_b\*c\`d\`\|e"),
        ("back\\slash", r"back\\slash"),
    ],
)
def test_a_looks_name_is_no_markup_on_the_policy_card(name: str, shown: str) -> None:
    assert plain(name) == shown
