"""The catalogue's semantic IDs as a prefix trie in flat arrays. Knows codes and positions: no text, no product.

The nodes of depth d are the distinct prefixes of d codes, numbered in ID order: depth 0 is the root, depth L the IDs.
Per depth two arrays hold them: the `codes` that lead to the nodes and the `starts` of their children at depth d + 1
(of an ID's products, at depth L). Products are stored in ID order too, so that below every prefix lies a contiguous
range of positions, and a filter is one bit a position.

Levels of few nodes hold a bit set of children a node besides: their mask is an unpacking of bits, and a child is found
by counting the bits before its own, both at a price that does not depend on the number of products. The nodes of the
other levels have few children each, which are enumerated.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from genret import bits
from genret.artifacts import read_json, write_json
from genret.bits import Bools, Ints, Words
from genret.errors import GenretError
from genret.vocab import Vocab

DENSE_BYTES = 4 << 20
"""A level whose children fit into so many bytes of bit sets holds them as bit sets."""

UInts = npt.NDArray[Any]
"""uint8, uint16, uint32 or uint64, whichever is the smallest that holds the values."""


class Built(NamedTuple):
    """A trie and the row of the input at each of its positions."""

    trie: Trie
    order: Ints


class Children(NamedTuple):
    """All children of some nodes, row after row, codes ascending within a row."""

    rows: Ints
    """(C,) which of the given nodes each is a child of."""
    codes: Ints
    nodes: Ints


class Trie:
    """Prefixes of semantic IDs, and the positions of the products below them.

    A node is an opaque int64 together with its depth; -1 stands for no node, has no children and no products.
    `level` is the depth of the *given* nodes, so the children of a `level` are codes of codebook `level`.
    """

    root: int = 0

    def __init__(
        self,
        codebook_sizes: Sequence[int],
        codes: Sequence[UInts],
        starts: Sequence[UInts],
        masks: Sequence[Words | None],
        ranks: Sequence[UInts | None],
    ) -> None:
        self.codebook_sizes = tuple(int(size) for size in codebook_sizes)
        self._codes, self._starts = tuple(codes), tuple(starts)
        self._masks, self._ranks = tuple(masks), tuple(ranks)

    @classmethod
    def build(cls, codes: npt.ArrayLike, codebook_sizes: Sequence[int]) -> Built:
        """The trie of (N, L) codes, and `order` (N,) int64: the row of `codes` at each position.

        Rows are sorted by ID and, within an ID, stay in the order given. N may be 0. A GenretError if the codes do not
        fit the codebooks.
        """
        array = _checked(codes, codebook_sizes)
        order = sort_rows(array, codebook_sizes)
        node_codes, starts = _nodes(array, order, codebook_sizes)
        masks = [_child_bits(node_codes[d], starts[d], size) for d, size in enumerate(codebook_sizes)]
        ranks = [None if mask is None else bits.exclusive_counts(mask) for mask in masks]
        return Built(cls(codebook_sizes, node_codes, starts, masks, ranks), order)

    @property
    def levels(self) -> int:
        return len(self.codebook_sizes)

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
        masks = self._masks[level] if allowed is None else allowed.child_masks(self)[level]
        if masks is not None:
            return self._unpacked(masks, level, nodes)
        rows, codes, children = self._children(level, nodes)
        if allowed is not None:
            keep = allowed.has_node(level + 1, children)
            rows, codes = rows[keep], codes[keep]
        size = self.codebook_sizes[level]
        mask = np.zeros(len(nodes) * size, np.bool_)
        mask[rows * size + codes] = True
        return mask.reshape(len(nodes), size)

    def child(self, level: int, nodes: Ints, codes: Ints) -> Ints:
        """(R,) the child of each node by each code, at depth level + 1; -1 where there is none."""
        known = (nodes >= 0) & (codes >= 0) & (codes < self.codebook_sizes[level])
        if not self.num_products:
            return np.full(len(nodes), -1, np.int64)
        nodes, codes = np.where(known, nodes, 0), np.where(known, codes, 0)
        found, child = self._child_by_rank(level, nodes, codes)
        return np.where(found & known, child, -1)

    def children(self, level: int, nodes: Ints) -> Children:
        """All children of the (R,) nodes."""
        rows, codes, nodes = self._children(level, nodes)
        return Children(rows, codes.astype(np.int64), nodes)

    def product_range(self, level: int, nodes: Ints) -> tuple[Ints, Ints]:
        """(R,) start and (R,) stop: the positions of the products below each depth-`level` node; 0, 0 for -1."""
        known = nodes >= 0
        start = np.where(known, nodes, 0)
        stop = np.where(known, nodes + 1, 0)
        for starts in self._starts[level:]:
            start, stop = starts[start], starts[stop]
        return start.astype(np.int64), stop.astype(np.int64)

    def find(self, codes: npt.ArrayLike) -> Ints:
        """(n, L) codes -> (n,) the nodes of these IDs at depth L; -1 where there is no such ID."""
        columns = np.asarray(codes, dtype=np.int64).reshape(-1, self.levels).T
        nodes = np.zeros(columns.shape[1], np.int64)
        for level, column in enumerate(columns):
            nodes = self.child(level, nodes, column)
        return nodes

    def id_of(self, positions: npt.ArrayLike) -> Ints:
        """(n,) positions -> (n, L) int64 the semantic IDs of the products there."""
        nodes = np.asarray(positions, dtype=np.int64)
        codes = np.empty((len(nodes), self.levels), np.int64)
        for depth in range(self.levels, 0, -1):  # the parent of a node is the last whose children start at or before it
            nodes = np.searchsorted(self._starts[depth], nodes.astype(self._starts[depth].dtype), "right") - 1
            codes[:, depth - 1] = self._codes[depth - 1][nodes]
        return codes

    def insertion_point(self, codes: npt.ArrayLike) -> Ints:
        """(n, L) codes -> (n,) the first position whose ID is not below these; N where all are."""
        columns = np.asarray(codes, dtype=np.int64).reshape(-1, self.levels).T
        nodes = np.zeros(columns.shape[1], np.int64)
        if not self.num_products:
            return nodes
        result = np.full(columns.shape[1], -1, np.int64)
        for level, column in enumerate(columns):
            child, stop = self._lower_bound(level, nodes, column)
            found = child < stop
            found[found] = self._codes[level][child[found]] == column[found]
            ended = ~found & (result < 0)
            result[ended] = self.product_range(level + 1, child[ended] - 1)[1]  # where the node before it ends
            nodes = np.where(found, child, 0)
        start, _ = self.product_range(self.levels, nodes)
        return np.where(result < 0, start, result)

    def save(self, folder: str | Path) -> None:
        """Write the arrays as .npy files, and `trie.json`, into `folder` (made if missing)."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        for name, array in self._arrays().items():
            np.save(folder / f"{name}.npy", array, allow_pickle=False)
        write_json(folder / "trie.json", {"codebook_sizes": self.codebook_sizes, "arrays": sorted(self._arrays())})

    @classmethod
    def open(cls, folder: str | Path) -> Trie:
        """The trie that `save` wrote, memory-mapped: opening reads headers only."""
        folder = Path(folder)
        header = read_json(folder / "trie.json")
        sizes, names = header["codebook_sizes"], set(header["arrays"])

        def column(name: str) -> list[Any]:
            depths = sorted(int(n[len(name) :]) for n in names if re.fullmatch(rf"{name}\d+", n))
            arrays = {d: _mapped(folder / f"{name}{d}.npy") for d in depths}
            return [arrays.get(d) for d in range(len(sizes) + (name == "starts"))]

        trie = cls(sizes, column("codes"), column("starts"), column("masks"), column("ranks"))
        trie._check(folder)
        return trie

    def _arrays(self) -> dict[str, UInts]:
        columns = {"codes": self._codes, "starts": self._starts, "masks": self._masks, "ranks": self._ranks}
        return {f"{k}{d}": a for k, arrays in columns.items() for d, a in enumerate(arrays) if a is not None}

    def _check(self, folder: Path) -> None:
        """A GenretError unless the arrays belong together."""
        for level in range(self.levels):
            children = len(self._codes[level]) if self._codes[level] is not None else -1
            if self._starts[level] is None or int(self._starts[level][-1]) != children:
                raise GenretError(f"{folder}: the trie's arrays of level {level + 1} disagree; build the index again")

    def _unpacked(self, masks: Words, level: int, nodes: Ints) -> Bools:
        if not len(masks):
            return np.zeros((len(nodes), self.codebook_sizes[level]), np.bool_)
        missing = nodes < 0
        words = masks[np.where(missing, 0, nodes)]  # (R, w)
        words[missing] = 0
        return bits.unpack(words, self.codebook_sizes[level])

    def _children(self, level: int, nodes: Ints) -> tuple[Ints, UInts, Ints]:
        """(C,) rows, (C,) codes in their stored type, (C,) children."""
        starts = self._starts[level]
        known = nodes >= 0
        first = starts[np.where(known, nodes, 0)].astype(np.int64)
        counts = starts[np.where(known, nodes + 1, 0)].astype(np.int64) - first
        rows = np.repeat(np.arange(len(nodes)), counts)
        children = np.arange(len(rows)) + np.repeat(first - (np.cumsum(counts) - counts), counts)
        return rows, self._codes[level][children], children

    def _child_by_rank(self, level: int, nodes: Ints, codes: Ints) -> tuple[Bools, Ints]:
        """Whether the child exists and, if so, which it is."""
        masks, ranks = self._masks[level], self._ranks[level]
        if masks is None or ranks is None:
            child, stop = self._lower_bound(level, nodes, codes)
            last = len(self._codes[level]) - 1
            return (child < stop) & (self._codes[level][np.minimum(child, last)] == codes), child
        word, bit = codes >> 6, codes & 63
        words = masks[nodes, word]
        found = (words >> bit.astype(np.uint64)) & np.uint64(1) != 0
        return found, self._starts[level][nodes].astype(np.int64) + ranks[nodes, word] + bits.below(words, bit)

    def _lower_bound(self, level: int, nodes: Ints, codes: Ints) -> tuple[Ints, Ints]:
        """The first child of each node whose code is not below the given one, and the end of the node's children."""
        column = self._codes[level]
        low = self._starts[level][nodes].astype(np.int64)
        stop = high = self._starts[level][nodes + 1].astype(np.int64)
        for _ in range(int((high - low).max(initial=0)).bit_length()):  # halving search of all rows at once
            middle = (low + high) >> 1
            less = (low < high) & (column[np.minimum(middle, len(column) - 1)] < codes)
            low, high = np.where(less, middle + 1, low), np.where(less, high, middle)
        return low, stop


class Allowed:
    """A filter compiled for one trie: which positions it allows, and so which prefixes lead to an allowed product."""

    def __init__(self, trie: Trie, positions: Words, node_bits: Sequence[Words], masks: Sequence[Words | None]) -> None:
        self.trie = trie
        self._positions = positions
        self._before = bits.exclusive_counts(positions, np.uint32 if trie.num_products < 1 << 32 else np.uint64)
        self._node_bits, self._masks = tuple(node_bits), tuple(masks)
        self.num_allowed = self._rank(np.array([trie.num_products]))[0].item()

    @classmethod
    def from_positions(cls, trie: Trie, mask: npt.NDArray[np.bool_]) -> Allowed:
        """The filter that allows the positions where `mask` (N,) is True."""
        if mask.shape != (trie.num_products,):
            raise GenretError(f"filter of shape {mask.shape}, but the trie holds {trie.num_products} products")
        padded = np.append(mask, False)  # so that N itself has a word to be counted in
        flags = _node_flags(trie, mask)
        masks = [
            None
            if trie._masks[level] is None
            else _child_bits(trie._codes[level], trie._starts[level], size, flags[level + 1])
            for level, size in enumerate(trie.codebook_sizes)
        ]
        return cls(trie, bits.pack(padded), [bits.pack(flag) for flag in flags], masks)

    @property
    def nbytes(self) -> int:
        arrays = [self._positions, self._before, *self._node_bits, *(mask for mask in self._masks if mask is not None)]
        return sum(array.nbytes for array in arrays)

    def child_masks(self, trie: Trie) -> tuple[Words | None, ...]:
        """Per level the bit sets of allowed children, None where children are enumerated."""
        if trie is not self.trie:
            raise GenretError("this filter was compiled for another trie; compile it again for this one")
        return self._masks

    def has_node(self, depth: int, nodes: Ints) -> Bools:
        """(n,) whether an allowed product lies below each depth-`depth` node (no -1 among them)."""
        return bits.test(self._node_bits[depth], nodes)

    def count(self, level: int, nodes: Ints) -> Ints:
        """(R,) how many allowed products lie below each depth-`level` node."""
        start, stop = self.trie.product_range(level, nodes)
        return self._rank(stop) - self._rank(start)

    def rank(self, positions: Ints) -> Ints:
        """(n,) how many allowed positions stand before each of the given ones."""
        return self._rank(positions)

    def nth(self, ranks: Ints) -> Ints:
        """(n,) the positions of the allowed products of these ranks, from 0; the inverse of `rank`."""
        word = np.searchsorted(self._before, ranks.astype(self._before.dtype), "right") - 1
        flags = bits.unpack(self._positions[word][:, None], 64)  # (n, 64)
        within = np.cumsum(flags, axis=1) > (ranks - self._before[word])[:, None]
        return (word << 6) + within.argmax(axis=1)

    def positions(self, start: int, stop: int) -> Ints:
        """The allowed positions from `start` up to, not including, `stop`; ascending."""
        first, last = start >> 6, bits.words_for(stop)
        window = bits.unpack(self._positions[first:last], max(0, stop - (first << 6)))
        window[: start - (first << 6)] = False
        return np.flatnonzero(window) + (first << 6)

    def mask(self) -> Bools:
        """(N,) bool, one a position."""
        return bits.unpack(self._positions, self.trie.num_products)

    def _rank(self, positions: Ints) -> Ints:
        """How many allowed positions stand before each."""
        word = positions >> 6
        return self._before[word] + bits.below(self._positions[word], positions & 63)


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
    return np.lexsort(words[::-1]).astype(np.int64) if len(words) > 1 else np.argsort(words[0], kind="stable")


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


def _child_bits(codes: UInts, starts: UInts, size: int, keep: Bools | None = None) -> Words | None:
    """(n, ceil(K / 64)) words: the children of each node (those to `keep`), or None where that would take too much."""
    nodes = len(starts) - 1
    width = bits.words_for(size)
    if nodes > 1 and nodes * width * 8 > DENSE_BYTES:
        return None
    result = np.zeros((nodes, width), np.uint64)
    step = max(1, (4 << 20) // (width * 64))  # nodes at a time, a byte a bit
    for first in range(0, nodes, step):
        bounds = starts[first : first + step + 1].astype(np.int64)
        rows = np.repeat(np.arange(len(bounds) - 1), np.diff(bounds))
        columns = codes[bounds[0] : bounds[-1]]
        flags = np.zeros((len(bounds) - 1, size), np.bool_)
        flags[rows, columns] = True if keep is None else keep[bounds[0] : bounds[-1]]
        result[first : first + len(flags)] = bits.pack(flags)
    return result


def _node_flags(trie: Trie, mask: Bools) -> list[Bools]:
    """Per depth (n,) bool: whether an allowed product lies below each node."""
    flags = [mask]
    for depth in range(trie.levels, 0, -1):
        begins = trie._starts[depth][:-1]
        flags.append(np.logical_or.reduceat(flags[-1], begins.astype(np.int64)) if len(begins) else mask)
    return [np.array([mask.any()]), *flags[:0:-1]]


def _checked(codes: npt.ArrayLike, codebook_sizes: Sequence[int]) -> npt.NDArray[Any]:
    sizes = Vocab(codebook_sizes).codebook_sizes
    array = np.asarray(codes)
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
    return array


def _mapped(path: Path) -> UInts:
    """A .npy file, memory-mapped, without the overhead that np.memmap adds to every index."""
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False).view(np.ndarray)
    except (OSError, ValueError) as error:
        raise GenretError(f"{path}: cannot map this array ({error}); build the index again") from None
