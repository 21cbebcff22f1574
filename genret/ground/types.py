"""The small immutable records that flow end to end. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Literal, NamedTuple, TypeAlias, overload

from genret.ground.errors import require

SemanticId: TypeAlias = tuple[int, ...]
"""One codeword per level, coarse (L1) to fine: `(17, 203, 4, 91)`."""

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
    numbers: Mapping[str, float] = {}
    """Attributes that are numbers: compared in filters and shown, not embedded as text unless asked."""

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Product:
        """From its fields as JSON has them."""
        return cls(**{**told, "category": tuple(told["category"]), "stores": tuple(told["stores"])})


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
    confidence: float | None = None
    """The probability that it is relevant, where the search was asked for it (`min_confidence`)."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values: rank, score, semantic ID, and the product's own fields beside them."""
        rated = {} if self.confidence is None else {"confidence": self.confidence}
        found = {"rank": self.rank, "score": self.score, **rated, "semantic_id": self.semantic_id}
        return {**found, **self.product._asdict()}


@dataclass(frozen=True, repr=False)
class SearchResult(Sequence[Hit]):
    """The answer to one query: a sequence of hits, best first.

    `len(result)`, `result[0]`, `result[:3]` and `for hit in result` work on the hits; `to_dict`, `to_arrow` and
    `to_pandas` hand them on, and a notebook shows them as a table.
    """

    query: str
    hits: tuple[Hit, ...]
    exact: bool
    """True where the top k is certified: the model scores no other allowed product higher."""
    corrected: str | None = None
    """The query as it was read, where that is not as it was typed."""
    unknown: tuple[str, ...] = ()
    """Its words that neither products nor shoppers know, in lower case, corrected or not."""
    error: str | None = None
    """Why there is no answer, where the caller asked for errors as results; then there are no hits."""
    missing: tuple[str, ...] = ()
    """Shards that did not answer, where the search is of several: what they hold is not in here."""

    def __len__(self) -> int:
        return len(self.hits)

    @overload
    def __getitem__(self, index: int) -> Hit: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Hit, ...]: ...
    def __getitem__(self, index: int | slice) -> Hit | tuple[Hit, ...]:
        return self.hits[index]

    def __repr__(self) -> str:
        first = f", first {self.hits[0].product.title[:40]!r}" if self.hits else ""
        if self.error is not None:
            return f"SearchResult({self.query[:60]!r}: {self.error})"
        certified = ", certified" if self.exact else ""
        return f"SearchResult({self.query[:60]!r}: {len(self)} hits{first}{certified})"

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as `genret search --json` prints them: the query and how it was read, its hits, or an error."""
        read = {"query": self.query, "corrected": self.corrected, "unknown": list(self.unknown)}
        found = {**read, "exact": self.exact, "hits": [hit.to_dict() for hit in self.hits]}
        if self.missing:
            found["missing"] = list(self.missing)
        return found if self.error is None else {**found, "error": self.error}

    def to_arrow(self) -> Any:
        """A `pyarrow.Table` of one row per hit."""
        import pyarrow as pa

        rows = [hit.to_dict() for hit in self.hits]
        for row in rows:
            row["semantic_id"] = list(row["semantic_id"])
            row["category"], row["stores"] = list(row["category"]), list(row["stores"])
            row["attributes"], row["numbers"] = list(row["attributes"].items()), list(row["numbers"].items())
        kinds = {"rank": pa.int64(), "score": pa.float64(), "semantic_id": pa.list_(pa.int64()), "id": pa.string()}
        kinds |= dict.fromkeys(("title", "brand", "description"), pa.string())
        kinds |= dict.fromkeys(("category", "stores"), pa.list_(pa.string()))
        kinds |= {"attributes": pa.map_(pa.string(), pa.string()), "price": pa.float64(), "available": pa.bool_()}
        kinds |= {"popularity": pa.float64(), "numbers": pa.map_(pa.string(), pa.float64())}
        names = ("rank", "score", "semantic_id", *Product._fields)
        return pa.table({name: pa.array([row[name] for row in rows], kinds.get(name)) for name in names})

    def to_pandas(self) -> Any:
        """A `pandas.DataFrame` of one row per hit; a GenretError with the install line where pandas is missing."""
        require("pandas", "pandas")
        return self.to_arrow().to_pandas()

    def _repr_html_(self) -> str:
        """For notebooks: the hits as a table. Text from the catalogue is escaped."""
        head = "".join(f"<th>{name}</th>" for name in ("#", "score", "semantic ID", "product", "price", "category"))
        body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in _cells(hit))}</tr>" for hit in self.hits)
        certified = ", certified: the model scores no other product higher" if self.exact else ""
        caption = f"<caption>{escape(self.query)} ({len(self)} products{certified})</caption>"
        return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cells(hit: Hit) -> tuple[str, ...]:
    product = hit.product
    price = "" if product.price is None else f"{product.price:,.2f}"
    codes, category = "-".join(map(str, hit.semantic_id)), " > ".join(product.category)
    return str(hit.rank), f"{hit.score:.2f}", codes, product.title, price, category
