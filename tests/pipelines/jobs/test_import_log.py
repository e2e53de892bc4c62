"""From raw files to a feed in two commands."""

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageDraw
from typer.testing import CliRunner

from features.config import LogConfig
from features.schema import ConfigError, InputError, SchemaError
from pipelines.cli import app
from pipelines.jobs.import_log import LAYOUTS, import_files

N_ITEMS, N_USERS, N_EVENTS = 9, 12, 160
TOP_K = 2


def _log():
    """Users 0..11 who come back to a third of the items, items 0..8, and seconds since 1970."""
    rng = np.random.default_rng(3)
    user = rng.integers(0, N_USERS, N_EVENTS)
    item = 3 * rng.integers(0, N_ITEMS // 3, N_EVENTS) + user % 3
    return user, item, np.sort(rng.integers(1_430_000_000, 1_440_000_000, N_EVENTS))


def _retailrocket(folder):
    user, item, seconds = _log()
    names = np.where(np.arange(N_EVENTS) % 5, "view", "transaction")
    columns = {"visitorid": user, "event": names, "itemid": item + 500, "transactionid": ""}
    log = pd.DataFrame({"timestamp": seconds * 1000, **columns})
    log.to_csv(folder / "events.csv", index=False)


def _movielens(folder):
    user, item, seconds = _log()
    ratings = pd.DataFrame([user + 1, item + 1, 1 + np.arange(N_EVENTS) % 5, seconds]).T
    ratings.to_csv(folder / "u.data", sep="\t", header=False, index=False)
    genres = "|".join("01"[genre == 1] for genre in range(19))
    films = [f"{k + 1}|Film {k} (1995)|01-Jan-1995||http://x|{genres}" for k in range(N_ITEMS)]
    (folder / "u.item").write_text("\n".join(films) + "\n")


def _online_retail(folder):
    user, item, seconds = _log()
    columns = {
        "InvoiceNo": 500_000 + np.arange(N_EVENTS) // 3,
        "StockCode": 10_000 + item,
        "Description": [f"MUG {k}" for k in item],
        "Quantity": 1,
        "InvoiceDate": pd.to_datetime(seconds, unit="s").strftime("%Y-%m-%d %H:%M:%S"),
        "UnitPrice": 2.5,
        "CustomerID": 12_000 + user,
        "Country": "France",
    }
    pd.DataFrame(columns).to_csv(folder / "online_retail.csv", index=False)


def _hm(folder):
    user, item, seconds = _log()
    articles = np.array([f"010{k:07}" for k in range(N_ITEMS)])
    bought = {
        "t_dat": pd.to_datetime(seconds, unit="s").strftime("%Y-%m-%d"),
        "customer_id": [f"c{k}" for k in user],
        "article_id": articles[item],
        "price": 0.05,
        "sales_channel_id": 2,
    }
    pd.DataFrame(bought).to_csv(folder / "transactions_train.csv", index=False)
    names = {"article_id": articles, "prod_name": "Top", "product_type_name": "Vest"}
    pd.DataFrame(names).to_csv(folder / "articles.csv", index=False)
    (folder / "images" / "010").mkdir(parents=True)
    for k, article in enumerate(articles[:-1]):
        photo = Image.new("RGB", (96, 128), (242, 242, 240))
        colour = (25 * k, 90, 200 - 20 * k)
        ImageDraw.Draw(photo).ellipse((24, 24, 72, 104), fill=colour)
        photo.save(folder / "images" / "010" / f"{article}.jpg")


WRITERS = {
    "retailrocket": _retailrocket,
    "movielens": _movielens,
    "online-retail": _online_retail,
    "hm": _hm,
}


def command(*arguments):
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert done.exit_code == 0, done.exception
    return done.stdout


@pytest.fixture
def raw(tmp_path):
    folder = tmp_path / "raw"
    folder.mkdir()
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("layout", WRITERS)
def test_raw_files_become_a_feed_in_two_commands(layout, raw, tmp_path):
    WRITERS[layout](raw)
    shop = tmp_path / "shop"
    shop.mkdir()
    # One look of one's own instead of the samples, so that little is encoded and painted.
    Image.effect_noise((96, 96), 90).convert("RGB").save(shop / "grain.png")
    (shop / "styles.csv").write_text("style_id,name,image_path\ngrain,Grain,grain.png\n")
    told = command("import", layout, raw, "--out", shop)
    tables = {"--events": "events.parquet", "--items": "items.csv", "--styles": "styles.csv"}
    given = [part for name, file in tables.items() for part in (name, shop / file)]
    assert " ".join(map(str, given)) in told
    (tmp_path / "settings.toml").write_text("[render]\nsize_px = 96\nset_variants = 1\n")
    small = ["--top-k", TOP_K, "--max-users", 3, "--workers", 1]
    small += ["--config", tmp_path / "settings.toml"]
    result = json.loads(command("run", *given, "--out", tmp_path / "job", *small, "--json"))
    assert result["counts"]["feed"]["rows"] == 3 * TOP_K
    (feed,) = (tmp_path / "job").rglob("_feed.jsonl")
    rows = [json.loads(line) for line in feed.read_text().splitlines()]
    if layout == "hm":
        assert all((tmp_path / "job" / row["image_uri"]).is_file() for row in rows)
    else:
        assert "no pictures" in told
        assert {row["image_uri"] for row in rows} == {None}
        assert {row["style_id"] for row in rows} == {"original"}


def test_a_second_import_of_the_same_files_does_no_work(raw, tmp_path):
    _movielens(raw)
    assert import_files("movielens", [raw], tmp_path, LogConfig())["worked"]
    again = import_files("movielens", [raw], tmp_path, LogConfig())
    assert not again["worked"]
    assert again["sample_looks"] == 6
    (raw / "u.data").write_text("1\t1\t5\t1430000000\n1\t2\t5\t1430000001\n")
    changed = import_files("movielens", [raw], tmp_path, LogConfig())
    assert (changed["worked"], changed["events"]) == (True, 2)


def test_files_are_imported_into_their_own_folder_once(raw):
    _hm(raw)
    assert import_files("hm", [raw], raw, LogConfig())["worked"]
    again = import_files("hm", [raw], raw, LogConfig())
    assert (again["worked"], again["pictures"]) == (False, N_ITEMS - 1)


def test_pictures_are_linked_and_those_that_are_missing_counted(raw, tmp_path):
    _hm(raw)
    counts = import_files("hm", [raw], tmp_path / "shop", LogConfig())
    assert (counts["pictures"], counts["pictures_missing"]) == (N_ITEMS - 1, 1)
    items = pd.read_csv(tmp_path / "shop" / "items.csv", dtype="str")
    assert items["image_path"].isna().tolist() == [False] * (N_ITEMS - 1) + [True]
    for path in items["image_path"].dropna():
        assert (tmp_path / "shop" / path).read_bytes() == (raw / path).read_bytes()


@pytest.mark.parametrize("path", ["../secret.jpg", "/etc/passwd", "a\0b.jpg", "link.jpg"])
def test_a_picture_outside_the_folder_is_missing(raw, tmp_path, path):
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    (raw / "link.jpg").symlink_to(tmp_path / "secret.jpg")
    log = pd.DataFrame({"user_id": "u", "item_id": "i", "event_type": "view"}, index=[0])
    log.assign(timestamp="2026-01-01").to_csv(raw / "log.csv", index=False)
    items = pd.DataFrame({"item_id": ["i"], "image_path": [path]})
    items.to_parquet(raw / "items.parquet")
    files = [raw / "log.csv", raw / "items.parquet"]
    counts = import_files("csv", files, tmp_path / "shop", LogConfig())
    assert (counts["pictures"], counts["pictures_missing"]) == (0, 1)
    assert not list((tmp_path / "shop").rglob("*secret*"))


OWN = """\
visitor,sku,when,what,amount
007,01,2026-01-01T10:00:00Z,pageview,2.50
007,02,2026-01-01T10:01:00Z,order,3.00
008,02,2026-01-02T10:01:00Z,pageview,3.00
"""
COLUMNS = "user_id=visitor,item_id=sku,timestamp=when,event_type=what,items.price=amount"
EVENT_TYPES = "pageview=view,order=purchase"


def test_any_csv_is_imported_by_a_mapping_of_its_columns(raw, tmp_path):
    (raw / "log.csv").write_text(OWN)
    shop = tmp_path / "shop"
    mapping = ("--columns", COLUMNS, "--event-types", EVENT_TYPES)
    told = command("import", "csv", raw / "log.csv", "--out", shop, *mapping)
    assert told.startswith("3 events of 2 shoppers, 2 items\n")
    events = pd.read_parquet(shop / "events.parquet")
    assert events["user_id"].tolist() == ["007", "007", "008"]
    assert events["event_type"].tolist() == ["view", "purchase", "view"]
    items = pd.read_csv(shop / "items.csv", dtype={"item_id": "str"})
    assert items["item_id"].tolist() == ["01", "02"]
    assert items["price"].tolist() == [2.5, 3.0]


@pytest.mark.parametrize(
    ("layout", "files", "columns", "error", "words"),
    [
        ("movielense", ["log.csv"], {}, ConfigError, "did you mean movielens"),
        ("amazon", ["log.csv"], {}, ConfigError, "use csv"),
        ("hm", ["log.csv"], {"user_id": "visitor"}, ConfigError, "only for csv"),
        ("hm", ["nowhere"], {}, InputError, "no file or folder at"),
        ("hm", ["log.csv", "deeper/log.csv"], {}, InputError, "unpacked into"),
        ("csv", ["log.csv"], {"user_id": "client"}, SchemaError, "'client'.*is missing"),
        ("csv", ["log.csv"], {}, SchemaError, "did you mean 'visitor'|'user_id' is missing"),
    ],
)
def test_what_cannot_be_imported_is_refused_in_one_line(
    raw, tmp_path, layout, files, columns, error, words
):
    (raw / "deeper").mkdir()
    for name in ("log.csv", "deeper/log.csv"):
        (raw / name).write_text(OWN)
    config = LogConfig(columns=columns)
    with pytest.raises(error, match=words) as refused:
        import_files(layout, [raw / name for name in files], tmp_path / "shop", config)
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "shop").exists()


def test_every_layout_has_an_adapter(raw, tmp_path):
    for layout in LAYOUTS:
        with pytest.raises(InputError, match=r"none of .* is there|expected|cannot be read"):
            import_files(layout, [raw], tmp_path / "shop", LogConfig())
