"""The table of hits: price, category, and what tells two of one name apart."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from genret.cli.hits import chosen_columns, hit_table
from genret.ground.errors import GenretError
from genret.ground.types import Hit, Product, SearchResult


def result(*products: Product) -> SearchResult:
    return SearchResult("onion", tuple(Hit(p, -1.5 - i, i + 1, (1, 2, 3, i)) for i, p in enumerate(products)), False)


def shown(table: Any) -> str:
    out = io.StringIO()
    Console(file=out, width=200).print(table)
    return out.getvalue()


def onion(number: str, size: str, **more: Any) -> Product:
    return Product(number, "Onion", ("Food", "Vegetables"), "Fresho", attributes={"Quantity": size, "x": "y"}, **more)


def test_price_category_and_what_tells_apart() -> None:
    text = shown(hit_table(result(onion("1", "2 kg", price=52.0), onion("2", "5 kg", price=1300.5))))
    for said in ("price", "1,300.50", "Food > Vegetables", "Quantity", "2 kg", "5 kg"):
        assert said in text
    assert " x " not in text


def test_nothing_is_added_where_nothing_has_to_be_told_apart() -> None:
    assert chosen_columns(result(Product("1", "tea"), Product("2", "soup")).hits)[-1] == "product"


def test_columns_are_as_told() -> None:
    text = shown(hit_table(result(onion("1", "2 [kg]", numbers={"mrp": 7.0})), ("title", "Quantity", "mrp")))
    assert "2 [kg]" in text
    assert "semantic ID" not in text
    with pytest.raises(GenretError, match=r"--columns 'colour': no hit has it; there are #, .*Quantity"):
        hit_table(result(onion("1", "2 kg")), ("colour",))
