"""A run's catalogue while it serves: products come, change and go, and are found at once. Nothing is retrained.

A new product is embedded and gets its semantic ID from the run's own embedder and tokenizer; its place is in RUN/index,
which other processes follow. RUN/data stays what the model was trained on.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from genret.data.product_text import product_text
from genret.data.records import Catalogue
from genret.embed.embedder import Embedder
from genret.ground.arrays import Floats, Ints
from genret.ground.artifacts import Artifact, check_lineage
from genret.ground.errors import GenretError
from genret.ground.typed import check, typed
from genret.ground.types import Product
from genret.index.build import Carry
from genret.index.changes import Change
from genret.index.index import Changing, Compacted
from genret.index.snapshot import Base
from genret.index.store import State
from genret.pipeline.folder import RunFolder
from genret.tokenizer import assign_ids
from genret.tokenizer.assign import fewer, settled_codes

SAME = 1e-5
"""Embeddings of unit length that differ by less count as the same: the product keeps its ID."""
PATCHED = ("price", "available", "stores", "popularity")
"""Fields that may be changed without the rest of the product: those that are no part of its text."""


class Put(NamedTuple):
    """How many products were new, how many replaced the one of the same id, and how many were there as they are."""

    inserted: int
    updated: int
    unchanged: int


class Removed(NamedTuple):
    """Ids that were removed, and ids that the index did not hold."""

    removed: list[str]
    missing: list[str]


class Stock:
    """A run's products, to be changed again and again: what is read to change them is read once.

    >>> with Stock("runs/demo") as stock:  # doctest: +SKIP
    ...     stock.put([Product("10234", "oat milk, barista, 1 l")])
    Put(inserted=1, updated=0, unchanged=0)
    """

    @typed
    def __init__(self, run: str | Path) -> None:
        """A GenretError if the run lacks an index."""
        self.run = RunFolder(run)
        self.index = self.run.index()

    def __enter__(self) -> Stock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.index.close()

    @typed
    def put(self, products: Iterable[Product]) -> Put:
        """Insert the products, those with a known id in place of the old: all of them, or none if one cannot be.

        A new product gets an ID under the run's collision policy, beside those that are taken; one whose text has
        changed gets another ID, one of whom only price, stock and the like have changed keeps it. A GenretError if two
        share an id, or the run lacks an artifact.
        """
        wanted = list(products)
        check("products", wanted, list[Product])
        _check_twice([product.id for product in wanted])
        if not wanted:
            return Put(0, 0, 0)
        vectors = self.ids.embed(wanted)  # before the transaction: it takes longest, and needs nothing of the index
        with self.index.changing() as change:
            self.ids.check(self.index.artifact)
            known = np.array(change.holds([product.id for product in wanted]))
            new, old = np.flatnonzero(~known).tolist(), np.flatnonzero(known).tolist()
            before = change.products([wanted[row].id for row in old])
            other = [row for row, one in zip(old, before, strict=True) if wanted[row] != one]
            self._write(change, wanted, vectors, new, other)
        return Put(len(new), len(other), len(old) - len(other))

    @typed
    def patch(self, patches: Mapping[str, Mapping[str, Any]]) -> Put:
        """Change fields of products by id, and nothing else of them: all, or none if one cannot be.

        Only what is no part of a product's text can be changed so: `PATCHED`. A GenretError if one is unknown.
        """
        for one, fields in patches.items():
            check("a product id of patches", one, str)
            check(f"the fields of product {one!r}", fields, Mapping[str, Any])
            others = sorted(fields.keys() - set(PATCHED))
            if others:
                raise GenretError(f"product {one!r}: a patch changes {', '.join(PATCHED)}, and not {others[0]}")
        with self.index.changing() as change:
            _check_known(patches, change)
            before = change.products(patches)
            after = [one._replace(**patches[one.id]) for one in before]
            changed = [new for new, old in zip(after, before, strict=True) if new != old]
            change.update(changed)
        return Put(0, len(changed), len(before) - len(changed))

    @typed
    def remove(self, ids: Sequence[str], *, missing_ok: bool = False) -> Removed:
        """Take products out: all, or none if the index does not hold one and `missing_ok` is not set."""
        wanted = list(ids)
        _check_twice(wanted)
        with self.index.changing() as change:
            if not missing_ok:
                _check_known(wanted, change)
            held = [one for one, there in zip(wanted, change.holds(wanted), strict=True) if there]
            change.delete(held)
        there = set(held)
        return Removed(held, [one for one in wanted if one not in there])

    def compact(self) -> Compacted:
        """The index's next generation, with all changes in it."""
        return self.index.compact()

    @cached_property
    def ids(self) -> IdGiver:
        """What embeds new products and gives them their IDs."""
        return IdGiver(self.run)

    def _write(
        self, change: Changing, products: Sequence[Product], vectors: Floats, new: list[int], other: list[int]
    ) -> None:
        """Insert the rows `new` and update the rows `other`; of these, those that embed otherwise get new IDs."""
        names = [products[row].id for row in other]
        codes = np.zeros((len(products), len(self.index.trie.codebook_sizes)), np.int64)
        codes[other] = change.codes(names)
        before = change.embeddings(names)
        if before is None:  # all that is known of the old text is its codes
            moved = self.ids.differ(vectors[other], codes[other])
        else:
            moved = np.linalg.norm(vectors[other] - before, axis=1) > SAME
        to_name = [*np.array(other, np.int64)[moved].tolist(), *new]
        if to_name:
            index, new_vectors = self.index.snapshot(), vectors[to_name]
            taken = fewer(index.codes_below(self.ids.heads(new_vectors)), codes[other][moved])
            codes[to_name] = self.ids.new(new_vectors, taken, index.trie.codebook_sizes)
        kept = vectors if self.index.embeddings is not None else None
        for rows, write in ((other, change.update), (new, change.insert)):
            write([products[row] for row in rows], codes[rows], None if kept is None else kept[rows])


class IdGiver:
    """Embeddings and semantic IDs for products that come to an index, by the run's own embedder and tokenizer."""

    def __init__(self, run: RunFolder) -> None:
        self._run, self._fields = run, run.embedded_fields()
        self._tokenizer, _, self._trained = run.tokenizer()

    def check(self, generation: Artifact) -> None:
        """A GenretError unless the index was made from this tokenizer."""
        check_lineage(generation, "tokenizer", self._trained)

    def embed(self, products: Sequence[Product]) -> Floats:
        """(n, D) unit vectors."""
        return np.asarray(self._embedder.encode_products([product_text(one, self._fields) for one in products]))

    def heads(self, vectors: Floats) -> Ints:
        """(n, d) the first codes of the IDs that (n, D) embeddings may get: `new` heeds no IDs that begin otherwise."""
        return settled_codes(self._tokenizer.encode(vectors))

    def new(self, vectors: Floats, taken: Ints, sizes: Sequence[int]) -> Ints:
        """(n, L) IDs for (n, D) embeddings, beside those that are taken (M, L), in codebooks of these sizes."""
        suffixes = sizes[-1] if len(sizes) > len(self._tokenizer.codebook_sizes) else None
        return assign_ids(self._tokenizer, vectors, taken=taken, suffix_codes=suffixes).codes

    def differ(self, vectors: Floats, codes: Ints) -> npt.NDArray[np.bool_]:
        """(n,) whether the tokenizer would spell the embeddings otherwise than these codes."""
        return (self._tokenizer.encode(vectors) != codes[:, : len(self._tokenizer.codebook_sizes)]).any(1)

    @cached_property
    def _embedder(self) -> Embedder:
        return self._run.embedder()


def carried(run: RunFolder, state: State) -> Carry:
    """What takes over the changes of the run's index, of this state, to an index of the run's present artifacts.

    Where embedder and tokenizer are the same they are taken as they are; else products are embedded, and get IDs, anew.
    """

    def carry(base: Base, changes: Sequence[Change]) -> list[Change]:
        before, now = state.inputs, base.artifact.inputs
        if state.migrated:
            changes = _differences(run, base)
        if all(before.get(name) == now.get(name) for name in ("embeddings", "tokenizer")):
            return list(changes)
        giver, result = IdGiver(run), []
        given = np.array([one for change in changes for one in change.ids], object)
        positions = base.positions_of(given.tolist())
        taken = base.trie.id_of(np.delete(np.arange(base.trie.num_products), positions[positions >= 0]))
        for change in changes:
            if change.table is None:
                result.append(change)
                continue
            vectors = giver.embed(list(Catalogue(change.table)))
            codes = giver.new(vectors, taken, base.trie.codebook_sizes)
            result.append(change._replace(codes=codes, embeddings=vectors if base.shape.width else None))
        return result

    return carry


def _differences(run: RunFolder, base: Base) -> list[Change]:
    """How the run's index differs from one that was built from the same data, product by product."""
    index = run.index()
    catalogue, codes, vectors = index.contents()
    index.close()
    built = {product.id: product for product in base.catalogue}
    rows = [row for row, product in enumerate(catalogue) if built.get(product.id) != product]
    ids = catalogue.ids
    gone = sorted(built.keys() - set(ids))
    kept = None if vectors is None else vectors[rows].astype(np.float32)
    came = Change([ids[row] for row in rows], catalogue.take(rows).table, codes[rows], kept)
    return [change for change in (Change(gone), came) if change.ids]


@typed
def put_products(run: str | Path, products: Iterable[Product]) -> Put:
    """`Stock.put`, once."""
    with Stock(run) as stock:
        return stock.put(products)


@typed
def patch_products(run: str | Path, patches: Mapping[str, Mapping[str, Any]]) -> Put:
    """`Stock.patch`, once."""
    with Stock(run) as stock:
        return stock.patch(patches)


@typed
def remove_products(run: str | Path, ids: Sequence[str], *, missing_ok: bool = False) -> Removed:
    """`Stock.remove`, once."""
    with Stock(run) as stock:
        return stock.remove(ids, missing_ok=missing_ok)


@typed
def compact(run: str | Path) -> Compacted:
    """`Stock.compact`, once."""
    with Stock(run) as stock:
        return stock.compact()


def _check_known(ids: Collection[str], change: Changing) -> None:
    missing = [one for one, held in zip(ids, change.holds(ids), strict=True) if not held]
    if missing:
        others = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
        raise GenretError(
            f"no product {missing[0]!r}{others} in the index; nothing was changed; leave it out, or, to remove, "
            "give --missing-ok"
        )


def _check_twice(ids: Sequence[str]) -> None:
    seen: set[str] = set()
    for one in ids:
        if one in seen:
            raise GenretError(f"product {one!r} is given twice; give each once")
        seen.add(one)
