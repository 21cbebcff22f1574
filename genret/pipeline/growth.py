"""The model's prefixes, grown with the index: products that came after training get the values theirs would have."""

from __future__ import annotations

from collections.abc import Sequence
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


class _Seen:
    """What is known of one generation's products; the places of those that came are looked up once."""

    def __init__(self, own: Prefixes, base: Base) -> None:
        self.base, self._own = base, own
        ids = base.trie.all_ids()
        unknown = np.flatnonzero(~self._knows(ids))
        if isinstance(own, PrefixTable):
            self.of_base = _Part(torch.from_numpy(ids[unknown]), None)
        else:
            self.of_base = _products(base, *base.trie.product_range(base.trie.levels, unknown))
        self._known = np.zeros(0, np.bool_)  # of each place

    def of_delta(self, delta: Delta | None) -> _Part:
        """The products that came whose IDs the model does not know."""
        if delta is None:
            return _Part(torch.zeros(0, self._own.levels, dtype=torch.int64), None)
        last = int(delta.rows.max(initial=-1)) + 1
        seen = self._known  # replaced whole: another thread may read it
        if len(seen) < last:
            fresh = np.flatnonzero(delta.rows >= len(seen))
            seen = np.append(seen, np.zeros(last - len(seen), np.bool_))
            seen[delta.rows[fresh]] = self._knows(delta.trie.id_of(fresh))
            self._known = seen
        unknown = np.flatnonzero(~seen[delta.rows])
        codes = torch.from_numpy(delta.trie.id_of(unknown))
        if delta.vectors is None or isinstance(self._own, PrefixTable):
            return _Part(codes, None)
        return _Part(codes, torch.from_numpy(np.asarray(delta.vectors[delta.rows[unknown]], np.float32)))

    def _knows(self, codes: Ints) -> npt.NDArray[np.bool_]:
        device = next(self._own.buffers()).device
        return self._own.knows(torch.from_numpy(codes).to(device)).cpu().numpy()


class _Last(NamedTuple):
    """What was grown last."""

    seen: _Seen
    delta: Delta | None
    new: _Part
    prefixes: Prefixes


class Growth:
    """A model's prefixes over an index that changes. Safe to share between threads."""

    def __init__(self, own: Prefixes) -> None:
        self.own = own
        self._last: _Last | None = None

    def over(self, index: Snapshot) -> Prefixes:
        """The model's prefixes with those of products that came since; its own where nothing came."""
        last = self._last  # read once: another thread may replace it
        if last is None or last.seen.base is not index.base:
            seen = _Seen(self.own, index.base)
        elif last.delta is index.delta:
            return last.prefixes
        else:
            seen = last.seen
        new = seen.of_delta(index.delta)
        same = last is not None and last.seen is seen and _same(last.new, new)
        prefixes = last.prefixes if last is not None and same else self._grown(index.base, [seen.of_base, new])
        self._last = _Last(seen, index.delta, new, prefixes)
        return prefixes

    @torch.no_grad()
    def _grown(self, base: Base, parts: Sequence[_Part]) -> Prefixes:
        """The prefixes with those of products whose IDs the model does not know."""
        new = [part for part in parts if len(part.codes)]
        if not new:
            return self.own
        device = next(self.own.buffers()).device
        codes = torch.cat([part.codes for part in new]).to(device)
        if isinstance(self.own, PrefixTable):
            return self.own.extended(codes)
        assert isinstance(self.own, PrefixValues)
        vectors = [part.vectors for part in new if part.vectors is not None]
        if len(vectors) < len(new):
            return self.own.extended(codes, None, None)
        return self.own.extended(codes, torch.cat(vectors).to(device), _beside(self.own, base, codes.cpu()))


def _same(one: _Part, other: _Part) -> bool:
    """Whether two parts are of the same IDs and vectors."""
    if not torch.equal(one.codes, other.codes):
        return False
    if one.vectors is None or other.vectors is None:
        return one.vectors is other.vectors
    return torch.equal(one.vectors, other.vectors)


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
