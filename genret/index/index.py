"""The index: semantic IDs and products as a prefix trie on disk, memory-mapped, changed while it is searched.

Knows tries, products, filters and the log of changes; no model, no text encoder and no search. Readers take a
`snapshot()`, which never changes; writers insert, update and delete; each change is logged durably, and is in the next
snapshot. Every answer equals that of an index rebuilt from the products as they then are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from threading import RLock
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from genret.data.records import Catalogue
from genret.ground.artifacts import Artifact, read_artifact, write_artifact
from genret.ground.errors import GenretError
from genret.ground.types import Product, SemanticId
from genret.index.changes import LOG, Change, ChangeLog, Kind
from genret.index.filter_text import as_condition
from genret.index.filters import Condition
from genret.index.idmap import IdMap
from genret.index.live import Pending
from genret.index.snapshot import Base, Embeddings, Floats, Snapshot
from genret.search.trie import Allowed, Trie

KIND = "index"


def build_index(
    catalogue: Catalogue,
    codes: npt.ArrayLike,
    codebook_sizes: Sequence[int],
    path: str | Path,
    inputs: Mapping[str, str] | None = None,
    embeddings: npt.ArrayLike | None = None,
    *,
    durable: bool = False,
) -> Artifact:
    """Write the index of a catalogue's N products, with their (N, L) codes, at `path`, and return its artifact.

    Products lie in the order of their IDs; those that share an ID by popularity, the highest first, then by product
    id. `embeddings` (N, D) float32 or float16 are kept in the same order. A catalogue of no products makes an index
    that finds nothing. `durable` has it on the disk (fsync) before it takes the place of another.
    """
    array = np.asarray(codes)
    if array.ndim != 2 or len(array) != len(catalogue):
        raise GenretError(f"codes of shape {array.shape} for {len(catalogue)} products; expected one row a product")
    keys = [("popularity", "descending"), ("id", "ascending")]
    ranked = pc.sort_indices(catalogue.table, sort_keys=keys).to_numpy(zero_copy_only=False).astype(np.int64)
    trie, order = Trie.build(array[ranked], codebook_sizes)
    rows = ranked[order]  # (N,) the catalogue's row at each position
    ordered = catalogue.take(rows)
    vectors = None if embeddings is None else _checked_embeddings(embeddings, len(catalogue))
    settings = {"codebook_sizes": list(trie.codebook_sizes), "products": trie.num_products, "ids": trie.num_ids}
    with write_artifact(path, KIND, settings, inputs, durable=durable) as folder:
        trie.save(folder / "trie")
        ordered.write(folder / "products.parquet")
        IdMap.build(ordered.ids, array[rows]).save(folder)
        if vectors is not None:
            np.save(folder / "embeddings.npy", vectors[rows], allow_pickle=False)
    return read_artifact(path, KIND, verify=False)


class Index:
    """An index that is searched and changed. Readers need no lock; one process at a time may write."""

    def __init__(self, base: Base) -> None:
        """Use `Index.open`."""
        self._lock = RLock()
        self._names: dict[str, Condition] = {}
        self._stale = True  # whether there are changes that `_snapshot` does not hold
        self._start(base)

    @classmethod
    def open(cls, path: str | Path, *, verify: bool = True) -> Index:
        """The index at `path`, with the changes logged beside it. `verify=False` checks the sizes of files only.

        Raises GenretError if it is missing, damaged, or its log belongs to another index.
        """
        return cls(Base(read_artifact(path, KIND, verify=verify)))

    def __len__(self) -> int:
        return len(self.snapshot())

    def __contains__(self, product_id: object) -> bool:
        return product_id in self._pending

    @property
    def artifact(self) -> Artifact:
        """What lies on disk, changes apart."""
        return self._base.artifact

    @property
    def pending(self) -> int:
        """Changes since the index was built or compacted: products that came, were replaced or went."""
        return self._pending.size

    def snapshot(self) -> Snapshot:
        """The index as it is now, every finished change included; it stays so."""
        if self._stale:
            with self._lock:
                if self._stale:
                    self._snapshot = self._pending.snapshot(dict(self._names))
                    self._stale = False
        return self._snapshot

    @property
    def trie(self) -> Trie:
        return self.snapshot().trie

    @property
    def embeddings(self) -> Embeddings | None:
        """The products' embeddings by position, None if the index holds none."""
        return self.snapshot().embeddings

    def compile(self, where: Condition | str | None = None) -> Allowed | None:
        """The filter for the current snapshot; None where everything is allowed."""
        return self.snapshot().compile(where)

    def product(self, position: int) -> Product:
        return self.snapshot().product(position)

    def products(self, positions: npt.ArrayLike) -> list[Product]:
        return self.snapshot().products(positions)

    def semantic_id(self, product_id: str) -> SemanticId:
        return self.snapshot().semantic_id(product_id)

    def contents(self) -> tuple[Catalogue, npt.NDArray[np.int64], Floats | None]:
        """All products as they now are, with their (N, L) codes and (N, D) embeddings, if the index holds these."""
        with self._lock:
            return self._pending.contents()

    def define(self, name: str, where: Condition | str) -> None:
        """Give a filter a name that conditions may use, and compile it now. A GenretError if it does not fit."""
        condition = as_condition(where)
        with self._lock:
            self.snapshot().compile(condition)
            self._names[name] = condition
            self._stale = True

    def insert(
        self, products: Iterable[Product], codes: npt.ArrayLike, embeddings: npt.ArrayLike | None = None
    ) -> None:
        """Add products with their (n, L) codes and, if the index holds them, (n, D) embeddings: all or none.

        A GenretError if one of them is in the index already, or the codes do not fit its codebooks.
        """
        self._apply("insert", list(products), codes, embeddings)

    def update(
        self,
        products: Iterable[Product],
        codes: npt.ArrayLike | None = None,
        embeddings: npt.ArrayLike | None = None,
    ) -> None:
        """Replace the products of the same ids: all or none. Without `codes`, or `embeddings`, they keep theirs.

        A GenretError if one of them is not in the index.
        """
        self._apply("update", list(products), codes, embeddings)

    def delete(self, ids: Iterable[str]) -> None:
        """Remove products by id: all or none. A GenretError if one of them is not in the index."""
        names = [ids] if isinstance(ids, str) else list(ids)
        with self._lock:
            self._pending.check_ids("delete", names)
            self._commit(Change("delete", names))

    def compact(self) -> Artifact:
        """Write the index anew with all changes in it, and go on from there; the log ends with the old one.

        Whole or not at all; readers of older snapshots are not disturbed, writers wait.
        """
        with self._lock:
            if not self._pending.size:
                return self._base.artifact
            catalogue, codes, embeddings = self.contents()
            old, sizes = self._base.artifact, self._base.trie.codebook_sizes
            build_index(catalogue, codes, sizes, old.path, old.inputs, embeddings, durable=True)
            self._log.close()
            self._start(Base(read_artifact(old.path, KIND, verify=False)))
            return self._base.artifact

    def refresh(self) -> None:
        """Take in what another process has changed or compacted since."""
        with self._lock:
            current = read_artifact(self._base.artifact.path, KIND, verify=False)
            if current.fingerprint != self._base.artifact.fingerprint:
                self._log.close()
                self._start(Base(current))
            else:
                self._replay()

    def close(self) -> None:
        """Let another process write."""
        self._log.close()

    def _start(self, base: Base) -> None:
        log = ChangeLog(base.artifact.path / LOG, base.artifact.fingerprint)
        self._base, self._pending, self._log = base, Pending(base), log
        self._replay()

    def _replay(self) -> None:
        self._pending.replay(self._log.read())
        self._stale = True

    def _apply(self, kind: Kind, products: list[Product], codes: Any, embeddings: Any) -> None:
        with self._lock:
            self._commit(self._pending.checked(kind, products, codes, embeddings))

    def _commit(self, change: Change) -> None:
        if change.ids:
            self._log.append(change)
            self._pending.apply(change)
            self._stale = True


def _checked_embeddings(embeddings: npt.ArrayLike, count: int) -> Floats:
    vectors = np.asarray(embeddings)
    if vectors.dtype not in (np.float16, np.float32):
        vectors = vectors.astype(np.float32)
    if vectors.ndim != 2 or len(vectors) != count:
        raise GenretError(f"embeddings of shape {vectors.shape} for {count} products; expected one row a product")
    return vectors
