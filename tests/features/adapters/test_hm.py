"""H&M -> canonical tables."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from features.adapters.hm import load_hm
from features.schema import InputError
from features.tables import validate_items

TRANSACTIONS = """\
t_dat,customer_id,article_id,price,sales_channel_id
2018-09-20,000058a1,0108775015,0.05,2
2018-09-20,000058a1,0541518023,0.03,2
2018-09-21,00007d2d,0108775015,0.04,1
2018-09-21,00007d2d,0108775015,0.04,1
2018-09-22,stranger,0108775015,0.06,1
"""
ARTICLES = """\
article_id,product_code,prod_name,product_type_no,product_type_name,product_group_name
0108775015,0108775,Strap top,253,Vest top,Garment Upper body
0541518023,0541518,Rae Push,306,"Bra, padded",Underwear
0999999999,0999999,None,306,Bra,Underwear
"""
CUSTOMERS = "customer_id,FN,Active,age,postal_code\n000058a1,,,24,x\n00007d2d,1,1,30,y\n"


def write(folder: Path) -> Path:
    (folder / "transactions_train.csv").write_text(TRANSACTIONS)
    (folder / "articles.csv").write_text(ARTICLES)
    (folder / "customers.csv").write_text(CUSTOMERS)
    return folder


def test_article_ids_keep_their_leading_zero_and_lead_to_their_picture(tmp_path: Path) -> None:
    tables = load_hm(write(tmp_path))
    assert tables.events["item_id"].iloc[0] == "0108775015"
    items = tables.items.set_index("item_id")
    assert items.loc["0108775015", "image_path"] == "images/010/0108775015.jpg"
    assert items["title"].tolist() == ["Strap top", "Rae Push", ""]
    assert items["category"].tolist() == ["Vest top", "Bra, padded", "Bra"]
    assert items.loc["0108775015", "price"] == pytest.approx(0.04)
    assert pd.isna(items.loc["0999999999", "price"])


def test_the_catalogue_passes_the_contract_as_it_is(tmp_path: Path) -> None:
    items = load_hm(write(tmp_path)).items
    clean, rejects = validate_items(items)
    assert rejects.empty
    pd.testing.assert_frame_equal(clean, items)


def test_transactions_become_purchases_and_unlisted_customers_are_counted(tmp_path: Path) -> None:
    tables = load_hm(write(tmp_path))
    assert tables.set_aside == {"customer is not in customers.csv": 1}
    assert tables.events["channel"].tolist() == ["2", "2", "1", "1"]
    assert set(tables.events["event_type"]) == {"purchase"}
    assert tables.events["timestamp"].iloc[0] == pd.Timestamp("2018-09-20", tz="UTC")
    (tmp_path / "customers.csv").unlink()
    assert len(load_hm(tmp_path).events) == 5


def test_a_folder_without_articles_says_so(tmp_path: Path) -> None:
    (write(tmp_path) / "articles.csv").unlink()
    with pytest.raises(InputError, match=r"none of articles.csv is there: found customers.csv"):
        load_hm(tmp_path)


@pytest.mark.parametrize("name", ["transactions_train.csv", "articles.csv"])
def test_a_leading_zero_lost_in_one_file_is_put_back(tmp_path: Path, name: str) -> None:
    expected = load_hm(write(tmp_path))
    path = tmp_path / name
    text = path.read_text()
    for article in ("108775015", "541518023", "999999999"):
        text = text.replace(f"0{article},", f"{article},")
    path.write_text(text)
    tables = load_hm(tmp_path)
    pd.testing.assert_frame_equal(tables.events, expected.events)
    pd.testing.assert_frame_equal(tables.items, expected.items)
