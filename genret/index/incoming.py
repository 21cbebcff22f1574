"""Products that are to come into an index, checked, as columns. Thousands are checked at once, column by column."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from genret.data.records import product_table
from genret.ground.checks import shown
from genret.ground.errors import GenretError
from genret.ground.typed import check
from genret.ground.types import Product

NUMBERS = {float, int}


def checked_table(kind: str, products: Sequence[Product]) -> pa.Table:
    """The products as columns; a GenretError, which names `kind`, for the first that cannot be stored."""
    if not are_plain(products):
        for product in products:
            check_product(kind, product)
    return _table(kind, products)


def are_plain(products: Sequence[Product]) -> bool:
    """Whether `check_product` would certainly pass all of them; False also where it has to look at each."""
    if not products:
        return True
    if set(map(type, products)) != {Product}:
        return False
    ids, titles, prices, popularity = zip(
        *((one.id, one.title, one.price, one.popularity) for one in products), strict=True
    )
    if set(map(type, ids)) | set(map(type, titles)) != {str}:
        return False
    if not set(map(type, popularity)) <= NUMBERS or not set(map(type, prices)) <= {*NUMBERS, type(None)}:
        return False
    try:
        given = np.array(popularity, np.float64), np.array([one for one in prices if one is not None], np.float64)
    except OverflowError:
        return False
    fine = np.isfinite(given[0]).all() and (given[0] > 0).all() and np.isfinite(given[1]).all()
    return bool(fine) and all(map(str.strip, titles))


def check_product(kind: str, product: Product) -> None:
    """A GenretError for what a catalogue's readers would have refused, and the order of products relies on."""
    if not isinstance(product, Product):
        raise GenretError(f"{kind}: {shown(product)} is not a Product")
    check(f"{kind}: id", product.id, str)
    check(f"{kind}: title of product {product.id!r}", product.title, str)
    check(f"{kind}: popularity of product {product.id!r}", product.popularity, float)
    check(f"{kind}: price of product {product.id!r}", product.price, float | None)
    if not product.title.strip():
        raise GenretError(f"{kind}: product {product.id!r} has no title")
    if not (_is_finite(product.popularity) and product.popularity > 0):
        raise GenretError(
            f"{kind}: product {product.id!r} has popularity {shown(product.popularity)}; expected a number above 0"
        )
    if product.price is not None and not _is_finite(product.price):
        raise GenretError(
            f"{kind}: product {product.id!r} has price {shown(product.price)}; expected a number, or None"
        )


def _is_finite(number: float) -> bool:
    try:
        return math.isfinite(number)
    except OverflowError:  # a whole number that no float can hold
        return False


def _table(kind: str, products: Sequence[Product]) -> pa.Table:
    """The products as columns; a GenretError where a value is of the wrong kind, or half of a surrogate pair."""
    try:
        return product_table(products)
    except (UnicodeEncodeError, TypeError, AttributeError, OverflowError, pa.ArrowException) as error:
        for product in products if len(products) > 1 else ():
            _table(kind, [product])
        raise GenretError(f"{kind}: product {products[0].id!r} cannot be stored: {error}") from None
