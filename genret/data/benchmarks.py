"""Readers of published search benchmarks: esci, wands, beir.

Each takes the folder that holds them (files plain or .gz) and returns a `Dataset`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from genret.data.clean import strip_tags
from genret.data.files import Adapt, JudgementRow, query_rows
from genret.data.folders import SourceSettings, find_file, need_columns, need_file, read_products
from genret.data.judged import Judged, gather, split_if_whole, split_queries, substitute_pairs
from genret.data.overlaps import without_own
from genret.data.products import ProductFile, RowReading
from genret.data.records import Catalogue, Dataset
from genret.data.scales import SCALES, judged_dataset, read_scale
from genret.data.validate import BadRows
from genret.ground.errors import GenretError
from genret.ground.types import SPLITS, Split

TITLE_WORDS = 12
"""Words of its text that stand for the title of a document without one."""

_TABLES = (".parquet", ".csv", ".csv.gz")


def read_esci(path: Path, settings: SourceSettings, bad: BadRows) -> Dataset:
    """Amazon's Shopping Queries: the two Parquet files as published, or one CSV of the two joined; one locale of it.

    Grades: Exact 3 (the only one that counts as relevant), Substitute 2, Complement 1, Irrelevant 0. The published
    split is kept, with a tenth of its train queries drawn for dev; a file without a split is drawn 80/10/10. A product
    judged Exact and one judged Substitute for the same query are substitutes, up to `PAIRS_PER_QUERY` pairs per query.
    The description is the published one, without its HTML, and the bullet points; the colour is an attribute.
    Paper: Reddy et al., Shopping Queries Dataset (2022), arXiv:2206.06588.
    """
    examples, products = _esci_files(path)
    need_columns(products, ("product_id", "product_title"), bad)
    catalogue = read_products(ESCI_ROWS.rows(ProductFile(products), bad, settings.locale), settings)
    if not len(catalogue):
        raise GenretError(f"{products}: no product with product_locale {settings.locale!r}; name another with --locale")
    rows = read_scale(examples, SCALES["esci"], bad, adapt=_only(settings.locale))
    judged = _redraw(rows, catalogue, settings.seed, bad)
    substitutes = substitute_pairs(judged.judgements, lambda a, b: {a, b} == {2.0, 3.0})
    return judged_dataset("esci", catalogue, judged, substitutes)


def read_wands(folder: Path, settings: SourceSettings, bad: BadRows) -> Dataset:
    """Wayfair's WANDS: product.csv, query.csv, label.csv, tab separated as published.

    Grades: Exact 2 (the only one that counts as relevant), Partial 1, Irrelevant 0. No split is published: the
    queries are drawn 80/10/10. `product_features` become attributes, popularity is 1 + the number of ratings.
    Paper: Chen et al., WANDS: Dataset for Product Search Relevance Assessment (ECIR 2022).
    """
    products = need_file(folder, "product", extensions=(".csv",))
    catalogue = read_products(WANDS_ROWS.rows(ProductFile(products, WANDS_ROWS.published), bad), settings)
    asked = query_rows(need_file(folder, "query", extensions=(".csv",)), bad, format="tsv", columns={"text": "query"})
    rows = read_scale(need_file(folder, "label", extensions=(".csv",)), SCALES["wands"], bad)
    judged = gather({"test": rows}, catalogue, bad, {row.query.id: row.query for row in asked})
    drawn = judged._replace(queries=split_queries(judged.queries["test"], settings.seed))
    return judged_dataset("wands", catalogue, drawn)


def read_beir(folder: Path, settings: SourceSettings, bad: BadRows) -> Dataset:
    """A data set in BEIR's form: corpus.jsonl, queries.jsonl, and qrels/train.tsv, dev.tsv, test.tsv as far as there.

    `text` is the description, `metadata` are attributes; a document without a title is called by the first
    `TITLE_WORDS` words of its text. Grades from 1 on count as relevant. Queries that have a document's id are that
    document, which is left out for them, as BEIR's evaluator does (ArguAna, Quora).
    Paper: Thakur et al., BEIR (NeurIPS 2021), arXiv:2104.08663.
    """
    corpus = need_file(folder, "corpus", extensions=(".jsonl",))
    catalogue = read_products(BEIR_ROWS.rows(ProductFile(corpus), bad), settings)
    asked = query_rows(need_file(folder, "queries", extensions=(".jsonl",)), bad)
    files = {split: find_file(folder / "qrels", split, extensions=(".tsv",)) for split in SPLITS}
    if not any(files.values()):
        need_file(folder / "qrels", *SPLITS, extensions=(".tsv",))
    rows = {split: read_scale(file, SCALES["beir"], bad) for split, file in files.items() if file is not None}
    judged = gather(rows, catalogue, bad, {row.query.id: row.query for row in asked})
    own = any(catalogue.has(query.id) for queries in judged.queries.values() for query in queries)
    judged = judged._replace(judgements=without_own(judged.judgements)) if own else judged
    return replace(judged_dataset("beir", catalogue, judged), queries_are_products=own)


def _esci_files(path: Path) -> tuple[Path, Path]:
    """The file of judgements and the file of products: one and the same where they are joined."""
    if path.is_file():
        return path, path
    prefix = "shopping_queries_dataset_"
    examples = find_file(path, f"{prefix}examples", extensions=_TABLES)
    if examples is not None:
        return examples, need_file(path, f"{prefix}products", extensions=_TABLES)
    joined = sorted(file for file in path.glob("*.csv*") if not file.name.startswith(f"{prefix}sources"))
    if len(joined) == 1:
        return joined[0], joined[0]
    file = need_file(path, f"{prefix}examples", extensions=_TABLES)
    return file, file


def _esci_product(locale: str | None) -> Adapt:
    """Rows of the locale, if given, each product once (a joined file repeats it a query), its text put together."""
    seen: set[str] = set()

    def adapt(values: dict[str, Any]) -> dict[str, Any] | None:
        product_id = values.get("product_id")
        joined, known = "esci_label" in values, str(product_id)
        if (locale and values.get("product_locale", locale) != locale) or (joined and known in seen):
            return None
        seen.add(known)
        texts = (values.get("product_description"), values.get("product_bullet_point"))
        description = "\n".join(strip_tags(part) for part in texts if isinstance(part, str) and part)
        return {
            "id": product_id,
            "title": _title(values.get("product_title"), description),
            "brand": values.get("product_brand"),
            "description": description,
            "color": values.get("product_color"),
        }

    return adapt


def _only(locale: str) -> Adapt:
    return lambda values: values if values.get("product_locale", locale) == locale else None


def _redraw(rows: list[JudgementRow], catalogue: Catalogue, seed: int, bad: BadRows) -> Judged:
    """The rows by their published split, or all drawn where they have none; dev is drawn from train if it is empty."""
    by_split: dict[Split, list[JudgementRow]] = {}
    for row in rows:
        by_split.setdefault(row.split or "train", []).append(row)
    return split_if_whole(gather(by_split, catalogue, bad), seed)


def _wands_product(values: dict[str, Any]) -> dict[str, Any]:
    category = values.pop("category hierarchy", None) or values.pop("category_hierarchy", None) or ""
    ratings = values.pop("rating_count", None)
    return {
        **{name: value for name, value in values.items() if name != "product_features"},
        "category": _levels(category) if isinstance(category, str) else category,
        "attributes": _features(str(values.get("product_features") or "")),
        "popularity": 1 + float(ratings) if re.fullmatch(r"\s*\d+(\.\d+)?\s*", str(ratings)) else 1,
    }


def _levels(path: str) -> list[str]:
    return [part.strip() for part in path.split(" / ")] if path.strip() else []


def _features(text: str) -> Mapping[str, str]:
    """`colour : red|colour : blue|width:3` -> `{"colour": "red, blue", "width": "3"}`."""
    found: dict[str, list[str]] = {}
    for part in text.split("|"):
        name, _, value = part.partition(":")
        if name.strip() and value.strip():
            found.setdefault(name.strip(), []).append(value.strip())
    return {name: ", ".join(values) for name, values in found.items()}


def _beir_document(values: dict[str, Any]) -> dict[str, Any]:
    metadata = values.get("metadata")
    return {
        "id": values.get("_id"),
        "title": _title(values.get("title"), values.get("text")),
        "description": values.get("text"),
        "attributes": metadata if isinstance(metadata, Mapping) else None,
    }


def _title(title: Any, description: Any) -> Any:
    """The title, or where it is empty the first words of the description."""
    if title is None or title == "" or (isinstance(title, str) and not title.strip()):
        return " ".join(description.split()[:TITLE_WORDS]) if isinstance(description, str) else title
    return title


ESCI_ROWS = RowReading(("product_id", "product_title"), adapt=_esci_product)
WANDS_ROWS = RowReading(
    ("product_id", "product_name"),
    {"id": "product_id", "title": "product_name", "description": "product_description"},
    lambda _: _wands_product,
    published="tsv",
    strict=False,  # as pandas, with which it was made
)
BEIR_ROWS = RowReading(("_id",), adapt=lambda _: _beir_document)
