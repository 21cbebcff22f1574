"""A product file -> `Product`s, as its columns are understood.

`read_catalogue` reads a file of a user's own: a first pass says what its columns hold (`survey.py`), a second reads
them. `product_rows` is for readers of public sets, which know their columns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

from genret.data import values as rules
from genret.data.columns import PRODUCT_ALIASES, Columns
from genret.data.files import Adapt, add_reports, no_trec, once
from genret.data.records import Catalogue
from genret.data.rows import Layout, Table, format_of, open_table
from genret.data.survey import Looking, Reading, Understanding, flat, survey
from genret.data.validate import BadField, BadRows, OnBadRow, Place, ReadReport
from genret.ground.typed import typed
from genret.ground.types import CategoryPath, Product

LEAST_POPULARITY = 1e-3
"""What a popularity of 0 (no sale yet) becomes: popularity is a weight and must stay positive."""


@dataclass(frozen=True)
class ProductFile:
    """A user's own product file, and what is known of it before it is read."""

    path: str | Path
    format: str | None = None
    """csv, tsv, jsonl, json or parquet; by default what the extension says."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """Field -> column for names not understood."""
    layout: Layout = field(default_factory=Layout)
    reading: Reading = field(default_factory=Reading)
    clean: bool = True
    """Resolve HTML entities, repair mojibake, normalise spaces and Unicode (`clean_text`)."""
    numbered: bool = False
    """Whether products without a column for their ids are numbered by their rows, from 1."""

    def understand(self) -> Understanding:
        """What its columns are taken for; a GenretError where it is no product file."""
        return survey(self._open(Looking()), self._columns(), self.reading)

    def rows(self, bad: BadRows, taken: Understanding) -> Iterator[Product]:
        """Its products, read as `taken`; bad rows and fields go to `bad`."""
        columns = self._columns()

        rows, last = count(1), ""
        title, own = taken.fields.get("title", ""), taken.fields.get("id", "")

        def make(found: dict[str, Any], place: Place) -> Product | None:
            nonlocal last
            values, number = flat(found, columns), next(rows)
            if taken.variants and rules.is_null(values.get(title)) and str(values.get(own)) == last:
                bad.leave_out(place.file, "a further variant of the row above")
                return None
            last = str(values.get(own))
            return _product(values, taken, _Repair(bad, place, self.clean), number if self.numbered else None)

        return _products(self._open(bad), bad, make)

    def as_before(self, before: Understanding) -> tuple[ProductFile, Understanding]:
        """The file with the columns that an earlier one's fields had named for them, and its columns taken as there."""
        table = open_table(self.path, Looking(), no_trec(self.path, self.format), layout=self.layout)
        there = set(table.columns or next((row.values for row in table.rows), ()))
        known = {name: column for name, column in before.fields.items() if column in there}
        if "category" in known and before.levels and there.issuperset(before.levels):
            known["category"] = ",".join((known["category"], *before.levels))
        ignore = tuple(column for column in self.reading.ignore if column in there)
        file = replace(self, columns={**known, **self.columns}, reading=replace(self.reading, ignore=ignore))
        return file, file.understand().as_before(before)

    def _columns(self) -> Columns:
        return Columns(PRODUCT_ALIASES, self.columns, self.reading.ignore)

    def _open(self, bad: BadRows) -> Table:
        table = open_table(self.path, bad, no_trec(self.path, self.format), layout=self.layout)
        columns = self._columns()
        titled = self.numbered and "title" in columns.plan(table.columns or ()).fields
        columns.check(table.file, table.columns, ("title",) if titled else ("id", "title"))
        return table


@typed
def read_catalogue(
    path: str | Path,
    *,
    format: str | None = None,
    columns: Mapping[str, str] | None = None,
    layout: Layout | None = None,
    reading: Reading | None = None,
    on_bad_row: OnBadRow = "repair",
    rejects: str | Path | None = None,
    clean: bool = True,
    reports: list[ReadReport] | None = None,
) -> Catalogue:
    """The products of a CSV, TSV, JSONL, JSON or Parquet file (plain or .gz), in file order.

    format: csv, tsv, jsonl, json or parquet; by default what the extension says.
    columns: field -> column for names not understood, `{"title": "product_title"}`. Fields are those of `Product`;
        columns that no field claims become attributes, text or numbers, or are left out (`survey.py`), as do the
        members of a JSON object column `attributes`.
    layout, reading: delimiter and encoding; decimal sign, separators, columns to ignore: where not found out.
    on_bad_row, rejects: what becomes of rows and fields that can't be read (`BadRows`), and the file that keeps them.
    Raises GenretError naming file, line (row in Parquet), field and remedy.
    """
    file = ProductFile(path, format, columns or {}, layout or Layout(), reading or Reading(), clean, numbered=True)
    file.layout.check_used([format_of(path, no_trec(path, format))])
    bad = BadRows(on_bad_row, rejects)
    catalogue = Catalogue.from_products(file.rows(bad, file.understand()))
    add_reports(reports, bad)
    return catalogue


class RowReading(NamedTuple):
    """How a public set's rows of products are read, wherever they stand: the arguments of `product_rows`."""

    needs: tuple[str, ...]
    """Columns without which a file holds no such rows."""
    columns: Mapping[str, str] | None = None
    adapt: Callable[[str | None], Adapt] | None = None
    """Of a market (esci's locale; None: of all), what a row is made into. Made anew for each file."""
    published: str | None = None
    """The format of the published file, where its extension does not say it."""
    strict: bool = True
    """As of `Layout`."""

    def rows(self, file: ProductFile, bad: BadRows, market: str | None = None) -> Iterator[Product]:
        """The products of a file, some of whose columns it may name itself."""
        adapt, columns = None if self.adapt is None else self.adapt(market), {**(self.columns or {}), **file.columns}
        layout = replace(file.layout, strict=self.strict)
        return product_rows(file.path, bad, format=file.format, columns=columns, adapt=adapt, layout=layout)

    def fitting(self, file: ProductFile) -> ProductFile | None:
        """The file, in the format in which its header or first row is of such rows; None where it is of others."""
        tried = [file]
        if self.published and file.format is None and format_of(file.path) == "csv":
            tried.append(replace(file, format=self.published))
        for one in tried:
            table = open_table(one.path, Looking(), no_trec(one.path, one.format), layout=one.layout)
            if set(self.needs) <= set(table.columns or next((row.values for row in table.rows), ())):
                return one
        return None


def product_rows(
    path: str | Path,
    bad: BadRows,
    *,
    format: str | None = None,
    columns: Mapping[str, str] | None = None,
    adapt: Adapt | None = None,
    layout: Layout | None = None,
) -> Iterator[Product]:
    """The products of a public set's file, whose columns are known: those that no field claims are text attributes."""
    table = open_table(path, bad, no_trec(path, format), layout=layout)
    assign = Columns(PRODUCT_ALIASES, columns)
    assign.check(table.file, table.columns, ("id", "title"))

    def make(found: dict[str, Any], place: Place) -> Product | None:
        values = found if adapt is None else adapt(found)
        if values is None:
            return None
        return _product(flat(values, assign), _as_named(assign, tuple(flat(values, assign))), _Repair(bad, place, True))

    return _products(table, bad, make)


@dataclass(frozen=True)
class _Repair:
    """Reads the fields of one row by their rules; one that can't be read is left empty, and said."""

    bad: BadRows
    place: Place
    clean: bool

    def or_none(self, rule: Callable[[], Any]) -> Any:
        try:
            return rule()
        except BadField as problem:
            self.bad.repair(self.place, problem)
            return None


def _products(table: Table, bad: BadRows, make: Callable[[dict[str, Any], Place], Product | None]) -> Iterator[Product]:
    lines: dict[str, int] = {}
    for row in table.rows:
        try:
            product = make(row.values, row.place)
            if product is None:
                continue
            once("id", product.id, lines, row.place)
        except BadField as problem:
            bad.reject(row.place, problem)
        else:
            yield product
    bad.check_any_left(table.file, len(lines))


def _as_named(assign: Columns, names: tuple[str, ...]) -> Understanding:
    """What columns are taken for by their names alone."""
    plan = assign.plan(names)
    return Understanding(plan.fields, plan.levels, plan.rest)


def _product(values: Mapping[str, Any], taken: Understanding, repair: _Repair, number: int | None = None) -> Product:
    """The product of a row; `number` is its id where no column holds one."""
    get = {name: values.get(column) for name, column in taken.fields.items()}.get
    own = number if "id" not in taken.fields else None
    found: dict[str, Any] = {
        "id": rules.identifier("id", get("id") if own is None else own),
        "title": rules.text("title", get("title"), clean=repair.clean),
    }
    if not found["title"]:
        raise BadField("title", get("title"), "a title")
    for name, rule in FIELDS.items():
        if name in taken.fields and (value := get(name)) is not None:
            found[name] = repair.or_none(lambda: rule(name, value, taken, repair.clean))  # noqa: B023 (called at once)
    if taken.levels:
        found["category"] = repair.or_none(lambda: _joined(values, taken, repair.clean))
    return Product(
        attributes=_texts(values, taken, repair),
        numbers=_numbers(values, taken, repair),
        **{name: value for name, value in found.items() if value is not None},
    )


FIELDS: Mapping[str, Callable[[str, Any, Understanding, bool], Any]] = {
    "category": lambda name, value, taken, clean: rules.path(name, value, separators=taken.separators, clean=clean),
    "brand": lambda name, value, taken, clean: rules.name(name, value, clean=clean),
    "description": lambda name, value, taken, clean: rules.prose(name, value, clean=clean),
    "price": lambda name, value, taken, clean: rules.number(
        name, value, lowest=0.0, money=True, decimal=taken.sign_of(name)
    ),
    "available": lambda name, value, taken, clean: rules.flag(name, value),
    "stores": lambda name, value, taken, clean: rules.names(name, value, clean=clean),
    "popularity": lambda name, value, taken, clean: _popularity(name, value, taken),
    "attributes": lambda name, value, taken, clean: rules.mapping(name, value) and None,  # its members are columns
}
"""Field that a product may lack -> how it is read."""


def _popularity(name: str, value: object, taken: Understanding) -> float | None:
    found = rules.number(name, value, lowest=0.0, decimal=taken.sign_of(name))
    return None if found is None else max(found, LEAST_POPULARITY)


def _joined(values: Mapping[str, Any], taken: Understanding, clean: bool) -> CategoryPath:
    """The levels of a category from several columns, root first; a level that repeats what is above it adds nothing."""
    whole: CategoryPath = ()
    for column in (taken.fields["category"], *taken.levels):
        part = rules.path("category", values.get(column), separators=taken.separators, clean=clean)
        part = part[len(whole) :] if part[: len(whole)] == whole else part
        whole += part[1:] if part and whole and part[0] == whole[-1] else part
    return whole


def _texts(values: Mapping[str, Any], taken: Understanding, repair: _Repair) -> dict[str, str]:
    found = {}
    for name in taken.texts:
        value = values.get(name)
        if name and value is not None and value != "":
            said = repair.or_none(lambda: rules.prose(name, value, clean=repair.clean))  # noqa: B023 (called at once)
            if said:
                found[_attribute_name(name, repair.clean)] = said
    return found


def _numbers(values: Mapping[str, Any], taken: Understanding, repair: _Repair) -> dict[str, float]:
    found = {}
    for name in taken.numbers:
        value = values.get(name)
        value = value.strip().removesuffix("%") if isinstance(value, str) else value
        sign = taken.decimals.get(name, "point")
        said = repair.or_none(lambda: rules.number(name, value, money=True, decimal=sign))  # noqa: B023 (called at once)
        if said is not None:
            found[_attribute_name(name, repair.clean)] = said
    return found


@lru_cache(maxsize=10_000)
def _attribute_name(name: str, clean: bool) -> str:
    """The name as text; kept, since every row says the same few."""
    return rules.text("attributes", name, clean=clean)
