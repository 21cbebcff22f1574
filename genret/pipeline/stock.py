"""A run's catalogue while it serves: products come, change and go, and are found at once. Nothing is retrained.

Knows run folders. A new product is embedded and gets its semantic ID from the run's own embedder and tokenizer; its
place is in RUN/index, whose log other processes follow. RUN/data stays what the model was trained on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from genret.data.product_text import product_text
from genret.ground.artifacts import Artifact, check_lineage
from genret.ground.errors import GenretError
from genret.ground.types import Product
from genret.index.index import Index
from genret.pipeline.folder import RunFolder
from genret.tokenizer import assign_ids

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
SAME = 1e-5
"""Embeddings of unit length that differ by less are of one text: the product keeps its ID."""


class Put(NamedTuple):
    """How many products were new, and how many replaced the one of the same id."""

    inserted: int
    updated: int


def put_products(run: str | Path, products: Iterable[Product]) -> Put:
    """Insert the products into RUN/index, those with a known id in place of the old: each kind all or none.

    A new product gets an ID under the run's collision policy, beside those that are taken; one whose text has changed
    gets another ID, one of whom only price, stock and the like have changed keeps it. A GenretError if two share an id,
    or the run lacks an artifact.
    """
    wanted = list(products)
    with _opened(run) as index:
        known = [product for product in wanted if product.id in index]
        new = [product for product in wanted if product.id not in index]
        _check_twice(wanted)
        giver = _IdGiver(RunFolder(run), index)
        if known:
            vectors = giver.embed(known)
            index.update(known, giver.ids_of_changed(known, vectors), giver.kept(vectors))
        if new:
            vectors = giver.embed(new)
            index.insert(new, giver.new_ids(vectors), giver.kept(vectors))
    return Put(len(new), len(known))


def remove_products(run: str | Path, ids: Sequence[str]) -> None:
    """Take products out of RUN/index: all or none. A GenretError if one of them is not in it."""
    with _opened(run) as index:
        index.delete(ids)


def compact(run: str | Path) -> Artifact:
    """RUN/index written anew with all changes in it."""
    with _opened(run) as index:
        return index.compact()


class _IdGiver:
    """Embeddings and semantic IDs for products that come to an index, by the run's own embedder and tokenizer."""

    def __init__(self, run: RunFolder, index: Index) -> None:
        self.fields = run.embedded_fields()
        self.tokenizer, _, artifact = run.tokenizer()
        check_lineage(index.artifact, "tokenizer", artifact)
        self.embedder, self.index = run.embedder(), index

    def embed(self, products: Sequence[Product]) -> Floats:
        """(n, D) unit vectors."""
        return np.asarray(self.embedder.encode_products([product_text(product, self.fields) for product in products]))

    def kept(self, vectors: Floats) -> Floats | None:
        """The vectors, where the index holds embeddings."""
        return vectors if self.index.embeddings is not None else None

    def new_ids(self, vectors: Floats, leaving: Sequence[str] = ()) -> Ints:
        """(n, L) IDs beside those of the index's products, but for the ones that are `leaving` theirs."""
        catalogue, codes, _ = self.index.contents()
        stay = np.ones(len(catalogue), bool)
        stay[[catalogue.row(one) for one in leaving]] = False
        sizes = self.index.trie.codebook_sizes
        suffixes = sizes[-1] if len(sizes) > len(self.tokenizer.codebook_sizes) else None
        return assign_ids(self.tokenizer, vectors, taken=codes[stay], suffix_codes=suffixes).codes

    def ids_of_changed(self, products: Sequence[Product], vectors: Floats) -> Ints:
        """(n, L) the products' present IDs, new ones for those that embed otherwise than they did."""
        catalogue, codes, embeddings = self.index.contents()
        rows = [catalogue.row(product.id) for product in products]
        ids = codes[rows]
        if embeddings is None:  # all that is known of the old text is its codes
            changed = (self.tokenizer.encode(vectors) != ids[:, : len(self.tokenizer.codebook_sizes)]).any(1)
        else:
            changed = np.linalg.norm(vectors - embeddings[rows], axis=1) > SAME
        if changed.any():
            leaving = [product.id for product, other in zip(products, changed.tolist(), strict=True) if other]
            ids[changed] = self.new_ids(vectors[changed], leaving)
        return ids


@contextmanager
def _opened(run: str | Path) -> Iterator[Index]:
    index = RunFolder(run).index()
    try:
        yield index
    finally:
        index.close()


def _check_twice(products: Sequence[Product]) -> None:
    seen: set[str] = set()
    for product in products:
        if product.id in seen:
            raise GenretError(f"product {product.id!r} is given twice; give each once")
        seen.add(product.id)
