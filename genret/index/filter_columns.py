"""A catalogue table as conditions see it: one value per row, items of lists, and what a text may be spelled like.

`Columns(table)` keeps what it has made of a column, so that a condition with a thousand tests makes it once.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from genret.data.clean import clean_text
from genret.ground.arrays import Bools
from genret.ground.errors import GenretError

Value: TypeAlias = str | float | bool
Fail: TypeAlias = Callable[[str], GenretError]
"""Makes the error of a test out of what is wrong."""

ATTRIBUTES = "attributes"
NUMBERS = "numbers"
"""The attributes that are numbers; in conditions they are called as the others are."""
SEPARATOR = " > "
PLAIN_NAME = re.compile(r"[^\W\d][\w.-]*(:[\w.-]+)?")
AS_WRITTEN = ("id",)
"""Columns whose text is not cleaned when a catalogue is read."""


class Columns:
    """The columns of a catalogue table, each made once."""

    def __init__(self, table: pa.Table) -> None:
        self.table, self.rows = table, int(table.num_rows)
        self._made: dict[tuple[str, str], Any] = {}

    def values(self, name: str, fail: Fail, *, lower: bool = False) -> Any:
        """One plain value per row, null where there is none: a column's, a path's as text, or an attribute's.

        Of Arrow's null type where the attribute is one that none of these products has.
        """
        found = self._kept("values", name, lambda: self._values(name, fail))
        return self._lowered("values", name, found) if lower and pa.types.is_string(found.type) else found

    def items(self, name: str, fail: Fail, *, lower: bool = False) -> Any:
        """The items of a list column, or the names in a map's; those of row i lie between `offsets` i and i + 1."""
        column = self.column(name, fail)
        items = column.keys if pa.types.is_map(column.type) else column.values
        return self._lowered("items", name, items) if lower else items

    def offsets(self, name: str, fail: Fail) -> npt.NDArray[np.int64]:
        """(N + 1,) where the items of each row begin."""
        return offsets(self.column(name, fail))

    def column(self, name: str, fail: Fail) -> Any:
        """The named column as one Arrow array."""
        if name not in self.table.column_names:
            raise fail(unknown_column(name, self.table.column_names, ()))
        return self._kept("column", name, lambda: _whole(self.table[name]))

    def _values(self, name: str, fail: Fail) -> Any:
        if name in self.table.column_names and name != ATTRIBUTES:
            values = self.column(name, fail)
            if name == "category":
                return pc.binary_join(values, SEPARATOR)
            if pa.types.is_list(values.type):
                raise fail(f'{name} holds lists; write {name} has "..."')
            return values
        key = name.removeprefix(f"{ATTRIBUTES}.")
        attributes = self.column(ATTRIBUTES, fail)
        if key == ATTRIBUTES:
            raise fail(f'name one of them: {ATTRIBUTES}.{_example(attributes)} = "..."')
        for held in (self.column(NUMBERS, fail), attributes):
            at = np.flatnonzero(bools(pc.is_in(held.keys, value_set=pa.array(spellings(key), pa.string()))))
            if len(at):
                rows = np.searchsorted(offsets(held), at, "right") - 1
                picks = np.full(self.rows, -1)
                picks[rows] = at
                return held.items.take(pa.array(picks, mask=picks < 0))
        if key == name:  # attributes.KEY may be absent from a slice; a bare name must mean something
            raise fail(
                unknown_column(name, self.table.column_names, filter(None, pc.unique(attributes.keys).to_pylist()))
            )
        return pa.nulls(self.rows)

    def _lowered(self, what: str, name: str, array: Any) -> Any:
        return self._kept(f"lower {what}", name, lambda: pc.utf8_lower(array))

    def _kept(self, what: str, name: str, make: Callable[[], Any]) -> Any:
        if (what, name) not in self._made:
            self._made[what, name] = make()
        return self._made[what, name]


def spellings(text: str, *, lower: bool = False) -> list[str]:
    """The text as given and as a catalogue's text is cleaned (NFC, single spaces); `lower`: in lower case."""
    found = list(dict.fromkeys((text, clean_text(text))))
    return pc.utf8_lower(pa.array(found, pa.string())).to_pylist() if lower else found


def equals(array: Any, texts: Sequence[str]) -> Bools:
    """(n,) whether each text of the array is one of `texts`."""
    if len(texts) == 1:
        return bools(pc.equal(array, texts[0]))
    return bools(pc.is_in(array, value_set=pa.array(texts, pa.string())))


def checked(name: str, value: Value, kind: pa.DataType, fail: Fail) -> Value:
    """The value, if it is of the column's type; a GenretError if it is of another."""
    fits = {
        pa.types.is_string(kind): isinstance(value, str),
        pa.types.is_boolean(kind): isinstance(value, bool),
        pa.types.is_floating(kind): not isinstance(value, str | bool) and math.isfinite(value),
    }
    if not fits.get(True, False):
        raise fail(f"{name} holds {kind_of(kind)}, but {quote(value)} is not; write {name} = {_sample(kind)}")
    return value


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


def any_of(flags: Bools, at: npt.NDArray[np.int64]) -> Bools:
    """(N,) whether a flag is set between each offset and the next."""
    counts = np.append(0, np.cumsum(flags))
    return counts[at[1:]] > counts[at[:-1]]


def offsets(array: Any) -> npt.NDArray[np.int64]:
    return array.offsets.to_numpy(zero_copy_only=False).astype(np.int64) if len(array) else np.zeros(1, np.int64)


def bools(array: Any) -> Bools:
    """An Arrow boolean array as numpy, null as False."""
    return np.asarray(pc.fill_null(array, False).to_numpy(zero_copy_only=False), dtype=np.bool_)


def kind_of(kind: pa.DataType) -> str:
    names: Mapping[Any, str] = {pa.string(): "text", pa.float64(): "numbers", pa.bool_(): "true or false"}
    return names.get(kind, "lists")


def unknown_column(name: str, columns: Iterable[str], attributes: Iterable[str]) -> str:
    """That nothing is called `name`, and what there is."""
    known = sorted(attributes)
    listed = ", ".join(cut(one, 30) for one in known[:20]) + (", ..." if len(known) > 20 else "")
    return f"no column or attribute {cut(name)!r}; columns: {', '.join(columns)}; attributes: {listed or 'none'}"


def cut(text: str, most: int = 60) -> str:
    """The text, or its beginning where it is long: an error quotes no more than a part of a line."""
    return text if len(text) <= most else f"{text[:most]}..."


def _whole(chunks: Any) -> Any:
    whole = chunks.combine_chunks()
    return whole.chunk(0) if isinstance(whole, pa.ChunkedArray) and whole.num_chunks else whole


def _sample(kind: pa.DataType) -> str:
    return {pa.string(): '"text"', pa.float64(): "4.5", pa.bool_(): "true"}.get(kind, '"text"')


def _example(attributes: Any) -> str:
    return str(attributes.keys[0].as_py()) if len(attributes.keys) else "NAME"
