"""What a search reads: a trie, the products at its positions, and filters. Immutable, so that no reader sees half a
change. Knows products, columns and positions: no model, no query, and nothing of how changes come about.

`Base` is the index on disk, in trie order. `Delta` is what came since, in memory, in its own trie. A `Snapshot` is both
as they were at one moment, laid over each other, less what was deleted.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from genret.data.records import Catalogue
from genret.ground.artifacts import Artifact
from genret.ground.errors import GenretError
from genret.ground.types import Product, SemanticId
from genret.index.filter_text import as_condition
from genret.index.filters import ATTRIBUTES, Condition, resolve
from genret.index.idmap import IdMap
from genret.search.bits import Bools, Ints
from genret.search.overlay import OverlayAllowed, OverlayTrie
from genret.search.trie import Allowed, Trie

Floats: TypeAlias = npt.NDArray[Any]
"""float32, or float16 as it lies on disk."""
RankKey: TypeAlias = tuple[float, str]
CACHE_BYTES = 256 << 20
"""What the compiled filters that are kept for the next search may take."""


class Embeddings(Protocol):
    """Products' embeddings, by position: indexed like an array, with positions of any shape."""

    def __getitem__(self, positions: Any) -> Floats: ...


class FilterCache:
    """The filters used last, by their text form, up to a number of bytes. Safe to share between threads."""

    def __init__(self, max_bytes: int = CACHE_BYTES) -> None:
        self._max_bytes, self._bytes = max_bytes, 0
        self._filters: OrderedDict[str, Allowed] = OrderedDict()
        self._lock = Lock()

    def get(self, text: str) -> Allowed | None:
        with self._lock:
            if text in self._filters:
                self._filters.move_to_end(text)
            return self._filters.get(text)

    def put(self, text: str, allowed: Allowed) -> Allowed:
        with self._lock:
            self._bytes += allowed.nbytes - (self._filters[text].nbytes if text in self._filters else 0)
            self._filters[text] = allowed
            self._filters.move_to_end(text)
            while self._bytes > self._max_bytes and len(self._filters) > 1:
                self._bytes -= self._filters.popitem(last=False)[1].nbytes
        return allowed


class Base:
    """An index artifact, memory-mapped; its products are read when they are first asked for."""

    def __init__(self, artifact: Artifact) -> None:
        self.artifact, self.filters = artifact, FilterCache()
        self.trie = Trie.open(artifact.path / "trie")
        self.idmap = IdMap.open(artifact.path, self.trie.levels)
        self.embeddings: Floats | None = None
        if "embeddings.npy" in artifact.files:
            self.embeddings = np.load(artifact.file("embeddings.npy"), mmap_mode="r", allow_pickle=False).view(
                np.ndarray
            )

    @cached_property
    def catalogue(self) -> Catalogue:
        """The products in trie order."""
        return Catalogue.read(Path(self.artifact.file("products.parquet")))

    @cached_property
    def attributes(self) -> frozenset[str]:
        """The names of attributes that any product has."""
        return attribute_names(self.catalogue.table)

    @cached_property
    def _ids(self) -> Any:
        return whole(self.catalogue.table["id"])

    @cached_property
    def _popularity(self) -> npt.NDArray[np.float64]:
        return whole(self.catalogue.table["popularity"]).to_numpy(zero_copy_only=False)

    def compile(self, condition: Condition) -> Allowed:
        """The filter over all products of the base, deleted ones included; cached."""
        text = str(condition)
        found = self.filters.get(text)
        if found is None:
            mask = condition.mask(self.catalogue.table)
            found = self.filters.put(text, Allowed.from_positions(self.trie, mask))
        return found

    def positions_of(self, ids: Sequence[str]) -> Ints:
        """(n,) the position of each product id; -1 for those the base does not hold."""
        result = np.full(len(ids), -1, np.int64)
        known = {i: found for i, one in enumerate(ids) if (found := self.idmap.find(one)) is not None}
        if known:
            start, stop = self._bucket(np.array(list(known.values())))
            for i, first, last in zip(known, start.tolist(), stop.tolist(), strict=True):
                within = 0 if last - first == 1 else pc.index(self._ids.slice(first, last - first), ids[i]).as_py()
                result[i] = first + within
        return result

    def points(self, codes: Ints, products: Sequence[Product]) -> Ints:
        """(n,) for each product, with its (n, L) codes, the position that it would stand before."""
        return bucket_points(self.trie, codes, products, self._key)

    def _key(self, position: int) -> RankKey:
        return -float(self._popularity[position]), self._ids[position].as_py()

    def _bucket(self, codes: Ints) -> tuple[Ints, Ints]:
        return self.trie.product_range(self.trie.levels, self.trie.find(codes))


class Delta(NamedTuple):
    """Products that came since, in trie order by `rows`: positions in lists that only grow."""

    trie: Trie
    points: Ints
    """(n,) for each position, the base position that it stands before."""
    rows: Ints
    """(n,) the place of each position's product below."""
    products: Sequence[Product]
    tables: Sequence[pa.Table]
    """The same products as columns, in some pieces."""
    embeddings: Floats | None

    def mask(self, condition: Condition) -> Bools:
        """(n,) bool: the positions that meet the condition."""
        return np.concatenate([condition.mask(table) for table in self.tables])[self.rows]


class Snapshot:
    """An index at one moment. Positions and filters are this snapshot's own: take all of a search from one."""

    def __init__(
        self, base: Base, delta: Delta | None, dead: Ints, live: Allowed | None, names: Mapping[str, Condition]
    ) -> None:
        """`dead` (n,) are base positions no longer valid, `live` the filter that leaves them out."""
        self.base, self.delta, self.dead, self.live, self.names = base, delta, dead, live, names
        self.trie: Trie = base.trie if delta is None else OverlayTrie(base.trie, delta.trie, delta.points)
        self._filters = FilterCache()
        self._alive = self._laid(live, None) if len(dead) else None

    def __len__(self) -> int:
        """How many products can be found."""
        return self.trie.num_products - len(self.dead)

    def snapshot(self) -> Snapshot:
        """Itself."""
        return self

    def compile(self, where: Condition | str | None = None) -> Allowed | None:
        """The filter to search this snapshot with; None where everything is allowed. Cached by its text form.

        Raises GenretError if the text does not parse, or names a column or attribute that no product has.
        """
        if where is None:
            return self._alive
        condition = resolve(as_condition(where), self.names, self._attributes)
        if not len(self.dead) and self.delta is None:
            return self.base.compile(condition)
        text = str(condition)
        return self._filters.get(text) or self._filters.put(text, self._compiled(condition))

    def products(self, positions: npt.ArrayLike) -> list[Product]:
        """The products at (n,) positions, in their order."""
        of_delta, own = self._segments(np.asarray(positions, np.int64).reshape(-1))
        found: list[Product] = list(self.base.catalogue.take(own[~of_delta])) if not of_delta.all() else []
        if self.delta is None or not of_delta.any():
            return found
        from_base = iter(found)
        rows = self.delta.rows
        return [
            self.delta.products[rows[place]] if new else next(from_base)
            for new, place in zip(of_delta.tolist(), own.tolist(), strict=True)
        ]

    def product(self, position: int) -> Product:
        """The product at a position."""
        return self.products([position])[0]

    @property
    def embeddings(self) -> Embeddings | None:
        """Embeddings by position, None if the index holds none."""
        if self.base.embeddings is None or self.delta is None:
            return self.base.embeddings
        return _LaidEmbeddings(self)

    def position(self, product_id: str) -> int:
        """Where a product stands; a GenretError if the index does not hold it."""
        position = self._position(product_id)
        if position < 0:
            raise GenretError(f"no product {product_id!r} in this index of {len(self)} products")
        return position

    def semantic_id(self, product_id: str) -> SemanticId:
        """The semantic ID of a product; a GenretError if the index does not hold it."""
        return tuple(self.trie.id_of([self.position(product_id)])[0].tolist())

    def __contains__(self, product_id: object) -> bool:
        return isinstance(product_id, str) and self._position(product_id) >= 0

    @cached_property
    def _places(self) -> dict[str, int]:
        """Product id -> position in the delta."""
        delta = self.delta
        return {} if delta is None else {delta.products[row].id: place for place, row in enumerate(delta.rows)}

    def _position(self, product_id: str) -> int:
        if isinstance(self.trie, OverlayTrie) and product_id in self._places:
            return int(self.trie.slots[self._places[product_id]])
        base = self.base.positions_of([product_id])
        if base[0] < 0 or np.isin(base[0], self.dead):
            return -1
        return int(self.trie.merged(base)[0] if isinstance(self.trie, OverlayTrie) else base[0])

    def _segments(self, positions: Ints) -> tuple[Bools, Ints]:
        if isinstance(self.trie, OverlayTrie):
            return self.trie.segments(positions)
        return np.zeros(len(positions), np.bool_), positions

    def _compiled(self, condition: Condition) -> Allowed:
        base = self.base.compile(condition)
        return self._laid(base.without(self.dead) if len(self.dead) else base, condition)

    def _laid(self, base: Allowed | None, condition: Condition | None) -> Allowed:
        """A filter of the base together with the condition over the delta (None: all of it)."""
        if base is None:
            raise GenretError("a snapshot with deleted products needs the filter that leaves them out")
        if self.delta is None or not isinstance(self.trie, OverlayTrie):
            return base
        size = self.delta.trie.num_products
        mask = np.ones(size, np.bool_) if condition is None else self.delta.mask(condition)
        return OverlayAllowed(self.trie, base, Allowed.from_positions(self.delta.trie, mask))

    @cached_property
    def _attributes(self) -> frozenset[str]:
        tables = () if self.delta is None else self.delta.tables
        return self.base.attributes.union(*map(attribute_names, tables))


class _LaidEmbeddings:
    """The embeddings of a base and a delta, by merged position."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def __getitem__(self, positions: Any) -> Floats:
        base, delta = self._snapshot.base.embeddings, self._snapshot.delta
        if base is None or delta is None or delta.embeddings is None:
            raise GenretError("this index holds no embeddings")
        asked = np.asarray(positions, np.int64)
        of_delta, own = self._snapshot._segments(asked.reshape(-1))
        result = np.empty((asked.size, base.shape[1]), base.dtype)
        result[~of_delta] = base[own[~of_delta]]
        result[of_delta] = delta.embeddings[delta.rows[own[of_delta]]]
        return result.reshape(*asked.shape, base.shape[1])


def rank_key(product: Product) -> RankKey:
    """What orders the products of one ID: popularity, the highest first, then the product's id."""
    return -product.popularity, product.id


def bucket_points(trie: Trie, codes: Ints, products: Sequence[Product], key_at: Callable[[int], RankKey]) -> Ints:
    """(n,) for each product, with its (n, L) codes, the position of `trie` that it would stand before.

    `key_at` tells the rank key of the product at a position.
    """
    start, stop = trie.product_range(trie.levels, trie.find(codes))
    points = np.where(stop > start, start, trie.insertion_point(codes))
    for i in np.flatnonzero(stop > start).tolist():
        points[i] = bisect_left(range(stop[i]), rank_key(products[i]), lo=start[i], key=key_at)
    return points


def attribute_names(table: pa.Table) -> frozenset[str]:
    """The names of attributes that any product of a catalogue table has."""
    return frozenset(pc.unique(whole(table[ATTRIBUTES]).keys).to_pylist()) if table.num_rows else frozenset()


def whole(column: Any) -> Any:
    """A table's column as one array."""
    array = column.combine_chunks()
    if isinstance(array, pa.ChunkedArray):
        return array.chunk(0) if array.num_chunks else pa.array([], column.type)
    return array
