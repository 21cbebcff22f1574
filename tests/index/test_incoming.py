"""Products that are to come into an index: checked many at once as they would be one by one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from genret.data.records import Catalogue
from genret.ground.errors import GenretError
from genret.ground.types import Product
from genret.index.incoming import are_plain, check_product, checked_table

PLAIN = Product("a", "t", ("x",), price=2, popularity=3, attributes={"k": "v"}, numbers={"n": 1.0})
VALUES: dict[str, list[Any]] = {
    "id": ["", "é", 7, None, b"a", np.str_("a")],
    "title": ["", " \t", "é", 7, None, b"t", np.str_("t")],
    "popularity": [0, -1.0, float("nan"), float("inf"), 10**400, True, "1", None, np.float32(2), np.int64(2), 1e300],
    "price": [0, -1.0, float("nan"), float("-inf"), -(10**400), True, "1", None, np.float32(2), np.int64(2)],
}
CASES = [(field, value) for field, values in VALUES.items() for value in values]


def said(product: Any) -> str:
    try:
        check_product("insert", product)
    except GenretError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(("field", "value"), CASES)
def test_many_are_refused_as_one_would_be(field: str, value: Any) -> None:
    changed: dict[str, Any] = {field: value}
    odd = PLAIN._replace(**changed)
    among = [*[PLAIN._replace(id=f"p{i}") for i in range(50)], odd, PLAIN]
    line = said(odd)
    assert not (are_plain(among) and line)
    if line:
        with pytest.raises(GenretError) as found:
            checked_table("insert", among)
        assert str(found.value) == line
    assert "\n" not in line


def test_most_products_are_not_looked_at_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("genret.index.incoming.check_product", None)
    products = [PLAIN, Product("b", "t"), PLAIN._replace(id="c", price=None, popularity=0.5)]
    assert list(Catalogue(checked_table("insert", products))) == products
    assert checked_table("insert", []).num_rows == 0


@pytest.mark.parametrize("other", [None, "a", ("a", "t"), {"id": "a"}])
def test_what_is_not_a_product_is_said(other: Any) -> None:
    with pytest.raises(GenretError, match=r"insert: .* is not a Product"):
        checked_table("insert", [PLAIN, other])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("stores", 3),
        ("attributes", {"k": 1}),
        ("numbers", {"n": "x"}),
        ("numbers", {"n": 10**400}),
        ("brand", "\ud800"),
    ],
)
def test_what_no_column_holds_is_named(field: str, value: Any) -> None:
    changed: dict[str, Any] = {field: value}
    with pytest.raises(GenretError, match="insert: product 'odd' cannot be stored"):
        checked_table("insert", [PLAIN, PLAIN._replace(id="odd", **changed)])
