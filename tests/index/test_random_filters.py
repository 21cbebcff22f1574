"""Random products and conditions, judged by plain Python as well."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from genret.data.records import Catalogue
from genret.ground.errors import GenretError
from genret.ground.types import Product
from genret.index.filter_text import parse
from genret.index.filters import (
    AllOf,
    AnyOf,
    Condition,
    Has,
    Named,
    Not,
    OneOf,
    Under,
    column,
    split_path,
)

# Random products and conditions, judged by plain Python as well.

WORDS = st.sampled_from(["x", "y", "Rao's", 'a "b"', "é > ü", "in", ""])
PATHS = st.lists(st.sampled_from(["A", "B"]), max_size=3).map(tuple)
Pair = tuple[Condition, Callable[[Product], bool]]


@st.composite
def products(draw: st.DrawFn) -> list[Product]:
    count = draw(st.integers(0, 12))
    return [
        Product(
            f"p{i}",
            "t",
            category=draw(PATHS),
            brand=draw(WORDS),
            attributes=draw(st.dictionaries(st.sampled_from(["diet", "size"]), WORDS)),
            price=draw(st.sampled_from([None, 1.0, 2.5, 3.0])),
            available=draw(st.booleans()),
            stores=draw(PATHS),
        )
        for i in range(count)
    ]


@st.composite
def conditions(draw: st.DrawFn) -> Pair:
    word, path, number = draw(WORDS), draw(PATHS), draw(st.sampled_from([1.0, 2.5, 2]))
    pairs: list[Pair] = [
        (column("brand") == word, lambda p: p.brand == word),
        (column("brand") != word, lambda p: p.brand != word),
        (OneOf("brand", (word, "y")), lambda p: p.brand in (word, "y")),
        (column("price") < number, lambda p: p.price is not None and p.price < number),
        (column("price") >= number, lambda p: p.price is not None and p.price >= number),
        (column("price") != number, lambda p: p.price != number),
        (Under("category", path), lambda p: p.category[: len(path)] == path),
        (Has("stores", "A"), lambda p: "A" in p.stores),
        (column("attributes.diet") == word, lambda p: p.attributes.get("diet") == word),
        (Has("attributes", "size"), lambda p: "size" in p.attributes),
        (Named("available"), lambda p: p.available),
    ]
    return draw(st.sampled_from(pairs))


def conjunction(pairs: list[Pair]) -> Pair:
    return AllOf(tuple(c for c, _ in pairs)), lambda p: all(met(p) for _, met in pairs)


def disjunction(pairs: list[Pair]) -> Pair:
    return AnyOf(tuple(c for c, _ in pairs)), lambda p: any(met(p) for _, met in pairs)


def negation(pair: Pair) -> Pair:
    return Not(pair[0]), lambda p: not pair[1](p)


CONDITIONS = st.recursive(
    conditions(),
    lambda inner: st.one_of(
        st.lists(inner, min_size=2, max_size=3).map(conjunction),
        st.lists(inner, min_size=2, max_size=3).map(disjunction),
        inner.map(negation),
    ),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(products(), CONDITIONS)
def test_masks_match_plain_python(shop: list[Product], pair: Pair) -> None:
    condition, met = pair
    table = Catalogue.from_products(shop).table
    expected = [met(product) for product in shop]
    assert condition.mask(table).tolist() == expected
    again = parse(str(condition))
    assert np.array_equal(again.mask(table), condition.mask(table))
    assert str(parse(str(again))) == str(again)


@given(st.text(max_size=30))
def test_any_text_parses_or_says_where_it_does_not(text: str) -> None:
    """No text makes anything but a condition or a GenretError."""
    with contextlib.suppress(GenretError):
        condition = parse(text)
        assert parse(str(condition)) == condition


@given(WORDS.filter(bool), st.text(max_size=8))
def test_any_value_survives_its_text_form(name: str, value: str) -> None:
    for condition in (column("brand") == value, Has("stores", value), column(f"attributes.{name}") == value):
        assert parse(str(condition)) == condition


def test_split_path_drops_blanks() -> None:
    assert split_path(" A >  B> ") == ("A", "B")
