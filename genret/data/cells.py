"""Single cells of Arrow columns as Python values, read from the columns' memory: `reader(column)(row)`.

`to_pylist` makes an object of Arrow for every value on the way, which for a few rows costs more than all the rest of a
search. Knows the types that `PRODUCT_SCHEMA` is made of.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any, Literal

import pyarrow as pa

Reader = Callable[[int], Any]
"""Row -> its value as `to_pylist` has it; but a map is a dictionary."""
Span = Callable[[int, int], list[Any]]
"""The first row of some, and the first that is not -> their values."""


def reader(column: pa.Array) -> Reader:
    """Of a column of texts, floats, flags, or lists and maps of texts and floats; a TypeError for others."""
    kind = column.type
    if pa.types.is_boolean(kind):
        return _with_nulls(column, _flags(column.buffers()[1], column.offset))
    if pa.types.is_map(kind):
        return _with_nulls(column, _maps(column))
    if pa.types.is_list(kind):
        return _with_nulls(column, _lists(column))
    if pa.types.is_string(kind):
        ends, octets = _ends(column), _octets(column)
        return _with_nulls(column, lambda row: str(octets[ends[row] : ends[row + 1]], "utf-8"))
    span = _span(column)
    return lambda row: span(row, row + 1)[0]


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
    return lambda first, stop: [
        value if there(row) else None for row, value in enumerate(found(first, stop), start=first)
    ]


def _with_nulls(column: pa.Array, found: Reader) -> Reader:
    if not column.null_count:
        return found
    there = _flags(column.buffers()[0], column.offset)
    return lambda row: found(row) if there(row) else None


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


def _lists(column: pa.Array) -> Reader:
    ends, items = _ends(column), _span(column.values)
    return lambda row: items(ends[row], ends[row + 1])


def _maps(column: pa.Array) -> Reader:
    ends = _ends(column)
    keys, items = (_span(column.values.field(place)) for place in (0, 1))

    def pairs(row: int) -> dict[str, Any]:
        first, stop = ends[row], ends[row + 1]
        return dict(zip(keys(first, stop), items(first, stop), strict=True)) if first < stop else {}

    return pairs


def _flags(bitmap: pa.Buffer | None, offset: int) -> Reader:
    octets = memoryview(bitmap or b"").cast("B")

    def flag(row: int) -> bool:
        bit = row + offset
        return bool(octets[bit >> 3] >> (bit & 7) & 1)

    return flag


def _octets(column: pa.Array) -> memoryview:
    return memoryview(column.buffers()[2] or b"")


def _ends(column: pa.Array) -> Any:
    """(n + 1,) where each row's part begins, and where the last one's ends."""
    return _numbers(column.buffers()[1], "i", column.offset, len(column) + 1)


def _numbers(buffer: pa.Buffer | None, code: Literal["i", "d"], offset: int, count: int) -> Any:
    size = 4 if code == "i" else 8
    return memoryview(buffer or bytes(size * count)).cast("B")[offset * size : (offset + count) * size].cast(code)
