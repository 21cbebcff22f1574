"""Conditions against plain Python over the same products, their text form, and the errors that they give."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from genret.data.records import Catalogue
from genret.ground.errors import GenretError
from genret.ground.types import Product
from genret.index.filter_text import parse
from genret.index.filter_values import check_values
from genret.index.filters import (
    AllOf,
    AnyOf,
    Comparison,
    Condition,
    column,
    named,
    resolve,
)

PRODUCTS = [
    Product("a", "Marinara", ("Pantry", "Pasta Sauces", "Marinara"), "Rao's", "", {"diet": "vegan"}, 4.5, True, ("n",)),
    Product("b", "Soup", ("Pantry",), "Acme", "", {}, None, False),
    Product("c", "Tea", (), "", "", {"diet": "none", "screen size": "15"}, 7.0, True, ("n", "South Side")),
    Product("d", "Pasta", ("Pantry", "Pasta"), 'The "A" Co', "", {"flavour": "basil"}, 5.0, False, ("north",)),
]
TABLE = Catalogue.from_products(PRODUCTS).table


def ids(condition: Condition) -> str:
    return "".join(product.id for product, met in zip(PRODUCTS, condition.mask(TABLE), strict=True) if met)


@pytest.mark.parametrize(
    ("text", "met"),
    [
        ("price < 5", "a"),
        ("price <= 5", "ad"),
        ("price > 4.5", "cd"),
        ("price >= 4.5", "acd"),
        ("price = 5", "d"),
        ("price == 5.0", "d"),
        ("price != 5", "abc"),
        ("price <> 5", "abc"),
        ("not price < 5", "bcd"),
        ("price in (5, 7)", "cd"),
        ('brand = "Acme"', "b"),
        ("brand = 'Rao\\'s'", "a"),
        ('brand = "Rao\'s"', "a"),
        (r'brand = "The \"A\" Co"', "d"),
        ('brand in ("Acme", "Rao\'s")', "ab"),
        ('brand not in ("Acme")', "acd"),
        ('brand = ""', "c"),
        ('category under "Pantry"', "abd"),
        ('category under "Pantry > Pasta Sauces"', "a"),
        ('category under "Pantry>Pasta"', "d"),
        ('category under "Pasta"', ""),
        ('category not under "Pantry"', "c"),
        ('category = "Pantry"', "b"),
        ('category in ("Pantry", "Pantry > Pasta")', "bd"),
        ('category has "Pasta"', "d"),
        ('stores has "n"', "ac"),
        ("store:n", "ac"),
        ('store:"South Side"', "c"),
        ("available", "ac"),
        ("available = false", "bd"),
        ("not available", "bd"),
        ('attributes.diet = "vegan"', "a"),
        ('diet = "vegan"', "a"),
        ('diet != "vegan"', "bcd"),
        ('diet in ("vegan", "none")', "ac"),
        ('attributes."screen size" = "15"', "c"),
        ('attributes.unheard = "of"', ""),
        ('attributes has "flavour"', "d"),
        ('NOT available OR title = "Tea"', "bcd"),
        ("available and (price < 5 or stores has 'South Side')", "ac"),
        ("available and price < 5 or stores has 'north'", "ad"),
        ("popularity >= 1", "abcd"),
    ],
)
def test_text_selects(text: str, met: str) -> None:
    condition = parse(text)
    assert ids(condition) == met
    assert parse(str(condition)) == condition


@pytest.mark.parametrize(
    ("text", "at", "words"),
    [
        ("", 1, "the end"),
        ("price", 1, "named filters: available, store:NAME"),
        ("price <", 8, "expected a number"),
        ('price < "x"', 1, "price holds numbers"),
        ("price < 1e999", 1, "price holds numbers"),
        ("brand = Acme", 9, "in quotes"),
        ("brand = 3", 1, "brand holds text"),
        ("brand < 3", 1, "compares numbers, but brand holds text"),
        ('brnd = "x"', 1, "columns: id, title, category, brand"),
        ('available and brnd = "x"', 15, "attributes: diet, flavour, screen size"),
        ("available = 3", 1, "true or false"),
        ('stores = "n"', 1, 'stores has "..."'),
        ('price has "x"', 1, "price holds numbers"),
        ('brand under "x"', 1, "brand holds text"),
        ('attributes = "vegan"', 1, "attributes.diet"),
        ("price in 3", 10, "expected `(`"),
        ("price in (3", 12, "`)`"),
        ("(price < 5", 11, "expected `)`"),
        ("price < 5)", 10, "got `)`"),
        ("price < 5 brand", 11, "got `brand`"),
        ("price not < 5", 11, "after price not"),
        ('brand "x"', 7, "an operator"),
        ('brand = "x', 9, "never closed"),
        ("price ~ 3", 7, "cannot read '~ 3'"),
        ("true", 1, "got `true`"),
        ("and", 1, "got `and`"),
        ("(" * 200, 201, "expected a column"),
        ("price < 5 nocase 3", 18, "or the end"),
        ("nocase = 3", 1, "no column or attribute 'nocase'"),
    ],
)
def test_errors_name_the_column(text: str, at: int, words: str) -> None:
    with pytest.raises(GenretError) as caught:
        parse(text).mask(TABLE)
    assert str(caught.value).startswith(f"where, column {at}: ")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_python_operators_make_the_same_values_as_text() -> None:
    price, brand, available = column("price"), column("brand"), named("available")
    assert (price < 5) & (brand == "Acme") == parse('price < 5 and brand = "Acme"')
    assert (price <= 5) | (price > 6) | (brand != "Acme") == parse('price <= 5 or price > 6 or brand != "Acme"')
    assert ~(available & brand.isin(["A", "B"])) == parse('not (available and brand in ("A", "B"))')
    assert column("category").under(["A", "B"]) & ~~(price >= 1) == parse('category under "A > B" and price >= 1')
    assert column("stores").has("n") == parse('stores has "n"')
    with pytest.raises(GenretError, match="operator '~'"):
        Comparison("price", "~", 1)  # type: ignore[arg-type]


def test_resolving_spells_out_names_and_attributes() -> None:
    names = {"cheap": parse("price < 5")}
    resolved = resolve(parse('cheap and not (store:n or diet = "vegan")'), names, {"diet"})
    assert str(resolved) == 'price < 5 and not (stores has "n" or attributes.diet = "vegan")'
    with pytest.raises(GenretError, match="column 5: 'dear' alone is not a filter; named filters: cheap, available"):
        resolve(parse("not dear"), names, ())
    with pytest.raises(GenretError, match=r"column 1: no column or attribute 'size'.*attributes: diet"):
        resolve(parse('size = "x"'), names, {"diet"})


def test_an_empty_catalogue_and_an_empty_condition() -> None:
    empty = Catalogue.from_products([]).table
    for text in ("price < 5", 'category under "A"', 'stores has "n"', 'attributes.diet = "x"', "available"):
        assert parse(text).mask(empty).shape == (0,)
    assert AllOf(()).mask(TABLE).all()
    assert not AnyOf(()).mask(TABLE).any()


def test_a_table_cut_out_of_a_larger_one_is_read_from_its_own_rows() -> None:
    for text in ('category under "Pantry"', 'stores has "n"', 'attributes.diet = "none"', "price > 1"):
        condition = parse(text)
        assert condition.mask(TABLE.slice(1, 2)).tolist() == condition.mask(TABLE)[1:3].tolist()


# Length, depth, spelling, and values that no product has.


@pytest.mark.parametrize("text", ["(" * 9000 + "price < 5" + ")" * 9000, "not " * 4001 + "price < 5"])
def test_depth_needs_no_recursion(text: str) -> None:
    condition = parse(text)
    assert condition.mask(TABLE).tolist() == [(text[0] == "n") != met for met in parse("price < 5").mask(TABLE)]
    assert parse(str(condition)) == condition


def test_conditions_made_in_python_may_be_as_deep_as_they_like() -> None:
    condition: Condition = column("price") < 5
    for number in range(1500):
        condition = ~(condition & (column("price") != number)) | named("available")
    assert condition.mask(TABLE).shape == (4,)
    resolved = resolve(condition, {}, ())
    assert resolved == resolve(condition, {}, ()) != condition
    assert hash(resolved) != hash(condition)
    assert len(str(condition)) > 50_000
    assert "price" in repr(condition)


def test_text_that_is_too_long_is_refused_with_a_way_out() -> None:
    ids = ", ".join(f'"{number}"' for number in range(5000))
    with pytest.raises(GenretError, match=r"at most 20,000.*isin"):
        parse(f"id in ({ids})")
    assert column("id").isin(map(str, range(5000))).mask(TABLE).shape == (4,)


@pytest.mark.parametrize(
    "text", ["9" * 19_000 + "a", "price < " + "9" * 19_000 + "z", '"' + "a" * 19_000, "x" * 20_000]
)
def test_an_error_quotes_at_most_a_line(text: str) -> None:
    for condition in (text, f"{text} = 3"):
        with pytest.raises(GenretError) as caught:
            parse(condition[:20_000]).mask(TABLE)
        assert len(str(caught.value)) < 300


def test_values_are_spelled_as_the_catalogues_text_is() -> None:
    shop = [
        Product("e\u0301", "t", ("Caf\u00e9",), "Caf\u00e9 Noir", "", {"origin": "C\u00f4te"}, stores=("Z\u00fcrich",))
    ]
    table = Catalogue.from_products(shop).table
    for text in (
        'brand = "Cafe\u0301  Noir"',
        'brand in ("x", "Cafe\u0301 Noir")',
        'category under "Cafe\u0301"',
        'stores has "Zu\u0308rich"',
        'origin = "Co\u0302te"',
        'brand = "CAF\u00c9 noir" nocase',
        'brand in ("CAF\u00c9 noir") nocase',
        'category under "CAFE\u0301" nocase',
        'stores has "Z\u00dcRICH" nocase',
        'store:"Zu\u0308rich"',
        'id = "e\u0301"',
    ):
        assert parse(text).mask(table).all(), text
        assert parse(str(parse(text))) == parse(text)
    for text in ('brand = "CAF\u00c9 noir"', 'id = "\u00e9"', 'stores has "Z\u00dcRICH"'):
        assert not parse(text).mask(table).any(), text
    assert (column("brand", nocase=True) == "CAF\u00c9 NOIR").mask(table).all()


def test_one_name_with_a_separator_in_it_is_not_two_names() -> None:
    one, two = column("category").under(["A > B"]), column("category").under(["A", "B"])
    assert str(one) != str(two)
    assert parse(str(one)) == one
    assert parse(str(two)) == two == column("category").under("A > B")
    table = Catalogue.from_products([Product("1", "t", ("A > B",)), Product("2", "t", ("A", "B"))]).table
    assert (one.mask(table).tolist(), two.mask(table).tolist()) == ([True, False], [False, True])
    assert str(AllOf(())) != str(AnyOf(()))


def test_a_value_that_no_product_has_names_the_nearest() -> None:
    for text, words in (
        ('brand = "Amce"', 'column 1: no product has brand "Amce"; the nearest is "Acme"'),
        ('price < 5 and brand != "acme"', 'column 15: no product has brand "acme"; the nearest is "Acme"'),
        ('brand in ("Amce", "Roa\'s")', 'the nearest is "Acme"'),
        ('not category under "Pantry > Pasta Souces"', '"Pantry > Pasta Sauces"'),
        ('category = "Pantri"', 'the nearest is "Pantry"'),
        ('stores has "South Sid"', '"South Side"'),
        ("store:nort", '"north"'),
        ('attributes.diet = "vegn"', 'no product has diet "vegn"; the nearest is "vegan"'),
        ('attributes.dit = "vegan"', "no product has an attribute 'dit'; the nearest is \"diet\""),
        ('brand = "Zzzzzzz"', "others are"),
    ):
        with pytest.raises(GenretError) as caught:
            check_values(resolve(parse(text), {}, {"diet"}), [TABLE])
        assert words in str(caught.value), str(caught.value)
    for text in (
        'brand in ("Amce", "Acme")',
        'id = "gone"',
        "price > 99",
        'brand = ""',
        'brand = "ACME" nocase',
        "store:n",
    ):
        check_values(resolve(parse(text), {}, ()), [TABLE.slice(0, 0), TABLE])
    check_values(parse('brand = "x"'), [TABLE.slice(0, 0)])


@pytest.mark.parametrize(
    "make",
    [
        lambda: column(5),  # type: ignore[arg-type]
        lambda: column("brand") == None,  # noqa: E711
        lambda: column("brand") == ["a"],
        lambda: column("brand") == "\ud800",
        lambda: column("price") < b"5",  # type: ignore[operator]
        lambda: column("brand").isin("abc"),
        lambda: column("brand").isin(5),  # type: ignore[arg-type]
        lambda: column("brand").isin([None]),  # type: ignore[list-item]
        lambda: column("category").under(5),  # type: ignore[arg-type]
        lambda: column("category").under(["a", 5]),  # type: ignore[list-item]
        lambda: column("stores").has(5),  # type: ignore[arg-type]
        lambda: column("brand", nocase="yes"),  # type: ignore[arg-type]
        lambda: named(None),  # type: ignore[arg-type]
        lambda: named("available") & "price < 5",  # type: ignore[operator]
        lambda: named("available") | None,  # type: ignore[operator]
        lambda: bool(column("price") < 5),
        lambda: 1 < column("price") < 5,
        lambda: parse(5),  # type: ignore[arg-type]
        lambda: parse("\ud800 = 3"),
    ],
)
def test_wrong_types_are_said(make: Callable[[], object]) -> None:
    with pytest.raises(GenretError):
        make()


def test_numpys_values_are_fine() -> None:
    assert (column("price") < np.int64(5)) == parse("price < 5")
    assert (column("price") < np.float32(4.5)) == parse("price < 4.5")
    assert (column("available") == np.bool_(True)) == parse("available = true")
    assert (column("brand") == np.str_("Acme")) == parse('brand = "Acme"')


def test_attributes_that_are_numbers_are_compared_as_numbers() -> None:
    shop = [
        Product("1", "t", attributes={"diet": "vegan"}, numbers={"weight": 1.5}),
        Product("2", "t", numbers={"weight": 3.0}),
    ]
    table = Catalogue.from_products(shop).table
    assert parse("weight < 2").mask(table).tolist() == [True, False]
    assert parse("attributes.weight != 3").mask(table).tolist() == [True, False]
    assert parse('attributes.height = "2"').mask(table).tolist() == [False, False]
    with pytest.raises(GenretError, match=r"no product has an attribute 'wieght'.*weight"):
        check_values(resolve(parse('attributes.wieght = "2"'), {}, ()), [table])
