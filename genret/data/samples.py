"""Samples of a catalogue: rows drawn by a seed, the data set of some rows, and a catalogue read from disk row by row.

What is drawn depends on the number of products and the seed alone, so a process that holds the catalogue and one that
only reads it draw the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from genret.data.records import PRODUCT_SCHEMA, Catalogue, Dataset, dataset_with
from genret.ground.artifacts import Artifact

Rows = npt.NDArray[np.int64]


def sample_rows(count: int, size: int, seed: int) -> Rows | None:
    """`size` of `count` rows, ascending; None where that is all of them, or `size` is 0, which asks for all."""
    if not 0 < size < count:
        return None
    return np.sort(np.random.default_rng(seed).choice(count, size, replace=False))


def judged_products(dataset: Dataset) -> set[str]:
    """The ids of the products that a judgement names."""
    return {judgement.product_id for judgement in dataset.judgements}


def with_judged(rows: Rows | None, ids: Iterable[pa.Array], judged: set[str]) -> Rows | None:
    """Sampled rows and those of the judged products; `ids`: of all products, in order, in pieces."""
    if rows is None or not judged:
        return rows
    wanted, found, first = pa.array(sorted(judged), pa.string()), [rows], 0
    for piece in ids:
        there = pc.is_in(piece, value_set=wanted).to_numpy(zero_copy_only=False)
        found.append(first + np.flatnonzero(there))
        first += len(piece)
    return np.unique(np.concatenate(found))


def part_of(dataset: Dataset, catalogue: Catalogue) -> Dataset:
    """The data set as if its shop sold this part of its catalogue only: what names other products is left out."""
    known = set(catalogue.ids)
    return replace(
        dataset,
        catalogue=catalogue,
        judgements=[one for one in dataset.judgements if one.product_id in known],
        substitutes=[pair for pair in dataset.substitutes if known.issuperset(pair)],
        sessions=[kept for one in dataset.sessions if (kept := tuple(id for id in one if id in known))],
        true_categories={id: path for id, path in dataset.true_categories.items() if id in known},
    )


def sampled(dataset: Dataset, size: int, seed: int, *, judged: bool = False) -> Dataset:
    """The part of a data set over a sample of its products, and with `judged` over the judged ones too."""
    rows = sample_rows(len(dataset.catalogue), size, seed)
    if judged:
        rows = with_judged(rows, dataset.catalogue.table["id"].chunks, judged_products(dataset))
    return dataset if rows is None else part_of(dataset, dataset.catalogue.take(rows))


class ProductRows:
    """The products of a data artifact, read from disk a row group at a time: the catalogue is never held whole."""

    def __init__(self, file: str | Path) -> None:
        self._file = pq.ParquetFile(file, memory_map=True)
        sizes = [self._file.metadata.row_group(i).num_rows for i in range(self._file.metadata.num_row_groups)]
        self._starts = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])

    def __len__(self) -> int:
        return int(self._starts[-1])

    def between(self, start: int, stop: int) -> Catalogue:
        """The products of the rows from `start` to before `stop`."""
        first = int(np.searchsorted(self._starts, start, "right")) - 1
        last = int(np.searchsorted(self._starts, stop, "left"))
        table = self._file.read_row_groups(list(range(first, last)))
        return Catalogue(table.slice(start - int(self._starts[first]), stop - start))

    def take(self, rows: Rows) -> Catalogue:
        """The products of some rows, ascending."""
        parts: list[pa.Table] = []
        for group, (start, stop) in enumerate(zip(self._starts[:-1].tolist(), self._starts[1:].tolist(), strict=True)):
            inside = rows[np.searchsorted(rows, start) : np.searchsorted(rows, stop)]
            if len(inside):
                parts.append(self._file.read_row_group(group).take(pa.array(inside - start)))
        return Catalogue(pa.concat_tables(parts) if parts else PRODUCT_SCHEMA.empty_table())

    def ids(self) -> Iterator[pa.Array]:
        """Every product's id, in order, in pieces."""
        for batch in self._file.iter_batches(columns=["id"]):
            yield batch.column(0)


def load_sampled(artifact: Artifact, size: int, seed: int, *, judged: bool = False) -> Dataset:
    """What `sampled` makes of the data set of an artifact, with no more of its catalogue read than is kept."""
    products = ProductRows(artifact.file("products.parquet"))
    nothing = dataset_with(artifact, Catalogue(PRODUCT_SCHEMA.empty_table()))
    rows = sample_rows(len(products), size, seed)
    if judged:
        rows = with_judged(rows, products.ids(), judged_products(nothing))
    if rows is None:
        return replace(nothing, catalogue=Catalogue.read(artifact.file("products.parquet")))
    return part_of(nothing, products.take(rows))
