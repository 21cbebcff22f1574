"""Which column holds which field: by the names that people use, or as told.

A field is one of genret's (`title`); a column is the file's (`product_title`). What no field claims is an attribute.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from genret.ground.errors import GenretError

Aliases = Mapping[str, Sequence[str]]
"""Field -> names of columns taken for it, the best first. Letter case, spaces and punctuation are ignored."""

PRODUCT_ALIASES: Aliases = {
    "id": ("id", "product_id", "product_uid", "sku", "item_id", "asin", "docid", "doc_id", "uid", "parent_asin", "upc"),
    "title": ("title", "product_title", "name", "product_name", "item_name", "item_title", "display_name"),
    "category": (
        "category",
        "category_path",
        "category_hierarchy",
        "categories",
        "product_category",
        "taxonomy",
        "breadcrumbs",
        "google_product_category",
        "product_type",
    ),
    "brand": ("brand", "product_brand", "brand_name", "manufacturer", "supplier", "vendor"),
    "description": (
        "description",
        "product_description",
        "desc",
        "long_description",
        "short_description",
        "summary",
        "body",
        "text",
    ),
    "attributes": ("attributes", "attrs", "properties", "specs"),
    "price": ("price", "sale_price", "price_usd", "list_price", "unit_price"),
    "available": ("available", "availability", "in_stock", "instock", "is_available", "stock_status", "stock"),
    "stores": ("stores", "store", "store_ids", "store_id", "retailer"),
    "popularity": ("popularity", "sales", "units_sold", "orders", "purchases", "clicks", "views"),
}
QUERY_ALIASES: Aliases = {
    "id": ("query_id", "qid", "id", "_id"),
    "text": ("text", "query", "query_text", "search_term", "search_query", "keywords", "q"),
    "kind": ("kind", "type", "query_type"),
    "frequency": ("frequency", "freq", "count", "impressions", "searches"),
    "split": ("split", "fold", "subset"),
}
JUDGEMENT_ALIASES: Aliases = {
    "query_id": ("query_id", "qid", "topic", "topic_id"),
    "query": ("query", "query_text", "search_term", "search_query"),
    "product_id": (
        "product_id",
        "product_uid",
        "docid",
        "doc_id",
        "corpus_id",
        "sku",
        "item_id",
        "asin",
        "document_id",
    ),
    "grade": ("grade", "relevance", "rating", "score", "label", "rel", "judgement", "judgment", "relevancy"),
    "split": ("split", "fold", "subset"),
}


class Plan(NamedTuple):
    """Field -> its column, and the columns that no field claims, in file order."""

    fields: Mapping[str, str]
    rest: tuple[str, ...]


class Columns:
    """Assigns columns to fields for one file: `columns` first, then the aliases, best name first.

    columns: field -> column, as the user says; a GenretError if the field is not one of the aliases' fields.
    """

    def __init__(self, aliases: Aliases, columns: Mapping[str, str] | None = None) -> None:
        self.chosen = dict(columns or {})
        for field in self.chosen:
            if field not in aliases:
                raise GenretError(
                    f"column mapping {field}={self.chosen[field]}: no field {field!r}; fields: {', '.join(aliases)}"
                )
        self._claims = {
            _key(name): (field, rank)
            for field, names in aliases.items()
            if field not in self.chosen
            for rank, name in enumerate(names)
        }
        self._claim_of: dict[str, tuple[str, int] | None] = {}
        self._last: tuple[tuple[str, ...], Plan] | None = None

    def plan(self, columns: Iterable[str]) -> Plan:
        """The plan for these columns; the last one is kept, since most files have one header."""
        found = tuple(columns)
        if self._last is None or self._last[0] != found:
            self._last = (found, self._make(found))
        return self._last[1]

    def check(self, file: str, columns: tuple[str, ...] | None, required: Sequence[str]) -> None:
        """Raise a GenretError if the header lacks a column that was named, or one for a required field."""
        if columns is None:
            return
        listed = ", ".join(map(repr, columns[:20])) + (", ..." if len(columns) > 20 else "")
        for field, column in self.chosen.items():
            if column not in columns:
                raise GenretError(f"{file}: no column {column!r} (named for {field}); its columns: {listed}")
        fields = self.plan(columns).fields
        for field in required:
            if field not in fields:
                raise GenretError(
                    f"{file}: no column for {field}; its columns: {listed}; name one with --column {field}=COLUMN"
                )

    def _make(self, columns: tuple[str, ...]) -> Plan:
        best: dict[str, tuple[int, str]] = {}
        taken = set(self.chosen.values())
        for column in columns:
            claim = self._claim_of[column] if column in self._claim_of else self._claim(column)
            if claim is not None and column not in taken and (claim[0] not in best or claim[1] < best[claim[0]][0]):
                best[claim[0]] = (claim[1], column)
        fields = {field: column for field, (_, column) in best.items()}
        fields |= {field: column for field, column in self.chosen.items() if column in columns}
        used = set(fields.values())
        return Plan(fields, tuple(column for column in columns if column not in used))

    def _claim(self, column: str) -> tuple[str, int] | None:
        claim = self._claim_of[column] = self._claims.get(_key(column))
        return claim


def columns_for(columns: Mapping[str, str] | None, part: str) -> dict[str, str]:
    """The mappings meant for one part of a data set: `{"query.text": "phrase"}` -> `{"text": "phrase"}` for "query".

    Names without a part belong to the products.
    """
    split = [(name.rpartition("."), column) for name, column in (columns or {}).items()]
    return {field: column for (owner, _, field), column in split if (owner or "product") == part}


def _key(name: str) -> str:
    return re.sub(r"[^0-9a-z]+", "_", name.strip().casefold()).strip("_")
