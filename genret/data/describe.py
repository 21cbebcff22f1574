"""What was read, and what it was taken for, as a value that prints: `print(describe(dataset))`.

Everything in it comes from the data set itself, so a run that was read long ago can still say it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.compute as pc

from genret.data.product_text import product_text
from genret.data.records import Catalogue, Dataset
from genret.data.seen import SHOWN
from genret.data.survey import Understanding
from genret.data.validate import ReadReport
from genret.ground.types import SPLITS

SAMPLES = 3
_SAMPLE_LENGTH = 300
_FIELDS = ("id", "title", "category", "brand", "description", "price", "available", "stores", "popularity")


class ColumnSaid(NamedTuple):
    """One column of the products' file: what it was taken for, how many products have it, and its first value."""

    column: str
    role: str
    """A field (`title`, `category, level 2`), `attribute`, `numeric attribute`, or `left out: why`."""
    filled: int | None
    """None for what was left out."""
    example: str


@dataclass(frozen=True)
class DataReport:
    """What a data set was read from and what was made of it."""

    name: str
    products: int
    files: tuple[ReadReport, ...]
    columns: tuple[ColumnSaid, ...]
    categories: tuple[int, ...]
    """Distinct categories at each level, root first."""
    separators: tuple[str, ...]
    currencies: dict[str, int]
    samples: tuple[str, ...]
    """The text of the first products, as it is embedded."""
    queries: dict[str, int]
    """By split."""
    judgements: int
    numbered: bool = False
    """Whether products are numbered by their rows, since no column holds their ids."""

    def to_json(self) -> dict[str, Any]:
        return {
            **asdict(self),
            "files": [report._asdict() for report in self.files],
            "columns": [column._asdict() for column in self.columns],
        }

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        yield f"{self.name}: {_count(self.products, 'product')}"
        for report in self.files:
            yield f"  {Path(report.file).name}: {_count(report.rows, 'row')}{_how(report)}{_lost(report)}"
        yield ""
        yield from _table(self.columns)
        yield ""
        if self.numbered:
            yield "no column for id: products are numbered by their rows; name one with --column id=COLUMN"
        yield from self._categories()
        if len(self.currencies) > 1:
            written = ", ".join(f"{coin} {count:,}" for coin, count in self.currencies.items())
            yield f"prices are written in several currencies ({written}): kept as numbers, not converted"
        if self.queries:
            asked = ", ".join(f"{count:,} {split}" for split, count in self.queries.items())
            yield f"queries: {asked}; {self.judgements:,} judgements"
        yield f"embedded as text, the first {len(self.samples)}:"
        for number, sample in enumerate(self.samples, 1):
            yield f"  {number}. {sample}"

    def _categories(self) -> Iterator[str]:
        if not self.categories:
            yield "no categories"
            return
        signs = ", ".join(f"'{sign}'" for sign in self.separators)
        levels = " / ".join(f"{count:,}" for count in self.categories)
        depth = len(self.categories)
        known = f" (separators: {signs})" if self.separators else ""
        yield f"categories: {_count(depth, 'level')}{known}; distinct at each: {levels}"


def describe(dataset: Dataset) -> DataReport:
    """What the data set was read from, what each column was taken for, and what will be embedded."""
    catalogue, taken = dataset.catalogue, dataset.taken
    samples = (product_text(product, dataset.text_fields) for product in catalogue[:SAMPLES])
    return DataReport(
        name=dataset.name,
        products=len(catalogue),
        files=tuple(dataset.reports),
        columns=_columns(catalogue, taken),
        categories=_levels(catalogue),
        separators=_separators(taken),
        currencies=dict(taken.currencies) if taken else {},
        samples=tuple(text if len(text) <= _SAMPLE_LENGTH else text[:_SAMPLE_LENGTH] + " ..." for text in samples),
        queries={split: len(dataset.queries[split]) for split in SPLITS if dataset.queries.get(split)},
        judgements=len(dataset.judgements),
        numbered=taken is not None and "id" not in taken.fields,
    )


def _columns(catalogue: Catalogue, taken: Understanding | None) -> tuple[ColumnSaid, ...]:
    filled = _filled(catalogue)
    if taken is None:  # a public set's: fields as it is published
        names = {name: count for name, count in filled.items() if count}
        return tuple(ColumnSaid(name, name if name in _FIELDS else "attribute", n, "") for name, n in names.items())
    said = [ColumnSaid(column, name, filled.get(name, 0), "") for name, column in taken.fields.items()]
    said = [
        one._replace(role="attributes, each by itself", filled=None) if one.role == "attributes" else one
        for one in said
    ]
    if taken.levels:
        first = taken.fields["category"]
        said = [one._replace(role="category, level 1") if one.column == first else one for one in said]
        said += [
            ColumnSaid(column, f"category, level {level}", filled.get("category", 0), "")
            for level, column in enumerate(taken.levels, 2)
        ]
    said += [ColumnSaid(column, "attribute", filled.get(column, 0), "") for column in taken.texts]
    said += [ColumnSaid(column, "numeric attribute", filled.get(column, 0), "") for column in taken.numbers]
    said += [ColumnSaid(column, f"left out: {why}", None, "") for column, why in taken.left_out.items()]
    place = {column: number for number, column in enumerate(taken.examples)}
    said.sort(key=lambda one: place.get(one.column, len(place)))
    return tuple(one._replace(example=taken.examples.get(one.column, "")) for one in said)


def _filled(catalogue: Catalogue) -> dict[str, int]:
    """Products that have each field and attribute."""
    table = catalogue.table
    counts: dict[str, int] = {}
    for name in _FIELDS:
        column = table[name]
        if name in ("category", "stores"):
            counts[name] = int(pc.sum(pc.greater(pc.list_value_length(column), 0)).as_py() or 0)
        elif name in ("title", "brand", "description"):
            counts[name] = int(pc.sum(pc.not_equal(column, "")).as_py() or 0)
        else:
            counts[name] = len(column) - column.null_count
    for name in ("attributes", "numbers"):
        for chunk in table[name].chunks:
            counts |= {key["values"]: key["counts"] for key in pc.value_counts(chunk.keys).to_pylist()}
    return counts


def _levels(catalogue: Catalogue) -> tuple[int, ...]:
    paths = set(catalogue.categories)
    depth = max(map(len, paths), default=0)
    return tuple(len({path[:level] for path in paths if len(path) >= level}) for level in range(1, depth + 1))


def _separators(taken: Understanding | None) -> tuple[str, ...]:
    """Those that the category's values hold."""
    return taken.separators if taken is not None and "category" in taken.fields else ()


def _table(columns: Sequence[ColumnSaid]) -> Iterator[str]:
    rows = [("column", "taken for", "products", "example")]
    rows += [(c.column, c.role, "" if c.filled is None else f"{c.filled:,}", c.example) for c in columns]
    widths = [max(len(row[i][:SHOWN]) for row in rows) for i in range(3)]
    for name, role, filled, example in rows:
        yield f"  {name[:SHOWN]:{widths[0]}}  {role[:SHOWN]:{widths[1]}}  {filled:>{widths[2]}}  {example}".rstrip()


def _how(report: ReadReport) -> str:
    return f" ({report.how})" if report.how else ""


def _lost(report: ReadReport) -> str:
    parts = []
    if report.skipped:
        parts.append(f"{_count(report.skipped, 'row')} rejected")
    if report.repaired:
        parts.append(f"{_count(report.repaired, 'field')} left empty")
    if report.left_out:
        parts.append(f"{_count(report.left_out, 'row')} of no use here")
    reasons = "; ".join(f"{count:,} times {reason}" for reason, count in list(report.reasons.items())[:5])
    return f", {', '.join(parts)} ({reasons})" if parts else ""


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
