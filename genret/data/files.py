"""Query and judgement files -> validated records."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from genret.data import values as rules
from genret.data.columns import JUDGEMENT_ALIASES, QUERY_ALIASES, Columns
from genret.data.rows import Layout, Row, open_table
from genret.data.validate import BadField, BadRows, OnBadRow, Place, ReadReport
from genret.ground.errors import GenretError
from genret.ground.typed import typed
from genret.ground.types import SPLITS, Judgement, Query, Split

Adapt: TypeAlias = Callable[[dict[str, Any]], dict[str, Any] | None]
"""What a data set's reader makes of a row before its fields are read; None leaves the row out."""


@typed
def read_queries(
    path: str | Path,
    *,
    format: str | None = None,
    columns: Mapping[str, str] | None = None,
    on_bad_row: OnBadRow = "repair",
    rejects: str | Path | None = None,
    layout: Layout | None = None,
    reports: list[ReadReport] | None = None,
) -> list[Query]:
    """The queries of a file, in file order: fields id, text, kind, frequency.

    Without an id column the file is a log: a text in several rows is one query whose frequencies (1 per row where there
    is no such column) are added up, and whose id is `query_id_of` its text. Raises as `read_catalogue` does.
    """
    bad = BadRows(on_bad_row, rejects)
    queries = [found.query for found in query_rows(path, bad, format=format, columns=columns, layout=layout)]
    add_reports(reports, bad)
    return queries


@typed
def read_judgements(
    path: str | Path,
    *,
    format: str | None = None,
    columns: Mapping[str, str] | None = None,
    on_bad_row: OnBadRow = "repair",
    rejects: str | Path | None = None,
    layout: Layout | None = None,
    reports: list[ReadReport] | None = None,
) -> list[Judgement]:
    """The judgements of a file, in file order: fields query_id (or query, its text), product_id, grade.

    format "trec" is `query 0 product grade`, no header. A pair judged twice alike is one judgement; judged twice with
    different grades is a bad row. Raises as `read_catalogue` does.
    """
    bad = BadRows(on_bad_row, rejects)
    judgements = [found.judgement for found in judgement_rows(path, bad, format=format, columns=columns, layout=layout)]
    add_reports(reports, bad)
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


def query_rows(
    path: str | Path,
    bad: BadRows,
    *,
    format: str | None = None,
    columns: Mapping[str, str] | None = None,
    layout: Layout | None = None,
) -> list[QueryRow]:
    """The queries of a file with their splits; bad rows go to `bad`."""
    table = open_table(path, bad, no_trec(path, format), layout=layout)
    assign = Columns(QUERY_ALIASES, columns)
    assign.check(table.file, table.columns, ("text",))
    lines: dict[str, int] = {}
    found: dict[str, QueryRow] = {}
    for row in table.rows:
        try:
            has_id, query = _query(row, assign.plan(row.values).fields, bad)
            if has_id or query.query.id not in found:
                once("id", query.query.id, lines, row.place)
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
    layout: Layout | None = None,
) -> list[JudgementRow]:
    """The judgements of a file with what else their rows say; bad rows go to `bad`.

    grades: label -> grade, for files that grade in words; a label it lacks is a bad row.
    """
    table = open_table(path, bad, format, layout=layout)
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


def _query(row: Row, fields: Mapping[str, str], bad: BadRows) -> tuple[bool, QueryRow]:
    get = {field: row.values[column] for field, column in fields.items()}.get
    text = rules.text("text", get("text"))
    if not text:
        raise BadField("text", get("text"), "the text of a query")
    has_id = "id" in fields
    query_id = rules.identifier("id", get("id")) if has_id else query_id_of(text)
    kind = rules.name("kind", get("kind"))
    try:
        frequency = _frequency(get("frequency"))
    except BadField as problem:
        bad.repair(row.place, problem)
        frequency = 1
    return has_id, QueryRow(Query(query_id, text, kind, frequency), _split(get("split")), has_id)


def _frequency(value: object) -> int:
    """How often a query was asked: 1 where nothing is said."""
    frequency = rules.number("frequency", value, lowest=1)
    if frequency is not None and not frequency.is_integer():
        raise BadField("frequency", value, "a whole number of at least 1")
    return int(frequency or 1)


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
    text = rules.text("query", get("query"))
    given = get("query_id")
    named = not text or not rules.is_null(given)
    if named:
        query_id = rules.identifier("query_id", given)
    else:  # as written: texts that differ by a space were judged apart
        query_id = query_id_of(rules.text("query", get("query"), clean=False))
    product_id = rules.identifier("product_id", get("product_id"))
    grade = _grade(get("grade"), grades)
    return JudgementRow(Judgement(query_id, product_id, grade), text, _split(get("split")), place, named)


def _grade(value: object, grades: Mapping[str, float] | None) -> float:
    if grades is not None:
        label = value.strip().casefold() if isinstance(value, str) else ""
        if label not in grades:
            raise BadField("grade", value, f"one of {', '.join(grades)}")
        return grades[label]
    grade = rules.number("grade", value)
    if grade is None:
        raise BadField("grade", value, "a number")
    return grade


def _split(value: object) -> Split | None:
    word = rules.name("split", value).casefold()
    word = {"valid": "dev", "val": "dev", "validation": "dev", "eval": "dev"}.get(word, word)
    if word and word not in SPLITS:
        raise BadField("split", value, "train, dev or test")
    return word or None


def once(field: str, found: str, lines: dict[str, int], place: Place) -> None:
    """Raise the BadField of an id that another row has; else note the row's."""
    first = lines.setdefault(found, place.line)
    if first != place.line:
        raise BadField(field, found, f"an id of its own (it is taken by {place.unit} {first})")


def no_trec(path: str | Path, format: str | None) -> str | None:
    if format == "trec" or (format is None and Path(path).suffix in (".trec", ".qrels")):
        raise GenretError(f"{path}: format 'trec' holds judgements only; give a csv, tsv, jsonl, json or parquet file")
    return format


def add_reports(reports: list[ReadReport] | None, bad: BadRows) -> None:
    """Give the reports of a read to whoever asked for them."""
    if reports is not None:
        reports.extend(bad.reports)
