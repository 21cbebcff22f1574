"""The model's prefixes, grown with the index: products that came after training get the values that theirs would have.

Knows the index's snapshots and the model's prefixes; nothing of queries or of how a search works.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from genret.index.snapshot import Base, Delta, Snapshot
from genret.model.prefix import Prefixes, PrefixTable
from genret.model.values import PrefixValues

Ints = npt.NDArray[np.int64]


class _Part(NamedTuple):
    """Products as the model needs them: (n, L) codes and, where the index holds embeddings, (n, D) vectors."""

    codes: Tensor
    vectors: Tensor | None


class Growth:
    """A model's prefixes over an index that changes. Safe to share between threads."""

    def __init__(self, own: Prefixes) -> None:
        self.own = own
        self._last: tuple[Base, Delta | None, Prefixes] | None = None

    def over(self, index: Snapshot) -> Prefixes:
        """The model's prefixes with those of products that came since; its own where nothing came."""
        last = self._last  # read once: another thread may replace it
        if last is None or last[0] is not index.base or last[1] is not index.delta:
            self._last = last = index.base, index.delta, self._grown(index)
        return last[2]

    @torch.no_grad()
    def _grown(self, index: Snapshot) -> Prefixes:
        if isinstance(self.own, PrefixTable):
            tries = (index.base.trie,) if index.delta is None else (index.base.trie, index.delta.trie)
            return self.own.extended(torch.from_numpy(np.concatenate([trie.all_ids() for trie in tries])))
        assert isinstance(self.own, PrefixValues)
        new = [part for part in (_of_base(self.own, index.base), _of_delta(self.own, index.delta)) if len(part.codes)]
        if not new:
            return self.own
        device = self.own.leaves.device
        codes = torch.cat([part.codes for part in new]).to(device)
        vectors = [part.vectors for part in new if part.vectors is not None]
        if len(vectors) < len(new):
            return self.own.extended(codes, None, None)
        beside = _beside(self.own, index.base, codes.cpu())
        return self.own.extended(codes, torch.cat(vectors).to(device), beside)


def _of_base(own: PrefixValues, base: Base) -> _Part:
    """The base's products whose IDs the model does not know."""
    ids = torch.from_numpy(base.trie.all_ids())
    unknown = np.flatnonzero(~own.knows(ids.to(own.leaves.device)).cpu().numpy())
    return _products(base, *base.trie.product_range(base.trie.levels, unknown))


def _of_delta(own: PrefixValues, delta: Delta | None) -> _Part:
    """The delta's products whose IDs the model does not know."""
    if delta is None:
        return _Part(torch.zeros(0, own.levels, dtype=torch.int64), None)
    codes = torch.from_numpy(delta.trie.id_of(np.arange(delta.trie.num_products)))
    unknown = (~own.knows(codes.to(own.leaves.device))).cpu()
    if delta.embeddings is None:
        return _Part(codes[unknown], None)
    vectors = torch.from_numpy(np.asarray(delta.embeddings[unknown.numpy()], np.float32))
    return _Part(codes[unknown], vectors)


def _beside(own: PrefixValues, base: Base, codes: Tensor) -> tuple[Tensor, Tensor]:
    """Codes and vectors of the base's products that share a coarse prefix with any of (n, L) codes, and are known."""
    prefixes = torch.unique(codes[:, : own.coarse_level + 1], dim=0).numpy()
    nodes = np.zeros(len(prefixes), np.int64)
    for level in range(prefixes.shape[1]):
        nodes = base.trie.child(level, nodes, prefixes[:, level])
    part = _products(base, *base.trie.product_range(prefixes.shape[1], nodes[nodes >= 0]))
    assert part.vectors is not None, "asked only where the index holds embeddings"
    known = own.knows(part.codes.to(own.leaves.device)).cpu()
    return part.codes[known].to(own.leaves.device), part.vectors[known].to(own.leaves.device)


def _products(base: Base, start: Ints, stop: Ints) -> _Part:
    """The base's products at the positions of some ranges."""
    count = stop - start
    ends = np.cumsum(count)
    positions = np.arange(ends[-1] if len(ends) else 0) + np.repeat(start - ends + count, count)
    codes = torch.from_numpy(base.trie.id_of(positions))
    if base.embeddings is None:
        return _Part(codes, None)
    return _Part(codes, torch.from_numpy(np.asarray(base.embeddings[positions], np.float32)))
