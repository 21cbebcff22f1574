"""Some cells of Arrow columns as Python values, read from the columns' memory: `reader(column)(rows)`.

`to_pylist` makes an object of Arrow for every value on the way, which for a few rows costs more than all the rest of a
search. The types are those that `PRODUCT_SCHEMA` is made of.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, Literal

import pyarrow as pa

Reader = Callable[[Sequence[int]], list[Any]]
"""Rows -> their values as `to_pylist` has them; but a map is a dictionary."""
Span = Callable[[int, int], list[Any]]
"""The first row of some, and the first that is not -> their values."""


def reader(column: pa.Array) -> Reader:
    """Of a column of texts, floats, flags, or lists and maps of texts and floats; a TypeError for others."""
    kind = column.type
    if pa.types.is_string(kind):
        ends, octets = _ends(column), _octets(column)
        return _with_nulls(column, lambda rows: [str(octets[ends[row] : ends[row + 1]], "utf-8") for row in rows])
    if pa.types.is_boolean(kind):
        return _with_nulls(column, _flags(column.buffers()[1], column.offset))
    if pa.types.is_map(kind):
        return _with_nulls(column, _maps(column))
    if pa.types.is_list(kind):
        ends, items = _ends(column), _span(column.values)
        return _with_nulls(column, lambda rows: [items(ends[row], ends[row + 1]) for row in rows])
    span = _span(column)
    return lambda rows: [span(row, row + 1)[0] for row in rows]


def _span(column: pa.Array) -> Span:
    if pa.types.is_string(column.type):
        found = _texts(column)
    elif pa.types.is_float64(column.type):
        numbers = _numbers(column.buffers()[1], "d", column.offset, len(column))
        found = lambda first, stop: numbers[first:stop].tolist()  # noqa: E731
    else:
        raise TypeError(f"columns of {column.type} are not read cell by cell")
    if not column.null_count:
        return found
    there = _flags(column.buffers()[0], column.offset)
    return lambda first, stop: _where(there(range(first, stop)), found(first, stop))


def _with_nulls(column: pa.Array, found: Reader) -> Reader:
    if not column.null_count:
        return found
    there = _flags(column.buffers()[0], column.offset)
    return lambda rows: _where(there(rows), found(rows))


def _where(there: Sequence[bool], values: Sequence[Any]) -> list[Any]:
    return [value if known else None for known, value in zip(there, values, strict=True)]


def _texts(column: pa.Array) -> Span:
    ends, octets = _ends(column), _octets(column)

    def texts(first: int, stop: int) -> list[str]:
        bounds = ends[first : stop + 1].tolist()
        begin, end = bounds[0], bounds[-1]
        whole = str(octets[begin:end], "utf-8")
        if len(whole) == end - begin:  # a character per byte
            return [whole[one - begin : next_ - begin] for one, next_ in pairwise(bounds)]
        return [str(octets[one:next_], "utf-8") for one, next_ in pairwise(bounds)]

    return texts


def _maps(column: pa.Array) -> Reader:
    ends = _ends(column)
    keys, items = (_span(column.values.field(place)) for place in (0, 1))

    def pairs(first: int, stop: int) -> dict[str, Any]:
        return dict(zip(keys(first, stop), items(first, stop), strict=True)) if first < stop else {}

    return lambda rows: [pairs(ends[row], ends[row + 1]) for row in rows]


def _flags(bitmap: pa.Buffer | None, offset: int) -> Reader:
    octets = memoryview(bitmap or b"").cast("B")
    return lambda rows: [bool(octets[row + offset >> 3] >> (row + offset & 7) & 1) for row in rows]


def _octets(column: pa.Array) -> memoryview:
    return memoryview(column.buffers()[2] or b"")


def _ends(column: pa.Array) -> Any:
    """(n + 1,) where each row's part begins, and where the last one's ends."""
    return _numbers(column.buffers()[1], "i", column.offset, len(column) + 1)


def _numbers(buffer: pa.Buffer | None, code: Literal["i", "d"], offset: int, count: int) -> Any:
    size = 4 if code == "i" else 8
    return memoryview(buffer or bytes(size * count)).cast("B")[offset * size : (offset + count) * size].cast(code)
