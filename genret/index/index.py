"""The index: semantic IDs and products as a prefix trie on disk, memory-mapped, changed while it is searched.

Readers take a `snapshot()`, which never changes; writers of any process insert, update and delete, a transaction at a
time; a change is on the disk when it returns, and in the next snapshot of everyone. Every answer equals that of an
index rebuilt from the products as they then are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import RLock
from typing import Literal, NamedTuple, TypeAlias

import numpy.typing as npt

from genret.data.records import Catalogue
from genret.ground.arrays import Ints
from genret.ground.artifacts import Artifact
from genret.ground.checks import path as checked_path
from genret.ground.errors import GenretError
from genret.ground.manifests import as_described
from genret.ground.typed import typed
from genret.ground.types import Product, SemanticId
from genret.index import generations
from genret.index.build import Contents, Opened, allocated, opened, written_generation
from genret.index.changes import Change, decoded, encoded
from genret.index.filter_text import as_condition
from genret.index.filters import Condition
from genret.index.live import Kind, Pending
from genret.index.snapshot import Base, Embeddings, Floats, Snapshot
from genret.index.store import Read, Transaction
from genret.search.trie import Allowed, Trie

__all__ = ["Changing", "Compacted", "Index"]


Outcome: TypeAlias = Literal["written", "nothing to do", "another process is writing"]


class Compacted(NamedTuple):
    """What a compaction came to."""

    artifact: Artifact
    """The current generation."""
    outcome: Outcome


class Changing:
    """One transaction: what is asked of it is made together, or not at all."""

    def __init__(self, index: Index, pending: Pending) -> None:
        """Use `Index.changing`."""
        self.index, self._pending = index, pending
        self.changes: list[Change] = []
        self._given: set[str] = set()

    @typed
    def insert(
        self, products: Iterable[Product], codes: npt.ArrayLike, embeddings: npt.ArrayLike | None = None
    ) -> None:
        """As `Index.insert`."""
        self._put("insert", products, codes, embeddings)

    @typed
    def update(
        self,
        products: Iterable[Product],
        codes: npt.ArrayLike | None = None,
        embeddings: npt.ArrayLike | None = None,
    ) -> None:
        """As `Index.update`."""
        self._put("update", products, codes, embeddings)

    @typed
    def delete(self, ids: str | Iterable[str]) -> None:
        """As `Index.delete`."""
        names = [ids] if isinstance(ids, str) else list(ids)
        self._pending.check_ids("delete", names)
        self._add(Change(names), "delete")

    @typed
    def products(self, ids: Iterable[str]) -> list[Product]:
        """Products that the index holds, as this transaction found them."""
        return self._pending.products_of(list(ids))

    @typed
    def codes(self, ids: Iterable[str]) -> Ints:
        """(n, L) their semantic IDs."""
        return self._pending.codes_of(list(ids))

    @typed
    def embeddings(self, ids: Iterable[str]) -> Floats | None:
        """(n, D) their embeddings; None where the index holds none."""
        return self._pending.embeddings_of(list(ids))

    @typed
    def holds(self, ids: Iterable[str]) -> list[bool]:
        """Whether the index holds each of these products, as this transaction found it."""
        return list(self._pending.holds(list(ids)))

    def __contains__(self, product_id: object) -> bool:
        return product_id in self._pending

    def _put(
        self, kind: Kind, products: Iterable[Product], codes: npt.ArrayLike | None, embeddings: npt.ArrayLike | None
    ) -> None:
        self._add(self._pending.checked(kind, list(products), codes, embeddings), kind)

    def _add(self, change: Change, kind: Kind) -> None:
        if not self._given.isdisjoint(change.ids):
            twice = next(one for one in change.ids if one in self._given)
            raise GenretError(f"{kind}: product {twice!r} is given twice; give each once")
        self._given.update(change.ids)
        if change.ids:
            self.changes.append(change)


class Index:
    """An index that is searched and changed, by any number of threads and processes.

    >>> index = Index.open("runs/demo/index")
    >>> index.product(0).id in index
    True
    >>> index.close()
    """

    def __init__(self, folder: Path, found: Opened) -> None:
        """Use `Index.open`."""
        self.folder, self._store = folder, found.store
        self._lock, self._writing = RLock(), RLock()
        self._names: dict[str, Condition] = {}
        self._lineage = found.state.lineage
        self._base, self._pending, self._last = found.pending.base, found.pending, found.state.last
        self._snapshot: Snapshot | None = None  # of now, once it was asked for

    @classmethod
    @typed
    def open(cls, path: str | Path, *, verify: bool = True) -> Index:
        """The index at `path`, with all changes. `verify=False` checks the sizes of files only.

        Raises GenretError if it is missing or damaged.
        """
        folder = checked_path("path", path)
        with as_described(folder):
            return cls(folder, opened(folder, verify=verify))

    def __len__(self) -> int:
        return len(self.snapshot())

    def __contains__(self, product_id: object) -> bool:
        with self._lock:
            self._look()
            return product_id in self._pending

    @property
    def artifact(self) -> Artifact:
        """The current generation, as far as this index has seen: what lies on disk, without the changes since."""
        return self._base.artifact

    @property
    def pending(self) -> int:
        """Changes since the generation was written: products that came, were replaced or went."""
        with self._lock:
            self._look()
            return self._pending.size

    def snapshot(self) -> Snapshot:
        """The index as it is now, with every change that any process has finished; it stays so."""
        with self._lock:
            self._look()
            if self._snapshot is None:
                self._snapshot = self._pending.snapshot(dict(self._names))
            return self._snapshot

    @property
    def trie(self) -> Trie:
        return self.snapshot().trie

    @property
    def embeddings(self) -> Embeddings | None:
        """The products' embeddings by position, None if the index holds none."""
        return self.snapshot().embeddings

    @typed
    def compile(self, where: Condition | str | None = None) -> Allowed | None:
        """The filter for the current snapshot; None where everything is allowed."""
        return self.snapshot().compile(where)

    @typed
    def product(self, position: int) -> Product:
        return self.snapshot().product(position)

    @typed
    def products(self, positions: npt.ArrayLike) -> list[Product]:
        return self.snapshot().products(positions)

    @typed
    def semantic_id(self, product_id: str) -> SemanticId:
        return self.snapshot().semantic_id(product_id)

    def contents(self) -> tuple[Catalogue, Ints, Floats | None]:
        """All products as they now are, with their (N, L) codes and (N, D) embeddings, if the index holds these."""
        with self._lock:
            self._look()
            frozen = self._pending.freeze()
        return frozen.contents()

    @typed
    def define(self, name: str, where: Condition | str) -> None:
        """Give a filter a name that conditions may use, and compile it now. A GenretError if it does not fit."""
        condition = as_condition(where)
        with self._lock:
            self.snapshot().compile(condition)
            self._names[name] = condition
            self._snapshot = None

    @contextmanager
    def changing(self) -> Iterator[Changing]:
        """A transaction: made, and on the disk, when the block ends; if it fails, nothing is changed.

        Other writers, in whatever process, wait until it ends; readers do not. A GenretError if another writer takes
        too long, the disk refuses, or the index was built anew from other inputs.
        """
        with self._writing:
            while True:
                with self._store.writing() as transaction:
                    if transaction.state.lineage != self._lineage:
                        raise GenretError(f"{self.folder}: built anew from other inputs since; open it again")
                    if transaction.state.generation == self._base.number:
                        with self._lock:
                            self._apply(Read(transaction.state, transaction.rows(self._last)))
                            before = self._last
                        change = Changing(self, self._pending)
                        yield change
                        self._append(transaction, change)
                        break
                self.refresh()  # here, and not in the transaction: opening another generation takes a while
            with self._lock:
                if self._last == before and change.changes:  # else a reader has taken it in already
                    self._pending.replay(change.changes)
                    self._last, self._snapshot = transaction.state.last, None

    @typed
    def insert(
        self, products: Iterable[Product], codes: npt.ArrayLike, embeddings: npt.ArrayLike | None = None
    ) -> None:
        """Add products with their (n, L) codes and, if the index holds them, (n, D) embeddings: all or none.

        A GenretError if one of them is in the index already, or the codes do not fit its codebooks.
        """
        with self.changing() as change:
            change._put("insert", products, codes, embeddings)

    @typed
    def update(
        self,
        products: Iterable[Product],
        codes: npt.ArrayLike | None = None,
        embeddings: npt.ArrayLike | None = None,
    ) -> None:
        """Replace the products of the same ids: all or none. Without `codes`, or `embeddings`, they keep theirs.

        A GenretError if one of them is not in the index.
        """
        with self.changing() as change:
            change._put("update", products, codes, embeddings)

    @typed
    def delete(self, ids: str | Iterable[str]) -> None:
        """Remove products by id: all or none. A GenretError if one of them is not in the index."""
        with self.changing() as change:
            change.delete(ids)

    def compact(self) -> Compacted:
        """Write the next generation, with all changes in it, and go on from there.

        Readers read and writers write meanwhile; what they change is kept. If it fails, nothing has changed. Of two
        that compact, one does the work, and the other returns at once and says so.
        """
        with generations.written_alone(self.folder, wait=False) as alone:
            if not alone:
                return Compacted(self.artifact, "another process is writing")
            done = self._compacted()
            with suppress(GenretError), self._lock:  # what is left lies until the next one
                generations.sweep(self.folder, self._store.state().generation)
            return done

    def refresh(self) -> None:
        """Take in what other processes have changed; every `snapshot` does so too."""
        with self._lock:
            self._look()

    def close(self) -> None:
        """Release the database; the index can be used on, and then opens it again."""
        with self._writing, self._lock:
            self._store.close()

    def _look(self, known: Base | None = None) -> None:
        """Take in what has changed, if anything has; what could not be taken in is tried again by whoever looks next.

        `known`: a generation that is open, and may be the current one.
        """
        if not self._store.changed():
            return
        try:
            with as_described(self.folder):
                self._take_in(known)
        except BaseException:
            self._store.unsee()
            raise

    def _take_in(self, known: Base | None) -> None:
        number = self._base.number
        read = self._store.read(lambda state: self._last if state.generation == number else state.last)
        if read.state.lineage != self._lineage:
            return  # built anew from other inputs: this one stays as it was, and takes no changes
        if read.state.generation == number:
            self._apply(read)
        else:
            self._move(known)

    def _move(self, known: Base | None) -> None:
        """Go on from the generation that is current now."""
        _, state, pending = opened(self.folder, verify=False, store=self._store, known=known)
        if state.lineage != self._lineage:
            return  # as above
        self._base, self._pending, self._last, self._snapshot = pending.base, pending, state.last, None
        generations.remove_unused(self.folder, pending.base.number)

    def _apply(self, read: Read) -> None:
        """Take in changes that other processes made."""
        if read.rows:
            shape = self._base.shape
            self._pending.replay(decoded(row.kind, row.body, shape) for row in read.rows)
            self._last, self._snapshot = read.state.last, None

    def _append(self, transaction: Transaction, change: Changing) -> None:
        shape = self._base.shape
        for one in change.changes:
            for piece in one.pieces():
                transaction.append(piece.kind, encoded(piece, shape))

    def _compacted(self) -> Compacted:
        self.refresh()
        with self._lock:
            base, last, frozen = self._base, self._last, self._pending.freeze()
            state = self._store.state()
        if state.lineage != self._lineage or state.generation != base.number or last == state.base:
            return Compacted(base.artifact, "nothing to do")
        with self._writing:
            number = allocated(self._store)
        with as_described(base.artifact.path):
            contents = Contents(*frozen.contents(), frozen.live(), base.text.about)
        written = written_generation(self.folder, number, contents, base.trie.codebook_sizes, state.inputs)
        with self._writing, self._store.writing() as transaction:
            if transaction.state.generation != base.number:  # only where the system has no locks to keep others out
                return Compacted(base.artifact, "another process is writing")
            transaction.forget(last)
            transaction.set(written.current(transaction.state, last))
        with suppress(GenretError), self._lock:  # it is done; who looks next takes it in
            self._look(written.base)
        return Compacted(written.base.artifact, "written")
