"""The model's prefixes, grown with the index: products that came after training get the values theirs would have."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock
from typing import NamedTuple

import numpy as np
import torch

from genret.ground.arrays import Ints
from genret.index.snapshot import Base, Delta, Snapshot
from genret.model.grown import GrownValues
from genret.model.newcomers import Newcomers, Stock
from genret.model.prefix import Prefixes, PrefixTable
from genret.model.values import PrefixValues


class _Last(NamedTuple):
    """What was grown last."""

    base: Base
    delta: Delta | None
    prefixes: Prefixes | GrownValues


class Growth:
    """A model's prefixes over an index that changes. Safe to share between threads."""

    def __init__(self, own: Prefixes) -> None:
        self.own = own
        self._grower = _ValueGrower(own) if isinstance(own, PrefixValues) else _TableGrower(own)
        self._last: _Last | None = None
        self._lock = Lock()

    def over(self, index: Snapshot) -> Prefixes | GrownValues:
        """The model's prefixes with those of products that came since; its own where nothing came."""
        last = self._last  # read once: another thread may replace it
        if last is None or last.base is not index.base or last.delta is not index.delta:
            with self._lock:
                self._last = last = _Last(index.base, index.delta, self._grower.grown(index))
        return last.prefixes

    def whole(self, index: Snapshot) -> Prefixes:
        """The same, in one piece."""
        return whole(self.over(index))


def whole(prefixes: Prefixes | GrownValues) -> Prefixes:
    """In one piece, as what asks for all prefixes at once needs them."""
    return prefixes.whole if isinstance(prefixes, GrownValues) else prefixes


class _ValueGrower:
    """Prefixes with values."""

    def __init__(self, own: PrefixValues) -> None:
        self._own = own
        self._last: _Generation | None = None

    def grown(self, index: Snapshot) -> Prefixes | GrownValues:
        """Over an index."""
        if self._last is None or self._last.base is not index.base:
            self._last = _Generation(self._own, index.base)
        return self._last.grown(index.delta)


class _Generation:
    """Prefixes with values over a generation: its own in one piece, and what came since beside them."""

    def __init__(self, own: PrefixValues, base: Base) -> None:
        self.base, self._depth = base, own.coarse_level + 1
        embeddings = base.embeddings
        self._stock = Stock(base.trie, None if embeddings is None else embeddings.__getitem__)
        self._newcomers = Newcomers(own, self._stock)
        ids = base.trie.all_ids()
        ids = ids[~self._newcomers.known(ids)]
        known = GrownValues.of(own).with_values(self._newcomers.values(ids)).whole if len(ids) else own
        self._delta: Delta | None = None  # what is grown
        self._grown = GrownValues.of(known)

    def grown(self, delta: Delta | None) -> Prefixes | GrownValues:
        """With a delta; what differs from the last one is looked at."""
        came, went = _differing(self._delta, delta, self.base.trie.levels)
        ids = np.concatenate([came, went])
        ids = ids[~self._newcomers.known(ids)]
        if len(ids):
            stock, gone = None if delta is None else _stock_of(delta), ids[:0]
            ids = np.unique(ids, axis=0)
            if len(went):
                stocks = [self._stock, *([] if stock is None else [stock])]
                there = np.logical_or.reduce([one.trie.find(ids) >= 0 for one in stocks])
                gone = ids[~there]
                ids = np.unique(np.concatenate([ids[there], *self._beside(gone, stocks)]), axis=0)
            self._grown = self._grown.without(gone).with_values(self._newcomers.values(ids, stock))
        self._delta = delta
        return self._grown.base if self._grown.is_empty else self._grown

    def _beside(self, gone: Ints, stocks: Sequence[Stock]) -> list[Ints]:
        """An ID or two still below each coarse prefix of those that are gone, if its value came: it changes too."""
        prefixes = np.unique(gone[:, : self._depth], axis=0)
        prefixes = prefixes[~self._newcomers.known(prefixes)]
        found = []
        for stock in stocks if len(prefixes) else []:
            positions, owner = stock.below(prefixes)
            found.append(stock.trie.id_of(positions[np.unique(owner.numpy(), return_index=True)[1]]))
        return found


class _TableGrower:
    """Prefixes without values: a table, which is small beside a catalogue, is made anew where IDs come or go."""

    def __init__(self, own: Prefixes) -> None:
        assert isinstance(own, PrefixTable)
        self._own = own
        self._base: Base | None = None

    def grown(self, index: Snapshot) -> Prefixes:
        """Over an index; the last one, where it knows the same."""
        if index.base is not self._base:
            self._base, self._of_base = index.base, self._unknown(index.base.trie.all_ids())
            self._last: tuple[Ints, Prefixes] | None = None
        came = self._of_base[:0] if index.delta is None else self._unknown(index.delta.trie.all_ids())
        if self._last is None or not np.array_equal(self._last[0], came):
            self._last = came, self._own.extended(torch.from_numpy(np.concatenate([self._of_base, came])))
        return self._last[1]

    def _unknown(self, ids: Ints) -> Ints:
        device = next(self._own.buffers()).device
        return ids[~self._own.knows(torch.from_numpy(ids).to(device)).cpu().numpy()]


def _differing(old: Delta | None, new: Delta | None, levels: int) -> tuple[Ints, Ints]:
    """(n, L) the IDs of products that came from one to the other, and (m, L) of those that went; or more of both."""
    if old is None or new is None or old.text is not new.text:  # then a place means something else
        every = [np.zeros((0, levels), np.int64) if one is None else one.trie.all_ids() for one in (new, old)]
    else:
        here = np.zeros((2, int(max(old.rows.max(initial=0), new.rows.max(initial=0))) + 1), np.bool_)
        here[0, old.rows], here[1, new.rows] = True, True
        some = ((one.trie, np.flatnonzero(~other[one.rows])) for one, other in ((new, here[0]), (old, here[1])))
        every = [trie.id_of(positions) for trie, positions in some]
    return every[0], every[1]


def _stock_of(delta: Delta) -> Stock:
    vectors, rows = delta.vectors, delta.rows
    return Stock(delta.trie, None if vectors is None else lambda positions: vectors[rows[positions]])
