"""The arrays of `genret.model.grown`: nodes that came beside those of a base, and the vectors that came with them.

Nothing here changes once it is made, but `Rows`, which grows behind what was read of it.

Letters: D width of the vectors; of a depth, e nodes that came; k nodes that are asked for; R ranges of nodes.
"""

from __future__ import annotations

import copy
from typing import NamedTuple, TypeVar

import numpy as np

from genret.ground.arrays import Bools, Floats, Ints
from genret.search.ranking import ranges

Numbers = TypeVar("Numbers", Ints, Floats)

NONE = np.zeros(0, np.int64)


class Came:
    """The e nodes of one depth that came, in ID order."""

    def __init__(self, points: Ints = NONE, parents: Ints = NONE, codes: Ints = NONE, names: Ints = NONE) -> None:
        """`points` (e,) the base's nodes that they stand before; `parents` (e,) the numbers of the nodes above them;
        `codes` (e,) the last of each; `names` (e,) a number for each that no other of this depth ever has."""
        self.points, self.parents, self.codes, self.names = points, parents, codes, names
        self.slots = points + np.arange(len(points))
        """(e,) their numbers among the nodes of both."""

    def __len__(self) -> int:
        return len(self.points)

    def inserted(self, places: Ints, points: Ints, parents: Ints, codes: Ints, names: Ints) -> Came:
        """With others before those at (m,) places."""
        new, own = (points, parents, codes, names), (self.points, self.parents, self.codes, self.names)
        return Came(*(np.insert(one, places, more) for one, more in zip(own, new, strict=True)))

    def without(self, places: Ints) -> Came:
        """Without those at (m,) places."""
        return Came(*(np.delete(one, places) for one in (self.points, self.parents, self.codes, self.names)))

    def below(self, parents: Ints) -> Came:
        """The same below nodes that have other numbers now."""
        return Came(self.points, parents, self.codes, self.names)

    def find(self, numbers: Ints) -> tuple[Ints, Bools]:
        """(k,) how many that came stand before each number, and whether it is of one that came."""
        before = self.slots.searchsorted(numbers)
        return before, holds(self.slots, before, numbers)


class Starts:
    """Where the children of each node of a depth begin, closed by their total: an array that is never made."""

    def __init__(self, base: Ints, came: Came, children: Came) -> None:
        self._base, self._slots, self._parents = base, came.slots, children.parents

    def take(self, nodes: Ints) -> Ints:
        """(k,) of these nodes."""
        found: Ints = self._base.take(nodes - self._slots.searchsorted(nodes))
        found += self._parents.searchsorted(nodes)
        return found


class Cut(NamedTuple):
    """Of some ranges of nodes, the m whose vectors came."""

    places: Ints
    """(m,) where they stand among all."""
    rows: Ints
    """(m,) where their vectors are."""
    new: Bools
    """(m,) whether the base lacks them."""
    counts: Ints
    """(R,) how many are in each range."""

    def joined(self, base: Numbers, came: Numbers) -> Numbers:
        """(..., b) what is known of the base's nodes and (..., m) of these -> the same of all, in their order."""
        kept = np.ones(base.shape[-1] + int(np.count_nonzero(self.new)), np.bool_)
        kept[self.places[self.new]] = False
        found: Numbers = np.empty((*base.shape[:-1], len(kept)), base.dtype)
        found[..., kept] = base
        found[..., self.places] = came
        return found


class Rows:
    """(n, D + 1) vectors and weights. More are added behind; none is ever moved or changed for who has read it."""

    def __init__(self, width: int) -> None:
        self._array, self._count = np.empty((0, width), np.float32), 0

    def __len__(self) -> int:
        return self._count

    def add(self, rows: Floats) -> Ints:
        """Where these now are. For one thread at a time; others may read meanwhile."""
        first, count = self._count, self._count + len(rows)
        if count > len(self._array):
            larger = np.empty((2 * count, self._array.shape[1]), np.float32)
            larger[:first] = self._array[:first]
            self._array = larger
        self._array[first:count] = rows
        self._count = count
        return np.arange(first, count)

    @property
    def values(self) -> Floats:
        """(n, D + 1)"""
        return self._array[: self._count]


class Given(NamedTuple):
    """Vectors and weights of k nodes."""

    numbers: Ints
    """(k,) ascending."""
    rows: Floats
    """(k, D + 1)"""


class Placed:
    """The m nodes of a depth whose vectors came: those that came themselves, and those of the base that changed."""

    def __init__(self, at: Ints = NONE, rows: Ints = NONE, new: Bools = NONE > 0) -> None:
        """`at` (m,) their numbers, ascending; `rows` (m,) where their vectors are; `new` (m,) whether the base lacks
        each."""
        self.at, self.rows, self.new = at, rows, new
        self.before = np.concatenate([[0], np.add.accumulate(self.new, dtype=np.int64)])
        """(m + 1,) how many of those before each the base lacks."""

    @property
    def changed(self) -> Ints:
        """Those that the base has, by its numbers."""
        return (self.at - self.before[:-1])[~self.new]

    def having(self, at: Ints, given: Given, rows: Rows, came: Came) -> Placed:
        """At other numbers, `at`, and with what is given, which is put into `rows`. Itself if it is so already."""
        place = at.searchsorted(given.numbers)
        there = holds(at, place, given.numbers)
        differ = ~there
        differ[there] = (rows.values[self.rows[place[there]]] != given.rows[there]).any(1)
        if not differ.any() and at is self.at:
            return self
        some = np.flatnonzero(differ)
        own, where, old = self.rows.copy(), rows.add(given.rows[some]), there[some]
        own[place[some[old]]] = where[old]
        fresh = some[~old]
        before, numbers = place[fresh], given.numbers[fresh]
        new = np.insert(self.new, before, came.find(numbers)[1])
        return Placed(np.insert(at, before, numbers), np.insert(own, before, where[~old]), new)

    def at_rows(self, rows: Ints) -> Placed:
        """The same with its vectors elsewhere."""
        other = copy.copy(self)
        other.rows = rows
        return other

    def without(self, gone: Ints) -> Placed:
        """Without those of (k,) numbers, ascending, and at the others' numbers when these are gone."""
        kept = ~holds(gone, gone.searchsorted(self.at), self.at)
        at = self.at[kept]
        return Placed(at - gone.searchsorted(at), self.rows[kept], self.new[kept])

    @property
    def cut(self) -> Cut:
        """Of all nodes of the depth."""
        return Cut(self.at, self.rows, self.new, np.array([len(self.at)]))

    def split(self, first: Ints, stop: Ints) -> tuple[Ints, Ints, Cut | None]:
        """The nodes from `first` to `stop` (R,) each, range after range: (b,) those of the base, by its numbers, and
        (R,) how many each range has of them; and those whose vectors came, if there are any."""
        low, high = self.at.searchsorted(first), self.at.searchsorted(stop)
        begin = first - self.before.take(low)
        own = stop - self.before.take(high) - begin
        counts = high - low
        base, _ = ranges(begin, own)
        if not counts.any():
            return base, own, None
        index, _ = ranges(low, counts)
        places = self.at.take(index) + (np.add.accumulate(stop - first) - stop).repeat(counts)
        return base, own, Cut(places, self.rows.take(index), self.new.take(index), counts)


def holds(array: Ints, places: Ints, wanted: Ints) -> Bools:
    """(k,) whether an array, ascending, has at (k,) places, where they would be inserted, the (k,) wanted numbers."""
    if not len(array):
        return np.zeros(len(wanted), np.bool_)
    found: Bools = array.take(places, mode="clip") == wanted
    return found


def shifted(numbers: Ints, shift: Ints) -> Ints:
    """(n,) numbers, ascending, after others came before those of `shift`, ascending."""
    if not len(shift):
        return numbers
    return numbers + np.add.accumulate(np.bincount(numbers.searchsorted(shift), minlength=len(numbers) + 1)[:-1])
