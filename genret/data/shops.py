"""Readers of shops' catalogues and search logs: homedepot, chorus, instacart, grocerydb.

Each takes the folder that holds them (files plain or .gz) and returns a `Dataset`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from genret.data.clean import clean_text
from genret.data.files import JudgementRow
from genret.data.folders import SourceSettings, find_file, need_columns, need_file, read_products
from genret.data.judged import gather, split_if_whole, substitute_pairs
from genret.data.products import ProductFile, RowReading, product_rows
from genret.data.records import Dataset
from genret.data.rows import open_table
from genret.data.scales import SCALES, judged_dataset, read_scale
from genret.data.validate import BadField, BadRows
from genret.data.values import identifier, is_null, number
from genret.ground.types import SPLITS, Product, Split

_CSV = (".csv",)
_BRAND = "MFG Brand Name"
_ATTRIBUTE = re.compile(r"^attr_[a-z]_")


def read_homedepot(folder: Path, settings: SourceSettings, bad: BadRows) -> Dataset:
    """Home Depot search relevance, in one of two layouts; judgements in train.csv, dev.csv, test.csv as far as there.

    The competition's own: products are those that train.csv and test.csv name, with product_descriptions.csv and
    attributes.csv where they are there; its queries are drawn 80/10/10. Or with a products.csv, split as it lies.
    Grades are 1 to 3; 2.67 is the first that counts as relevant, 1 has no gain. Two products judged relevant for one
    query are substitutes for that shopper, at most `PAIRS_PER_QUERY` pairs per query. There is no taxonomy.
    """
    scale = SCALES["homedepot"]
    rows: dict[Split, list[JudgementRow]] = {}
    kaggle = find_file(folder, "products", extensions=_CSV) is None and _has(folder, "train", "product_title", bad)
    if kaggle:
        catalogue = read_products(_competition(folder, bad), settings)
    else:
        file = ProductFile(need_file(folder, "products", extensions=_CSV))
        catalogue = read_products(HOMEDEPOT_ROWS.rows(file, bad), settings)
    for split in SPLITS:
        if _has(folder, split, "relevance", bad):  # the contest's test.csv has none
            rows[split] = read_scale(need_file(folder, split, extensions=_CSV), scale, bad)
    judged = gather(rows, catalogue, bad)
    judged = split_if_whole(judged, settings.seed) if kaggle else judged
    substitutes = substitute_pairs(judged.judgements, lambda a, b: min(a, b) >= scale.relevant_at)
    return judged_dataset("homedepot", catalogue, judged, substitutes)


def _has(folder: Path, stem: str, column: str, bad: BadRows) -> bool:
    """Whether the folder has the CSV file, with the column."""
    file = find_file(folder, stem, extensions=_CSV)
    return file is not None and column in (open_table(file, bad).columns or ())


def _competition(folder: Path, bad: BadRows) -> Iterator[Product]:
    """The competition's products, in order of their first row: a title from the queries' files, the rest beside it."""
    descriptions = dict(_pairs(folder, "product_descriptions", ("product_uid", "product_description"), bad))
    attributes: dict[str, dict[str, str]] = {}
    for product_id, (name, value) in _pairs(folder, "attributes", ("product_uid", "name", "value"), bad):
        if name and not is_null(value):
            attributes.setdefault(product_id, {})[name] = value
    seen: set[str] = set()
    for stem in ("train", "test"):
        once = BadRows("skip")  # as judgements these rows are read again, and their faults are counted then
        for product_id, title in _pairs(folder, stem, ("product_uid", "product_title"), once):
            if product_id not in seen:
                seen.add(product_id)
                said = attributes.get(product_id, {})
                yield _competitor(product_id, title, descriptions.get(product_id, ""), said)


def _competitor(product_id: str, title: str, description: str, said: Mapping[str, str]) -> Product:
    bullets = [value for name, value in said.items() if name.startswith("Bullet")]
    rest = {name: clean_text(value) for name, value in said.items() if name != _BRAND and not name.startswith("Bullet")}
    return Product(
        id=product_id,
        title=clean_text(title),
        brand=clean_text(said.get(_BRAND, "")),
        description=clean_text(" ".join(filter(None, (description, *bullets)))),
        attributes=rest,
    )


def _pairs(folder: Path, stem: str, columns: Sequence[str], bad: BadRows) -> Iterator[tuple[str, Any]]:
    """(id, value) of each row of one of the competition's files, (id, values) of three columns; nothing without it."""
    file = find_file(folder, stem, extensions=_CSV)
    if file is None:
        return
    need_columns(file, columns, bad)
    for row in open_table(file, bad).rows:
        key, *values = (row.values[column] for column in columns)
        if not is_null(key):
            yield key, values[0] if len(values) == 1 else values


def read_chorus(folder: Path, settings: SourceSettings, bad: BadRows) -> Dataset:
    """Chorus's electronics catalogue: products.jsonl, and ratings.csv (query, docid, rating 0 to 3) as the test split.

    The queries are too few to train on, so none is for train. `supplier` is the brand, and what the source calls
    `attr_t_product_colour` is the attribute `product colour`; prices are as the source writes them.
    """
    file = need_file(folder, "products", "icecat-products", extensions=(".jsonl",))
    catalogue = read_products(CHORUS_ROWS.rows(ProductFile(file), bad), settings)
    ratings = find_file(folder, "ratings", extensions=_CSV)
    judged = gather({} if ratings is None else {"test": read_scale(ratings, SCALES["chorus"], bad)}, catalogue, bad)
    return judged_dataset("chorus", catalogue, judged)


def read_instacart(folder: Path, settings: SourceSettings, bad: BadRows) -> Dataset:
    """Instacart's open catalogue: products.csv, aisles.csv, departments.csv, baskets of order_products__train*.csv.

    A category path is department > aisle. A session is one order's products in the order they were put into the cart,
    where it holds at least two; popularity is 1 + the orders that hold the product. There are no queries.
    """
    aisles = _lookup(folder, "aisle", bad)
    departments = _lookup(folder, "department", bad)
    baskets = _baskets(folder, bad)
    orders = Counter(product_id for basket in baskets for product_id in basket)

    def adapt(values: dict[str, Any]) -> dict[str, Any]:
        return {
            "id": values["product_id"],
            "title": values["product_name"].replace('\\"', '"'),  # published as \"" for a quote
            "category": [departments.get(values["department_id"], ""), aisles.get(values["aisle_id"], "")],
            "popularity": 1 + orders[values["product_id"]],
        }

    file = need_file(folder, "products", extensions=_CSV)
    need_columns(file, ("product_id", "product_name", "aisle_id", "department_id"), bad)
    catalogue = read_products(product_rows(file, bad, adapt=adapt), settings)
    there = set(catalogue.ids)
    known = [tuple(product for product in basket if product in there) for basket in baskets]
    return Dataset("instacart", catalogue, sessions=[basket for basket in known if len(basket) > 1])


def read_grocerydb(folder: Path, settings: SourceSettings, bad: BadRows) -> Dataset:
    """GroceryDB: products.csv (product_id, name, store, brand, category); one level of category, no queries."""
    file = need_file(folder, "products", "GroceryDB_foods", extensions=_CSV)
    return Dataset("grocerydb", read_products(product_rows(file, bad), settings))


def _chorus_row(values: dict[str, Any]) -> dict[str, Any]:
    """The row with its attributes called as people call them."""
    return {
        _ATTRIBUTE.sub("", name).replace("_", " ") if name[:5] == "attr_" else name: values[name] for name in values
    }


def _lookup(folder: Path, what: str, bad: BadRows) -> dict[str, str]:
    """Id -> name of `aisles.csv` or `departments.csv`."""
    file = need_file(folder, f"{what}s", extensions=_CSV)
    need_columns(file, (f"{what}_id", what), bad)
    return {row.values[f"{what}_id"]: row.values[what] for row in open_table(file, bad).rows}


def _baskets(folder: Path, bad: BadRows) -> list[tuple[str, ...]]:
    """The orders' products in the order they were put into the cart; empty where the folder holds no orders."""
    orders: dict[str, list[tuple[float, str]]] = {}
    for file in sorted(folder.glob("order_products__train*.csv*")):
        need_columns(file, ("order_id", "product_id", "add_to_cart_order"), bad)
        for row in open_table(file, bad).rows:
            try:
                place = number("add_to_cart_order", row.values["add_to_cart_order"]) or 0.0
                product_id = identifier("product_id", row.values["product_id"])
                orders.setdefault(identifier("order_id", row.values["order_id"]), []).append((place, product_id))
            except BadField as problem:
                bad.reject(row.place, problem)
    return [tuple(product_id for _, product_id in sorted(lines, key=lambda line: line[0])) for lines in orders.values()]


HOMEDEPOT_ROWS = RowReading(("product_uid", "product_title"), {"id": "product_uid", "title": "product_title"})
CHORUS_ROWS = RowReading((), adapt=lambda _: _chorus_row)
