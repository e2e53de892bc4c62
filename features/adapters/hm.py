"""H&M Personalized Fashion Recommendations: purchases, articles and their photos.

https://www.kaggle.com/competitions/h-and-m-personalized-fashion-recommendations
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from features.adapters.source import Tables, find, finish, read_columns
from features.contracts.numbers import read_numbers

_DIGITS: Final = 10


def load_hm(path: Path) -> Tables:
    """Read the folder with transactions_train.csv and articles.csv, and customers.csv if present.

    `article_id` is ten digits, with the leading zero that some copies of a file lost; its picture
    is `images/010/0108775015.jpg`, relative to the folder. A transaction is a purchase at midnight
    UTC of its day, in the channel numbered in the source; the price is the median of the article's
    transactions, in the source's scaled unit. Transactions of customers that customers.csv does
    not list are set aside.
    Raises InputError or SchemaError for a missing file or column.
    """
    transactions = find(path, "transactions_train.csv")
    events = read_columns(
        transactions,
        {
            "t_dat": "timestamp",
            "customer_id": "user_id",
            "article_id": "item_id",
            "price": "price",
            "sales_channel_id": "channel",
        },
    ).assign(event_type="purchase")
    set_aside = {}
    customers = transactions.parent / "customers.csv"
    if customers.is_file():
        listed = read_columns(customers, {"customer_id": "user_id"})["user_id"]
        unlisted = ~events["user_id"].isin(listed)
        set_aside["customer is not in customers.csv"] = int(unlisted.sum())
        events = events[~unlisted]

    articles = read_columns(
        find(transactions.parent, "articles.csv"),
        {"article_id": "item_id", "prod_name": "title", "product_type_name": "category"},
    )
    ids = articles["item_id"]
    if not events["item_id"].isin(ids).any():
        # A copy that went through numbers lost the leading zero of its ten digits.
        events["item_id"] = events["item_id"].str.zfill(_DIGITS)
        ids = articles["item_id"] = ids.str.zfill(_DIGITS)
    articles["image_path"] = "images/" + ids.str[:3] + "/" + ids + ".jpg"
    price = read_numbers(events["price"])[0].groupby(events["item_id"]).median()
    articles["price"] = ids.map(price)
    return finish(events, articles, set_aside)
