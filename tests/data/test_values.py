"""Values as shops write them: one table a rule."""

from __future__ import annotations

import math
from contextlib import suppress
from datetime import date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genret.data import values
from genret.data.validate import BadField

PRICES = {
    "$1,299.00": 1299.0,
    "5.00 USD": 5.0,
    "₹100": 100.0,
    "1.299,00 €": 1299.0,
    "€ 1.299,00": 1299.0,
    "EUR 12,50": 12.5,
    "12,50": 12.5,
    "1 299,00 kr": 1299.0,
    "1\u202f299,00\u00a0€": 1299.0,
    "CHF 1'299.50": 1299.5,
    "Rs. 1,23,456.00": 123456.0,
    "US$5": 5.0,
    "R$ 10,00": 10.0,
    "12,-": 12.0,
    "5.–": 5.0,
    "1.299.000": 1299000.0,
    "1,299,000": 1299000.0,
    "0.125": 0.125,
    "0,125": 0.125,
    ".5": 0.5,
    "1e3": 1000.0,
    " 7 ": 7.0,
    "£0": 0.0,
    "10.5 zł": 10.5,
}
NOT_PRICES = [
    "cheap",
    "1_000",
    "inf",
    "-1",
    "1.2.3",
    "1,2,3",
    "12-15",
    "5 for $4",
    "1 2",
    "$",
    "12 gb",
    "1.29.9,0",
    True,
]


@pytest.mark.parametrize(("written", "expected"), PRICES.items())
def test_prices(written: str, expected: float) -> None:
    assert values.number("price", written, lowest=0, money=True) == expected


@pytest.mark.parametrize("written", NOT_PRICES)
def test_what_is_no_price(written: object) -> None:
    with pytest.raises(BadField, match="a price of at least 0"):
        values.number("price", written, lowest=0, money=True)


@pytest.mark.parametrize(
    "written", [None, "", " ", "nan", "NaN", "NULL", "n/a", "-", "—", float("nan"), Decimal("nan")]
)
def test_no_price(written: object) -> None:
    assert values.number("price", written, lowest=0, money=True) is None


@pytest.mark.parametrize(
    ("written", "point", "comma"),
    [("1.299", 1.299, 1299), ("1,299", 1299, 1.299), ("1.500 €", 1.5, 1500), ("12.50", 12.5, 12.5), ("3", 3, 3)],
)
def test_one_sign_and_three_digits_go_by_the_column(written: str, point: float, comma: float) -> None:
    assert values.number("price", written, money=True, decimal="point") == point
    assert values.number("price", written, money=True, decimal="comma") == comma
    if point != comma:
        with pytest.raises(BadField, match="--decimal"):
            values.number("price", written, money=True, decimal="mixed")


@given(st.floats(0, 1e12).map(lambda found: round(found, 2)))
def test_a_number_is_read_however_it_is_grouped(found: float) -> None:
    english = f"{found:,.2f}"
    german = english.replace(",", "\0").replace(".", ",").replace("\0", ".")
    for written in (english, german, f"$ {english}", f"{german} €", english.replace(",", " "), repr(found)):
        assert values.number("price", written, money=True) == pytest.approx(found, rel=1e-12)


FLAGS = {
    True: True, False: False, -1: False, 3.0: True, "-1": False, "0": False, "3": True, "": True,
    "no": False, "Y": True, "nan": True, None: True, "in stock": True, "Out_Of_Stock": False, "sold out": False,
    "https://schema.org/InStock": True, "TRUE": True, "1.0": True, "0.0": False, "-0.5": False,
}  # fmt: skip


@pytest.mark.parametrize(("written", "expected"), FLAGS.items(), ids=repr)
def test_flags(written: object, expected: bool) -> None:
    assert values.flag("available", written) is expected


@pytest.mark.parametrize("written", ["perhaps", "warehouse 3", [1], float("inf")])
def test_what_is_no_flag(written: object) -> None:
    with pytest.raises(BadField, match="true or false"):
        values.flag("available", written)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (" a1 ", "a1"), (7, "7"), (7.0, "7"), (1234567890123456.0, "1234567890123456"),
        (2.0**53 - 1, "9007199254740991"),
        ("007", "007"), (b"a1", "a1"), (2**60, str(2**60)), (Decimal("12"), "12"), ("1.0", "1.0"),
    ],
)  # fmt: skip
def test_ids(written: object, expected: str) -> None:
    assert values.identifier("id", written) == expected


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (1.4334955861976131e17, "lost digits"), (2.0**53, "lost digits"), ("1.43E+17", "a spreadsheet"),
        (None, "an id"), (float("nan"), "an id"), (True, "an id"), ("", "an id"), ("a\tb", "control"),
        (b"\xff", "broken"),
        ("x" * 1001, "1,000"),
    ],
)  # fmt: skip
def test_what_is_no_id(written: object, said: str) -> None:
    with pytest.raises(BadField, match=said):
        values.identifier("id", written)


@pytest.mark.parametrize(
    ("written", "separators", "expected"),
    [
        ("Food > Milk", (), ("Food", "Milk")),
        ("Food >> Milk >>  Oat", (), ("Food", "Milk", "Oat")),
        ("Food › Milk", (), ("Food", "Milk")),
        ("Food / Milk", ("/",), ("Food", "Milk")),
        ("/Food/Milk/", ("/",), ("Food", "Milk")),
        ("Salt/Pepper", (), ("Salt/Pepper",)),
        ("Food|Milk;Oat", ("|", ";"), ("Food", "Milk", "Oat")),
        ('["Food >> Milk >> Oat"]', (), ("Food", "Milk", "Oat")),
        (["Food", None, "Milk"], (), ("Food", "Milk")),
        ("Food > Milk, Sale > Drinks", (">", ","), ("Food", "Milk")),
        ("Food > Milk, Sale > Drinks", (), ("Food", "Milk, Sale", "Drinks")),
        ("Bread, Rolls > White", (), ("Bread, Rolls", "White")),
        ("Food > nan > Milk", (), ("Food", "Milk")),
        ("NaN", (), ()),
        (float("nan"), (), ()),
    ],
)
def test_categories(written: object, separators: tuple[str, ...], expected: tuple[str, ...]) -> None:
    assert values.path("category", written, separators=separators) == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2026-01-02", True), ("2026-01-02T03:04:05Z", True), ("2026-01-02 03:04:05.123456789 +0000", True),
        ("02.01.2026", True), ("1/2/2026 3:04 PM", True), ("Jan 2, 2026", True), (date(2026, 1, 2), True),
        (datetime(2026, 1, 2), True), ("2026", False), ("1.5", False), ("24 oz", False), (20260102, False),
    ],
)  # fmt: skip
def test_dates(written: object, expected: bool) -> None:
    assert values.is_date(written) is expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("<p>Warm &amp; <b>dry</b></p>", "Warm & dry"),
        (["red", None, "blue"], "red, blue"),
        ('["red", "blue"]', "red, blue"),
        ({"fabric": "cotton", "care": None}, "fabric cotton"),
        ('{"specification"=>[{"key"=>"Fabric", "value"=>"Cotton"}]}', "specification Fabric Cotton"),
        ("[sic]", "[sic]"),
        ("5 < 6 > 4", "5 < 6 > 4"),
        ("nan", ""),
    ],
)
def test_prose(written: object, expected: str) -> None:
    assert values.prose("description", written) == expected


def test_currencies() -> None:
    said = [values.currency(text) for text in ("$1", "5.00 usd", "1 €", "Rs. 5", "7", "cheap", None)]
    assert said == ["$", "USD", "€", "RS", None, None, None]


@given(st.one_of(st.text(), st.floats(), st.integers(), st.binary(), st.none(), st.booleans(), st.lists(st.text())))
def test_no_value_breaks_a_rule(written: object) -> None:
    """Whatever the value, a rule reads it or says what is wrong with it."""
    for rule in (values.text, values.name, values.prose, values.identifier, values.flag, values.path, values.names):
        with suppress(BadField):
            rule("field", written)
    try:
        found = values.number("field", written, money=True)
    except BadField:
        found = None
    assert found is None or math.isfinite(found)
    values.is_date(written)
    values.decimal_evidence(written)
