"""A product's variants, as shops nest them in JSON: what the cheapest costs and whether any can be had.

`offered(row)` gives these as columns, for rows that do not say so themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from genret.data import values as rules
from genret.data.validate import BadField

HOLDERS = ("variants", "offers", "skus")
"""Columns that hold variants."""
PRICES, STOCKS = ("price", "sale_price"), ("inventory_quantity", "stock", "quantity", "qty")
FLAGS = ("available", "in_stock", "availability")


def offered(row: Mapping[str, Any]) -> dict[str, Any]:
    """`price`, the lowest of the variants; `available`, whether one of them is."""
    found: dict[str, Any] = {}
    variants = [one for name in HOLDERS for one in _objects(row.get(name))]
    if not variants:
        return found
    prices = _read(variants, PRICES, lambda value: rules.number("price", value, money=True))
    if prices and not any(name in row for name in PRICES):
        found["price"] = min(prices)
    had = _read(variants, FLAGS, lambda value: rules.flag("available", value))
    had = had or _read(variants, STOCKS, lambda value: rules.flag("available", value))
    if had and not any(name in row for name in (*FLAGS, *STOCKS)):
        found["available"] = any(had)
    return found


def _objects(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _read(variants: list[dict[str, Any]], names: tuple[str, ...], rule: Callable[[Any], Any]) -> list[Any]:
    """What the first of these members that a variant has says, for every variant where it can be read."""
    values = (next((one[name] for name in names if not rules.is_null(one.get(name))), None) for one in variants)
    found = []
    for value in values:
        if value is not None:
            with suppress(BadField):
                found.append(rule(value))
    return found
