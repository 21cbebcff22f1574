"""Conditions over catalogue columns, and the boolean mask that they come to.

A condition is a small value made from columns, or parsed from text (`filter_text.py`), and prints as it parses:

    column("price") < 5                                     price < 5
    column("brand").isin(["Acme", "Rao's"])                 brand in ("Acme", "Rao's")
    column("category").under("Pantry > Pasta Sauces")       category under "Pantry > Pasta Sauces"
    column("stores").has("north")                           stores has "north"
    column("attributes.diet") == "vegan"                    attributes.diet = "vegan"      or diet = "vegan"
    column("attributes.weight") < 2                         attributes.weight < 2          or weight < 2
    named("available") & ~named("store:north")              available and not store:north

What a product does not say (no price, no such attribute) meets no comparison; `!=` and `not` are true of it. Text is
compared as it is given and as the catalogue's text is cleaned (NFC, single spaces); with `nocase`, whatever its case.
Conditions may be nested as deep as memory allows: nothing here recurses.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

from genret.data.clean import clean_text
from genret.data.records import PRODUCT_SCHEMA
from genret.ground.checks import flag, plain_text, shown
from genret.ground.errors import GenretError
from genret.index.conditions import AllOf as AllOf
from genret.index.conditions import AnyOf as AnyOf
from genret.index.conditions import Combined, bottom_up
from genret.index.conditions import Comparison as Comparison
from genret.index.conditions import Condition as Condition
from genret.index.conditions import Has as Has
from genret.index.conditions import Named as Named
from genret.index.conditions import Not as Not
from genret.index.conditions import OnColumn as OnColumn
from genret.index.conditions import OneOf as OneOf
from genret.index.conditions import Operator as Operator
from genret.index.conditions import Under as Under
from genret.index.filter_columns import ATTRIBUTES, SEPARATOR, Value, unknown_column


class Column:
    """A column to make conditions of, by Python's own operators; `column("attributes.diet")` is an attribute."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, name: str, nocase: bool = False) -> None:
        self.name, self.nocase = plain_text("column", name), flag("nocase", nocase)

    def __eq__(self, value: Value) -> Condition:  # type: ignore[override]
        return self._compared("=", value)

    def __ne__(self, value: Value) -> Condition:  # type: ignore[override]
        return self._compared("!=", value)

    def __lt__(self, value: float) -> Condition:
        return self._compared("<", value)

    def __le__(self, value: float) -> Condition:
        return self._compared("<=", value)

    def __gt__(self, value: float) -> Condition:
        return self._compared(">", value)

    def __ge__(self, value: float) -> Condition:
        return self._compared(">=", value)

    def _compared(self, op: Operator, value: Value) -> Condition:
        return Comparison(self.name, op, value, nocase=self.nocase)

    def isin(self, values: Iterable[Value]) -> Condition:
        return OneOf(self.name, values, nocase=self.nocase)  # type: ignore[arg-type]  # made a tuple there

    def has(self, value: str) -> Condition:
        return Has(self.name, value, nocase=self.nocase)

    def under(self, path: str | Iterable[str]) -> Condition:
        return Under(self.name, split_path(path), nocase=self.nocase)


def column(name: str, nocase: bool = False) -> Column:
    """The column of that name: `column("price") < 5`; `nocase`: its text in upper or lower case."""
    return Column(name, nocase)


def named(name: str) -> Condition:
    """The named filter: `named("store:north")`."""
    return Named(name)


def resolve(condition: Condition, names: Mapping[str, Condition], attributes: Collection[str]) -> Condition:
    """The condition with names replaced by what they stand for, and attributes named in full.

    A GenretError, listing what is known, for a name that is neither a column nor one of the `attributes`.
    """
    done: list[Condition] = []
    for node in bottom_up(condition):
        if isinstance(node, Combined):
            count = len(node.inside)
            parts = tuple(done[len(done) - count :])
            del done[len(done) - count :]
            done.append(Not(parts[0]) if isinstance(node, Not) else type(node)(parts))  # type: ignore[call-arg]
        elif isinstance(node, Named):
            done.append(resolve(node.resolve(names), {}, attributes))
        else:
            done.append(_in_full(node, attributes))
    return done[0]


def _in_full(leaf: Condition, attributes: Collection[str]) -> Condition:
    if not isinstance(leaf, OnColumn) or leaf.name in PRODUCT_SCHEMA.names:
        return leaf
    name = leaf.name.removeprefix(f"{ATTRIBUTES}.")
    if name not in attributes and clean_text(name) in attributes:
        name = clean_text(name)
    elif name == leaf.name and name not in attributes:
        raise leaf.error(unknown_column(name, PRODUCT_SCHEMA.names, attributes))
    return replace(leaf, name=f"{ATTRIBUTES}.{name}")


def split_path(path: str | Iterable[str]) -> tuple[str, ...]:
    """`"Pantry > Pasta Sauces"` -> `("Pantry", "Pasta Sauces")`; a list is a path as it is."""
    given: Any = path
    if isinstance(given, bytes) or not isinstance(given, Iterable):
        raise GenretError(f"category={shown(given)}: expected text such as 'Pantry > Pasta Sauces', or a list of names")
    parts = given.split(SEPARATOR.strip()) if isinstance(given, str) else [plain_text("category", one) for one in given]
    return tuple(part.strip() for part in parts if part.strip())
