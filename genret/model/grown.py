"""Prefixes with values, and some that came after training beside them: what was there stays where it is.

`GrownValues.of(base).with_values(came)` knows the base's prefixes and the new ones. The nodes of both are numbered in
ID order, as if they were in one `PrefixValues` (`whole` is that one). As in `genret.search.overlay`, numbers are found
by counting: a node that came has a `point`, the base's node that it stands before, so that number j of these has the
number `points[j] + j`. What growing costs does not depend on how many prefixes the base has.

Letters: D width of the vectors; of a depth, e nodes that came; k IDs that come at once; R ranges of nodes.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch

from genret.ground.arrays import Bools, Floats, Ints
from genret.model.grown_parts import NONE, Came, Given, Placed, Rows, Starts, holds, shifted
from genret.model.values import PrefixValues

AT_ONCE = 256
"""Coarse prefixes whose IDs are read together."""
KEPT = 1024
"""So many vectors that nothing asks for any more are kept in any case."""


class Values(NamedTuple):
    """What IDs, and some coarse prefixes of theirs, are worth: vectors, and in the last column weights."""

    ids: Ints
    """(k, L) ascending, each once."""
    leaves: Floats
    """(k, D + 1)"""
    firsts: Ints
    """(c,) the first of the IDs below each coarse prefix that is given."""
    coarse: Floats
    """(c, D + 1)"""


class _At(NamedTuple):
    """Where k prefixes of one depth stand."""

    numbers: Ints
    """(k,) among the nodes of both."""
    base: Ints
    """(k,) among the base's; of one that it lacks, the node that it stands before."""
    inside: Bools
    """(k,) whether the base has it."""


class Apart(NamedTuple):
    """What `PrefixValues.spread` says of m coarse prefixes that have other IDs below them now."""

    at: Ints
    """(m,) their numbers, ascending."""
    values: Floats
    """(m,) NaN as long as nobody asks."""

    def without_values(self, numbers: Ints) -> Apart:
        """With these of (c,) prefixes, ascending, to be found."""
        places = self.at.searchsorted(numbers)
        there = holds(self.at, places, numbers)
        values, new = self.values.copy(), places[~there]
        values[places[there]] = np.nan
        return Apart(np.insert(self.at, new, numbers[~there]), np.insert(values, new, np.float32(np.nan)))


class _Parts(NamedTuple):
    """What is beside a base."""

    came: Sequence[Came]
    """Per depth, from 0."""
    tables: Sequence[Placed]
    """Whose vectors came, of each of the base's tables: of coarse prefixes, if these have vectors, and of IDs."""
    rows: Rows
    named: list[int]
    """Per level, how many nodes ever came."""
    apart: Apart


class GrownValues:
    """What `base` knows, and what came. It changes no more: `with_values` and `without` make another one."""

    def __init__(self, base: PrefixValues, keys: Sequence[Ints], starts: Sequence[Ints], parts: _Parts) -> None:
        """`keys` and `starts`: the base's buffers, on the CPU."""
        self.base, self.came, self.tables, self.rows = base, parts.came, parts.tables, parts.rows
        self.apart, self._keys, self._starts, self._named = parts.apart, keys, starts, parts.named
        self.starts = [Starts(one, self.came[level], self.came[level + 1]) for level, one in enumerate(starts)]
        self._coarse = base.coarse_level + 1  # the depth of the coarse prefixes

    @classmethod
    def of(cls, base: PrefixValues) -> GrownValues:
        """With nothing beside the base."""
        keys, starts = (
            [base.get_buffer(f"{name}{level}").cpu().numpy() for level in range(base.levels)]
            for name in ("keys", "starts")
        )
        nothing, rows = Came(), Rows(base.leaves.shape[1] + 1)
        tables = [Placed() for _ in base.tables()]
        apart = Apart(NONE, np.zeros(0, np.float32))
        return cls(base, keys, starts, _Parts([nothing] * (base.levels + 1), tables, rows, [0] * base.levels, apart))

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing beside the base."""
        return not any(len(table.at) for table in self.tables)

    def with_values(self, values: Values) -> GrownValues:
        """With these IDs, or with these values of them; itself if nothing differs. For one thread at a time."""
        came, shifts, at = [self.came[0]], [NONE], _root(len(values.ids))
        numbers = [at.numbers]
        for level, codes in enumerate(values.ids.T):
            now, at, shift = self._inserted(level, codes, at, shifts[-1])
            came.append(now)
            shifts.append(shift)
            numbers.append(at.numbers)
        given = [(values.firsts, values.coarse), (np.arange(len(values.ids)), values.leaves)][-len(self.tables) :]
        tables = list[Placed]()
        for table, (_, _, depth), (of, found) in zip(self.tables, self.base.tables(), given, strict=True):
            one = Given(numbers[depth].take(of), found)
            tables.append(table.having(shifted(table.at, shifts[depth]), one, self.rows, came[depth]))
        if all(own is before for own, before in zip(tables, self.tables, strict=True)):
            return self
        apart = self.apart._replace(at=shifted(self.apart.at, shifts[self._coarse]))
        return self._other(came, tables, apart, np.unique(numbers[self._coarse]))

    def without(self, ids: Ints) -> GrownValues:
        """Without (k, L) IDs, ascending, all of which came; nor the prefixes that lead to nothing else that came."""
        if not len(ids):
            return self
        at, numbers = _root(len(ids)), [np.zeros(len(ids), np.int64)]
        for level, codes in enumerate(ids.T):
            at = self._below(level, codes, at, self.came[level + 1])[0]
            numbers.append(at.numbers)
        came, gone = list(self.came), [NONE] * len(self.came)
        leave = at.numbers
        for depth in range(self.base.levels, 0, -1):
            own, above = self.came[depth], self.came[depth - 1]
            places = own.slots.searchsorted(leave)
            came[depth], gone[depth] = own.without(places), leave
            parents = np.unique(own.parents.take(places))
            left = came[depth].parents
            leave = parents[
                holds(above.slots, above.slots.searchsorted(parents), parents)
                & ~holds(left, left.searchsorted(parents), parents)
            ]
        for depth in range(1, len(came)):
            came[depth] = came[depth].below(came[depth].parents - gone[depth - 1].searchsorted(came[depth].parents))
        depths = [depth for _, _, depth in self.base.tables()]
        tables = [table.without(gone[depth]) for table, depth in zip(self.tables, depths, strict=True)]
        lost, apart, near = gone[self._coarse], self.apart, numbers[self._coarse]
        kept = ~holds(lost, lost.searchsorted(apart.at), apart.at)
        near = np.unique(near[~holds(lost, lost.searchsorted(near), near)])
        apart = Apart(apart.at[kept] - lost.searchsorted(apart.at[kept]), apart.values[kept])
        return self._other(came, tables, apart, near - lost.searchsorted(near))

    @cached_property
    @torch.no_grad()
    def whole(self) -> PrefixValues:
        """The same as one `PrefixValues`, with tables of its own: for what asks for all prefixes at once."""
        base, came = self.base, self.came
        counts = [len(keys) + len(one) for keys, one in zip(self._keys, came[1:], strict=True)]
        grown = PrefixValues(base.sizes, counts, base.leaves.shape[1], base.backoff, base.look_below)
        for level, (keys, size) in enumerate(zip(self._keys, base.sizes, strict=True)):
            codes = np.insert(keys % size, came[level + 1].points, came[level + 1].codes)
            parents = len(self._starts[level]) + len(came[level])
            grown.lay_out_level(level, codes, self.starts[level].take(np.arange(parents)))
            grown.get_buffer(f"share{level}").copy_(base.get_buffer(f"share{level}"))
        grown.to(base.leaves.device)
        for table, (own, bias, depth), (old, old_bias, _) in zip(
            self.tables, grown.tables(), base.tables(), strict=True
        ):
            kept = np.ones(len(own), np.bool_)
            kept[came[depth].slots] = False
            own[kept], bias[kept] = old, old_bias
            found = torch.from_numpy(self.rows.values[table.rows]).to(own)
            own[table.at], bias[table.at] = found[:, :-1], found[:, -1]
        return grown.eval().requires_grad_(False)

    def spread(self, base: Floats) -> Floats:
        """(n,) `PrefixValues.spread` of all coarse prefixes, by that of the base's."""
        at, values = self.apart
        unknown = np.flatnonzero(np.isnan(values))
        for some in np.split(unknown, range(AT_ONCE, len(unknown), AT_ONCE)) if len(unknown) else []:
            values[some] = self._spread_of(at[some])  # whoever finds them finds the same
        found = np.insert(base, self.came[self._coarse].points, np.float32(0))
        found[at] = values
        return found

    def _below(self, level: int, codes: Ints, above: _At, came: Came) -> tuple[_At, Ints, Ints, Bools]:
        """Where (k,) codes lead from the prefixes above, in ID order, if `came` did; and of `came`, the keys of the k,
        their places, and whether they are there."""
        size, keys = self.base.sizes[level], self._keys[level]
        wanted = above.base * size + np.where(above.inside, codes, 0)
        base = keys.searchsorted(wanted)
        own = above.numbers * size + codes
        cells = came.parents * size + came.codes
        places = cells.searchsorted(own)
        inside = above.inside & holds(keys, base, wanted)
        return _At(base + places, base, inside), own, places, holds(cells, places, own)

    def _inserted(self, level: int, codes: Ints, above: _At, shift: Ints) -> tuple[Came, _At, Ints]:
        """The nodes that came below a level, with those that (k,) codes lead to; where these are; and the numbers, as
        they were, that the new ones stand before. `shift`: the same of the nodes above."""
        old = self.came[level + 1]
        if len(shift):
            old = old.below(shifted(old.parents, shift))
        at, own, places, there = self._below(level, codes, above, old)
        new = ~at.inside & ~there
        new[1:] &= own[1:] != own[:-1]
        fresh = np.flatnonzero(new)
        if not len(fresh):
            return old, at, NONE
        named = self._named
        names = np.arange(named[level], named[level] + len(fresh))
        named[level] += len(fresh)
        before = at.numbers[fresh]
        given = at.base[fresh], above.numbers[fresh], codes[fresh], names
        numbers = at.numbers + own[fresh].searchsorted(own)
        return old.inserted(places[fresh], *given), at._replace(numbers=numbers), before

    def _other(self, came: Sequence[Came], tables: Sequence[Placed], apart: Apart, near: Ints) -> GrownValues:
        """With these in place of its own; `near` (c,) are the coarse prefixes with other IDs below them than before."""
        rows, used = self.rows, sum(len(table.rows) for table in tables)
        if len(rows) > 2 * used + KEPT:  # the others are asked for no more
            rows = Rows(self.rows.values.shape[1])
            tables = [table.at_rows(rows.add(self.rows.values[table.rows])) for table in tables]
        apart = apart.without_values(near)
        return GrownValues(self.base, self._keys, self._starts, _Parts(came, tables, rows, self._named, apart))

    def _spread_of(self, nodes: Ints) -> Floats:
        """(c,) what `PrefixValues.spread` says of these coarse prefixes."""
        first, stop = nodes, nodes + 1
        for starts in self.starts[self._coarse :]:
            first, stop = starts.take(first), starts.take(stop)
        counts = stop - first
        own, ids = self._vectors(0, nodes, nodes + 1), self._vectors(1, first, stop)
        apart = np.square(ids - own.repeat(counts, 0)).sum(1)
        found: Floats = np.add.reduceat(apart, np.add.accumulate(counts) - counts) / (counts * (2 * own.shape[1]))
        return found.astype(np.float32)

    def _vectors(self, table: int, first: Ints, stop: Ints) -> Floats:
        """(n, D) float32 of the nodes in (R,) ranges of one of the tables."""
        base, _, cut = self.tables[table].split(first, stop)
        own: Floats = self.base.tables()[table][0].detach()[torch.from_numpy(base)].float().cpu().numpy()
        return own if cut is None else cut.joined(own.T, self.rows.values[cut.rows, :-1].T).T


def _root(count: int) -> _At:
    """The root, so many times."""
    zeros = np.zeros(count, np.int64)
    return _At(zeros, zeros, np.ones(count, np.bool_))
