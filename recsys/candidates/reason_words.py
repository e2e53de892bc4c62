"""What a shopper is told of an item that a model of a kind proposed."""

from __future__ import annotations

from typing import Final

POPULAR: Final = "popular this month"
SIMILAR: Final = "similar to items you viewed"
SHOPPERS: Final = "shoppers like you chose it"
CATEGORY: Final = "in a category you browse"
AGAIN: Final = "you chose it before"
