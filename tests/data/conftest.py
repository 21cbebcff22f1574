"""Embedded catalogues that several tests of the data look at."""

from __future__ import annotations

import pytest
from grocery_shelf import MIDDLE, SMALL

from genret.data.grocery import make_grocery
from genret.data.grocery.shelf import Shelf, stock_shelf
from genret.data.grocery.taxonomy import lexicon
from genret.data.records import Dataset


@pytest.fixture(scope="session")
def small() -> Dataset:
    return make_grocery(SMALL)


@pytest.fixture(scope="session")
def middle() -> Dataset:
    return make_grocery(MIDDLE)


@pytest.fixture(scope="session")
def shelf() -> Shelf:
    return stock_shelf(lexicon(), MIDDLE)
