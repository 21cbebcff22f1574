"""Catalogue, query and judgement files -> validated records."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from genret.data import validate
from genret.data.columns import (
    JUDGEMENT_ALIASES,
    PRODUCT_ALIASES,
    QUERY_ALIASES,
    Columns,
    Plan,
)
from genret.data.records import Catalogue
from genret.data.rows import open_table
from genret.data.validate import BadField, BadRows, OnBadRow, Place, ReadReport
from genret.ground.errors import GenretError
from genret.ground.types import SPLITS, Judgement, Product, Query, Split

Adapt: TypeAlias = Callable[[dict[str, Any]], dict[str, Any] | None]
"""What a data set's reader makes of a row before its fields are read; None leaves the row out."""

LEAST_POPULARITY = 1e-3
"""What a popularity of 0 (no sale yet) becomes: popularity is a weight and must stay positive."""


def read_catalogue(
    path: str | Path,
    *,
    format: str | None = None,
    columns: Mapping[str, str] | None = None,
    on_bad_row: OnBadRow = "error",
    rejects: str | Path | None = None,
    clean: bool = True,
    reports: list[ReadReport] | None = None,
) -> Catalogue:
    """The products of a CSV, TSV, JSONL or Parquet file (plain or .gz), in file order.

    format: csv, tsv, jsonl or parquet; by default what the extension says.
    columns: field -> column for names not understood, `{"title": "product_title"}`. Fields are those of `Product`;
        columns that no field claims become attributes, as do the members of a JSON object column `attributes`.
    on_bad_row, rejects: stop at a bad row, or count it, write it to the rejects file (JSONL) and go on.
    clean: resolve HTML entities, repair mojibake, normalise spaces and Unicode (`clean_text`).
    reports: a list to which a `ReadReport` is added.
    Raises GenretError naming file, line (row in Parquet), field and remedy.
    """
    bad = BadRows(on_bad_row, rejects)
    catalogue = Catalogue.from_products(product_rows(path, bad, format=format, columns=columns, clean=clean))
    _add(reports, bad)
    return catalogue


def read_queries(
    path: str | Path,
    *,
    format: str | None = None,
    columns: Mapping[str, str] | None = None,
    on_bad_row: OnBadRow = "error",
    rejects: str | Path | None = None,
    reports: list[ReadReport] | None = None,
) -> list[Query]:
    """The queries of a file, in file order: fields id, text, kind, frequency.

    Without an id column the file is a log: a text in several rows is one query whose frequencies (1 per row where there
    is no such column) are added up, and whose id is `query_id_of` its text. Raises as `read_catalogue` does.
    """
    bad = BadRows(on_bad_row, rejects)
    queries = [found.query for found in query_rows(path, bad, format=format, columns=columns)]
    _add(reports, bad)
    return queries


def read_judgements(
    path: str | Path,
    *,
    format: str | None = None,
    columns: Mapping[str, str] | None = None,
    on_bad_row: OnBadRow = "error",
    rejects: str | Path | None = None,
    reports: list[ReadReport] | None = None,
) -> list[Judgement]:
    """The judgements of a file, in file order: fields query_id (or query, its text), product_id, grade.

    format "trec" is `query 0 product grade`, no header. A pair judged twice alike is one judgement; judged twice with
    different grades is a bad row. Raises as `read_catalogue` does.
    """
    bad = BadRows(on_bad_row, rejects)
    judgements = [found.judgement for found in judgement_rows(path, bad, format=format, columns=columns)]
    _add(reports, bad)
    return judgements


def query_id_of(text: str) -> str:
    """A stable id for a query that has none: "q" and the first 12 hex digits of the SHA-256 of its text."""
    return "q" + hashlib.sha256(text.encode()).hexdigest()[:12]


class QueryRow(NamedTuple):
    """A query, and the split that its row names, if any."""

    query: Query
    split: Split | None
    named: bool = True
    """Whether the row gives the query's id; else its text does."""


class JudgementRow(NamedTuple):
    """A judgement, the text and split of its query where its row has them, and where it stands."""

    judgement: Judgement
    text: str
    split: Split | None
    place: Place
    named: bool = True
    """Whether the row gives the query's id; else its text does."""


def product_rows(
    path: str | Path,
    bad: BadRows,
    *,
    format: str | None = None,
    columns: Mapping[str, str] | None = None,
    clean: bool = True,
    adapt: Adapt | None = None,
    strict: bool = True,
) -> Iterator[Product]:
    """The products of a file as they are read; bad rows go to `bad`."""
    table = open_table(path, bad, _no_trec(path, format), strict=strict)
    assign = Columns(PRODUCT_ALIASES, columns)
    assign.check(table.file, table.columns, ("id", "title"))
    lines: dict[str, int] = {}
    for row in table.rows:
        try:
            values = row.values if adapt is None else adapt(row.values)
            if values is None:
                continue
            product = _product(values, assign.plan(values), clean)
            _once("id", product.id, lines, row.place)
        except BadField as problem:
            bad.reject(row.place, problem)
        else:
            yield product
    bad.check_any_left(table.file, len(lines))


def query_rows(
    path: str | Path, bad: BadRows, *, format: str | None = None, columns: Mapping[str, str] | None = None
) -> list[QueryRow]:
    """The queries of a file with their splits; bad rows go to `bad`."""
    table = open_table(path, bad, _no_trec(path, format))
    assign = Columns(QUERY_ALIASES, columns)
    assign.check(table.file, table.columns, ("text",))
    lines: dict[str, int] = {}
    found: dict[str, QueryRow] = {}
    for row in table.rows:
        try:
            has_id, query = _query(row.values, assign.plan(row.values).fields)
            if has_id or query.query.id not in found:
                _once("id", query.query.id, lines, row.place)
            else:
                query = _add_up(found[query.query.id], query)
            found[query.query.id] = query
        except BadField as problem:
            bad.reject(row.place, problem)
    bad.check_any_left(table.file, len(found))
    return list(found.values())


def judgement_rows(
    path: str | Path,
    bad: BadRows,
    *,
    format: str | None = None,
    columns: Mapping[str, str] | None = None,
    grades: Mapping[str, float] | None = None,
    adapt: Adapt | None = None,
    strict: bool = True,
) -> list[JudgementRow]:
    """The judgements of a file with what else their rows say; bad rows go to `bad`.

    grades: label -> grade, for files that grade in words; a label it lacks is a bad row.
    """
    table = open_table(path, bad, format, strict=strict)
    assign = Columns(JUDGEMENT_ALIASES, columns)
    assign.check(table.file, table.columns, ("product_id", "grade"))
    if table.columns is not None and not {"query_id", "query"} & assign.plan(table.columns).fields.keys():
        assign.check(table.file, table.columns, ("query_id",))
    found: dict[tuple[str, str], JudgementRow] = {}
    for row in table.rows:
        try:
            values = row.values if adapt is None else adapt(row.values)
            if values is None:
                continue
            place = row.place if adapt is None else row.place._replace(raw="")  # else millions of rows stay in memory
            judged = _judgement(values, assign.plan(values).fields, grades, place)
            pair = (judged.judgement.query_id, judged.judgement.product_id)
            before = found.setdefault(pair, judged)
            if before.judgement.grade != judged.judgement.grade:
                where = f"{before.place.unit} {before.place.line}"
                raise BadField(
                    "grade", judged.judgement.grade, f"{before.judgement.grade:g} as for the same pair in {where}"
                )
        except BadField as problem:
            bad.reject(row.place, problem)
    bad.check_any_left(table.file, len(found))
    return list(found.values())


def _product(values: Mapping[str, Any], plan: Plan, clean: bool) -> Product:
    found: dict[str, Any] = {"id": None, "title": None}
    for field, column in plan.fields.items():
        value = values[column]
        found[field] = value if value is None else _FIELDS[field](field, value, clean)
    for field in ("id", "title"):
        if not found[field]:
            raise BadField(field, values.get(plan.fields.get(field, field)), _REQUIRED[field])
    listed = found.pop("attributes", None) or {}
    attributes = _attributes({**{name: values[name] for name in plan.rest}, **listed}, clean)
    return Product(attributes=attributes, **{field: value for field, value in found.items() if value is not None})


_REQUIRED = {"id": "an id", "title": "a title"}
_FIELDS: Mapping[str, Callable[[str, Any, bool], Any]] = {
    "id": lambda field, value, clean: validate.identifier(field, value),
    "title": lambda field, value, clean: validate.text(field, value, clean=clean),
    "category": lambda field, value, clean: validate.path(field, value, clean=clean),
    "brand": lambda field, value, clean: validate.text(field, value, clean=clean),
    "description": lambda field, value, clean: validate.attribute(field, value, clean=clean),
    "attributes": lambda field, value, clean: validate.mapping(field, value),
    "price": lambda field, value, clean: validate.number(field, value, lowest=0.0, money=True),
    "available": lambda field, value, clean: validate.flag(field, value),
    "stores": lambda field, value, clean: validate.names(field, value, clean=clean),
    "popularity": lambda field, value, clean: _popularity(field, value),
}


def _popularity(field: str, value: object) -> float | None:
    found = validate.number(field, value, lowest=0.0)
    return None if found is None else max(found, LEAST_POPULARITY)


def _attributes(values: Mapping[str, Any], clean: bool) -> dict[str, str]:
    found = {}
    for name, value in values.items():
        if name and value is not None and value != "" and (said := validate.attribute(name, value, clean=clean)):
            found[_attribute_name(name, clean)] = said
    return found


@lru_cache(maxsize=10_000)
def _attribute_name(name: str, clean: bool) -> str:
    """The name as text; kept, since every row says the same few."""
    return validate.text("attributes", name, clean=clean)


def _query(values: Mapping[str, Any], fields: Mapping[str, str]) -> tuple[bool, QueryRow]:
    get = {field: values[column] for field, column in fields.items()}.get
    text = validate.text("text", get("text"))
    if not text:
        raise BadField("text", get("text"), "the text of a query")
    frequency = validate.number("frequency", get("frequency"), lowest=1)
    if frequency is not None and not frequency.is_integer():
        raise BadField("frequency", get("frequency"), "a whole number of at least 1")
    has_id = "id" in fields
    query_id = validate.identifier("id", get("id")) if has_id else query_id_of(text)
    kind = validate.text("kind", get("kind"))
    return has_id, QueryRow(Query(query_id, text, kind, int(frequency or 1)), _split(get("split")), has_id)


def _add_up(before: QueryRow, again: QueryRow) -> QueryRow:
    """A query of a log met again: asked so many times more. One text can't stand in two splits."""
    if before.split != again.split:
        raise BadField("split", again.split, f"{before.split}, as for the same text before")
    frequency = before.query.frequency + again.query.frequency
    return before._replace(query=before.query._replace(frequency=frequency))


def _judgement(
    values: Mapping[str, Any], fields: Mapping[str, str], grades: Mapping[str, float] | None, place: Place
) -> JudgementRow:
    get = {field: values[column] for field, column in fields.items()}.get
    text = validate.text("query", get("query"))
    given = get("query_id")
    named = not text or not (given is None or given == "")
    if named:
        query_id = validate.identifier("query_id", given)
    else:  # as written: texts that differ by a space were judged apart
        query_id = query_id_of(validate.text("query", get("query"), clean=False))
    product_id = validate.identifier("product_id", get("product_id"))
    grade = _grade(get("grade"), grades)
    return JudgementRow(Judgement(query_id, product_id, grade), text, _split(get("split")), place, named)


def _grade(value: object, grades: Mapping[str, float] | None) -> float:
    if grades is not None:
        label = value.strip().casefold() if isinstance(value, str) else ""
        if label not in grades:
            raise BadField("grade", value, f"one of {', '.join(grades)}")
        return grades[label]
    grade = validate.number("grade", value)
    if grade is None:
        raise BadField("grade", value, "a number")
    return grade


def _split(value: object) -> Split | None:
    word = validate.text("split", value).casefold()
    word = {"valid": "dev", "val": "dev", "validation": "dev", "eval": "dev"}.get(word, word)
    if word and word not in SPLITS:
        raise BadField("split", value, "train, dev or test")
    return word or None


def _once(field: str, found: str, lines: dict[str, int], place: Place) -> None:
    first = lines.setdefault(found, place.line)
    if first != place.line:
        raise BadField(field, found, f"an id of its own (it is taken by {place.unit} {first})")


def _no_trec(path: str | Path, format: str | None) -> str | None:
    if format == "trec" or (format is None and Path(path).suffix in (".trec", ".qrels")):
        raise GenretError(f"{path}: format 'trec' holds judgements only; give a csv, tsv, jsonl or parquet file")
    return format


def _add(reports: list[ReadReport] | None, bad: BadRows) -> None:
    if reports is not None:
        reports.extend(bad.reports)
