"""The known prefixes of one length, as one query alone, or several, go through them: `Level` has them as arrays."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from genret.ground.arrays import Bools, Floats, Ints
from genret.model.single_worth import Taken, Vectors
from genret.model.values import PrefixValues


class AnyLevel(Protocol):
    """Prefixes of one length as children of those one shorter: a `Level`, or one with some more beside it."""

    @property
    def codes(self) -> Taken:
        """The last code of each."""
        ...

    @property
    def all_many(self) -> bool:
        """Whether several IDs lie below each parent, so that `many` need not be asked."""
        ...

    def children(self, parents: Ints) -> tuple[Ints, Ints]:
        """(B,) the first child of each of (B,) parents, and how many it has."""
        ...

    def rest(self, parents: Ints, counts: Ints) -> Floats:
        """(B,) log(1 + what the codes without a prefix have of the probability beside 1 for those with one)."""
        ...

    def many(self, parents: Ints) -> Bools:
        """(B,) whether several IDs lie below each."""
        ...


class Level:
    """An `AnyLevel` of arrays."""

    def __init__(self, prefixes: PrefixValues, level: int, vectors: Vectors) -> None:
        keys, starts = (prefixes.get_buffer(f"{name}{level}").numpy() for name in ("keys", "starts"))
        self.codes, self.starts, self._counts = keys % prefixes.sizes[level], starts, np.diff(starts)
        part = prefixes.backoff * (self._counts < prefixes.sizes[level])
        self._rest = np.log1p(part).astype(np.float32)
        first, stop = vectors.leaf_range(level - 1, np.arange(len(starts) - 1))
        self._many = stop - first > 1
        self.all_many = bool(self._many.all())

    def children(self, parents: Ints) -> tuple[Ints, Ints]:
        """See `AnyLevel`."""
        return self.starts.take(parents), self._counts.take(parents)

    def rest(self, parents: Ints, counts: Ints) -> Floats:
        """See `AnyLevel`."""
        return self._rest.take(parents)

    def many(self, parents: Ints) -> Bools:
        """See `AnyLevel`."""
        return self._many.take(parents)
