"""Which column holds which field: by the names that people use, or as told.

A field is one of genret's (`title`); a column is the file's (`ProductTitle`). What no field claims is an attribute.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from genret.ground.errors import GenretError

Aliases = Mapping[str, Sequence[str]]
"""Field -> names of columns taken for it, the best first. Letter case, spaces and punctuation are ignored."""


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


PRODUCT_ALIASES: Aliases = {
    "id": _names(
        "id product_id product_uid sku item_id asin docid doc_id uid parent_asin variant_sku sku_id item_sku "
        "article_id article_number item_number product_number product_code item_code product_sku pid uniq_id "
        "unique_id _id artikelnummer artikel_nr produkt_id codigo referencia reference upc ean gtin "
        "barcode ean_code code_barre numero_article artikel_id varenummer artikelnr handle index"
    ),
    "title": _names(
        "title product_title name product_name item_name item_title display_name product_display_name prod_name "
        "item_description_short article_name product_label bezeichnung artikelbezeichnung artikelname produktname "
        "titel nombre titulo nom designation libelle nome titolo product produkt producto produit prodotto "
        "artikel articulo article item label heading"
    ),
    "category": _names(
        "category category_path category_hierarchy categories product_category taxonomy breadcrumbs breadcrumb "
        "google_product_category product_type category_name category_tree product_category_tree main_category "
        "master_category top_category parent_category department kategorie warengruppe categoria categorie rubrique "
        "product_group product_group_name product_class section aisle familia famille famiglia rayon hauptkategorie "
        "hauptgruppe cat_path dept gamme"
    ),
    "brand": _names(
        "brand product_brand brand_name manufacturer supplier vendor manufacturer_name maker label_brand marke "
        "hersteller marca marque fabricante fabricant produttore fornecedor"
    ),
    "description": _names(
        "description product_description desc long_description short_description summary body body_html text "
        "item_description detail_desc details about_product about product_details overview beschreibung "
        "langbeschreibung artikelbeschreibung produktbeschreibung kurzbeschreibung descripcion "
        "descrizione descricao descriptif"
    ),
    "attributes": ("attributes", "attrs", "properties", "specs", "features", "metadata"),
    "price": _names(
        "price sale_price selling_price discount_price discounted_price current_price final_price offer_price "
        "price_usd price_eur price_gbp list_price unit_price variant_price regular_price retail_price actual_price mrp "
        "market_price preis verkaufspreis vk_preis vk bruttopreis precio pvp prix prix_ttc prezzo preco amount"
    ),
    "available": _names(
        "available availability in_stock is_available stock_status stock stock_quantity stock_level inventory "
        "inventory_quantity variant_inventory_qty qty_in_stock lagerbestand bestand verfugbar disponible disponibilita "
        "existencias giacenza estoque"
    ),
    "stores": ("stores", "store", "store_ids", "store_id", "store_name", "retailer"),
    "popularity": _names(
        "popularity sales units_sold sold orders purchases clicks views bought_in_last_month rating_count "
        "ratings_count review_count reviews_count num_reviews number_of_reviews no_of_ratings no_of_reviews"
    ),
}
LEVELS: tuple[tuple[str, ...], ...] = (
    ("department", "aisle"),
    ("main_category master_category top_category parent_category", "sub_category", "sub_sub_category article_type"),
    ("category category_name product_category", "sub_category", "sub_sub_category product_type article_type"),
    ("category", "sub_cat", "sub_sub_cat"),
    ("category_1", "category_2", "category_3", "category_4", "category_5"),
    ("category_level_1", "category_level_2", "category_level_3", "category_level_4"),
    ("category_l1", "category_l2", "category_l3", "category_l4"),
    ("level_1", "level_2", "level_3", "level_4"),
    ("l1", "l2", "l3", "l4"),
    ("cat_1", "cat_2", "cat_3", "cat_4"),
    ("department", "category", "subcategory"),
    ("index_group_name", "product_group_name", "product_type_name"),
    ("kategorie hauptkategorie", "unterkategorie"),
    ("warengruppe hauptgruppe", "untergruppe warenuntergruppe unterwarengruppe"),
    ("categorie rayon rubrique", "sous_categorie sous_rayon sous_rubrique", "sous_sous_categorie"),
    ("famille", "sous_famille"),
    ("categoria", "subcategoria sottocategoria"),
    ("familia famiglia", "subfamilia sottofamiglia"),
)
"""Columns that hold the levels of one category, from root to leaf; words in one string are other names for it."""
QUERY_ALIASES: Aliases = {
    "id": ("query_id", "qid", "id", "_id"),
    "text": (
        "text",
        "query",
        "query_text",
        "search_term",
        "search_query",
        "keywords",
        "keyword",
        "search",
        "phrase",
        "q",
    ),
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
PATH_FIELD = "category"
_ENDINGS = {
    "id": ("id", "sku", "asin", "code", "number"),
    "title": ("title", "name"),
    "category": ("category", "categories", "categorytree", "categorypath"),
    "brand": ("brand",),
    "description": ("description", "beschreibung"),
    "price": ("price", "preis"),
}
"""How a column ends that is taken for a field which no better name claims: `grocery_item_name`."""
_WITHIN = {"price": {"price", "preis", "prix", "precio", "prezzo", "preco", "pvp"}}
"""Words of a column that is taken for a field, though it ends otherwise: `price(INR)`, `VK-Preis brutto`."""

HEADERS, NAMES = 256, 10_000
"""How many plans of columns are kept, and of how many names the words."""


class Plan(NamedTuple):
    """Field -> its column, the columns that no field claims in file order, and further levels of the category."""

    fields: Mapping[str, str]
    rest: tuple[str, ...]
    levels: tuple[str, ...] = ()


class Columns:
    """Assigns columns to fields for one file: `columns` first, then the aliases, best name first.

    columns: field -> column, as the user says; a GenretError if the field is not one of the aliases' fields. A
        category may name several, root first: `{"category": "Category,SubCategory"}`.
    ignore: columns that no field and no attribute takes.
    """

    def __init__(self, aliases: Aliases, columns: Mapping[str, str] | None = None, ignore: Iterable[str] = ()) -> None:
        self.chosen = dict(columns or {})
        self.ignored = frozenset(ignore)
        for field in self.chosen:
            if field not in aliases:
                raise GenretError(
                    f"column mapping {field}={self.chosen[field]}: no field {field!r}; fields: {', '.join(aliases)}"
                )
        self._products = aliases is PRODUCT_ALIASES
        self._part = "" if self._products else "query." if aliases is QUERY_ALIASES else "judgement."
        self._claims: dict[str, tuple[str, int]] = {}
        for field, names in aliases.items():
            for rank, name in enumerate(names if field not in self.chosen else ()):
                self._claims.setdefault(key_of(name), (field, rank))
        self._planned = lru_cache(maxsize=HEADERS)(self._make)

    def plan(self, columns: Iterable[str]) -> Plan:
        """The plan for these columns; some are kept, since the rows of most files name the same few sets of columns."""
        return self._planned(tuple(columns))

    def check(self, file: str, columns: tuple[str, ...] | None, required: Sequence[str]) -> None:
        """Raise a GenretError if the header lacks a column that was named, or one for a required field."""
        if columns is None:
            return
        listed = ", ".join(map(repr, columns[:20])) + (", ..." if len(columns) > 20 else "")
        for field in self.chosen:
            for part in self._parts(field, columns):
                if part not in columns:
                    raise GenretError(f"{file}: no column {part!r} (named for {field}); its columns: {listed}")
        for column in self.ignored:
            if column not in columns:
                raise GenretError(f"{file}: no column {column!r} (to be ignored); its columns: {listed}")
        fields = self.plan(columns).fields
        for field in required:
            if field not in fields:
                name = f"--column {self._part}{field}=COLUMN"
                raise GenretError(f"{file}: no column for {field}; its columns: {listed}; name one with {name}")

    def _parts(self, field: str, columns: Sequence[str]) -> tuple[str, ...]:
        """The columns chosen for a field: one, or the levels of a category."""
        column = self.chosen[field]
        if field != PATH_FIELD or column in columns or "," not in column:
            return (column,)
        return tuple(part.strip() for part in column.split(","))

    def _make(self, columns: tuple[str, ...]) -> Plan:
        chosen = {field: self._parts(field, columns) for field in self.chosen}
        taken = {part for parts in chosen.values() for part in parts} | self.ignored
        fields = self._by_name([column for column in columns if column not in taken])
        levels: tuple[str, ...] = ()
        if self._products and PATH_FIELD not in chosen:
            family = _family(columns, taken | {column for field, column in fields.items() if field != PATH_FIELD})
            if family:
                fields[PATH_FIELD], levels = family[0], family[1:]
        for field, parts in chosen.items():
            if parts[0] in columns:
                fields[field] = parts[0]
                levels = tuple(part for part in parts[1:] if part in columns) if field == PATH_FIELD else levels
        if self._products:
            self._by_ending(columns, fields, taken | set(levels))
        used = set(fields.values()) | set(levels) | self.ignored
        return Plan(fields, tuple(column for column in columns if column not in used), levels)

    def _by_name(self, columns: Sequence[str]) -> dict[str, str]:
        """Field -> the column with the best of its names."""
        best: dict[str, tuple[int, str]] = {}
        for column in columns:
            claim = self._claims.get(key_of(column))
            if claim is not None and (claim[0] not in best or claim[1] < best[claim[0]][0]):
                best[claim[0]] = (claim[1], column)
        return {field: column for field, (_, column) in best.items()}

    def _by_ending(self, columns: Sequence[str], fields: dict[str, str], taken: set[str]) -> None:
        """Give a field that no name claims the one column that ends as its names do, if there is just one."""
        for field, endings in _ENDINGS.items():
            if field in fields:
                continue
            free = [column for column in columns if column not in taken and column not in fields.values()]
            within = _WITHIN.get(field, set())
            found = [
                column
                for column in free
                if key_of(column).endswith(endings) or within.intersection(map(_folded, words_of(column)))
            ]
            if len(found) == 1:
                fields[field] = found[0]


def columns_for(columns: Mapping[str, str] | None, part: str) -> dict[str, str]:
    """The mappings meant for one part of a data set: `{"query.text": "phrase"}` -> `{"text": "phrase"}` for "query".

    Names without a part belong to the products.
    """
    split = [(name.rpartition("."), column) for name, column in (columns or {}).items()]
    return {field: column for (owner, _, field), column in split if (owner or "product") == part}


@lru_cache(maxsize=NAMES)
def words_of(name: str) -> tuple[str, ...]:
    """The words of a column's name, in lower case: `Image_Url`, `imageURL` and `image url` are ("image", "url")."""
    spaced = re.sub(r"(?<=[^\W\d_])(?=[A-Z][a-z])|(?<=[a-z\d])(?=[A-Z])", " ", name)
    return tuple(re.sub(r"[\W_]+", " ", spaced).casefold().split())


@lru_cache(maxsize=NAMES)
def key_of(name: str) -> str:
    """A name without letter case, spaces, punctuation and accents: `ProductID` and `product_id` are one."""
    return re.sub(r"[\W_]+", "", _folded(name))


def _folded(name: str) -> str:
    return "".join(sign for sign in unicodedata.normalize("NFKD", name.casefold()) if not unicodedata.combining(sign))


def _family(columns: Sequence[str], taken: set[str]) -> tuple[str, ...]:
    """The columns of the longest family of levels, root first; at least two must be there."""
    free = {key_of(column): column for column in reversed(columns) if column not in taken}
    best: tuple[str, ...] = ()
    for family in LEVELS:
        found = [next((free[key_of(name)] for name in level.split() if key_of(name) in free), None) for level in family]
        there = tuple(column for column in found if column is not None)
        if found[0] is not None and len(there) > max(len(best), 1):
            best = there
    return best
