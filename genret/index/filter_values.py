"""Is there any product that says what a condition asks for? If not, the error names the values nearest to it.

A filter on a misspelt brand finds nothing, and looks like a shop that is sold out. Ids are not looked at: programs
write these, and a product that is gone is no mistake. Nor are numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from genret.index.conditions import Comparison, Condition, Has, OnColumn, OneOf, Under, leaves
from genret.index.filter_columns import AS_WRITTEN, ATTRIBUTES, NUMBERS, SEPARATOR, Columns, cut, quote

NEAREST = 3
LOOKED_AT = 20_000
"""Different values among which the nearest are looked for, and the characters of each that count."""
LONG = 80


def check_values(condition: Condition, tables: Iterable[pa.Table]) -> None:
    """A GenretError for a text that none of the products in the tables has where the resolved condition wants it."""
    there = [Columns(table) for table in tables if table.num_rows]
    for leaf in leaves(condition) if there else ():
        if not isinstance(leaf, OnColumn) or leaf.name in AS_WRITTEN:
            continue
        wanted = _wanted(leaf)
        if wanted and not any(_positive(leaf).meets(columns).any() for columns in there):
            raise leaf.error(_said(leaf, wanted, there))


def _wanted(leaf: OnColumn) -> str:
    """The text that some product should have; "" where nothing is to be checked."""
    if isinstance(leaf, Comparison):
        return leaf.value if isinstance(leaf.value, str) and leaf.op in ("=", "!=") else ""
    if isinstance(leaf, OneOf):
        return leaf.values[0] if leaf.values and isinstance(leaf.values[0], str) else ""
    if isinstance(leaf, Under):
        return SEPARATOR.join(leaf.path)
    return leaf.value if isinstance(leaf, Has) else ""


def _positive(leaf: OnColumn) -> OnColumn:
    if isinstance(leaf, Comparison) and leaf.op == "!=":
        return Comparison(leaf.name, "=", leaf.value, nocase=leaf.nocase, at=leaf.at)
    return leaf


def _said(leaf: OnColumn, wanted: str, there: Sequence[Columns]) -> str:
    """What no product has, and what is nearest to it."""
    name = leaf.name.removeprefix(f"{ATTRIBUTES}.")
    known = dict.fromkeys(value for columns in there for value in _values(leaf, columns))
    if name != leaf.name and not known:
        maps = (ATTRIBUTES, NUMBERS)
        names = dict.fromkeys(x for one in there for held in maps for x in _texts(one.items(held, leaf.error)))
        return f"no product has an attribute {cut(name)!r}{_nearest(name, list(names))}"
    what = {Under: "is under", Has: "has"}.get(type(leaf), "has")
    value = quote(cut(wanted))
    return f"no product {what} {cut(name)} {value}{_nearest(wanted, list(known))}"


def _values(leaf: OnColumn, columns: Columns) -> Iterator[str]:
    """What products have where the leaf looks."""
    if isinstance(leaf, Under):
        for path in _texts(columns.values(leaf.name, leaf.error)) if leaf.name == "category" else ():
            names = path.split(SEPARATOR)
            yield from (SEPARATOR.join(names[:depth]) for depth in range(1, len(names) + 1))
    elif isinstance(leaf, Has):
        yield from _texts(columns.items(leaf.name, leaf.error))
    else:
        yield from _texts(columns.values(leaf.name, leaf.error))


def _texts(array: Any) -> list[str]:
    """The different texts of an array, at most LOOKED_AT."""
    found = pc.unique(array).slice(0, LOOKED_AT).to_pylist()
    return [text for text in found if text]


def _nearest(wanted: str, known: Sequence[str]) -> str:
    """`; the nearest are "Acme", "Acne"`: those that differ in case first."""
    by_key: dict[str, str] = {}
    for text in known[:LOOKED_AT]:
        by_key.setdefault(text[:LONG].casefold(), text)
    close = get_close_matches(wanted[:LONG].casefold(), list(by_key), NEAREST)
    if close:
        listed = ", ".join(quote(cut(by_key[key])) for key in close)
        return f"; the nearest {'is' if len(close) == 1 else 'are'} {listed}"
    listed = ", ".join(quote(cut(text, 30)) for text in known[:NEAREST])
    return f"; others are {listed}" if listed else ""
