"""Data sets by name -> `Dataset`, and judgements of another file over a catalogue in hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from genret.data.benchmarks import BEIR_ROWS, ESCI_ROWS, WANDS_ROWS, read_beir, read_esci, read_wands
from genret.data.files import JudgementRow, QueryRow, query_rows
from genret.data.folders import SourceSettings, find_queries, read_folder
from genret.data.overlaps import queries_are_products, without_own
from genret.data.products import ProductFile, RowReading, product_rows
from genret.data.records import Dataset
from genret.data.rows import FORMATS, Format, Layout, format_of
from genret.data.scales import SCALES, Scale, read_scale
from genret.data.shops import (
    CHORUS_ROWS,
    HOMEDEPOT_ROWS,
    read_chorus,
    read_grocerydb,
    read_homedepot,
    read_instacart,
)
from genret.data.survey import Understanding
from genret.data.validate import BadRows, OnBadRow, ReadReport
from genret.ground.errors import GenretError
from genret.ground.typed import typed
from genret.ground.types import Judgement, Product, Query, Split

SOURCES: Mapping[str, Callable[[Path, SourceSettings, BadRows], Dataset]] = {
    "homedepot": read_homedepot,
    "chorus": read_chorus,
    "instacart": read_instacart,
    "grocerydb": read_grocerydb,
    "esci": read_esci,
    "wands": read_wands,
    "beir": read_beir,
    "files": read_folder,
}
ROWS: Mapping[str, RowReading] = {
    "homedepot": HOMEDEPOT_ROWS,
    "chorus": CHORUS_ROWS,
    "esci": ESCI_ROWS,
    "wands": WANDS_ROWS,
    "beir": BEIR_ROWS,
}
"""How the rows of the sets are read whose columns' names do not say it all; one file has all of them."""
JUDGEMENT_FORMATS: tuple[str, ...] = (*SCALES, *FORMATS)


@typed
def read_dataset(
    name: str,
    path: str | Path,
    *,
    on_bad_row: OnBadRow = "repair",
    rejects: str | Path | None = None,
    limit: int | None = None,
    locale: str = "us",
    seed: int = 0,
) -> Dataset:
    """The data set in the folder `path`, read as the set called `name` (a key of `SOURCES`) is published.

    on_bad_row, rejects: as in `read_catalogue`, over all of its files; the data set's `reports` say what was read.
    limit: products to read at most, the first ones; judgements on others are left out.
    locale: esci only: the market whose products, queries and judgements are read (us, es, jp).
    seed: draws the splits of the sets that are published without (esci's CSV, wands, files).
    Raises GenretError naming the file, and the line and field where there is one.
    """
    if name not in SOURCES:
        raise GenretError(f"data set {name!r}, expected one of {', '.join(SOURCES)}")
    settings = SourceSettings(limit=limit, locale=locale, seed=seed)
    folder = Path(path)
    if not folder.exists():
        raise GenretError(f"{folder}: no such folder; give the folder that holds the {name} files")
    bad = BadRows(on_bad_row, rejects)
    return replace(SOURCES[name](folder, settings, bad), reports=bad.reports)


def read_more(settings: Mapping[str, Any], file: ProductFile, bad: BadRows) -> list[Product]:
    """The products of a file that comes to a run later, read as the run's own were.

    settings: those of the run's data artifact, which say what its columns were taken for.
    """
    file.layout.check_used([format_of(file.path, file.format)])
    taken = settings.get("taken")
    if taken is None:  # a public set or the embedded catalogue: every column that no field claims is an attribute
        reading, source = ROWS.get(settings.get("name", "")), settings.get("source") or {}
        fitting = reading and (not file.columns or not reading.needs) and reading.fitting(file)
        if reading and fitting:
            market = (source.get("locale") or "us") if source.get("format") == "esci" else None
            return list(reading.rows(fitting, bad, market))
        return list(product_rows(file.path, bad, format=file.format, columns=file.columns, layout=file.layout))
    own, understood = file.as_before(Understanding.from_json(taken))
    return list(own.rows(bad, understood))


class Attached(NamedTuple):
    """Judgements of another file over a data set's catalogue, ready to evaluate on."""

    queries: list[Query]
    """Those with at least one judgement left, in order of their first."""
    judgements: list[Judgement]
    relevant_at: float
    irrelevant_grade: float
    unknown_products: int
    """Judgements left out because the catalogue has no such product."""
    unknown_queries: int
    """Judgements left out because nothing gives their query's text."""
    reports: list[ReadReport]
    splits: Mapping[str, Split]
    """Query id -> its split, of the queries whose rows name one."""
    queries_are_products: bool = False
    """As of a `Dataset`."""


@typed
def attach_judgements(
    dataset: Dataset,
    path: str | Path,
    format: str | None = None,
    *,
    queries: str | Path | None = None,
    columns: Mapping[str, str] | None = None,
    layout: Layout | None = None,
    bad: BadRows | None = None,
) -> Attached:
    """The queries and judgements of the file `path` that the data set's catalogue can answer.

    format: one of `JUDGEMENT_FORMATS`: a public set's way of writing them, which also fixes the grades that count as
        relevant, or csv, tsv, jsonl, json, parquet, trec, whose grades are taken to be on the data set's own scale.
        By default what the file's extension says.
    queries: a file with the texts of the queries, where the judgement file names ids only; by default the file that
        the format keeps beside it (wands' query.csv, beir's queries.jsonl), else the data set's own queries.
    columns: field -> column for csv, tsv, jsonl, json and parquet. layout: delimiter and encoding, where not found out.
    bad: what becomes of rows that can't be read; by default `BadRows()`.
    Raises GenretError if nothing is left, saying which side does not match.
    """
    format = format_of(path) if format is None else format
    if format not in JUDGEMENT_FORMATS:
        raise GenretError(f"format={format!r} for judgements, expected one of {', '.join(JUDGEMENT_FORMATS)}")
    path, bad = Path(path), bad or BadRows()
    scale = SCALES.get(format) or Scale(dataset.relevant_at, dataset.irrelevant_grade, _as_format(format))
    rows = read_scale(path, scale, bad, columns, layout=layout)
    known = _known_queries(dataset, path, format, queries, bad)
    attached = _own_left_out(_attach(dataset, rows, known, scale, bad), dataset, format)
    if not attached.judgements:
        raise GenretError(_why_none(path, dataset, attached))
    return attached


def _known_queries(
    dataset: Dataset, path: Path, format: str, queries: str | Path | None, bad: BadRows
) -> dict[str, QueryRow]:
    """Id -> query, for judgements that name their query by id alone, with the split that its row names."""
    beside = find_queries(path, format) if queries is None else Path(queries)
    if beside is not None:
        kind = "tsv" if format == "wands" and queries is None else None
        return {found.query.id: found for found in query_rows(beside, bad, format=kind)}
    return {query.id: QueryRow(query, None, True) for split in dataset.queries.values() for query in split}


def _attach(
    dataset: Dataset, rows: list[JudgementRow], known: Mapping[str, QueryRow], scale: Scale, bad: BadRows
) -> Attached:
    queries: dict[str, Query] = {}
    splits: dict[str, Split] = {}
    judgements: list[Judgement] = []
    no_product = no_query = 0
    products = set(dataset.catalogue.ids)
    for row in rows:
        query_id, product_id, _ = row.judgement
        beside = known.get(query_id)
        query = Query(query_id, row.text) if row.text else beside and beside.query
        if product_id not in products:
            no_product += 1
        elif query is None:
            no_query += 1
        else:
            queries.setdefault(query_id, query)
            judgements.append(row.judgement)
            if named := row.split or (beside and beside.split):
                splits.setdefault(query_id, named)
    grading = (scale.relevant_at, scale.irrelevant_grade)
    return Attached(list(queries.values()), judgements, *grading, no_product, no_query, bad.reports, splits)


def _own_left_out(attached: Attached, dataset: Dataset, format: str) -> Attached:
    """Without judgements of a query's own document, where queries are documents."""
    shared = any(dataset.catalogue.has(query.id) for query in attached.queries)
    if not (shared and format == "beir") and not queries_are_products(attached.queries, dataset.catalogue):
        return attached
    return attached._replace(judgements=without_own(attached.judgements), queries_are_products=True)


def _why_none(path: Path, dataset: Dataset, attached: Attached) -> str:
    if not attached.unknown_products and not attached.unknown_queries:
        return f"{path}: holds no judgement; there is nothing to evaluate"
    if not attached.unknown_queries:
        return (
            f"{path}: none of its {attached.unknown_products} judged products is in the catalogue of {dataset.name} "
            f"({len(dataset.catalogue)} products); give judgements made over this catalogue"
        )
    return (
        f"{path}: no judgement is left: {attached.unknown_queries} are on queries whose text is not known, "
        f"{attached.unknown_products} on products outside the catalogue; pass the file with the queries' texts"
    )


def _as_format(format: str) -> Format:
    return next(known for known in FORMATS if known == format)
