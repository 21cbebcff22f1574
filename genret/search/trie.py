"""The catalogue's semantic IDs as a prefix trie in flat arrays.

The nodes of depth d are the distinct prefixes of d codes, numbered in ID order: depth 0 is the root, depth L the IDs.
Per depth two arrays hold them: the `codes` that lead to the nodes, and the `starts` of their children at depth d + 1
(of an ID's products, at depth L). Products are stored in ID order too, so that below every prefix lies a contiguous
range of positions, and a filter is one bit per position. `level.py` holds what is known of one depth.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from genret.ground.arrays import Bools, Ints
from genret.ground.artifacts import read_json, write_json
from genret.ground.errors import GenretError
from genret.search import bits
from genret.search.bits import Words
from genret.search.level import Children, ChildSets, Level, LevelFilter, UInts
from genret.search.vocab import Vocab


class Built(NamedTuple):
    """A trie and the row of the input at each of its positions."""

    trie: Trie
    order: Ints


class Trie:
    """Prefixes of semantic IDs, and the positions of the products below them.

    A node is an opaque int64 together with its depth; -1 stands for no node, has no children and no products.
    `level` is the depth of the *given* nodes, so the children of a `level` are codes of codebook `level`.

    >>> trie, order = Trie.build([[1, 0], [0, 2], [1, 0]], (2, 3))
    >>> trie.all_ids().tolist(), order.tolist()
    ([[0, 2], [1, 0]], [1, 0, 2])
    """

    root: int = 0

    def __init__(self, levels: Sequence[Level], buckets: UInts) -> None:
        self.codebook_sizes = tuple(level.size for level in levels)
        self._levels = tuple(levels)
        self._starts = (*(level.starts for level in levels), buckets)

    @classmethod
    def build(cls, codes: npt.ArrayLike, codebook_sizes: Sequence[int]) -> Built:
        """The trie of (N, L) codes, and `order` (N,) int64: the row of `codes` at each position.

        Rows are sorted by ID and, within an ID, stay in the order given. N may be 0. A GenretError if the codes do not
        fit the codebooks.
        """
        array = np.asarray(codes)
        check_codes(array, codebook_sizes)
        order = sort_rows(array, codebook_sizes)
        return Built(cls.of_sorted(array, codebook_sizes, order), order)

    @classmethod
    def of_sorted(cls, codes: npt.NDArray[Any], codebook_sizes: Sequence[int], order: Ints) -> Trie:
        """The trie of (N, L) codes that fit the codebooks, which `order` (N,) sorts."""
        node_codes, starts = _nodes(codes, order, codebook_sizes)
        levels = [Level.build(size, node_codes[d], starts[d]) for d, size in enumerate(codebook_sizes)]
        return cls(levels, starts[-1])

    @property
    def levels(self) -> int:
        return len(self.codebook_sizes)

    @property
    def starts(self) -> tuple[UInts, ...]:
        """Per depth, the first child of each node (at depth L, its first product), closed by their total."""
        return self._starts

    @property
    def by_level(self) -> tuple[Level, ...]:
        """What is known of the nodes of each depth but the last."""
        return self._levels

    @property
    def codes(self) -> list[UInts]:
        """Per level, the code that leads to each node one deeper."""
        return [level.codes for level in self._levels]

    @property
    def num_ids(self) -> int:
        """Distinct semantic IDs."""
        return self.num_nodes(self.levels)

    @property
    def num_products(self) -> int:
        return int(self._starts[-1][-1])

    def num_nodes(self, depth: int) -> int:
        """Distinct prefixes of so many codes."""
        return len(self._starts[depth]) - 1

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays, in memory and (but for some headers) on disk."""
        return sum(array.nbytes for array in self._arrays().values())

    def __repr__(self) -> str:
        return f"Trie({self.num_products} products, {self.num_ids} IDs, codebooks {self.codebook_sizes})"

    def children_mask(self, level: int, nodes: Ints, allowed: Allowed | None = None) -> Bools:
        """(R, K_level) bool: the codes that continue each of the (R,) nodes, to an allowed product if filtered."""
        return self._levels[level].children_mask(nodes, None if allowed is None else allowed.level(self, level))

    def child(self, level: int, nodes: Ints, codes: Ints) -> Ints:
        """(R,) the child of each node by each code, at depth level + 1; -1 where there is none."""
        return self._levels[level].child(nodes, codes)

    def children(self, level: int, nodes: Ints) -> Children:
        """All children of the (R,) nodes, of depth `level`."""
        return self._levels[level].children(nodes)

    def product_range(self, level: int, nodes: Ints) -> tuple[Ints, Ints]:
        """(R,) start and (R,) stop: the positions of the products below each depth-`level` node; 0, 0 for -1."""
        start = np.maximum(nodes, 0)
        stop = np.maximum(nodes + 1, 0)
        for starts in self._starts[level:]:
            start, stop = starts.take(start), starts.take(stop)
        return start.astype(np.int64), stop.astype(np.int64)

    def has_nodes(self, codes: Sequence[Ints], starts: Sequence[Ints]) -> bool:
        """Whether its nodes are these, numbered alike: per level their last codes, and where their children begin."""
        return all(
            np.array_equal(level.codes, last) and np.array_equal(level.starts, begin)
            for level, last, begin in zip(self._levels, codes, starts, strict=True)
        )

    def find(self, codes: npt.ArrayLike) -> Ints:
        """(n, L) codes -> (n,) the nodes of these IDs at depth L; -1 where there is no such ID."""
        columns = np.asarray(codes, dtype=np.int64).reshape(-1, self.levels).T
        nodes = np.full(columns.shape[1], self.root, np.int64)
        for level, column in enumerate(columns):
            nodes = self.child(level, nodes, column)
        return nodes

    def id_of(self, positions: npt.ArrayLike) -> Ints:
        """(n,) positions -> (n, L) int64 the semantic IDs of the products there."""
        nodes = np.asarray(positions, dtype=np.int64).reshape(-1)
        codes = np.empty((len(nodes), self.levels), np.int64)
        for depth in range(self.levels, 0, -1):
            nodes = self.owner(depth, nodes)
            codes[:, depth - 1] = self._levels[depth - 1].codes[nodes]
        return codes

    def all_ids(self) -> Ints:
        """(num_ids, L) every ID, in order: row n is that of the node n at depth L."""
        start, _ = self.product_range(self.levels, np.arange(self.num_ids))
        return self.id_of(start)

    def bucket(self, codes: npt.ArrayLike) -> tuple[Ints, Ints]:
        """(n, L) codes -> (n,) start and (n,) stop: the positions of these IDs.

        For an ID that is not there both are the first position whose ID is not below it; N where all are.
        """
        columns = np.asarray(codes, dtype=np.int64).reshape(-1, self.levels).T
        starts = np.zeros(columns.shape[1], np.int64)
        if not self.num_products:
            return starts, starts
        stops, rows, nodes = starts.copy(), np.arange(len(starts)), starts  # `rows`: whose prefix is there so far
        for depth, (level, column) in enumerate(zip(self._levels, columns, strict=True), start=1):
            codes = column[rows]
            child, stop = level.lower_bound(nodes, codes)
            found = (child < stop) & (level.codes.take(child, mode="clip") == codes)
            ended = rows[~found]
            starts[ended] = stops[ended] = self.product_range(depth, child[~found] - 1)[1]  # where the one before ends
            rows, nodes = rows[found], child[found]
        starts[rows], stops[rows] = self.product_range(self.levels, nodes)
        return starts, stops

    def save(self, folder: str | Path) -> None:
        """Write the arrays as .npy files, and `trie.json`, into `folder` (made if missing)."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        arrays = self._arrays()
        for name, array in arrays.items():
            np.save(folder / f"{name}.npy", array, allow_pickle=False)
        write_json(folder / "trie.json", {"codebook_sizes": self.codebook_sizes, "arrays": sorted(arrays)})

    @classmethod
    def open(cls, folder: str | Path) -> Trie:
        """The trie that `save` wrote, memory-mapped: opening reads headers only. A GenretError if they disagree."""
        folder = Path(folder)
        header = read_json(folder / "trie.json")
        arrays = {name: _mapped(folder / f"{name}.npy") for name in header["arrays"]}
        try:
            levels = [_level_of(arrays, depth, size) for depth, size in enumerate(header["codebook_sizes"])]
            trie = cls(levels, arrays["buckets"])
        except KeyError as error:
            raise GenretError(f"{folder}: the trie lacks its array {error}; build the index again") from None
        for depth, level in enumerate(levels):
            if int(level.starts[-1]) != len(level.codes) or trie.num_nodes(depth + 1) != len(level.codes):
                raise GenretError(f"{folder}: the trie's arrays of level {depth + 1} disagree; build the index again")
        return trie

    def owner(self, depth: int, children: Ints) -> Ints:
        """(n,) the depth-`depth` node that each child (a node one deeper; at depth L, a position) belongs to."""
        starts = self._starts[depth]  # it is the last to start at or before the child
        return np.searchsorted(starts, children.astype(starts.dtype), "right") - 1

    def _arrays(self) -> dict[str, UInts]:
        arrays: dict[str, UInts] = {"buckets": self._starts[-1]}
        for depth, level in enumerate(self._levels):
            sets = {} if level.sets is None else level.sets._asdict()
            named = {"codes": level.codes, "starts": level.starts, **sets}
            arrays |= {f"{name}{depth}": array for name, array in named.items() if array is not None}
        return arrays


class Allowed:
    """A filter compiled for one trie: which positions it allows, and so which prefixes lead to an allowed product."""

    def __init__(self, trie: Trie, positions: Words, levels: Sequence[LevelFilter]) -> None:
        self.trie = trie
        self._positions, self._levels = positions, tuple(levels)
        self._before = bits.exclusive_counts(positions, np.uint32 if trie.num_products < 1 << 32 else np.uint64)
        self.num_allowed = int(self.rank(np.array([trie.num_products]))[0])

    @classmethod
    def from_positions(cls, trie: Trie, mask: Bools) -> Allowed:
        """The filter that allows the positions where `mask` (N,) is True."""
        if mask.shape != (trie.num_products,):
            raise GenretError(f"filter of shape {mask.shape}, but the trie holds {trie.num_products} products")
        padded = np.append(mask, False)  # so that N itself has a word to be counted in
        flags = _node_flags(trie, mask)
        return cls(trie, bits.pack(padded), [level.filtered(flags[d]) for d, level in enumerate(trie._levels, start=1)])

    @classmethod
    def every(cls, trie: Trie) -> Allowed:
        """The filter that allows all positions."""
        kept = bits.pack(np.append(np.ones(trie.num_products, np.bool_), False))
        return cls(trie, kept, [level.unfiltered() for level in trie._levels])

    def without(self, positions: Ints) -> Allowed:
        """The same filter without these positions: a copy, patched where they stood."""
        kept = bits.cleared(self._positions, positions)
        counted = Allowed(self.trie, kept, self._levels)
        levels, gone = list(self._levels), positions
        for depth in range(self.trie.levels, 0, -1):  # up from the IDs, as long as prefixes become empty
            gone = np.unique(self.trie.owner(depth, gone))
            gone = gone[counted.count(depth, gone) == 0]
            if not len(gone):
                break
            parents = self.trie.owner(depth - 1, gone)
            levels[depth - 1] = self.trie._levels[depth - 1].without(levels[depth - 1], parents, gone)
        return Allowed(self.trie, kept, levels)

    @property
    def nbytes(self) -> int:
        arrays = [array for level in self._levels for array in level if array is not None]
        return sum(array.nbytes for array in [self._positions, self._before, *arrays])

    def level(self, trie: Trie, level: int) -> LevelFilter:
        """The part that one level of the trie needs; a GenretError if the filter was compiled for another trie."""
        if trie is not self.trie:
            raise GenretError("this filter was compiled for another trie; compile it again for this one")
        return self._levels[level]

    def count(self, level: int, nodes: Ints) -> Ints:
        """(R,) how many allowed products lie below each depth-`level` node."""
        start, stop = self.trie.product_range(level, nodes)
        return self.rank(stop) - self.rank(start)

    def rank(self, positions: Ints) -> Ints:
        """(n,) how many allowed positions stand before each of the given ones."""
        word = positions >> 6
        return self._before[word] + bits.below(self._positions[word], positions & 63)

    def nth(self, ranks: Ints) -> Ints:
        """(n,) the positions of the allowed products of these ranks, from 0; the inverse of `rank`."""
        word = np.searchsorted(self._before, ranks.astype(self._before.dtype), "right") - 1
        flags = bits.unpack(self._positions[word][:, None], 64)  # (n, 64)
        within = np.cumsum(flags, axis=1) > (ranks - self._before[word])[:, None]
        return (word << 6) + within.argmax(axis=1)

    def positions(self, start: int, stop: int) -> Ints:
        """The allowed positions from `start` up to, not including, `stop`; ascending."""
        first, last = start >> 6, bits.words_for(stop)
        window = bits.unpack(self._positions[None, first:last], max(0, stop - (first << 6)))[0]
        window[: start - (first << 6)] = False
        return np.flatnonzero(window) + (first << 6)

    def mask(self) -> Bools:
        """(N,) bool, one per position."""
        return bits.unpack(self._positions[None], self.trie.num_products)[0]


def sort_rows(codes: npt.NDArray[Any], codebook_sizes: Sequence[int]) -> Ints:
    """(N,) int64: the order that sorts (N, L) codes by ID, equal IDs in the order given."""
    widths = [max(1, (size - 1).bit_length()) for size in codebook_sizes]
    row_bits = max(1, (len(codes) - 1).bit_length())
    if sum(widths) + row_bits <= 64:  # one sort of plain numbers: the ID above, the row below
        keys = _packed(codes, widths) << np.uint64(row_bits)
        keys |= np.arange(len(codes), dtype=np.uint64)
        keys.sort()
        return (keys & np.uint64((1 << row_bits) - 1)).astype(np.int64)
    halves = [slice(0, 4), slice(4, 8)]  # 4 codes of at most 16 bits fit a word
    words = [_packed(codes[:, half], widths[half]) for half in halves if widths[half]]
    return np.lexsort(words[::-1]) if len(words) > 1 else np.argsort(words[0], kind="stable")


def _packed(codes: npt.NDArray[Any], widths: Sequence[int]) -> Words:
    """(N,) uint64: the codes of a row side by side, the coarsest highest."""
    keys = np.zeros(len(codes), np.uint64)
    for column, width in zip(codes.T, widths, strict=True):
        keys <<= np.uint64(width)
        keys |= column.astype(np.uint64)
    return keys


def _nodes(codes: npt.NDArray[Any], order: Ints, codebook_sizes: Sequence[int]) -> tuple[list[UInts], list[UInts]]:
    """Per level the codes of the nodes one deeper, and per depth the starts of their children, closed by a total."""
    count = len(order)
    wide = np.uint32 if count < 1 << 32 else np.uint64
    begins = np.zeros(count, np.bool_)  # whether a new prefix of the depth begins at each position
    begins[:1] = True
    node_codes: list[UInts] = []
    starts: list[UInts] = []
    for level, size in enumerate(codebook_sizes):
        column = codes[:, level].astype(np.uint8 if size <= 256 else np.uint16)[order]
        deeper = begins.copy()
        deeper[1:] |= column[1:] != column[:-1]
        at = np.flatnonzero(deeper)  # the first position of each node of depth level + 1
        node_codes.append(column[at])
        firsts = np.flatnonzero(begins[at]) if count or level else np.zeros(1, np.int64)  # a root without children
        starts.append(_closed(firsts, len(at), wide))
        begins = deeper
    starts.append(_closed(np.flatnonzero(begins), count, wide))
    return node_codes, starts


def _closed(starts: Ints, total: int, dtype: npt.DTypeLike) -> UInts:
    return np.append(starts.astype(dtype), np.asarray(total, dtype))


def _node_flags(trie: Trie, mask: Bools) -> list[Bools]:
    """Per depth (n,) bool: whether an allowed product lies below each node."""
    flags = [mask]
    for depth in range(trie.levels, -1, -1):
        begins = trie._starts[depth][:-1].astype(np.int64)
        below = flags[-1]
        flags.append(np.logical_or.reduceat(below, begins) if len(below) else np.zeros(len(begins), np.bool_))
    return flags[:0:-1]


def _level_of(arrays: dict[str, UInts], depth: int, size: int) -> Level:
    sets = None
    if f"masks{depth}" in arrays:
        sets = ChildSets(arrays[f"masks{depth}"], arrays[f"ranks{depth}"], arrays.get(f"slots{depth}"))
    return Level(size, arrays[f"codes{depth}"], arrays[f"starts{depth}"], sets)


def check_codes(array: npt.NDArray[Any], codebook_sizes: Sequence[int]) -> None:
    """A GenretError unless these are (N, L) codes of codebooks of these sizes."""
    sizes = Vocab(codebook_sizes).codebook_sizes
    if array.ndim != 2 or array.shape[1] != len(sizes) or (array.size and array.dtype.kind not in "iu"):
        raise GenretError(
            f"codes of shape {array.shape} and type {array.dtype}; expected (N, {len(sizes)}) integers, "
            f"one a codebook of sizes {sizes}"
        )
    for level, size in enumerate(sizes):
        column = array[:, level]
        if len(column) and (column.min() < 0 or column.max() >= size):
            row = int(np.flatnonzero((column < 0) | (column >= size))[0])
            raise GenretError(f"row {row}: code {column[row]} at level {level + 1}, but that codebook has {size} codes")


def _mapped(path: Path) -> UInts:
    """A .npy file, memory-mapped, without the overhead that np.memmap adds to every index."""
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False).view(np.ndarray)
    except (OSError, ValueError) as error:
        raise GenretError(f"{path}: cannot map this array ({error}); build the index again") from None
