"""`GrownValues` in torch, on the device of its base: for a search that scores all codes after every prefix.

A `GrownTensors` answers as a `PrefixValues` of all prefixes would (`GrownValues.whole`), and copies none of its tables.

Letters: D width of the vectors; of a depth, e nodes that came; m whose vectors came.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from genret.ground.arrays import Floats
from genret.model.grown import GrownValues
from genret.model.grown_parts import Came, Placed
from genret.model.prefix import UNKNOWN
from genret.model.values import LeafPart, PrefixValues


class _Came(NamedTuple):
    """The e nodes of one depth that came."""

    slots: Tensor
    """(e,) their numbers."""
    parents: Tensor
    """(e,) those of the nodes above them."""
    codes: Tensor
    keys: Tensor
    """(e,) parent and code as one number, ascending."""

    def find(self, nodes: Tensor) -> tuple[Tensor, Tensor]:
        """How many of them stand before some nodes, and whether each of these came."""
        before = torch.searchsorted(self.slots, nodes)
        return before, holds(self.slots, before, nodes)


class _Placed(NamedTuple):
    """The m nodes of a depth whose vectors came."""

    at: Tensor
    """(m,) their numbers."""
    before: Tensor
    """(m + 1,) how many of those before each the base lacks."""
    changed: Tensor
    """Those that the base has, by its numbers."""
    vectors: Tensor
    """(m, D) float32"""
    weights: Tensor
    """(m,) float32"""


class GrownTensors(PrefixValues):
    """What a `GrownValues` knows. Not to be trained, nor to be saved: it has no weights of its own."""

    def __init__(self, grown: GrownValues) -> None:
        nn.Module.__init__(self)
        base = grown.base
        self.sizes, self.backoff, self.levels = base.sizes, base.backoff, base.levels
        self.coarse_level, self.look_below = base.coarse_level, base.look_below
        self._bases = (base,)  # in a tuple, so that its weights do not count as this one's
        device = base.leaves.device
        with torch.no_grad():
            self._came = [_came(one, size, device) for one, size in zip(grown.came, (1, *base.sizes), strict=True)]
            placed = [_placed(table, grown.rows.values, device) for table in grown.tables]
            self._coarse, self._leaf = placed[0], placed[-1]
            self._segments = [
                torch.from_numpy(starts.take(np.arange(len(base._starts(level)) + len(grown.came[level])))).to(device)
                for level, starts in enumerate(grown.starts[: self.coarse_level + 1])
            ]
            self._own_spread = _spread(grown)

    def child(self, level: int, nodes: Tensor, codes: Tensor) -> Tensor:
        """See `Prefixes.child`."""
        came, own = self._came[level + 1], nodes * self.sizes[level] + codes
        before, new = self._came[level].find(nodes)
        base = self._bases[0].child(level, torch.where(new | (nodes < 0), UNKNOWN, nodes - before), codes)
        place = torch.searchsorted(came.keys, own)
        found = torch.where(base >= 0, base + place, UNKNOWN)
        if len(came.slots):
            there = holds(came.keys, place, own) & (nodes >= 0)
            found = torch.where(there, came.slots[place.clamp_max(len(came.slots) - 1)], found)
        return found

    def spread(self) -> Tensor | None:
        """See `PrefixValues.spread`."""
        return self._own_spread

    def _begins(self, level: int, nodes: Tensor) -> Tensor:
        base = self._bases[0]._begins(level, nodes - torch.searchsorted(self._came[level].slots, nodes))
        return base + torch.searchsorted(self._came[level + 1].parents, nodes)

    def _codes(self, level: int, children: Tensor) -> Tensor:
        came = self._came[level + 1]
        before, new = came.find(children)
        found = self._bases[0]._codes(level, torch.where(new, 0, children - before))
        return (
            found if not len(came.codes) else torch.where(new, came.codes[before.clamp_max(len(came.codes) - 1)], found)
        )

    def _starts(self, level: int) -> Tensor:
        """Down to the coarse level."""
        return self._segments[level]

    def _share(self, level: int) -> Tensor:
        return self._bases[0]._share(level)

    def _coarse_scores(self, query: Tensor) -> Tensor:
        placed = self._coarse
        return self._with_coarse(
            self._bases[0]._coarse_scores(query), torch.addmm(placed.weights, query, placed.vectors.t())
        )

    def _coarse_weights(self) -> Tensor:
        return self._with_coarse(self._bases[0]._coarse_weights(), self._coarse.weights)

    def _with_coarse(self, base: Tensor, placed: Tensor) -> Tensor:
        """(..., n) of what the base has of its coarse prefixes, and what those have whose vectors came."""
        slots = self._came[self.coarse_level + 1].slots
        kept = torch.ones(base.shape[-1] + len(slots), dtype=torch.bool, device=base.device)
        kept[slots] = False
        found = base.new_empty(*base.shape[:-1], len(kept))
        found[..., kept] = base
        found[..., self._coarse.at] = placed
        return found

    def _leaf_parts(self, first: Tensor, stop: Tensor) -> list[LeafPart]:
        placed = self._leaf
        low, high = torch.searchsorted(placed.at, first), torch.searchsorted(placed.at, stop)
        begin = first - placed.before[low]
        (own,) = self._bases[0]._leaf_parts(begin, stop - placed.before[high])
        return [
            own._replace(left_out=placed.changed if len(placed.changed) else None),
            LeafPart(placed.vectors, placed.weights, low, high - low),
        ]


def _came(came: Came, size: int, device: torch.device) -> _Came:
    slots, parents, codes = (torch.from_numpy(one).to(device) for one in (came.slots, came.parents, came.codes))
    return _Came(slots, parents, codes, parents * size + codes)


def _placed(table: Placed, rows: Floats, device: torch.device) -> _Placed:
    found = torch.from_numpy(rows[table.rows]).to(device)
    at, before, changed = (torch.from_numpy(one).to(device) for one in (table.at, table.before, table.changed))
    return _Placed(at, before, changed, found[:, :-1].contiguous(), found[:, -1])


def _spread(grown: GrownValues) -> Tensor | None:
    """(n,) `PrefixValues.spread` of all coarse prefixes."""
    base = grown.base.spread()
    return None if base is None else torch.from_numpy(grown.spread(base.cpu().numpy())).to(base.device)


def holds(array: Tensor, places: Tensor, wanted: Tensor) -> Tensor:
    """Whether an array, ascending, has at these places, where they would be inserted, the wanted numbers."""
    if not len(array):
        return torch.zeros_like(wanted, dtype=torch.bool)
    return array[places.clamp_max(len(array) - 1)] == wanted
