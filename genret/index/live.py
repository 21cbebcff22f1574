"""The changes of an index since its base was written, in memory.

Products that came lie in lists that only grow, so that older snapshots may share them; an id tells which place is its
current one. Deleted products of the base are marked. `snapshot()` sorts what is current into a small trie and lays it
over the base.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from genret.data.records import Catalogue
from genret.ground.arrays import Ints
from genret.ground.checks import shown
from genret.ground.errors import GenretError
from genret.ground.types import Product
from genret.index.changes import Change, merged, taken, whole
from genret.index.filters import Condition
from genret.index.idmap import check_ids
from genret.index.incoming import checked_table
from genret.index.snapshot import (
    Base,
    Delta,
    Floats,
    RankKeys,
    Snapshot,
    bucket_points,
)
from genret.index.text import CameText
from genret.search.patched import inserted, removed
from genret.search.trie import Allowed, Trie, check_codes, sort_rows

PATCHED_FROM, BUILT_BELOW = 32768, 25
"""A trie of fewer products than the first, and the second times those that came or went, is built anew, not patched."""
JOINED_FROM = 64
"""So many tables of products that came are joined without waiting for a snapshot, which joins them anyway."""
Kind: TypeAlias = Literal["insert", "update", "delete"]
"""What is asked of the ids of a change: to be new ones, or known ones."""


class Rows:
    """An (n, W) array that grows; growing never moves or changes what was handed out."""

    def __init__(self, width: int, dtype: npt.DTypeLike) -> None:
        self._array: npt.NDArray[Any] = np.empty((1024, width), dtype)
        self._count = 0

    def extend(self, rows: npt.NDArray[Any]) -> None:
        """Add rows, which must not be changed any more: many that come first are kept without a copy."""
        if not self._count and len(rows) > len(self._array):
            self._array, self._count = rows.astype(self._array.dtype, copy=False), len(rows)
            return
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


class Frozen(NamedTuple):
    """A base and what had changed at one moment; nothing of it changes any more."""

    base: Base
    dead: Ints
    """Base positions no longer valid."""
    ids: list[str]
    """(n,) of the products that came."""
    places: Ints
    """(n,) where they stand in what follows."""
    tables: list[pa.Table]
    codes: Ints
    embeddings: Floats | None

    def contents(self) -> tuple[Catalogue, Ints, Floats | None]:
        """All products, with their codes and embeddings."""
        alive = np.ones(self.base.trie.num_products, np.bool_)
        alive[self.dead] = False
        kept = np.flatnonzero(alive)
        came = taken(self.tables, self.places)
        catalogue = Catalogue(pa.concat_tables([self.base.catalogue.take(kept).table, came]))
        codes = np.concatenate([self.base.trie.id_of(kept), self.codes[self.places]])
        if self.base.embeddings is None or self.embeddings is None:
            return catalogue, codes, None
        return catalogue, codes, np.concatenate([self.base.embeddings[kept], self.embeddings[self.places]])

    def live(self) -> list[Change]:
        """What came and went since the index was built from its data: before the base was written, and since."""
        here = set(self.ids)
        gone = Change([one for one in self.base.ids_at(self.dead.tolist()) if one not in here])
        vectors = None if self.embeddings is None else self.embeddings[self.places].astype(np.float32)
        came = Change(self.ids, taken(self.tables, self.places), self.codes[self.places], vectors)
        return merged([*self.base.live, gone, came])


class Pending:
    """What has changed since the base."""

    def __init__(self, base: Base) -> None:
        self.base, self.shape = base, base.shape
        self._tables: list[pa.Table] = []  # the products that came, as columns; a product's place is its row
        self._ids: list[str] = []  # of each place
        self._popularity = Rows(1, np.float64)
        self._codes = Rows(self.shape.levels, np.int64)
        self._is_current = Rows(1, np.bool_)
        self._embeddings = None if base.embeddings is None else Rows(base.embeddings.shape[1], base.embeddings.dtype)
        self._text = CameText.beside(base.text)
        self._current: dict[str, int] = {}  # product id -> its place
        self._dead: set[int] = set()  # base positions
        self._dead_rows = Rows(1, np.int64)  # the same
        self._dead_seen = 0  # of these, how many `_live` leaves out
        self._live: Allowed | None = None
        self._sorted = 0  # places from here on are not in `_order` yet
        self._replaced = False  # whether one that may be in `_order` is no longer current
        self._order = np.zeros(0, np.int64)  # places in trie order, as of the last snapshot
        self._points = np.zeros(0, np.int64)  # of each, the base position that it stands before
        self._trie = Trie.build(self._codes.values, base.trie.codebook_sizes).trie  # of these

    @classmethod
    def replayed(cls, base: Base, changes: Sequence[Change]) -> Pending:
        """A base with merged changes."""
        pending = cls(base)
        for change in changes:
            pending.apply(change)
        return pending

    @property
    def size(self) -> int:
        return len(self._current) + len(self._dead)

    def __contains__(self, product_id: object) -> bool:
        return isinstance(product_id, str) and bool(self.holds([product_id])[0])

    def holds(self, ids: Sequence[str]) -> Sequence[bool]:
        """Whether each product is in the index as it now is."""
        positions = self.base.positions_of(ids).tolist()
        return [
            one in self._current or (position >= 0 and position not in self._dead)
            for one, position in zip(ids, positions, strict=True)
        ]

    def check_ids(self, kind: Kind, ids: Sequence[str]) -> None:
        """A GenretError unless the ids are new ones (to insert), or known ones (to update or delete), each once."""
        check_ids(ids)
        if len(set(ids)) != len(ids):
            twice = next(one for one, times in Counter(ids).items() if times > 1)
            raise GenretError(f"{kind}: product {twice!r} is given twice; give each once")
        for one, held in zip(ids, self.holds(ids), strict=True):
            if kind == "insert" and held:
                raise GenretError(f"insert: product {one!r} is in the index already; use update to replace it")
            if kind != "insert" and not held:
                raise GenretError(f"{kind}: no product {one!r} in the index")

    def checked(
        self, kind: Kind, products: list[Product], codes: npt.ArrayLike | None, embeddings: npt.ArrayLike | None
    ) -> Change:
        """The change, if it can be made as a whole; else a GenretError."""
        table = checked_table(kind, products)
        ids = [product.id for product in products]
        self.check_ids(kind, ids)
        if kind == "update" and codes is None:
            codes = self.codes_of(ids)
        array = _array(f"{kind}: codes", codes) if len(ids) else np.zeros((0, self.shape.levels), np.int64)
        if array.shape[:1] != (len(ids),):
            raise GenretError(
                f"{kind}: codes of shape {array.shape} for {len(ids)} products; expected one row per product"
            )
        check_codes(array, self.base.trie.codebook_sizes)
        return Change(ids, table, array.astype(np.int64), self._checked_embeddings(kind, ids, embeddings))

    def apply(self, change: Change) -> None:
        """Make a change that was checked."""
        old = [self._current.pop(one) for one in self._current.keys() & change.ids] if self._current else []
        if old:
            self._is_current.values[old] = False
            self._replaced = True
        positions = self.base.positions_of(change.ids)
        died = [position for position in positions[positions >= 0].tolist() if position not in self._dead]
        if died:
            self._dead.update(died)
            self._dead_rows.extend(np.array(died, np.int64)[:, None])
        if change.table is None:
            return
        place = len(self._ids)
        self._add_table(change.table)
        self._ids.extend(change.ids)
        self._is_current.extend(np.ones((len(change.ids), 1), np.bool_))
        self._codes.extend(change.codes)
        self._popularity.extend(whole(change.table["popularity"]).to_numpy(zero_copy_only=False)[:, None])
        if self._embeddings is not None and change.embeddings is not None:
            self._embeddings.extend(change.embeddings)
        self._current.update(zip(change.ids, range(place, place + len(change.ids)), strict=True))

    def replay(self, changes: Iterable[Change]) -> None:
        """Make changes that were made before: only what each product came to in the end."""
        for change in merged(changes):
            self.apply(change)

    def snapshot(self, names: Mapping[str, Condition]) -> Snapshot:
        """The base with the changes so far; later ones do not touch it."""
        dead = self._dead_rows.values[:, 0]
        if self._dead_seen < len(dead):
            live = self._live or Allowed.every(self.base.trie)
            self._live, self._dead_seen = live.without(dead[self._dead_seen :]), len(dead)
        return Snapshot(self.base, self._delta() if self._current else None, dead, self._live, names)

    def settle(self) -> None:
        """Put what came in order now, which the next snapshot would do first."""
        if self._current:
            self._sort()

    def freeze(self) -> Frozen:
        """All products as they now are, to be put together while changes go on."""
        places = np.array(list(self._current.values()), np.int64)
        vectors = None if self._embeddings is None else self._embeddings.values
        dead = self._dead_rows.values[:, 0]
        return Frozen(self.base, dead, list(self._current), places, list(self._tables), self._codes.values, vectors)

    def codes_of(self, ids: Sequence[str]) -> Ints:
        """(n, L) the codes of products that the index holds."""
        rows = [self._code_row(one) for one in ids]
        return np.array(rows, np.int64).reshape(len(ids), self.shape.levels)

    def embeddings_of(self, ids: Sequence[str]) -> Floats | None:
        """(n, D) float32 the embeddings of products that the index holds; None if it holds no embeddings."""
        if self._embeddings is None or self.base.embeddings is None:
            return None
        positions = self.base.positions_of(ids)
        result = np.empty((len(ids), self.shape.width), np.float32)
        for i, (one, position) in enumerate(zip(ids, positions.tolist(), strict=True)):
            place = self._current.get(one)
            result[i] = self.base.embeddings[position] if place is None else self._embeddings.values[place]
        return result

    def products_of(self, ids: Sequence[str]) -> list[Product]:
        """Products that the index holds, in the order of the ids."""
        positions = self.base.positions_of(ids)
        places = np.array([self._current.get(one, -1) for one in ids], np.int64)
        came = iter(Catalogue(self._taken(places[places >= 0])))
        kept = iter(self.base.products(positions[places < 0]))
        return [next(kept if place < 0 else came) for place in places.tolist()]

    def _delta(self) -> Delta:
        self._sort()
        self._join_tables()
        vectors = None if self._embeddings is None else self._embeddings.values
        return Delta(self._trie, self._points, self._order, tuple(self._tables), vectors, self._text)

    def _sort(self) -> None:
        """Bring `_order`, its points and its trie up to date."""
        if self._replaced:
            gone = np.flatnonzero(~self._is_current.values[:, 0].take(self._order))
            self._order, self._points = np.delete(self._order, gone), np.delete(self._points, gone)
            self._trie = self._built(len(gone)) or removed(self._trie, gone)
            self._replaced = False
        fresh = np.flatnonzero(self._is_current.values[self._sorted :, 0]) + self._sorted
        self._sorted = len(self._ids)
        if not len(fresh):
            return
        fresh = self._in_order(fresh)
        codes, keys = self._codes.values[fresh], self._keys(fresh)
        before = bucket_points(self._trie, codes, keys, self._keys(self._order))
        self._order = np.insert(self._order, before, fresh)
        self._trie = self._built(len(fresh)) or inserted(self._trie, codes, before)
        self._points = np.insert(self._points, before, self.base.points(codes, keys))

    def _built(self, changed: int) -> Trie | None:
        """The trie of `_order`, of which so many came or went; None where patching the one before costs less."""
        if len(self._order) >= PATCHED_FROM + BUILT_BELOW * changed:
            return None
        return Trie.of_sorted(self._codes.values, self.base.trie.codebook_sizes, self._order)

    def _in_order(self, places: Ints) -> Ints:
        """These places by semantic ID, and those of one ID by rank."""
        sizes = self.base.trie.codebook_sizes
        places = places[sort_rows(self._codes.values[places], sizes)]
        codes = self._codes.values[places]
        same = (codes[1:] == codes[:-1]).all(1)
        shared = np.flatnonzero(np.append(same, False) | np.append(False, same))
        if len(shared):
            some = places[shared]
            some = some[self._keys(some).order(len(some))]
            places[shared] = some[sort_rows(self._codes.values[some], sizes)]
        return places

    def _keys(self, places: Ints) -> RankKeys:
        """What ranks the products at these places."""
        ids, popularity = self._ids, self._popularity.values[:, 0]
        return RankKeys(
            lambda rows: popularity.take(places[rows]),
            lambda rows: pa.array([ids[place] for place in places[rows].tolist()], pa.string()),
        )

    def _add_table(self, table: pa.Table) -> None:
        self._tables.append(table)
        if len(self._tables) >= JOINED_FROM:
            self._join_tables()

    def _join_tables(self) -> None:
        """Join the last tables, if small beside the one before, so that there are few: each is twice the next."""
        first = len(self._tables) - 1
        rows = self._tables[first].num_rows
        while first and rows * 2 > self._tables[first - 1].num_rows:
            first -= 1
            rows += self._tables[first].num_rows
        if first < len(self._tables) - 1:
            self._tables[first:] = [pa.concat_tables(self._tables[first:]).combine_chunks()]

    def _taken(self, places: Ints) -> pa.Table:
        return taken(self._tables, places)

    def _code_row(self, product_id: str) -> Sequence[int]:
        place = self._current.get(product_id)
        return self.base.idmap.semantic_id(product_id) if place is None else self._codes.values[place].tolist()

    def _checked_embeddings(self, kind: Kind, ids: Sequence[str], embeddings: npt.ArrayLike | None) -> Floats | None:
        if self.base.embeddings is None:
            if embeddings is not None:
                raise GenretError(f"{kind}: embeddings given, but this index holds none; leave them out")
            return None
        width = self.base.embeddings.shape[1]
        if embeddings is None and kind == "insert":
            raise GenretError(f"insert: this index holds embeddings; give ({len(ids)}, {width}) of them")
        if embeddings is None:
            return self.embeddings_of(ids)
        given = _array(f"{kind}: embeddings", embeddings)
        vectors = given.astype(np.float32) if given.dtype.kind in "iuf" else np.zeros(0, np.float32)
        if vectors.shape != (len(ids), width) or not np.isfinite(vectors).all():
            raise GenretError(
                f"{kind}: embeddings of shape {given.shape} and type {given.dtype}; "
                f"expected ({len(ids)}, {width}) finite numbers"
            )
        return vectors


def _array(name: str, values: npt.ArrayLike | None) -> npt.NDArray[Any]:
    """The values as an array; a GenretError where rows differ in length."""
    try:
        return np.asarray(values)
    except (TypeError, ValueError) as error:
        raise GenretError(f"{name}={shown(values)}: not an array ({error})") from None
