"""Products of a generation, read as far as they are asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from genret.data import records
from genret.data.records import Catalogue
from genret.ground.types import Product
from genret.index.stored_products import PART, StoredProducts

COUNT, ROWS = 97, 3
GROUPS = -(-COUNT // ROWS)


@pytest.fixture
def catalogue() -> Catalogue:
    return Catalogue.from_products(
        Product(f"p{i}", f"title {i}", price=None if i % 3 else float(i), popularity=1.0 + i, attributes={"n": f"{i}"})
        for i in range(COUNT)
    )


@pytest.fixture
def stored(catalogue: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StoredProducts:
    monkeypatch.setattr(records, "ROWS_OF_A_GROUP", ROWS)
    catalogue.write(tmp_path / "products.parquet")
    return StoredProducts(tmp_path / "products.parquet")


@pytest.mark.parametrize("rows", [[], [0], [46], [4, 5], [7, 3, 7, 20, 3], list(range(COUNT)), [46, 0] * 9])
def test_some_rows_are_those_of_the_catalogue(stored: StoredProducts, catalogue: Catalogue, rows: list[int]) -> None:
    asked = np.array(rows, np.int64)
    expected = [catalogue[row] for row in rows]
    assert stored.at(asked) == expected  # read for this
    assert stored.at(asked) == expected  # and kept
    assert list(stored.catalogue) == list(catalogue)
    assert stored.at(asked) == expected


def test_few_groups_are_read_for_few_rows_and_all_of_them_in_the_end(
    stored: StoredProducts, catalogue: Catalogue
) -> None:
    for row in range(COUNT):
        assert stored.at(np.array([row])) == [catalogue[row]]
        read = 1 + row // ROWS
        assert ("catalogue" in vars(stored)) == (PART * read >= GROUPS)
        assert len(stored._groups) == (0 if PART * read >= GROUPS else read)


def test_a_column_alone_is_that_of_the_catalogue(stored: StoredProducts, catalogue: Catalogue) -> None:
    for _ in range(2):
        for name in ("id", "popularity", "price"):
            assert stored.column(name).to_pylist() == catalogue.table[name].to_pylist()
        assert stored.column("id") is stored.column("id") or "catalogue" in vars(stored)
        assert list(stored.catalogue) == list(catalogue)
