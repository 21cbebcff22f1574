"""What a search reads, immutable: a trie, the products at its positions, filters, and the products' words.

`Base` is the index on disk, in trie order; `Delta` what came since, in memory, in its own trie; a `Snapshot` both as
they were at one moment, laid over each other, less what was deleted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from genret.data.records import Catalogue
from genret.ground.arrays import Bools, Ints
from genret.ground.artifacts import Artifact
from genret.ground.checks import shown
from genret.ground.errors import GenretError
from genret.ground.typed import typed
from genret.ground.types import Product, SemanticId
from genret.index.changes import LIVE, Change, Shape, read_live, taken, whole
from genret.index.filter_cache import FilterCache
from genret.index.filter_columns import ATTRIBUTES, NUMBERS
from genret.index.filter_text import as_condition
from genret.index.filter_values import check_values
from genret.index.filters import Condition, resolve
from genret.index.generations import Hold
from genret.index.idmap import IdMap
from genret.index.stored_products import StoredProducts
from genret.index.text import BaseText, CameText, CameTextView, SnapshotText
from genret.search.overlay import OverlayAllowed, OverlayTrie
from genret.search.trie import Allowed, Trie

EMBEDDINGS = "embeddings.npy"
"""The file of a generation that is by far the largest."""
Floats: TypeAlias = npt.NDArray[Any]
"""float32, or float16 as it lies on disk."""


class Embeddings(Protocol):
    """Products' embeddings, by position: indexed like an array, with a slice or positions of any shape."""

    def __getitem__(self, positions: Any) -> Floats: ...


class RankKeys(NamedTuple):
    """What orders the products of one ID, for n products: popularity, the highest first, then the product's id."""

    popularity_at: Callable[[Ints], npt.NDArray[np.float64]]
    """(m,) of the n -> (m,) how popular they are."""
    ids_at: Callable[[Ints], pa.Array]
    """(m,) of the n -> (m,) their ids."""

    def order(self, count: int) -> Ints:
        """(n,) all n products in this order."""
        every = np.arange(count)
        table = pa.table({"popularity": self.popularity_at(every), "id": self.ids_at(every)})
        keys = [("popularity", "descending"), ("id", "ascending")]
        return pc.sort_indices(table, sort_keys=keys).to_numpy(zero_copy_only=False).astype(np.int64)


class Base:
    """A generation, memory-mapped and held. Every file is opened here, and so stays readable if it is removed later.

    Its products are decoded when they are first asked for.
    """

    def __init__(self, artifact: Artifact, number: int = 0, held: Hold | None = None) -> None:
        self.artifact, self.number, self.filters = artifact, number, FilterCache()
        self._held = held
        products = self._products = StoredProducts(artifact.file("products.parquet"))
        self.text = BaseText(artifact, lambda: list(products.catalogue))
        self.trie = Trie.open(artifact.path / "trie")
        self.idmap = IdMap.open(artifact.path, self.trie.levels)
        self._live = pa.memory_map(str(artifact.file(LIVE))) if LIVE in artifact.files else None
        self.embeddings: Floats | None = None
        if EMBEDDINGS in artifact.files:
            self.embeddings = np.load(artifact.file(EMBEDDINGS), mmap_mode="r", allow_pickle=False).view(np.ndarray)
        self.shape = Shape(self.trie.levels, 0 if self.embeddings is None else self.embeddings.shape[1])

    @property
    def catalogue(self) -> Catalogue:
        """The products in trie order."""
        return self._products.catalogue

    @property
    def live(self) -> list[Change]:
        """What had come and gone, when this generation was written, since the index was built."""
        return [] if self._live is None else read_live(self._live, self.shape)

    @cached_property
    def attributes(self) -> frozenset[str]:
        """The names of attributes that any product has."""
        return attribute_names(self.catalogue.table)

    def products(self, positions: Ints) -> list[Product]:
        """The products at (n,) positions, in their order."""
        return self._products.at(positions)

    @property
    def _ids(self) -> Any:
        return self._products.column("id")

    @cached_property
    def _popularity(self) -> npt.NDArray[np.float64]:
        return self._products.column("popularity").to_numpy(zero_copy_only=False)

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
        each = self.idmap.find_all(ids)
        if any(each):
            known = {i: found for i, found in enumerate(each) if found is not None}
            start, stop = self.trie.bucket(np.array(list(known.values())))
            for i, first, last in zip(known, start.tolist(), stop.tolist(), strict=True):
                within = 0 if last - first == 1 else pc.index(self._ids.slice(first, last - first), ids[i]).as_py()
                result[i] = first + within
        return result

    def ids_at(self, positions: Sequence[int]) -> list[str]:
        """The ids of the products at these positions."""
        return list(self._ids.take(pa.array(positions, pa.int64())).to_pylist()) if len(positions) else []

    def points(self, codes: Ints, keys: RankKeys) -> Ints:
        """(n,) for each product, by its (n, L) codes and rank, the position that it would stand before."""
        own = RankKeys(self._popularity.take, lambda positions: self._ids.take(pa.array(positions)))
        return bucket_points(self.trie, codes, keys, own)


class Delta(NamedTuple):
    """Products that came since, in trie order by `rows`: places in tables that only grow."""

    trie: Trie
    points: Ints
    """(n,) for each position, the base position that it stands before."""
    rows: Ints
    """(n,) the place of each position's product below."""
    tables: Sequence[pa.Table]
    """The products as columns, in some pieces."""
    vectors: Floats | None
    """Their embeddings, by place."""
    text: CameText
    """Their words, by place."""

    @property
    def embeddings(self) -> Floats | None:
        """(n, D) in trie order, None where the index holds none."""
        return None if self.vectors is None else self.vectors[self.rows]

    @property
    def ids(self) -> list[str]:
        """The products' ids, in trie order."""
        return list(taken([table.select(["id"]) for table in self.tables], self.rows)["id"].to_pylist())

    def products(self, positions: Ints) -> list[Product]:
        return list(Catalogue(taken(self.tables, self.rows[positions])))

    def mask(self, condition: Condition) -> Bools:
        """(n,) bool: the positions that meet the condition."""
        return np.concatenate([condition.mask(table) for table in self.tables])[self.rows]


class Difference(NamedTuple):
    """What changed from one snapshot to a later one, for what is kept beside an index."""

    gone: list[str]
    """Ids that are no longer there, or whose product is another now."""
    came: list[Product]
    """Products that were not there, or were others."""


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
        """Itself: what takes an `Index` or a `Snapshot` asks either for its snapshot."""
        return self

    @typed
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

    @typed
    def check_values(self, where: Condition | str) -> None:
        """A GenretError, naming the nearest, for a text in the condition that no product has where it is asked for."""
        condition = resolve(as_condition(where), self.names, self._attributes)
        check_values(condition, [self.base.catalogue.table, *(() if self.delta is None else self.delta.tables)])

    def products(self, positions: npt.ArrayLike) -> list[Product]:
        """The products at (n,) positions, in their order. A GenretError for a position that is not there."""
        asked = np.asarray(positions).reshape(-1)
        if len(asked) and (asked.dtype.kind not in "iu" or asked.min() < 0 or asked.max() >= self.trie.num_products):
            raise GenretError(f"positions={shown(positions)}: expected numbers from 0 to {self.trie.num_products - 1}")
        of_delta, own = self._segments(asked.astype(np.int64))
        found: list[Product] = self.base.products(own[~of_delta]) if not of_delta.all() else []
        if self.delta is None or not of_delta.any():
            return found
        from_base, from_delta = iter(found), iter(self.delta.products(own[of_delta]))
        return [next(from_delta if new else from_base) for new in of_delta.tolist()]

    def product(self, position: int) -> Product:
        """The product at a position."""
        return self.products([position])[0]

    @cached_property
    def text(self) -> SnapshotText:
        """The products' words by position: BM25, and which words are known."""
        delta, trie = self.delta, self.trie if isinstance(self.trie, OverlayTrie) else None
        came = None if delta is None else CameTextView(delta.text, delta.tables, delta.rows)
        return SnapshotText(self.base.text, trie, came)

    @property
    def embeddings(self) -> Embeddings | None:
        """Embeddings by position, None if the index holds none."""
        if self.base.embeddings is None or self.delta is None:
            return self.base.embeddings
        return _LaidEmbeddings(self)

    @typed
    def position(self, product_id: str) -> int:
        """Where a product stands; a GenretError if the index does not hold it."""
        position = self._position(product_id)
        if position < 0:
            raise GenretError(f"no product {product_id!r} in this index of {len(self)} products")
        return position

    def codes_below(self, prefixes: Ints) -> Ints:
        """(n, L) the semantic IDs that begin like one of (m, d) prefixes, in ID order, one for each product."""
        prefixes = np.unique(prefixes, axis=0) if prefixes.shape[1] else prefixes[:1]
        nodes = np.full(len(prefixes), self.trie.root, np.int64)
        for level, column in enumerate(prefixes.T):
            nodes = self.trie.child(level, nodes, column)
        start, stop = self.trie.product_range(prefixes.shape[1], nodes)
        positions = np.repeat(start - np.cumsum(stop - start) + (stop - start), stop - start)
        positions += np.arange(len(positions))
        if self._alive is not None:
            positions = positions[self._alive.rank(positions + 1) > self._alive.rank(positions)]
        return self.trie.id_of(positions)

    @typed
    def semantic_id(self, product_id: str) -> SemanticId:
        """The semantic ID of a product; a GenretError if the index does not hold it."""
        return tuple(self.trie.id_of([self.position(product_id)])[0].tolist())

    def __contains__(self, product_id: object) -> bool:
        return isinstance(product_id, str) and self._position(product_id) >= 0

    def since(self, earlier: Snapshot | None = None) -> Difference | None:
        """What changed since an earlier snapshot, by default since the generation was written.

        None where the earlier one is of another generation: then all may be different.
        """
        if earlier is not None and earlier.base is not self.base:
            return None
        dead = self.dead if earlier is None else np.setdiff1d(self.dead, earlier.dead)
        before = None if earlier is None else earlier.delta
        old, new = (np.zeros(0, np.int64) if one is None else one.rows for one in (before, self.delta))
        left = [] if before is None else taken(before.tables, np.setdiff1d(old, new))["id"].to_pylist()
        came = [] if self.delta is None else list(Catalogue(taken(self.delta.tables, np.setdiff1d(new, old))))
        return Difference([*self.base.ids_at(dead.tolist()), *left], came)

    @cached_property
    def _places(self) -> dict[str, int]:
        """Product id -> position in the delta."""
        return {} if self.delta is None else {one: place for place, one in enumerate(self.delta.ids)}

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
        if base is None or delta is None or delta.vectors is None:
            raise GenretError("this index holds no embeddings")
        if isinstance(positions, slice):
            positions = np.arange(self._snapshot.trie.num_products)[positions]
        asked = np.asarray(positions, np.int64)
        of_delta, own = self._snapshot._segments(asked.reshape(-1))
        result = np.empty((asked.size, base.shape[1]), base.dtype)
        result[~of_delta] = base[own[~of_delta]]
        result[of_delta] = delta.vectors[delta.rows[own[of_delta]]]
        return result.reshape(*asked.shape, base.shape[1])


def rank_keys(table: pa.Table) -> RankKeys:
    """What ranks the products of a catalogue table."""
    ids = whole(table["id"])
    popularity = whole(table["popularity"]).to_numpy(zero_copy_only=False)
    return RankKeys(popularity.take, lambda rows: ids.take(pa.array(rows)))


def bucket_points(trie: Trie, codes: Ints, keys: RankKeys, known: RankKeys) -> Ints:
    """(n,) for each product, with its (n, L) codes, the position of `trie` that it would stand before.

    `keys` rank these products, `known` those at the trie's positions.
    """
    points, stop = trie.bucket(codes)
    shared = np.flatnonzero(stop > points)
    if not len(shared):
        return points
    low, high = points[shared], stop[shared]
    popularity, ids = keys.popularity_at(shared), keys.ids_at(shared)
    while len(rows := np.flatnonzero(low < high)):  # halving search of all products at once
        middle, own = (low[rows] + high[rows]) >> 1, popularity[rows]
        there = known.popularity_at(middle)
        less = there > own
        tied = np.flatnonzero(there == own)
        if len(tied):
            before = pc.less(known.ids_at(middle[tied]), ids.take(pa.array(rows[tied])))
            less[tied] = before.to_numpy(zero_copy_only=False)
        low[rows], high[rows] = np.where(less, middle + 1, low[rows]), np.where(less, high[rows], middle)
    points[shared] = low
    return points


def attribute_names(table: pa.Table) -> frozenset[str]:
    """The names of attributes that any product of a catalogue table has."""
    if not table.num_rows:
        return frozenset()
    return frozenset().union(*(pc.unique(whole(table[name]).keys).to_pylist() for name in (ATTRIBUTES, NUMBERS)))
