"""Judging by hand: the top products of several systems pooled into a sheet to grade, and the sheet read back.

`pool(bench, systems, k)` gives the rows, `write_sheet` puts them into a CSV or an HTML file, `read_sheet` reads the
grades. A sheet shows each query's products in an order of its own, so that no system's order can be seen
(pooling: Spärck Jones and van Rijsbergen, 1975).
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from genret.data.records import Dataset
from genret.eval.result import Grading
from genret.eval.systems.bench import Bench
from genret.ground.errors import GenretError, require
from genret.ground.files import whole_file
from genret.ground.types import Judgement, Query

COLUMNS = ("query_id", "query", "product_id", "title", "brand", "category", "price", "grade")
GRADES = {0: "wrong", 1: "related", 2: "substitute", 3: "exactly this"}
RELEVANT_AT = 2.0


class Pooled(NamedTuple):
    """One product that some system found for a query; `grade` None until somebody has judged it."""

    query: Query
    product_id: str
    grade: float | None = None


def pool(bench: Bench, systems: Sequence[str], k: int = 10, seed: int = 0) -> list[Pooled]:
    """The union of the systems' top k per query, each query's products shuffled by `seed`."""
    answers = [bench.answer(name).run for name in systems]
    rng, rows = np.random.default_rng(seed), []
    for query in bench.queries:
        found = sorted({one for run in answers if query.id in run for one in run[query.id].products[:k]})
        rows += [Pooled(query, found[place]) for place in rng.permutation(len(found)).tolist()]
    return rows


def write_sheet(rows: Sequence[Pooled], dataset: Dataset, path: Path) -> None:
    """The rows as `path`, .csv or .html. The page saves its grades as a CSV of the same columns, by keyboard alone."""
    if path.suffix not in (".csv", ".html"):
        raise GenretError(f"{path}: cannot tell the format by {path.suffix!r}; expected .csv or .html")
    cells = [_cells(row, dataset) for row in rows]
    text = _csv(cells) if path.suffix == ".csv" else _page(cells)
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="")


def read_sheet(path: Path, dataset: Dataset) -> tuple[list[Query], Grading]:
    """The graded rows of a CSV sheet as queries and their grading; rows without a grade are not judged.

    Raises GenretError, with the line, for a grade that is no number, an unknown product, or a sheet with no grade.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise GenretError(f"{path}: cannot be read ({error}); give the CSV sheet that was graded") from None
    reader = csv.DictReader(io.StringIO(text))
    missing = {"query_id", "query", "product_id", "grade"} - set(reader.fieldnames or ())
    if missing:
        raise GenretError(f"{path}: lacks the column {sorted(missing)[0]!r}; expected {', '.join(COLUMNS)}")
    queries: dict[str, Query] = {}
    judgements = []
    for row in reader:
        if not (row["grade"] or "").strip():
            continue
        place = f"{path}, line {reader.line_num}"
        if row["product_id"] not in dataset.catalogue:
            raise GenretError(f"{place}: no product {row['product_id']!r} in this run; grade a sheet of this run")
        queries.setdefault(row["query_id"], Query(row["query_id"], row["query"]))
        judgements.append(Judgement(row["query_id"], row["product_id"], _grade(row["grade"], place)))
    if not judgements:
        raise GenretError(f"{path}: no row has a grade; put 0 to {max(GRADES)} into the column grade")
    return list(queries.values()), Grading(judgements, RELEVANT_AT, 0.0)


def _grade(text: str, place: str) -> float:
    try:
        grade = float(text)
    except ValueError:
        grade = -1.0
    if grade not in GRADES:
        raise GenretError(f"{place}: grade {text!r}; expected one of {', '.join(map(str, GRADES))}")
    return grade


def _cells(row: Pooled, dataset: Dataset) -> dict[str, str]:
    product = dataset.catalogue[dataset.catalogue.row(row.product_id)]
    price = "" if product.price is None else f"{product.price:.2f}"
    values = (row.query.id, row.query.text, product.id, product.title, product.brand, " > ".join(product.category))
    return dict(zip(COLUMNS, (*values, price, "" if row.grade is None else f"{row.grade:g}"), strict=True))


def _csv(cells: Sequence[dict[str, str]]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS)
    writer.writeheader()
    writer.writerows(cells)
    return out.getvalue()


def _page(cells: Sequence[dict[str, str]]) -> str:
    jinja2 = require("jinja2", "report")
    template = Path(__file__).parents[1] / "reports" / "templates" / "judge.html"
    environment = jinja2.Environment(autoescape=True)
    # "</" would end the script element in which the rows stand.
    rows = json.dumps(list(cells), ensure_ascii=False).replace("<", "\\u003c")
    made = environment.from_string(template.read_text(encoding="utf-8"))
    return str(made.render(rows=rows, columns=json.dumps(COLUMNS), grades=GRADES))
