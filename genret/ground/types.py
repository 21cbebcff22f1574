"""The small immutable records that flow end to end. Imports no other part of genret, and no torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple, TypeAlias

SemanticId: TypeAlias = tuple[int, ...]
"""One codeword a level, coarse (L1) to fine: `(17, 203, 4, 91)`."""

CategoryPath: TypeAlias = tuple[str, ...]
"""Root to leaf: `("Pantry", "Pasta Sauces", "Marinara")`; empty where the catalogue names none."""

Split: TypeAlias = Literal["train", "dev", "test"]
SPLITS: tuple[Split, ...] = ("train", "dev", "test")


class Product(NamedTuple):
    """One product of the catalogue, as validated by `genret.data`."""

    id: str
    title: str
    category: CategoryPath = ()
    brand: str = ""
    description: str = ""
    attributes: Mapping[str, str] = {}
    price: float | None = None
    available: bool = True
    stores: tuple[str, ...] = ()
    """Stores that stock it; empty where the catalogue does not say."""
    popularity: float = 1.0
    """Relative demand, > 0: sales, clicks, or 1 where unknown."""


class Query(NamedTuple):
    """One shopper's query. `kind` names its type (head, typo, ...) where known; `frequency` how often it was asked."""

    id: str
    text: str
    kind: str = ""
    frequency: int = 1


class Judgement(NamedTuple):
    """How well a product answers a query: `grade` on the data set's own scale, higher is better."""

    query_id: str
    product_id: str
    grade: float


class Hit(NamedTuple):
    """One retrieved product. `score` is its semantic ID's log-probability in nats unless `rescored` by embeddings."""

    product: Product
    score: float
    rank: int
    """From 1."""
    semantic_id: SemanticId


class SearchResult(NamedTuple):
    """The answer to one query, best first."""

    query: str
    hits: tuple[Hit, ...]
    exact: bool
    """True where the top k is proven to be what scoring every allowed product would give."""
