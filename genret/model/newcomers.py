"""What IDs that came after training are worth: what the dense start gives them, changed as training changed others.

`Newcomers(own, base).values(ids, delta)` makes `genret.model.grown.Values` of the products that have these IDs. What is
found for an ID depends on its own products and on those of its coarse prefix in the base alone, not on what else came.

Letters: D width of the vectors; P products; k prefixes.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from genret.ground.arrays import Floats, Ints
from genret.model.grown import Values
from genret.model.values import PrefixValues, means
from genret.search.ranking import ranges
from genret.search.trie import Trie

LOOKED_AT = 1024
"""IDs by which it is told what training changed on average."""


class Stock(NamedTuple):
    """Products, by their positions in a trie."""

    trie: Trie
    vectors: Callable[[Ints], Floats] | None
    """(P,) positions -> (P, D) their vectors; None where they have none."""

    def below(self, prefixes: Ints) -> tuple[Ints, Tensor]:
        """(P,) the positions of the products below (k, d) prefixes, and (P,) which prefix each is below."""
        nodes = np.full(len(prefixes), self.trie.root, np.int64)
        for level, codes in enumerate(prefixes.T):
            nodes = self.trie.child(level, nodes, codes)
        start, stop = self.trie.product_range(prefixes.shape[1], nodes)
        owner = np.arange(len(prefixes)).repeat(stop - start)
        return ranges(start, stop - start)[0], torch.from_numpy(owner)

    def read(self, positions: Ints) -> Tensor:
        """(P, D) float32 vectors."""
        assert self.vectors is not None, "asked only where there are vectors"
        return torch.from_numpy(np.asarray(self.vectors(positions), np.float32))


class Newcomers:
    """What a model would know of IDs that it does not know, beside the products of a base."""

    def __init__(self, own: PrefixValues, base: Stock) -> None:
        self._own, self._base = own, base
        self._device, self._coarse = own.leaves.device, own.coarse_level + 1

    @torch.no_grad()
    def values(self, ids: Ints, delta: Stock | None = None) -> Values:
        """Of (k, L) IDs, ascending, each of some product of the base or the delta; the model knows none of them."""
        coarse = ids[:, : self._coarse]
        known = self.known(coarse) & (self._coarse > 0)
        first = ~known
        first[1:] &= (coarse[1:] != coarse[:-1]).any(1)
        firsts = np.flatnonzero(first) if self._coarse else np.zeros(0, np.int64)
        leaves = self._started(ids, delta)
        above = torch.zeros(0, leaves.shape[1])
        if known.any():
            leaves[known] += self._changed(coarse[known])
        if not known.all():
            leaves[~known] += self._everywhere
        if len(firsts):
            above = self._started(coarse[firsts], delta) + self._everywhere
        return Values(ids, leaves.numpy(), firsts, above.numpy())

    def known(self, prefixes: Ints) -> npt.NDArray[np.bool_]:
        """(k,) whether the model knows (k, d) prefixes."""
        return self._own.knows(torch.from_numpy(prefixes).to(self._device)).cpu().numpy()

    def _started(self, prefixes: Ints, delta: Stock | None) -> Tensor:
        """(k, D + 1) what the dense start gives them."""
        counts, sums = torch.zeros(len(prefixes)), torch.zeros(len(prefixes), self._own.leaves.shape[1])
        for stock in (self._base, delta):
            if stock is not None:
                positions, owner = stock.below(prefixes)
                counts += torch.bincount(owner, minlength=len(prefixes))
                if stock.vectors is not None:
                    sums.index_add_(0, owner, stock.read(positions))
        return torch.cat([sums / counts[:, None], counts.log()[:, None]], 1)

    def _changed(self, prefixes: Ints) -> Tensor:
        """(k, D + 1) what training has changed, on average, about the known products below (k, c) coarse prefixes that
        the model knows. Where products have no vectors, the values of the known IDs there."""
        distinct, group = np.unique(prefixes, axis=0, return_inverse=True)
        if self._base.vectors is None:
            leaves, owner = self._leaves_below(distinct)
            values = self._learnt(leaves)
        else:
            positions, owner = self._base.below(distinct)
            known, values = self._differences(positions)
            owner = owner[known]
        found, counts = means(owner, values, len(distinct))
        if not counts.all():
            found = torch.where(counts[:, None] > 0, found, self._everywhere)
        return found[torch.from_numpy(group.reshape(-1))]

    @cached_property
    def _everywhere(self) -> Tensor:
        """(D + 1,) the same about all that it knows, by some of the IDs, evenly spread: for where it knows none."""
        if self._base.vectors is None:
            count = len(self._own.leaves)
            values = self._learnt(torch.linspace(0, count - 1, min(count, LOOKED_AT)).long())
        else:
            count, trie = self._base.trie.num_ids, self._base.trie
            start, stop = trie.product_range(trie.levels, np.linspace(0, count - 1, min(count, LOOKED_AT)).astype(int))
            _, values = self._differences(ranges(start, stop - start)[0])
        return values.mean(0) if len(values) else torch.zeros(values.shape[1])

    def _differences(self, positions: Ints) -> tuple[Tensor, Tensor]:
        """(P,) whether the model knows the IDs of products of the base, of some IDs all; and of those that it does
        (p, D + 1) what it has learnt beside what it started from."""
        leaf = self._own.find(torch.from_numpy(self._base.trie.id_of(positions)).to(self._device)).cpu()
        known = leaf >= 0
        _, of, counts = torch.unique(leaf[known], return_inverse=True, return_counts=True)
        before = torch.cat([self._base.read(positions[known.numpy()]), counts[of].float().log()[:, None]], 1)
        return known, self._learnt(leaf[known]) - before

    def _leaves_below(self, prefixes: Ints) -> tuple[Tensor, Tensor]:
        """The IDs that the model knows below (k, c) prefixes, and which prefix each is below."""
        own = self._own
        nodes = own.find(torch.from_numpy(prefixes).to(self._device))
        first, stop = nodes.clamp_min(0), nodes + 1
        for level in range(self._coarse, own.levels):
            starts = own.get_buffer(f"starts{level}")
            first, stop = starts[first], starts[stop]
        counts = torch.where(nodes >= 0, stop - first, 0).cpu().numpy()
        leaves, _ = ranges(first.cpu().numpy(), counts)
        return torch.from_numpy(leaves), torch.from_numpy(np.arange(len(prefixes)).repeat(counts))

    def _learnt(self, leaves: Tensor) -> Tensor:
        """(n, D + 1) float32 the vectors and weights of some IDs that the model knows."""
        own, leaves = self._own, leaves.to(self._device)
        return torch.cat([own.leaves[leaves], own.leaf_bias[leaves, None]], 1).float().cpu()
