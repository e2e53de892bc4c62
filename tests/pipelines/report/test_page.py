"""The gallery page, made from a tiny job folder written by hand."""

import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from features.config import CleaningConfig
from features.events import clean_events
from features.images import ImageLimits
from features.quality import picture_stats
from features.tables import validate_events
from pipelines.config import RunConfig, parse_config
from pipelines.report import formatting
from pipelines.report.health import bars, quality_blocks, reject_reasons
from pipelines.report.measures import compare, lift_sentence
from pipelines.report.plots import Interval, histogram, interval_plot, ticks
from pipelines.report.selection import choose_shoppers
from pipelines.report.thumbnails import MISSING, Thumbnails
from pipelines.stages.prepare import find_bots
from pipelines.stages.report import report
from pipelines.stores import storage
from pipelines.stores.event_buckets import write_log
from pipelines.stores.feed_versions import point_to, write_version
from pipelines.stores.workspace import Workspace
from recsys.prototypes.index import PrototypeIndex

NASTY = '<script>alert("x")</script>'
LOOKS = ["s0", "s1", "s2", "s3"]
ITEMS = ["007", "i1", "i2", "i3"]
USERS = ["u0", "u1", "u2", "u3", "u4", "u5", "u6"]


def _picture(path, seed, size=(48, 64)):
    rng = np.random.default_rng(seed)
    grid = rng.integers(0, 255, (4, 3, 3), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(grid).resize(size, Image.Resampling.BICUBIC).save(path)
    return str(path)


def _pictures_table(key, ids, paths):
    stats = [picture_stats(np.asarray(Image.open(path).convert("RGB"))) for path in paths]
    return pd.DataFrame(stats).assign(**{key: ids}, path=paths)


@pytest.fixture
def workspace(tmp_path):
    """Seven shoppers, four items, four looks; everything `report` reads."""
    job = Workspace(tmp_path / "run")
    rng = np.random.default_rng(3)
    item_paths = [_picture(tmp_path / "shop" / f"{item}.png", n) for n, item in enumerate(ITEMS)]
    look_paths = [
        _picture(tmp_path / "shop" / f"{look}.png", 50 + n) for n, look in enumerate(LOOKS)
    ]
    codes = rng.normal(size=(4, 100)).astype(np.float32)
    PrototypeIndex.fit(LOOKS, codes, n_prototypes=3, seed=0).save(job.path("models/prototypes"))

    items = pd.DataFrame({"item_id": ITEMS, "title": [NASTY, "Mug", "", "Vase"]})
    items["category"], items["price"] = ["cup", "cup", "bowl", ""], [1.5, 2.0, np.nan, 4.0]
    job.write("tables/items.parquet", items.assign(image_path="-"))
    names = ["stained-glass", "Knit", "Neon & co", "Ink"]
    styles = pd.DataFrame({"style_id": LOOKS, "name": names, "image_path": "-", "tags": None})
    job.write("tables/styles.parquet", styles)
    job.write("tables/item_pictures.parquet", _pictures_table("item_id", ITEMS, item_paths))
    looks = _pictures_table("style_id", LOOKS, look_paths).assign(style_code=list(codes))
    job.write("tables/look_pictures.parquet", looks)

    start = pd.Timestamp("2024-03-01", tz="UTC")
    events = [
        (user, item, start + pd.Timedelta(hours=7 * n + m), kind, look)
        for n, user in enumerate(USERS[:-1])
        for m, (item, kind, look) in enumerate(
            [("007", "impression", None), ("007", "view", None), ("i1", "purchase", "s1")]
        )
    ] + [("u6", "i2", start, "impression", "s2")]
    table = pd.DataFrame(
        events, columns=["user_id", "item_id", "timestamp", "event_type", "style_id"]
    )
    write_log(job, validate_events(table)[0])

    taste = rng.normal(0, 0.1, (7, 5))
    taste[0, 0], taste[2, 4] = 3.0, 3.0
    columns = pd.Index([*LOOKS, "original"], name="style_id")
    affinity = pd.DataFrame(taste, index=pd.Index(USERS, name="user_id"), columns=columns)
    job.write("style_affinity.parquet", affinity.stack().rename("affinity").reset_index())
    users = pd.DataFrame({"user_id": USERS, "style_embedding": list(codes[[0, 1, 2, 3, 0, 1, 2]])})
    users["style_strength"] = [0.9, 0.6, 0.5, 0.02, 0.4, 0.3, 0.1]
    users["prototype_id"], users["n_events"] = "x", [30, 30, 30, 30, 12, 30, 1]
    job.write("users.parquet", users.assign(cold=users["n_events"] < 5))
    job.write(
        "tables/tastes_before.parquet",
        users[["user_id", "style_embedding"]].assign(
            style_strength=np.roll(users["style_strength"], 2), favourite="s1"
        ),
    )

    feed = []
    for user in USERS:
        for rank, (item, look) in enumerate(
            zip(ITEMS, ["s0", "original", "s1", "s3"], strict=True), 1
        ):
            uri = f"renders/{item}-{look}.png"
            if look != "original" and not job.path(uri).exists():
                _picture(job.path(uri), 100 + rank)
            feed.append((user, rank, item, look, 0.8, 0.75, uri, "popular this month"))
    columns = [
        "user_id",
        "rank",
        "item_id",
        "style_id",
        "style_propensity",
        "strength",
        "image_uri",
    ]
    rows = pd.DataFrame(feed, columns=[*columns, "reason"])
    name, _ = write_version(
        job.root, "0123abcd", "key", lambda folder: rows.to_parquet(folder / "bucket-00.parquet")
    )
    point_to(job.root, name)

    storage.write_json(
        job.path("job.json"),
        {
            "run_id": "0123abcd",
            "version": "0.1.0",
            "inputs": {"events": "/data/shop/events.parquet"},
            "digests": {"events": "f" * 32},
            "config": {"seed": 42},
        },
    )
    record = {"counts": {"events": 19, "evaluation_cut_utc": start.isoformat()}, "seconds": 1.5}
    storage.write_json(job.path("stages/prepare.json"), record)
    models = {"ease": {"ndcg": 0.3, "ndcg_low": 0.2, "ndcg_high": 0.4}, "popularity": {"ndcg": 0.1}}
    storage.write_json(job.path("metrics.json"), {"k": 10, "n_users": 6, "models": models})
    job.set_aside(
        "prepare",
        [{"table": "items", "row": 1, "key": NASTY, "reason": "no picture at 'x'", "got": "x"}],
    )
    return job


def _page(workspace):
    counts = report(workspace, RunConfig())
    return workspace.path("report.html").read_text(encoding="utf-8"), counts


class _Tags(HTMLParser):
    """Collects tags, their attributes and the text, and checks that elements nest."""

    VOID = ("meta", "br", "line", "circle", "rect", "link", "img", "input", "hr")

    def __init__(self):
        super().__init__()
        self.open, self.seen, self.labels, self.text = [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def test_page_is_one_well_formed_file_that_asks_the_network_for_nothing(workspace):
    html, counts = _page(workspace)
    parser = _Tags()
    parser.feed(html)
    assert not parser.open
    assert not {"script", "link", "img", "iframe", "object"} & {tag for tag, _ in parser.seen}
    targets = [a[k] for _, a in parser.seen for k in ("href", "src", "srcset") if k in a]
    assert targets
    assert all(target.startswith("#") for target in targets)
    assert all(
        url.startswith("data:image/jpeg;base64,") for url in re.findall(r"url\(([^)]*)", html)
    )
    assert "@import" not in html
    assert "default-src 'none'" in html
    assert counts["bytes"] == len(html.encode())


def test_each_section_is_there_with_what_it_is_about(workspace):
    html, counts = _page(workspace)
    parser = _Tags()
    parser.feed(html)
    ids = {attributes.get("id") for _, attributes in parser.seen}
    assert {"shoppers", "looks", "metrics", "data"} <= ids
    text = " ".join("".join(parser.text).split())
    assert counts["shoppers_shown"] == 6
    for words_of_page in (
        "7 shoppers, 4 products each",
        "0123abcd",
        "42",
        "Stained glass",
        "popular this month",
        "strength 0.75 · propensity 0.800",
        "EASE",
        "0.200 – 0.400",
        "no picture at 'x'",
        "u0",
    ):
        assert words_of_page in text


def test_looks_are_grouped_by_prototype_with_their_drift(workspace):
    report(workspace, parse_config({"privacy": {"least_group": 1}}))
    html = workspace.path("report.html").read_text()
    assert "have moved no further than chance" in html
    assert "population stability index" in html
    assert "favourites of" in html


def test_where_nobody_has_a_taste_no_drift_is_claimed(workspace):
    users = workspace.read("users.parquet").assign(style_strength=0.1)
    workspace.write("users.parquet", users)
    assert "have moved" not in _page(workspace)[0]


def test_texts_of_the_data_are_escaped(workspace):
    html, _ = _page(workspace)
    assert "<script" not in html
    assert "&lt;script&gt;" in html


def test_a_picture_is_embedded_once_however_often_it_is_shown(workspace):
    html, counts = _page(workspace)
    embedded = re.findall(r"base64,([^)]*)", html)
    # Four originals, four looks and the renders of three rows, shared by six shoppers.
    assert len(embedded) == len(set(embedded)) == counts["pictures"] == 11
    assert html.count(", original") > len(embedded)


def test_every_picture_has_a_text_for_those_who_do_not_see_it(workspace):
    html, _ = _page(workspace)
    parser = _Tags()
    parser.feed(html)
    pictures = [a for _, a in parser.seen if a.get("role") == "img"]
    assert len(pictures) > 50
    assert all(a.get("aria-label", "").strip() for a in pictures)


def test_same_artefacts_give_the_same_bytes(workspace):
    first, _ = _page(workspace)
    second, _ = _page(workspace)
    assert first == second


def test_a_row_served_as_the_plain_photo_is_shown_once_and_says_so(workspace):
    html, counts = _page(workspace)
    assert html.count("shown<br>as it is") == counts["shoppers_shown"]


def test_a_broken_picture_leaves_a_blank_and_the_page_is_made(workspace):
    workspace.path("renders/i2-s1.png").write_bytes(b"not a picture")
    html, counts = _page(workspace)
    assert counts["pictures"] == 10
    assert 'class="pic product missing"' in html


def test_a_run_without_compared_models_or_rejects_still_has_a_page(workspace):
    storage.write_json(workspace.path("metrics.json"), {"models": {}, "note": "nobody came back"})
    workspace.set_aside("prepare", [])
    html, _ = _page(workspace)
    assert "nobody came back" in html
    assert "every row and picture could be used" in html


def test_thumbnails_keep_proportions_and_share_equal_content(tmp_path):
    one = _picture(tmp_path / "one.png", 1, size=(300, 600))
    two = _picture(tmp_path / "two.png", 1, size=(300, 600))
    thumbnails = Thumbnails(ImageLimits())
    first = thumbnails.add(tmp_path / "one.png", 100)
    assert one != two
    assert thumbnails.add(tmp_path / "two.png", 100) == first
    assert len(thumbnails) == 1
    assert first.aspect == pytest.approx(0.5)
    assert thumbnails.add(tmp_path / "none.png", 100) is MISSING


def _taste_tables():
    """One shopper per kind: strong, two families, plain, indifferent, typical, new."""
    users = pd.DataFrame(
        {
            "user_id": ["a", "b", "c", "d", "e", "f", "g"],
            "style_strength": [0.95, 0.8, 0.7, 0.01, 0.5, 0.0, 0.9],
            "n_events": [50, 50, 50, 50, 40, 2, 1000],
            "cold": [False, False, False, False, False, True, False],
        }
    )
    columns = ["x1", "x2", "y1", "z1", "original"]
    rows = [
        [2.0, 1.9, 1.0, 0.9, 0.0],
        [2.0, 0.0, 2.0, -0.5, 0.0],
        [0.1, 0.0, 0.0, 0.0, 1.0],
        [0.01, 0.0, 0.0, 0.0, 0.0],
        [0.5, 0.4, 0.3, 0.2, 0.1],
        [0.2, 0.2, 0.2, 0.2, 0.2],
        [1.0, 0.9, 0.9, 0.8, 0.0],
    ]
    affinity = pd.DataFrame(rows, index=users["user_id"], columns=columns)
    return users, affinity, {"x": ["x1", "x2"], "y": ["y1"], "z": ["z1"]}


def test_the_shoppers_shown_differ_in_kind():
    users, affinity, members = _taste_tables()
    chosen = {p.kind: p.user_id for p in choose_shoppers(users, affinity, members)}
    assert chosen["A strong taste"] == "a"
    assert chosen["Fond of two families of looks"] == "b"
    assert chosen["Fond of the plain photo"] == "c"
    assert chosen["Indifferent to style"] == "d"
    assert chosen["New here"] == "f"
    assert len(set(chosen.values())) == 6


def test_the_shoppers_shown_do_not_depend_on_the_order_of_the_affinities():
    users, affinity, members = _taste_tables()
    shuffled = affinity.sample(frac=1.0, random_state=1)
    assert choose_shoppers(users, shuffled, members) == choose_shoppers(users, affinity, members)


def test_nobody_stands_for_a_kind_that_nobody_belongs_to():
    users, affinity, members = _taste_tables()
    affinity["original"] = -1.0
    kinds = [p.kind for p in choose_shoppers(users.assign(cold=False), affinity, members)]
    assert "Fond of the plain photo" not in kinds
    assert "New here" not in kinds


@given(
    st.floats(-1e6, 1e6, allow_nan=False),
    st.floats(1e-3, 1e6, allow_nan=False),
    st.integers(2, 6),
)
def test_ticks_are_few_ascending_and_inside_the_axis(low, span, about):
    found = ticks(low, low + span, about)
    slack = 1e-6 * max(abs(low), span)
    assert found == sorted(set(found))
    assert 1 <= len(found) <= 2.5 * about + 2
    assert all(low - slack <= tick <= low + span + slack for tick in found)


def test_interval_plot_crowns_nobody_and_draws_known_intervals_only():
    svg = interval_plot("NDCG", [Interval("a<b", 0.3, 0.2, 0.4), Interval("second", 0.1)])
    assert svg.count('class="dot mark"') == 2
    assert svg.count("whisker") == 1
    assert "a&lt;b" in svg
    assert "a<b" not in svg


def test_histogram_columns_are_as_tall_as_their_counts():
    svg = histogram("strength", np.array([0.1, 0.1, 0.9, np.nan]), 0.0, 1.0, bins=2)
    heights = [float(h) for h in re.findall(r'height="([\d.]+)" class="column"', svg)]
    assert heights[0] == pytest.approx(2 * heights[1], abs=0.1)
    assert "median 0.1" in svg
    assert "median" not in histogram("nothing", np.array([]), 0.0, 1.0).split(">", 1)[1]


def test_models_are_ordered_by_the_first_metric():
    models = {
        "popularity": {"ndcg": 0.1, "gini": 0.9, "own": 2},
        "two-stage": {"ndcg": 0.4, "ndcg_low": 0.3, "ndcg_high": 0.5, "gini": 0.5},
    }
    compared = compare({"models": models})
    assert [column.name for column in compared.columns] == ["NDCG", "Gini", "Own"]
    first, second = compared.rows
    assert (first.name, second.name) == ("Two-stage", "Popularity")
    assert first.cells[0].interval == "0.300 – 0.500"
    assert second.cells[0].interval == ""
    assert first.cells[2].text == "–"
    assert (compared.served, first.served, first.verdict) == ("", False, "")


def test_the_served_model_is_named_and_differences_within_noise_are_called_so():
    metrics = {
        "models": {"ease": {"ndcg": 0.3}, "two-stage": {"ndcg": 0.29}, "content": {"ndcg": 0.1}},
        "served_model": "two-stage",
        "served_because": "no single model is better",
        "against_served": {
            "ease": {"gain": 0.01, "gain_low": -0.02, "gain_high": 0.04},
            "content": {"gain": -0.19, "gain_low": -0.25, "gain_high": -0.1},
        },
    }
    compared = compare(metrics)
    assert (compared.served, compared.because) == ("Two-stage", "no single model is better")
    assert {row.name: row.verdict for row in compared.rows} == {
        "EASE": "within noise: -0.020 to +0.040",
        "Two-stage": "served",
        "Similar pictures": "worse: -0.250 to -0.100",
    }
    assert [row.name for row in compared.rows if row.served] == ["Two-stage"]


@pytest.mark.parametrize(
    ("lift", "expected"),
    [
        (
            {"kind": "better", "sentence": "", "lift": 0.22, "lift_low": 0.128, "lift_high": 0.313},
            "By this log, personal looks earn 22 % more clicks than plain photos, "
            "95 % interval +12.8 % to +31.3 %.",
        ),
        (
            {"kind": "worse", "sentence": "", "lift": -0.05, "lift_low": -0.09, "lift_high": -0.01},
            "By this log, personal looks earn 5.0 % fewer clicks than plain photos, "
            "95 % interval −9.0 % to −1.0 %.",
        ),
        (
            {"kind": "refused", "sentence": "No verdict.", "lift": 2.0},
            "This log cannot tell yet what looks gain over plain photos. No verdict.",
        ),
        ({"note": "3 of 9 impressions log no propensity"}, ""),
        (None, ""),
    ],
)
def test_the_lift_is_claimed_with_its_interval_and_only_where_the_log_tells_it(lift, expected):
    assert lift_sentence(lift) == expected


def test_reasons_that_differ_in_what_they_quote_are_counted_together():
    table = pd.DataFrame(
        {
            "stage": "prepare",
            "table": "events",
            "row": ["0", "1", "2", "3"],
            "key": "u",
            "reason": ["unknown item 'a'", "unknown item 'b'", "bad time", "unknown item 'c'"],
            "got": "x",
        }
    )
    unknown, bad = reject_reasons(table)
    assert (unknown.reason, unknown.count, len(unknown.examples)) == ("unknown item …", 3, 3)
    assert (bad.reason, bad.count) == ("bad time", 1)
    assert reject_reasons(table.iloc[:0]) == []


def test_bots_set_aside_by_the_cleaning_are_counted_in_the_report():
    start = pd.Timestamp("2024-03-01", tz="UTC")
    events = pd.DataFrame(
        {"user_id": ["bot"] * 40 + ["ann"] * 2, "item_id": "i", "event_type": "view"}
    )
    events["timestamp"] = start + pd.to_timedelta(np.arange(len(events)), unit="s")
    limits = CleaningConfig(max_actions_per_hour=20)
    _, rejects = clean_events(validate_events(events)[0], limits)
    assert find_bots(rejects) == {"bot"}
    assert find_bots(rejects.iloc[:0]) == set()


def test_long_bar_lists_are_summed_up():
    rows = bars([(f"c{n:02}", n) for n in range(1, 21)])
    assert rows[0].share == 1.0
    assert rows[-1].name == "8 more"
    assert rows[-1].value == str(sum(range(1, 9)))


def test_quality_findings_carry_their_units_and_examples():
    part = {
        "broken": 2,
        "broken_examples": ["a", "b"],
        "longest_gap_hours": 30.0,
        "top_share": 0.25,
    }
    counts = {"original": 900, "s0": 7}
    (block,) = quality_blocks({"looks": {**part, "impressions_by_look": counts}}, {"s0": "Knit"})
    assert [(f.name, f.value, f.note) for f in block.figures] == [
        ("broken", "2", "e.g. a, b"),
        ("longest gap", "30 h", ""),
        ("top share", "25 %", ""),
    ]
    ((name, rows),) = block.lists
    assert name == "impressions by look"
    assert [(row.name, row.value) for row in rows] == [("Knit", "7")]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (formatting.number(1200), "1,200"),
        (formatting.number(0.4789), "0.479"),
        (formatting.number(12.34), "12.3"),
        (formatting.number(-0.5), "−0.500"),
        (formatting.number(300.0), "300"),
        (formatting.number(float("nan")), "–"),
        (formatting.number(None), "–"),
        (formatting.percent(0.0312), "3.1 %"),
        (formatting.percent(0.5), "50 %"),
        (formatting.seconds(0.44), "0.4 s"),
        (formatting.seconds(185.2), "3 min 5 s"),
        (formatting.day("2010-05-03T10:00:00Z"), "3 May 2010"),
        (formatting.short_day("2010-05-03T10:00:00Z"), "3 May"),
        (formatting.look_name("stained-glass"), "Stained glass"),
        (formatting.look_name("Pop-art on paper"), "Pop-art on paper"),
        (formatting.title("t-shirt"), "T-shirt"),
        (formatting.plural(1, "look"), "1 look"),
        (formatting.plural(1200, "look"), "1,200 looks"),
    ],
)
def test_numbers_and_names_are_said_as_people_say_them(said, expected):
    assert said == expected


@pytest.mark.parametrize(("least_group", "withheld"), [(1, False), (7, False), (8, True)])
def test_figures_of_looks_that_few_shoppers_are_behind_are_withheld(
    workspace, least_group, withheld
):
    # Every look of the shop is in the feeds of all seven shoppers, or of none.
    config = parse_config({"privacy": {"least_group": least_group}})
    report(workspace, config)
    html = workspace.path("report.html").read_text()
    assert ("7 served" not in html) == withheld
    assert (f"seen by fewer than {least_group} shoppers" in html) == withheld
    assert bool(re.search(r"favourite of\s+\d", html)) == (least_group == 1)
    assert ("favourites of" in html) == (least_group == 1)
    assert "0 served" in html
