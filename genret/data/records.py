"""A catalogue and a data set: columns on disk, records in hand.

`Catalogue` holds the products as an Arrow table and hands out `Product`s; `Dataset` adds queries, judgements and, where
the source has them, substitute pairs, co-purchase sessions and the true categories (for judging only).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, overload

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from genret.data.cells import Reader, reader
from genret.data.product_text import TEXT_FIELDS
from genret.data.survey import Understanding
from genret.data.validate import ReadReport
from genret.ground.artifacts import Artifact, read_artifact, write_artifact
from genret.ground.checks import plain_text, real
from genret.ground.errors import GenretError
from genret.ground.manifests import described
from genret.ground.types import SPLITS, CategoryPath, Judgement, Product, Query, Split

KIND = "dataset"

PRODUCT_SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("title", pa.string()),
        ("category", pa.list_(pa.string())),
        ("brand", pa.string()),
        ("description", pa.string()),
        ("attributes", pa.map_(pa.string(), pa.string())),
        ("price", pa.float64()),
        ("available", pa.bool_()),
        ("stores", pa.list_(pa.string())),
        ("popularity", pa.float64()),
        ("numbers", pa.map_(pa.string(), pa.float64())),
    ]
)
MAPS = ("attributes", "numbers")
CHUNK = 1 << 15
"""Products that become columns at once."""
ROWS_OF_A_GROUP = 8192
"""Products of a row group on disk: whoever needs a range of rows reads only the groups that hold it."""


class Catalogue(Sequence[Product]):
    """An immutable sequence of products with unique ids, held as an Arrow table of `PRODUCT_SCHEMA`."""

    def __init__(self, table: pa.Table) -> None:
        self.table = _whole_schema(table).combine_chunks()

    @classmethod
    def from_products(cls, products: Iterable[Product]) -> Catalogue:
        """A catalogue of the given products, in their order; a GenretError if two share an id."""
        catalogue = cls(product_table(products))
        if len(catalogue._row_of) != len(catalogue):
            raise GenretError(f"{len(catalogue) - len(catalogue._row_of)} products repeat an id; ids must be unique")
        return catalogue

    def __len__(self) -> int:
        return int(self.table.num_rows)

    @overload
    def __getitem__(self, index: int) -> Product: ...
    @overload
    def __getitem__(self, index: slice) -> list[Product]: ...
    def __getitem__(self, index: int | slice) -> Product | list[Product]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        row = range(len(self))[index]
        return self.at(np.array([row]))[0]

    def __iter__(self) -> Iterator[Product]:
        for batch in self.table.to_batches(max_chunksize=4096):
            yield from _products([column.to_pylist() for column in batch.columns])

    @cached_property
    def ids(self) -> list[str]:
        """Every product's id, in catalogue order."""
        return list(self.table["id"].to_pylist())

    @cached_property
    def categories(self) -> list[CategoryPath]:
        """Every product's category path as filed, in catalogue order."""
        return [tuple(path) for path in self.table["category"].to_pylist()]

    def row(self, product_id: str) -> int:
        """The row of a product id; a GenretError if the catalogue has none."""
        if product_id not in self._row_of:
            raise GenretError(f"no product {product_id!r} in this catalogue of {len(self)} products")
        return self._row_of[product_id]

    def has(self, product_id: str) -> bool:
        """Whether a product has this id."""
        return product_id in self._row_of

    def __contains__(self, product: object) -> bool:
        return (product.id if isinstance(product, Product) else product) in self._row_of

    @cached_property
    def _row_of(self) -> dict[str, int]:
        return {product_id: row for row, product_id in enumerate(self.ids)}

    def at(self, rows: npt.NDArray[np.int64]) -> list[Product]:
        """The products of some rows, in their order."""
        starts, readers = self._cells
        asked = rows.tolist()
        if len(starts) == 1:
            return _products([read(asked) for read in readers[0]])
        pieces = [bisect_right(starts, row) - 1 for row in asked]
        return [
            _products([read([row - starts[piece]]) for read in readers[piece]])[0]
            for row, piece in zip(asked, pieces, strict=True)
        ]

    @cached_property
    def _cells(self) -> tuple[list[int], list[list[Reader]]]:
        """Where each piece of the table begins (up to 2 GB of text it is one), and what reads each of its columns."""
        batches = [batch for batch in self.table.to_batches() if batch.num_rows]
        starts = np.cumsum([0, *(batch.num_rows for batch in batches)])
        return starts[:-1].tolist(), [[reader(column) for column in batch.columns] for batch in batches]

    def take(self, rows: Any) -> Catalogue:
        """The catalogue of the given rows, in their order."""
        return Catalogue(self.table.take(pa.array(rows, pa.int64())))

    def write(self, path: Path) -> None:
        """Write as Parquet."""
        pq.write_table(self.table, path, compression="zstd", row_group_size=ROWS_OF_A_GROUP)

    @classmethod
    def read(cls, path: Path) -> Catalogue:
        """Read what `write` wrote."""
        return cls(pq.read_table(path))


@dataclass(frozen=True)
class Dataset:
    """A catalogue with the queries and judgements that train and test a retriever on it."""

    name: str
    catalogue: Catalogue
    queries: Mapping[Split, Sequence[Query]] = field(default_factory=dict)
    judgements: Sequence[Judgement] = ()
    """Of all splits; a judgement belongs to the split of its query."""
    relevant_at: float = 1.0
    """Grades from here on count as relevant for recall and MRR."""
    irrelevant_grade: float = 0.0
    """The grade with no gain in nDCG: gain = max(0, grade - irrelevant_grade)."""
    substitutes: Sequence[tuple[str, str]] = ()
    """Pairs of product ids that a shopper would take in place of each other: for judging only."""
    sessions: Sequence[tuple[str, ...]] = ()
    """Co-purchase baskets of product ids."""
    true_categories: Mapping[str, CategoryPath] = field(default_factory=dict)
    """Product id -> the right category where it is known: for judging only."""
    queries_are_products: bool = False
    """A query with a product's id is that product, which then is no answer to it: left out of runs and measures."""
    taken: Understanding | None = None
    """What the columns of the products' file were taken for, where that was found out."""
    text_fields: tuple[str, ...] = TEXT_FIELDS
    """What is embedded of a product, as `product_text` takes it."""
    reports: Sequence[ReadReport] = ()
    """What reading each of its files came to."""

    def split_queries(self, split: Split) -> list[Query]:
        """The queries of a split, in order; empty if it has none."""
        return list(self.queries.get(split, ()))

    def substitute_rows(self) -> npt.NDArray[np.int64]:
        """(P, 2) rows of the pairs of `substitutes`."""
        row = self.catalogue.row
        return np.asarray([(row(a), row(b)) for a, b in self.substitutes], np.int64).reshape(-1, 2)

    def split_judgements(self, split: Split) -> list[Judgement]:
        """The judgements on a split's queries."""
        ids = {query.id for query in self.queries.get(split, ())}
        return [judgement for judgement in self.judgements if judgement.query_id in ids]


def product_table(products: Iterable[Product]) -> pa.Table:
    """The products as columns of `PRODUCT_SCHEMA`, in their order; ids may repeat. Read a chunk at a time."""
    rest, chunks = iter(products), []
    while chunk := list(islice(rest, CHUNK)):
        chunks.append(_chunk_table(chunk))
    if len(chunks) == 1:
        return chunks[0]
    return pa.concat_tables(chunks) if chunks else PRODUCT_SCHEMA.empty_table()


def _chunk_table(products: Sequence[Product]) -> pa.Table:
    columns: list[Sequence[Any]] = list(zip(*products, strict=True))
    for name in MAPS:
        place = PRODUCT_SCHEMA.get_field_index(name)
        columns[place] = [tuple(pairs.items()) for pairs in columns[place]]  # tuples: no work for the collector
    arrays = [pa.array(column, field.type) for column, field in zip(columns, PRODUCT_SCHEMA, strict=True)]
    return pa.Table.from_arrays(arrays, schema=PRODUCT_SCHEMA)


def save_dataset(dataset: Dataset, path: str | Path, settings: Mapping[str, Any] | None = None) -> Artifact:
    """Write `dataset` as an artifact at `path` and return it."""
    header = {
        "name": dataset.name,
        "relevant_at": dataset.relevant_at,
        "irrelevant_grade": dataset.irrelevant_grade,
        "source": dict(settings or {}),
        "text_fields": list(dataset.text_fields),
        "reports": [{**report._asdict(), "file": Path(report.file).name} for report in dataset.reports],
    }
    if dataset.queries_are_products:
        header["queries_are_products"] = True
    if dataset.taken is not None:
        header["taken"] = dataset.taken.to_json()
    with write_artifact(path, KIND, header) as folder:
        dataset.catalogue.write(folder / "products.parquet")
        _write(folder / "queries.parquet", _query_columns(dataset))
        _write(folder / "judgements.parquet", _columns(dataset.judgements, Judgement._fields))
        _write(folder / "substitutes.parquet", _columns(dataset.substitutes, ("a", "b")))
        _write(folder / "sessions.parquet", {"products": pa.array(map(list, dataset.sessions), pa.list_(pa.string()))})
        _write(
            folder / "true_categories.parquet",
            {
                "id": pa.array(dataset.true_categories.keys(), pa.string()),
                "category": pa.array(map(list, dataset.true_categories.values()), pa.list_(pa.string())),
            },
        )
    return read_artifact(path, KIND)


@described
def load_dataset(path: str | Path) -> tuple[Dataset, Artifact]:
    """The data set at `path` and its artifact, checked."""
    artifact = read_artifact(path, KIND)
    return dataset_with(artifact, Catalogue.read(artifact.file("products.parquet"))), artifact


def dataset_with(artifact: Artifact, catalogue: Catalogue) -> Dataset:
    """The data set of an artifact over a catalogue that has been read already, or over a part of it."""
    queries: dict[Split, list[Query]] = {split: [] for split in SPLITS}
    for row in _read(artifact, "queries"):
        queries[row["split"]].append(Query(row["id"], row["text"], row["kind"], row["frequency"]))
    taken = artifact.settings.get("taken")
    return Dataset(
        name=plain_text("name", artifact.settings["name"]),
        catalogue=catalogue,
        queries=queries,
        judgements=[Judgement(**row) for row in _read(artifact, "judgements")],
        relevant_at=real("relevant_at", artifact.settings["relevant_at"]),
        irrelevant_grade=real("irrelevant_grade", artifact.settings["irrelevant_grade"]),
        substitutes=[(row["a"], row["b"]) for row in _read(artifact, "substitutes")],
        sessions=[tuple(row["products"]) for row in _read(artifact, "sessions")],
        true_categories={row["id"]: tuple(row["category"]) for row in _read(artifact, "true_categories")},
        queries_are_products=artifact.settings.get("queries_are_products") is True,
        taken=Understanding.from_json(taken) if taken else None,
        text_fields=tuple(artifact.settings.get("text_fields", TEXT_FIELDS)),
        reports=[ReadReport(**report) for report in artifact.settings.get("reports", ())],
    )


def _products(columns: Sequence[Sequence[Any]]) -> list[Product]:
    """By the values of `PRODUCT_SCHEMA`'s columns."""
    return [
        Product(
            id,
            title,
            tuple(category or ()),
            brand,
            description,
            dict(attributes or ()),
            price,
            available,
            tuple(stores or ()),
            popularity,
            dict(numbers or ()),
        )
        for id, title, category, brand, description, attributes, price, available, stores, popularity, numbers in zip(
            *columns, strict=True
        )
    ]


def _whole_schema(table: pa.Table) -> pa.Table:
    """The table with every column of `PRODUCT_SCHEMA`: empty maps of numbers where it was written before there were."""
    if "numbers" not in table.column_names:
        numbers = pa.array([[]] * table.num_rows, PRODUCT_SCHEMA.field("numbers").type)
        table = table.append_column("numbers", numbers)
    return table.select(PRODUCT_SCHEMA.names).cast(PRODUCT_SCHEMA)


def _query_columns(dataset: Dataset) -> dict[str, pa.Array]:
    rows = [(*query, split) for split in SPLITS for query in dataset.queries.get(split, ())]
    columns = _columns(rows, (*Query._fields, "split"))
    return columns


def _columns(rows: Sequence[tuple[Any, ...]], names: Sequence[str]) -> dict[str, pa.Array]:
    types = {"grade": pa.float64(), "frequency": pa.int64()}
    return {name: pa.array([row[i] for row in rows], types.get(name, pa.string())) for i, name in enumerate(names)}


def _write(path: Path, columns: Mapping[str, pa.Array]) -> None:
    pq.write_table(pa.table(dict(columns)), path, compression="zstd")


def _read(artifact: Artifact, name: str) -> list[dict[str, Any]]:
    return list(pq.read_table(artifact.file(f"{name}.parquet")).to_pylist())
