"""Conditions over catalogue columns, and the boolean mask that they come to.

A condition is a small value made from columns, or parsed from text (`filter_text.py`), and prints as it parses:

    column("price") < 5                                     price < 5
    column("brand").isin(["Acme", "Rao's"])                 brand in ("Acme", "Rao's")
    column("category").under("Pantry > Pasta Sauces")       category under "Pantry > Pasta Sauces"
    column("stores").has("north")                           stores has "north"
    column("attributes.diet") == "vegan"                    attributes.diet = "vegan"      or diet = "vegan"
    column("attributes.weight") < 2                         attributes.weight < 2          or weight < 2
    named("available") & ~named("store:north")              available and not store:north

What a product does not say (no price, no such attribute) meets no comparison; `!=` and `not` are true of it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from genret.data.records import PRODUCT_SCHEMA
from genret.ground.errors import GenretError

Bools: TypeAlias = npt.NDArray[np.bool_]
Value: TypeAlias = str | float | bool
Operator: TypeAlias = Literal["=", "!=", "<", "<=", ">", ">="]

COMPARE: Mapping[Operator, Callable[..., Any]] = {
    "=": pc.equal,
    "!=": pc.equal,  # inverted afterwards, so that it holds where nothing is said
    "<": pc.less,
    "<=": pc.less_equal,
    ">": pc.greater,
    ">=": pc.greater_equal,
}
ATTRIBUTES = "attributes"
NUMBERS = "numbers"
"""The attributes that are numbers; in conditions they are called as the others are."""
SEPARATOR = " > "
PLAIN_NAME = re.compile(r"[^\W\d][\w.-]*(:[\w.-]+)?")


class Condition:
    """What a product must meet. Conditions are immutable, compare by value, and combine by `&`, `|` and `~`."""

    def mask(self, table: pa.Table) -> Bools:
        """(N,) bool: the rows of a catalogue table that meet it. A GenretError for unknown columns and wrong types."""
        raise NotImplementedError

    def __and__(self, other: Condition) -> Condition:
        return AllOf((*_parts(self, AllOf), *_parts(other, AllOf)))

    def __or__(self, other: Condition) -> Condition:
        return AnyOf((*_parts(self, AnyOf), *_parts(other, AnyOf)))

    def __invert__(self) -> Condition:
        return self.part if isinstance(self, Not) else Not(self)


@dataclass(frozen=True)
class OnColumn(Condition):
    """A condition on one column. `at` is where it stands in the text that it was parsed from, from 1."""

    name: str
    at: int | None = field(default=None, compare=False, repr=False, kw_only=True)

    def error(self, message: str) -> GenretError:
        return GenretError(f"where{'' if self.at is None else f', column {self.at}'}: {message}")


@dataclass(frozen=True)
class Comparison(OnColumn):
    """`price < 5`, `brand = "Acme"`."""

    op: Operator
    value: Value

    def __post_init__(self) -> None:
        if self.op not in get_args(Operator):
            raise self.error(f"operator {self.op!r}; known: {' '.join(get_args(Operator))}")

    def mask(self, table: pa.Table) -> Bools:
        values = _values(self, table)
        if pa.types.is_null(values.type):  # an attribute that none of these products has
            return np.full(table.num_rows, self.op == "!=")
        if self.op not in ("=", "!=") and not pa.types.is_floating(values.type):
            raise self.error(f"{self.name} {self.op} compares numbers, but {self.name} holds {_kind(values.type)}")
        met = _bools(COMPARE[self.op](values, _scalar(self, self.value, values.type)))
        return ~met if self.op == "!=" else met

    def __str__(self) -> str:
        return f"{spell(self.name)} {self.op} {quote(self.value)}"


@dataclass(frozen=True)
class OneOf(OnColumn):
    """`brand in ("Acme", "Rao's")`."""

    values: tuple[Value, ...]

    def mask(self, table: pa.Table) -> Bools:
        values = _values(self, table)
        if pa.types.is_null(values.type):
            return np.zeros(table.num_rows, np.bool_)
        chosen = pa.array([_scalar(self, value, values.type).as_py() for value in self.values], values.type)
        return _bools(pc.is_in(values, value_set=chosen))

    def __str__(self) -> str:
        return f"{spell(self.name)} in ({', '.join(map(quote, self.values))})"


@dataclass(frozen=True)
class Under(OnColumn):
    """`category under "Pantry > Pasta Sauces"`: this category, or one below it."""

    path: tuple[str, ...]

    def mask(self, table: pa.Table) -> Bools:
        column = _column(self, table)
        if not pa.types.is_list(column.type):
            raise self.error(f"{self.name} under ... needs a path, but {self.name} holds {_kind(column.type)}")
        offsets, values = _offsets(column), column.values
        begin = offsets[:-1]
        met = np.diff(offsets) >= len(self.path)
        for depth, part in enumerate(self.path):
            equal = np.append(_bools(pc.equal(values, part)), False)
            met &= equal[np.minimum(begin + depth, len(values))]
        return met

    def __str__(self) -> str:
        return f"{spell(self.name)} under {quote(SEPARATOR.join(self.path))}"


@dataclass(frozen=True)
class Has(OnColumn):
    """`stores has "north"`: the list holds it. `attributes has "diet"`: the product says which."""

    value: str

    def mask(self, table: pa.Table) -> Bools:
        column = _column(self, table)
        if not pa.types.is_list(column.type) and not pa.types.is_map(column.type):
            raise self.error(f"{self.name} has ... needs a list, but {self.name} holds {_kind(column.type)}")
        items = column.keys if pa.types.is_map(column.type) else column.values
        return _any_of(_bools(pc.equal(items, self.value)), _offsets(column))

    def __str__(self) -> str:
        return f"{spell(self.name)} has {quote(self.value)}"


@dataclass(frozen=True)
class Named(Condition):
    """A condition by its name: `available`, `store:north`, or one that was defined on an index."""

    name: str
    at: int | None = field(default=None, compare=False, repr=False, kw_only=True)

    def mask(self, table: pa.Table) -> Bools:
        return self.resolve({}).mask(table)

    def resolve(self, names: Mapping[str, Condition]) -> Condition:
        """What the name stands for; a GenretError, listing `names`, if nothing."""
        if self.name in names:
            return names[self.name]
        if self.name == "available":
            return Comparison("available", "=", True)
        kind, _, value = self.name.partition(":")
        if kind == "store" and value:
            return Has("stores", value)
        where = "" if self.at is None else f", column {self.at}"
        known = ", ".join([*names, "available", "store:NAME"])
        raise GenretError(f"where{where}: {self.name!r} alone is not a filter; named filters: {known}")

    def __str__(self) -> str:
        return self.name if PLAIN_NAME.fullmatch(self.name) else "store:" + quote(self.name.removeprefix("store:"))


@dataclass(frozen=True)
class AllOf(Condition):
    """Every one of the parts."""

    parts: tuple[Condition, ...]

    def mask(self, table: pa.Table) -> Bools:
        return np.logical_and.reduce([np.ones(table.num_rows, np.bool_), *(part.mask(table) for part in self.parts)])

    def __str__(self) -> str:
        return " and ".join(f"({part})" if isinstance(part, AnyOf) else str(part) for part in self.parts)


@dataclass(frozen=True)
class AnyOf(Condition):
    """At least one of the parts."""

    parts: tuple[Condition, ...]

    def mask(self, table: pa.Table) -> Bools:
        return np.logical_or.reduce([np.zeros(table.num_rows, np.bool_), *(part.mask(table) for part in self.parts)])

    def __str__(self) -> str:
        return " or ".join(map(str, self.parts))


@dataclass(frozen=True)
class Not(Condition):
    """Not the part."""

    part: Condition

    def mask(self, table: pa.Table) -> Bools:
        return ~self.part.mask(table)

    def __str__(self) -> str:
        return f"not ({self.part})" if isinstance(self.part, AllOf | AnyOf) else f"not {self.part}"


class Column:
    """A column to make conditions of, by Python's own operators; `column("attributes.diet")` is an attribute."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, name: str) -> None:
        self.name = name

    def __eq__(self, value: Value) -> Condition:  # type: ignore[override]
        return Comparison(self.name, "=", value)

    def __ne__(self, value: Value) -> Condition:  # type: ignore[override]
        return Comparison(self.name, "!=", value)

    def __lt__(self, value: float) -> Condition:
        return Comparison(self.name, "<", value)

    def __le__(self, value: float) -> Condition:
        return Comparison(self.name, "<=", value)

    def __gt__(self, value: float) -> Condition:
        return Comparison(self.name, ">", value)

    def __ge__(self, value: float) -> Condition:
        return Comparison(self.name, ">=", value)

    def isin(self, values: Iterable[Value]) -> Condition:
        return OneOf(self.name, tuple(values))

    def has(self, value: str) -> Condition:
        return Has(self.name, value)

    def under(self, path: str | Iterable[str]) -> Condition:
        return Under(self.name, split_path(path))


def column(name: str) -> Column:
    """The column of that name: `column("price") < 5`."""
    return Column(name)


def named(name: str) -> Condition:
    """The named filter: `named("store:north")`."""
    return Named(name)


def resolve(condition: Condition, names: Mapping[str, Condition], attributes: Collection[str]) -> Condition:
    """The condition with names replaced by what they stand for, and attributes named in full.

    A GenretError, listing what is known, for a name that is neither a column nor one of the `attributes`.
    """
    if isinstance(condition, Named):
        return resolve(condition.resolve(names), {}, attributes)
    if isinstance(condition, Not):
        return Not(resolve(condition.part, names, attributes))
    if isinstance(condition, AllOf | AnyOf):
        return type(condition)(tuple(resolve(part, names, attributes) for part in condition.parts))
    if isinstance(condition, OnColumn) and condition.name not in PRODUCT_SCHEMA.names:
        name = condition.name.removeprefix(f"{ATTRIBUTES}.")
        if name == condition.name and name not in attributes:
            raise _unknown(condition, PRODUCT_SCHEMA.names, attributes)
        return replace(condition, name=f"{ATTRIBUTES}.{name}")
    return condition


def split_path(path: str | Iterable[str]) -> tuple[str, ...]:
    """`"Pantry > Pasta Sauces"` -> `("Pantry", "Pasta Sauces")`."""
    parts = path.split(SEPARATOR.strip()) if isinstance(path, str) else path
    return tuple(part.strip() for part in parts if part.strip())


def quote(value: Value) -> str:
    """A value as it stands in the text form."""
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return (
        str(value).lower() if isinstance(value, bool) else f"{value:g}" if float(f"{value:g}") == value else repr(value)
    )


def spell(name: str) -> str:
    """A column's name as it stands in the text form: an attribute's is quoted where it is more than a word."""
    prefix = f"{ATTRIBUTES}."
    return name if PLAIN_NAME.fullmatch(name) or not name.startswith(prefix) else prefix + quote(name[len(prefix) :])


def _parts(condition: Condition, kind: type[AllOf] | type[AnyOf]) -> Iterator[Condition]:
    yield from condition.parts if isinstance(condition, kind) else (condition,)


def _column(test: OnColumn, table: pa.Table) -> Any:
    """The named column as one Arrow array."""
    if test.name not in table.column_names:
        raise _unknown(test, table.column_names, ())
    chunks = table[test.name]
    whole = chunks.combine_chunks()
    return whole.chunk(0) if isinstance(whole, pa.ChunkedArray) and whole.num_chunks else whole


def _values(test: OnColumn, table: pa.Table) -> Any:
    """One plain value per row, null where there is none: a column's, a path's as text, or an attribute's."""
    if test.name in table.column_names and test.name != ATTRIBUTES:
        values = _column(test, table)
        if test.name == "category":
            return pc.binary_join(values, SEPARATOR)
        if pa.types.is_list(values.type):
            raise test.error(f'{test.name} holds lists; write {test.name} has "..."')
        return values
    key = test.name.removeprefix(f"{ATTRIBUTES}.")
    attributes = _column(OnColumn(ATTRIBUTES, at=test.at), table)
    if key == ATTRIBUTES:
        raise test.error(f'name one of them: {ATTRIBUTES}.{_example(attributes)} = "..."')
    for held in (_column(OnColumn(NUMBERS, at=test.at), table), attributes):
        at = np.flatnonzero(_bools(pc.equal(held.keys, key)))
        if len(at):
            rows = np.searchsorted(_offsets(held), at, "right") - 1
            picks = np.full(table.num_rows, -1)
            picks[rows] = at
            return held.items.take(pa.array(picks, mask=picks < 0))
    if key == test.name:  # attributes.KEY may be absent from a slice; a bare name must mean something
        raise _unknown(test, table.column_names, filter(None, pc.unique(attributes.keys).to_pylist()))
    return pa.nulls(table.num_rows)


def _scalar(test: OnColumn, value: Value, kind: pa.DataType) -> Any:
    """The value as the column's type; a GenretError if it is of another."""
    fits = {
        pa.types.is_string(kind): isinstance(value, str),
        pa.types.is_boolean(kind): isinstance(value, bool),
        pa.types.is_floating(kind): not isinstance(value, str | bool) and math.isfinite(value),
    }
    if not fits.get(True, False):
        raise test.error(
            f"{test.name} holds {_kind(kind)}, but {quote(value)} is not; write {test.name} = {_sample(kind)}"
        )
    return pa.scalar(value, kind)


def _any_of(flags: Bools, offsets: npt.NDArray[np.int64]) -> Bools:
    """(N,) whether a flag is set between each offset and the next."""
    counts = np.append(0, np.cumsum(flags))
    return counts[offsets[1:]] > counts[offsets[:-1]]


def _offsets(array: Any) -> npt.NDArray[np.int64]:
    return array.offsets.to_numpy(zero_copy_only=False).astype(np.int64) if len(array) else np.zeros(1, np.int64)


def _bools(array: Any) -> Bools:
    """An Arrow boolean array as numpy, null as False."""
    return np.asarray(pc.fill_null(array, False).to_numpy(zero_copy_only=False), dtype=np.bool_)


def _kind(kind: pa.DataType) -> str:
    names = {pa.string(): "text", pa.float64(): "numbers", pa.bool_(): "true or false"}
    return names.get(kind, "lists")


def _sample(kind: pa.DataType) -> str:
    return {pa.string(): '"text"', pa.float64(): "4.5", pa.bool_(): "true"}.get(kind, '"text"')


def _unknown(test: OnColumn, columns: Iterable[str], attributes: Iterable[str]) -> GenretError:
    known = sorted(attributes)
    shown = ", ".join(known[:20]) + (", ..." if len(known) > 20 else "")
    return test.error(
        f"no column or attribute {test.name!r}; columns: {', '.join(columns)}; attributes: {shown or 'none'}"
    )


def _example(attributes: Any) -> str:
    return str(attributes.keys[0].as_py()) if len(attributes.keys) else "NAME"
