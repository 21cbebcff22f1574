"""The changes of an index since its base was written, in memory. Knows products and codes: no files, no locks.

Products that came lie in lists that only grow, so that older snapshots may share them; an id tells which place is its
current one. Deleted products of the base are marked. `snapshot()` sorts what is current into a small trie and lays it
over the base.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from genret.data.records import Catalogue, product_table
from genret.ground.errors import GenretError
from genret.ground.types import Product
from genret.index.changes import Change, Kind
from genret.index.filters import Condition
from genret.index.idmap import check_id
from genret.index.snapshot import Base, Delta, Floats, RankKey, Snapshot, bucket_points, rank_key
from genret.search.bits import Ints
from genret.search.trie import Allowed, Trie, check_codes


class Rows:
    """An (n, W) array that grows; growing never moves or changes what was handed out."""

    def __init__(self, width: int, dtype: npt.DTypeLike) -> None:
        self._array: npt.NDArray[Any] = np.empty((1024, width), dtype)
        self._count = 0

    def extend(self, rows: npt.NDArray[Any]) -> None:
        end = self._count + len(rows)
        if end > len(self._array):
            larger = np.empty((max(end, 2 * len(self._array)), self._array.shape[1]), self._array.dtype)
            larger[: self._count] = self._array[: self._count]
            self._array = larger
        self._array[self._count : end] = rows
        self._count = end

    @property
    def values(self) -> npt.NDArray[Any]:
        return self._array[: self._count]


class Pending:
    """What has changed since the base."""

    def __init__(self, base: Base) -> None:
        self.base = base
        self._products: list[Product] = []
        self._tables: list[pa.Table] = []  # the same, as columns; the last ones yet to come
        self._codes = Rows(base.trie.levels, np.int64)
        self._points = Rows(1, np.int64)
        self._is_current = Rows(1, np.bool_)
        self._embeddings = None if base.embeddings is None else Rows(base.embeddings.shape[1], base.embeddings.dtype)
        self._current: dict[str, int] = {}  # product id -> its place in the lists
        self._dead: set[int] = set()  # base positions
        self._newly_dead: list[int] = []  # ... not in `_live` yet
        self._live: Allowed | None = None
        self._fresh: list[int] = []  # places that `_order` does not hold yet
        self._order = np.zeros(0, np.int64)  # places in trie order, as of the last snapshot
        self._trie = Trie.build(self._codes.values, base.trie.codebook_sizes).trie  # of these

    @property
    def size(self) -> int:
        return len(self._current) + len(self._dead)

    def __contains__(self, product_id: object) -> bool:
        return isinstance(product_id, str) and bool(self._holds([product_id])[0])

    def check_ids(self, kind: Kind, ids: Sequence[str]) -> None:
        """A GenretError unless the ids are new ones (to insert), or known ones (to update or delete), each once."""
        for one in ids:
            check_id(one)
        if len(set(ids)) != len(ids):
            twice = next(one for i, one in enumerate(ids) if one in ids[:i])
            raise GenretError(f"{kind}: product {twice!r} is given twice; give each once")
        for one, held in zip(ids, self._holds(ids), strict=True):
            if kind == "insert" and held:
                raise GenretError(f"insert: product {one!r} is in the index already; use update to replace it")
            if kind != "insert" and not held:
                raise GenretError(f"{kind}: no product {one!r} in the index")

    def checked(
        self, kind: Kind, products: list[Product], codes: npt.ArrayLike | None, embeddings: npt.ArrayLike | None
    ) -> Change:
        """The change, if it can be made as a whole; else a GenretError."""
        ids = [product.id for product in products]
        self.check_ids(kind, ids)
        for product in products:
            _check_product(kind, product)
        if kind == "update" and codes is None:
            codes = [self._codes_of(one) for one in ids]
        array = np.asarray(codes, np.int64) if len(ids) else np.zeros((0, self.base.trie.levels), np.int64)
        if array.shape[:1] != (len(ids),):
            raise GenretError(
                f"{kind}: codes of shape {array.shape} for {len(ids)} products; expected one row a product"
            )
        check_codes(array, self.base.trie.codebook_sizes)
        return Change(kind, ids, products, array, self._checked_embeddings(kind, ids, embeddings))

    def apply(self, change: Change) -> None:
        """Make a change that was checked."""
        for one, position in zip(change.ids, self.base.positions_of(change.ids).tolist(), strict=True):
            old = self._current.pop(one, None)
            if old is not None:
                self._is_current.values[old] = False
            if position >= 0 and position not in self._dead:
                self._dead.add(position)
                self._newly_dead.append(position)
        if not change.products:
            return
        place = len(self._products)
        self._products.extend(change.products)
        self._fresh.extend(range(place, len(self._products)))
        self._is_current.extend(np.ones((len(change.ids), 1), np.bool_))
        self._codes.extend(change.codes)
        self._points.extend(self.base.points(change.codes, change.products)[:, None])
        if self._embeddings is not None and change.embeddings is not None:
            self._embeddings.extend(change.embeddings)
        self._current.update({one: place + i for i, one in enumerate(change.ids)})

    def replay(self, changes: Iterable[Change]) -> None:
        """Make changes that were made before: only what each product came to in the end."""
        last: dict[str, tuple[Change, int] | None] = {}
        for change in changes:
            for i, one in enumerate(change.ids):
                last.pop(one, None)
                last[one] = (change, i) if change.products else None
        gone = [one for one, found in last.items() if found is None]
        kept = [found for found in last.values() if found is not None]
        if gone:
            self.apply(Change("delete", gone))
        if kept:
            products = [change.products[i] for change, i in kept]
            codes = np.stack([change.codes[i] for change, i in kept])
            vectors = [change.embeddings[i] for change, i in kept if change.embeddings is not None]
            ids = [product.id for product in products]
            self.apply(Change("update", ids, products, codes, np.stack(vectors) if vectors else None))

    def snapshot(self, names: Mapping[str, Condition]) -> Snapshot:
        """The base with the changes so far; later ones do not touch it."""
        if self._newly_dead:
            live = self._live or Allowed.from_positions(self.base.trie, np.ones(self.base.trie.num_products, np.bool_))
            self._live, self._newly_dead = live.without(np.array(self._newly_dead)), []
        dead = np.fromiter(self._dead, np.int64, len(self._dead))
        return Snapshot(self.base, self._delta() if self._current else None, dead, self._live, names)

    def contents(self) -> tuple[Catalogue, Ints, Floats | None]:
        """All products as they now are, with their codes and embeddings."""
        alive = np.ones(self.base.trie.num_products, np.bool_)
        alive[list(self._dead)] = False
        kept, places = np.flatnonzero(alive), np.array(list(self._current.values()), np.int64)
        came = Catalogue.from_products([self._products[place] for place in places])
        catalogue = Catalogue(pa.concat_tables([self.base.catalogue.take(kept).table, came.table]))
        codes = np.concatenate([self.base.trie.id_of(kept), self._codes.values[places]])
        if self.base.embeddings is None or self._embeddings is None:
            return catalogue, codes, None
        return catalogue, codes, np.concatenate([self.base.embeddings[kept], self._embeddings.values[places]])

    def _delta(self) -> Delta:
        self._sort()
        points = self._points.values[self._order, 0]
        vectors = None if self._embeddings is None else self._embeddings.values
        return Delta(self._trie, points, self._order, self._products, self._columns(), vectors)

    def _sort(self) -> None:
        """Bring `_order` and its trie up to date: merge what is new into what is in order already."""
        fresh = [place for place in self._fresh if self._current.get(self._products[place].id) == place]
        fresh.sort(key=lambda place: (*self._codes.values[place].tolist(), rank_key(self._products[place])))
        added = np.array(fresh, np.int64)
        points = bucket_points(self._trie, self._codes.values[added], [self._products[p] for p in fresh], self._key)
        order = np.insert(self._order, points, added)
        self._order = order[self._is_current.values[order, 0]]
        self._trie = Trie.build(self._codes.values[self._order], self.base.trie.codebook_sizes).trie  # sorted already
        self._fresh = []

    def _key(self, position: int) -> RankKey:
        """The rank key at a position of the last snapshot's delta."""
        return rank_key(self._products[self._order[position]])

    def _columns(self) -> list[pa.Table]:
        """The products as tables; small ones are joined, so that there are few."""
        done = sum(table.num_rows for table in self._tables)
        if done < len(self._products):
            self._tables = [*self._tables, product_table(self._products[done:])]
        while len(self._tables) > 1 and self._tables[-1].num_rows * 2 > self._tables[-2].num_rows:
            self._tables = [*self._tables[:-2], pa.concat_tables(self._tables[-2:]).combine_chunks()]
        return self._tables

    def _holds(self, ids: Sequence[str]) -> Sequence[bool]:
        """Whether each product is in the index as it now is."""
        positions = self.base.positions_of(ids).tolist()
        return [
            one in self._current or (position >= 0 and position not in self._dead)
            for one, position in zip(ids, positions, strict=True)
        ]

    def _codes_of(self, product_id: str) -> Sequence[int]:
        place = self._current.get(product_id)
        return self.base.idmap.semantic_id(product_id) if place is None else self._codes.values[place].tolist()

    def _embedding_of(self, product_id: str) -> Floats:
        place = self._current.get(product_id)
        if place is not None and self._embeddings is not None:
            return self._embeddings.values[place]
        assert self.base.embeddings is not None
        return np.asarray(self.base.embeddings[self.base.positions_of([product_id])[0]])

    def _checked_embeddings(self, kind: Kind, ids: Sequence[str], embeddings: npt.ArrayLike | None) -> Floats | None:
        if self.base.embeddings is None:
            if embeddings is not None:
                raise GenretError(f"{kind}: embeddings given, but this index holds none; leave them out")
            return None
        width = self.base.embeddings.shape[1]
        if embeddings is None and kind == "insert":
            raise GenretError(f"insert: this index holds embeddings; give ({len(ids)}, {width}) of them")
        if embeddings is None:
            return np.stack([self._embedding_of(one) for one in ids]).astype(np.float32) if ids else None
        vectors = np.asarray(embeddings, np.float32)
        if vectors.shape != (len(ids), width) or not np.isfinite(vectors).all():
            raise GenretError(
                f"{kind}: embeddings of shape {vectors.shape}; expected ({len(ids)}, {width}) finite numbers"
            )
        return vectors


def _check_product(kind: Kind, product: Product) -> None:
    """What a catalogue's readers would have refused, and the order of products relies on."""
    if not product.title.strip():
        raise GenretError(f"{kind}: product {product.id!r} has no title")
    if not (math.isfinite(product.popularity) and product.popularity > 0):
        raise GenretError(
            f"{kind}: product {product.id!r} has popularity {product.popularity}; expected a number above 0"
        )
    if product.price is not None and not math.isfinite(product.price):
        raise GenretError(f"{kind}: product {product.id!r} has price {product.price}; expected a number, or None")
