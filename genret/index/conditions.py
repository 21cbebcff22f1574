"""The conditions themselves: values that say which rows of a catalogue table meet them, and print as they parse.

`genret.index.filters` makes them of columns, `genret.index.filter_text` of text. Nothing here recurses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from genret.ground.arrays import Bools
from genret.ground.checks import flag, plain_text, real, shown
from genret.ground.errors import GenretError
from genret.index.filter_columns import (
    AS_WRITTEN,
    PLAIN_NAME,
    SEPARATOR,
    Columns,
    Value,
    any_of,
    bools,
    checked,
    cut,
    equals,
    kind_of,
    quote,
    spell,
    spellings,
)

Operator: TypeAlias = Literal["=", "!=", "<", "<=", ">", ">="]

ORDER: Mapping[Operator, Callable[..., Any]] = {
    "<": pc.less,
    "<=": pc.less_equal,
    ">": pc.greater,
    ">=": pc.greater_equal,
}


class Condition:
    """What a product must meet. Conditions are immutable, compare by value, and combine by `&`, `|` and `~`."""

    def mask(self, table: pa.Table) -> Bools:
        """(N,) bool: the rows of a catalogue table that meet it. A GenretError for unknown columns and wrong types."""
        return _evaluated(self, Columns(table))

    def __and__(self, other: Condition) -> Condition:
        return all_of((self, _condition(other)))

    def __or__(self, other: Condition) -> Condition:
        return any_of_these((self, _condition(other)))

    def __invert__(self) -> Condition:
        return self.part if isinstance(self, Not) else Not(self)

    def __bool__(self) -> bool:
        raise GenretError("a condition is neither true nor false; combine conditions by & | ~, not by and, or, not")

    def __str__(self) -> str:
        return "".join(map(str, _pieces(self)))


class Leaf(Condition):
    """A condition without parts."""

    def meets(self, columns: Columns) -> Bools:
        """(N,) bool: the rows that meet it."""
        raise NotImplementedError


@dataclass(frozen=True)
class OnColumn(Leaf):
    """A condition on one column. `at` is where it stands in the text that it was parsed from, from 1."""

    name: str
    nocase: bool = field(default=False, kw_only=True)
    """Whether upper and lower case count as the same."""
    at: int | None = field(default=None, compare=False, repr=False, kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", plain_text("column", self.name))
        object.__setattr__(self, "nocase", flag("nocase", self.nocase))

    def error(self, message: str) -> GenretError:
        return GenretError(f"where{'' if self.at is None else f', column {self.at}'}: {message}")

    def spelled(self, text: str) -> list[str]:
        """What the column may hold for this text."""
        if self.name in AS_WRITTEN:
            return [text.lower()] if self.nocase else [text]
        return spellings(text, lower=self.nocase)

    def _ending(self) -> str:
        return " nocase" if self.nocase else ""


@dataclass(frozen=True)
class Comparison(OnColumn):
    """`price < 5`, `brand = "Acme"`."""

    op: Operator
    value: Value

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.op not in get_args(Operator):
            raise self.error(f"operator {shown(self.op)}; known: {' '.join(get_args(Operator))}")
        object.__setattr__(self, "value", _value(self, self.value))

    def meets(self, columns: Columns) -> Bools:
        values = columns.values(self.name, self.error, lower=self.nocase)
        if pa.types.is_null(values.type):
            return np.full(columns.rows, self.op == "!=")
        value = checked(self.name, self.value, values.type, self.error) if self.op in ("=", "!=") else self.value
        if isinstance(value, str) and self.op in ("=", "!="):
            met = equals(values, self.spelled(value))
        elif self.op in ("=", "!="):
            met = bools(pc.equal(values, pa.scalar(value, values.type)))
        else:
            if not pa.types.is_floating(values.type):
                what = f"{self.name} {self.op} compares numbers"
                raise self.error(f"{what}, but {self.name} holds {kind_of(values.type)}")
            value = checked(self.name, self.value, values.type, self.error)
            return bools(ORDER[self.op](values, pa.scalar(value, values.type)))
        return ~met if self.op == "!=" else met

    def __str__(self) -> str:
        return f"{spell(self.name)} {self.op} {quote(self.value)}{self._ending()}"


@dataclass(frozen=True)
class OneOf(OnColumn):
    """`brand in ("Acme", "Rao's")`."""

    values: tuple[Value, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        given: Any = self.values
        if isinstance(given, str | bytes) or not isinstance(given, Iterable):
            raise self.error(f"{cut(self.name)} in {shown(given)}; expected a list of values")
        object.__setattr__(self, "values", tuple(_value(self, value) for value in given))

    def meets(self, columns: Columns) -> Bools:
        values = columns.values(self.name, self.error, lower=self.nocase)
        if pa.types.is_null(values.type):
            return np.zeros(columns.rows, np.bool_)
        kept = [checked(self.name, value, values.type, self.error) for value in self.values]
        chosen = [one for value in kept for one in (self.spelled(value) if isinstance(value, str) else (value,))]
        return bools(pc.is_in(values, value_set=pa.array(chosen, values.type)))

    def __str__(self) -> str:
        return f"{spell(self.name)} in ({', '.join(map(quote, self.values))}){self._ending()}"


@dataclass(frozen=True)
class Under(OnColumn):
    """`category under "Pantry > Pasta Sauces"`: this category, or one below it."""

    path: tuple[str, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.path, Iterable):
            raise self.error(f"{cut(self.name)} under {shown(self.path)}; expected text, or a list of names")
        names = (plain_text("category", part).strip() for part in self.path)
        object.__setattr__(self, "path", tuple(name for name in names if name))

    def meets(self, columns: Columns) -> Bools:
        column = columns.column(self.name, self.error)
        if not pa.types.is_list(column.type):
            raise self.error(f"{self.name} under ... needs a path, but {self.name} holds {kind_of(column.type)}")
        at, items = columns.offsets(self.name, self.error), columns.items(self.name, self.error, lower=self.nocase)
        met = np.diff(at) >= len(self.path)
        for depth, part in enumerate(self.path):
            equal = np.append(equals(items, self.spelled(part)), False)
            met &= equal[np.minimum(at[:-1] + depth, len(items))]
        return met

    def __str__(self) -> str:
        return f"{spell(self.name)} under {_quote_path(self.path)}{self._ending()}"


@dataclass(frozen=True)
class Has(OnColumn):
    """`stores has "north"`: the list holds it. `attributes has "diet"`: the product has that attribute."""

    value: str

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "value", plain_text(f"{cut(self.name)} has", self.value))

    def meets(self, columns: Columns) -> Bools:
        column = columns.column(self.name, self.error)
        if not pa.types.is_list(column.type) and not pa.types.is_map(column.type):
            raise self.error(f"{self.name} has ... needs a list, but {self.name} holds {kind_of(column.type)}")
        items = columns.items(self.name, self.error, lower=self.nocase)
        return any_of(equals(items, self.spelled(self.value)), columns.offsets(self.name, self.error))

    def __str__(self) -> str:
        return f"{spell(self.name)} has {quote(self.value)}{self._ending()}"


@dataclass(frozen=True)
class Named(Leaf):
    """A condition by its name: `available`, `store:north`, or one that was defined on an index."""

    name: str
    at: int | None = field(default=None, compare=False, repr=False, kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", plain_text("name", self.name))

    def meets(self, columns: Columns) -> Bools:
        return _evaluated(self.resolve({}), columns)

    def resolve(self, names: Mapping[str, Condition]) -> Condition:
        """What the name stands for; a GenretError, listing `names`, if it stands for nothing."""
        if self.name in names:
            return names[self.name]
        if self.name == "available":
            return Comparison("available", "=", True)
        kind, _, value = self.name.partition(":")
        if kind == "store" and value:
            return Has("stores", value, at=self.at)
        where = "" if self.at is None else f", column {self.at}"
        known = ", ".join([*(cut(name, 30) for name in list(names)[:20]), "available", "store:NAME"])
        raise GenretError(f"where{where}: {cut(self.name)!r} alone is not a filter; named filters: {known}")

    def __str__(self) -> str:
        return self.name if PLAIN_NAME.fullmatch(self.name) else "store:" + quote(self.name.removeprefix("store:"))


class Combined(Condition):
    """A condition made of others; equal if it reads the same."""

    @property
    def inside(self) -> tuple[Condition, ...]:
        raise NotImplementedError

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Combined) and list(_pieces(self)) == list(_pieces(other))

    def __hash__(self) -> int:
        return hash(tuple(_pieces(self)))

    def __repr__(self) -> str:
        return f"<{self}>"


@dataclass(frozen=True, eq=False, repr=False)
class _Joined(Combined):
    parts: tuple[Condition, ...]

    @property
    def inside(self) -> tuple[Condition, ...]:
        return self.parts


class AllOf(_Joined):
    """Every one of the parts."""


class AnyOf(_Joined):
    """At least one of the parts."""


@dataclass(frozen=True, eq=False, repr=False)
class Not(Combined):
    """Not the part."""

    part: Condition

    @property
    def inside(self) -> tuple[Condition, ...]:
        return (self.part,)


def all_of(conditions: Iterable[Condition]) -> Condition:
    """Every one of the conditions, in one flat list; a single one is itself."""
    parts = tuple(part for one in conditions for part in (one.parts if isinstance(one, AllOf) else (one,)))
    return parts[0] if len(parts) == 1 else AllOf(parts)


def any_of_these(conditions: Iterable[Condition]) -> Condition:
    """At least one of the conditions, in one flat list; a single one is itself."""
    parts = tuple(part for one in conditions for part in (one.parts if isinstance(one, AnyOf) else (one,)))
    return parts[0] if len(parts) == 1 else AnyOf(parts)


def leaves(condition: Condition) -> Iterator[Leaf]:
    """The conditions without parts that it is made of, in the order of its text."""
    return (piece for piece in _pieces(condition) if isinstance(piece, Leaf))


def _quote_path(path: tuple[str, ...]) -> str:
    """A path as it stands in the text form: `>` within a name is written `\\>`."""
    return '"' + SEPARATOR.join(quote(part)[1:-1].replace(">", "\\>") for part in path) + '"'


def _condition(other: Any) -> Condition:
    if isinstance(other, Condition):
        return other
    raise GenretError(f"{shown(other)} is not a condition; combine conditions such as column('price') < 5")


def _value(test: OnColumn, value: Any) -> Value:
    """The value in Python's own type."""
    if isinstance(value, str):
        return plain_text(cut(test.name), value)
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, float):  # which may be infinite or NaN: no column holds that, and its error says so
        return float(value)
    try:
        return real(cut(test.name), value)
    except GenretError:
        wanted = "text, a number, True or False"
        raise test.error(f"{cut(test.name)} compared with {shown(value)}; expected {wanted}") from None


def _pieces(condition: Condition) -> Iterator[Leaf | str]:
    """The text of a condition, its leaves standing for theirs."""
    waiting: list[Condition | str] = [condition]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str | Leaf):
            yield one
        elif isinstance(one, Not):
            waiting += [")", one.part, "not ("] if isinstance(one.part, AllOf | AnyOf) else [one.part, "not "]
        elif isinstance(one, AllOf | AnyOf):
            waiting += _joined(one)


def _joined(condition: AllOf | AnyOf) -> list[Condition | str]:
    """The parts and the words between them, last first."""
    word, none = (" and ", "all of ()") if isinstance(condition, AllOf) else (" or ", "any of ()")
    found: list[Condition | str] = [none] if not condition.parts else []
    for part in reversed(condition.parts):
        inner = isinstance(condition, AllOf) and isinstance(part, AnyOf)
        found += [word] * bool(found) + ([")", part, "("] if inner else [part])
    return found


def bottom_up(condition: Condition) -> Iterator[Condition]:
    """The condition and all its parts, parts first, in order."""
    waiting: list[tuple[Condition, bool]] = [(condition, False)]
    while waiting:
        one, seen = waiting.pop()
        if seen or not isinstance(one, Combined):
            yield one
        else:
            waiting.append((one, True))
            waiting += [(part, False) for part in reversed(one.inside)]


def _evaluated(condition: Condition, columns: Columns) -> Bools:
    """(N,) bool. The larger parts come first, so that no more than log2 of the leaves' masks are held at a time."""
    sizes = _sizes(condition)
    masks: list[Bools] = []
    waiting: list[Condition | type[Condition]] = [condition]
    while waiting:
        one = waiting.pop()
        if isinstance(one, Leaf):
            masks.append(one.meets(columns))
        elif isinstance(one, Not):
            waiting += [Not, one.part]
        elif isinstance(one, AllOf | AnyOf):
            masks += [np.full(columns.rows, isinstance(one, AllOf))] if not one.parts else []
            for place, part in enumerate(sorted(one.parts, key=lambda part: sizes[id(part)])):
                waiting += [part] if place == len(one.parts) - 1 else [type(one), part]
        elif one is Not:
            masks.append(~masks.pop())
        else:
            last = masks.pop()
            masks[-1] = masks[-1] & last if one is AllOf else masks[-1] | last
    return masks[0]


def _sizes(condition: Condition) -> dict[int, int]:
    """Identity of each part -> how many leaves are in it."""
    sizes: dict[int, int] = {}
    for one in bottom_up(condition):
        sizes[id(one)] = sum(sizes[id(part)] for part in one.inside) if isinstance(one, Combined) else 1
    return sizes
