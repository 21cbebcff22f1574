"""Small embedded catalogues, and what their tests look at."""

from __future__ import annotations

from collections import defaultdict

from genret.data.grocery import GrocerySettings
from genret.data.grocery.words import normalise
from genret.data.records import Dataset

SMALL = GrocerySettings(products=200, seed=3)
MIDDLE = GrocerySettings(products=4_400, seed=1)


def words(text: str) -> set[str]:
    return set(normalise(text).split())


def exact_of(dataset: Dataset) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for judgement in dataset.judgements:
        if judgement.grade >= dataset.relevant_at:
            found[judgement.query_id].add(judgement.product_id)
    return found
