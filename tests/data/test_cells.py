"""Products read cell by cell are those that Arrow's conversion gives, whatever is missing, sliced or put together."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genret.data.cells import reader
from genret.data.records import PRODUCT_SCHEMA, Catalogue
from genret.ground.types import Product

TEXTS = st.text(st.sampled_from("abé語 \U0001f34e"), max_size=5)
FLOATS = st.floats(allow_nan=False, width=32)
ROWS = st.fixed_dictionaries(
    {
        "id": TEXTS,
        "title": TEXTS | st.none(),
        "category": st.lists(TEXTS | st.none(), max_size=3) | st.none(),
        "brand": TEXTS,
        "description": TEXTS,
        "attributes": st.lists(st.tuples(TEXTS, TEXTS | st.none()), max_size=3) | st.none(),
        "price": FLOATS | st.none(),
        "available": st.booleans(),
        "stores": st.lists(TEXTS, max_size=3) | st.none(),
        "popularity": FLOATS,
        "numbers": st.lists(st.tuples(TEXTS, FLOATS), max_size=2) | st.none(),
    }
)


def by_arrow(row: dict[str, Any]) -> Product:
    for name in ("attributes", "numbers"):
        row[name] = dict(row[name] or ())
    for name in ("category", "stores"):
        row[name] = tuple(row[name] or ())
    return Product(**row)


@given(st.lists(ROWS, min_size=1, max_size=20), st.integers(0, 19), st.integers(1, 20), st.booleans())
@settings(max_examples=150, deadline=None)
def test_products_are_read_as_arrow_reads_them(rows: list[dict[str, Any]], first: int, count: int, twice: bool) -> None:
    table = pa.Table.from_pylist(rows, PRODUCT_SCHEMA)
    table = table.slice(min(first, len(rows) - 1), count)
    if twice:
        table = pa.concat_tables([table, table.slice(1), table])
    catalogue = Catalogue(table)
    wanted = [by_arrow(row) for row in table.to_pylist()]
    assert catalogue.at(np.arange(len(wanted))) == wanted
    assert list(catalogue) == wanted
    assert [catalogue[row] for row in range(-len(wanted), 0)] == wanted


def test_a_table_in_pieces_is_read_piece_by_piece() -> None:
    catalogue = Catalogue.from_products([Product(str(row), "tea") for row in range(5)])
    batches = catalogue.table.to_batches(max_chunksize=2)
    catalogue.table = pa.Table.from_batches([batches[0], batches[0].slice(0, 0), *batches[1:]])
    rows = np.array([4, 0, 3, 3, 1, 2])
    assert [product.id for product in catalogue.at(rows)] == [str(row) for row in rows]


def test_columns_of_other_types_are_refused() -> None:
    with pytest.raises(TypeError, match="int64"):
        reader(pa.array([1, 2]))
