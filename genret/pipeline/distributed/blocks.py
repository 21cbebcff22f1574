"""Blocks of a catalogue's rows, and the files that hold what has been made of each.

A block is a fixed range of rows, whoever works on it and however many do. Its file appears whole or not at all, so a
file that is there is done: that is all there is to a checkpoint.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from genret.ground.files import whole_file


class Blocks(NamedTuple):
    """`total` rows, `size` to a block, and a folder of one file per block."""

    folder: Path
    total: int
    size: int

    @property
    def numbers(self) -> range:
        return range(-(-self.total // self.size))

    def rows(self, number: int) -> tuple[int, int]:
        """The first row of a block, and the one after its last."""
        return number * self.size, min((number + 1) * self.size, self.total)

    def file(self, number: int) -> Path:
        return self.folder / f"{number:07d}.npy"

    def missing(self) -> list[int]:
        """The blocks whose files are not there, or cut off."""
        return [number for number in self.numbers if not self.is_done(number)]

    def is_done(self, number: int) -> bool:
        try:
            start, stop = self.rows(number)
            return len(self.load(number)) == stop - start
        except (OSError, ValueError, EOFError):
            return False

    def save(self, number: int, array: npt.NDArray[Any]) -> None:
        with whole_file(self.file(number)) as temporary:
            np.save(temporary, array, allow_pickle=False)

    def load(self, number: int) -> npt.NDArray[Any]:
        """(n, ...) memory-mapped."""
        return np.load(self.file(number), mmap_mode="r", allow_pickle=False)

    def parts(self) -> Sequence[npt.NDArray[Any]]:
        """Every block's array, in order, each opened when it is asked for."""
        return _Parts(self)

    def taken(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        """The arrays' rows at some of the catalogue's, ascending."""
        bounds = np.searchsorted(rows, [self.rows(number)[0] for number in self.numbers])
        found = [
            self.load(number)[rows[first:last] - self.rows(number)[0]]
            for number, first, last in zip(self.numbers, bounds, [*bounds[1:], len(rows)], strict=True)
            if last > first
        ]
        return np.concatenate(found) if found else self.load(0)[:0]


class _Parts(Sequence[npt.NDArray[Any]]):
    def __init__(self, blocks: Blocks) -> None:
        self._blocks = blocks

    def __len__(self) -> int:
        return len(self._blocks.numbers)

    def __getitem__(self, number: Any) -> Any:
        return self._blocks.load(self._blocks.numbers[number])

    def __iter__(self) -> Iterator[npt.NDArray[Any]]:
        return map(self._blocks.load, self._blocks.numbers)


class L1Range(NamedTuple):
    """A range of L1 codes: from `first` to before `stop`."""

    first: int
    stop: int

    def rows(self, codes: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
        """The rows of (N, L) codes in this range, ascending; the codes may lie on disk, and are read piece by piece."""
        found, step = [np.zeros(0, np.int64)], 1 << 20
        for start in range(0, len(codes), step):
            l1 = codes[start : start + step, 0]
            found.append(start + np.flatnonzero((l1 >= self.first) & (l1 < self.stop)))
        return np.concatenate(found)


def l1_ranges(counts: npt.NDArray[np.int64], parts: int) -> list[L1Range]:
    """At most `parts` ranges of L1 codes, each with one code at least, whose products are about as many.

    `counts` (K,): products with each code.
    """
    total = np.cumsum(counts)
    targets = total[-1] * np.arange(1, parts) / parts
    cuts = np.unique(np.searchsorted(total, targets, "left") + 1)
    edges = [0, *(int(cut) for cut in cuts if cut < len(counts)), len(counts)]
    return [L1Range(first, stop) for first, stop in pairwise(edges)]


def l1_counts(codes: npt.NDArray[np.integer], size: int) -> npt.NDArray[np.int64]:
    """(K,) products with each L1 code, of (N, L) codes that may lie on disk."""
    counts, step = np.zeros(size, np.int64), 1 << 20
    for start in range(0, len(codes), step):
        counts += np.bincount(codes[start : start + step, 0], minlength=size)
    return counts
