"""One query decoded alone on a CPU: what `StepDecoder` computes, for the children that exist and for no other code.

`SingleModel.of(decoder, prefixes)` lays a decoder's weights out once, `begin` an encoded query; the `SingleQuery` is a
`genret.search.single.SingleDecoder`. Matrices are multiplied by torch, on as many threads as it has; what is counted
and looked up is in numpy, whose operations on some hundred numbers take a fraction of the time. Scores are those of
`StepDecoder` but for rounding.

Letters: B rows, C children, T text length, D width of the query's embedding, K codes of a level.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from genret.model.decoder import CodewordDecoder
from genret.model.prefix import Prefixes
from genret.model.single_layers import Memory, SingleLayers
from genret.model.values import REACH, PrefixValues
from genret.search.single import Scored
from genret.search.trie import Trie

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]


class _Level(NamedTuple):
    """The known prefixes of one length, as children of those one shorter."""

    codes: Ints
    """(n,) the last code of each."""
    starts: Ints
    """(parents + 1,) where the children of each parent begin."""
    rest: Floats
    """(parents,) log(1 + what the codes without a prefix have of the probability beside 1 for those with one)."""


class SingleModel:
    """The weights of a decoder with prefix values, laid out for one query at a time. Safe to share between threads."""

    def __init__(self, decoder: CodewordDecoder, prefixes: PrefixValues) -> None:
        correction, scale = decoder.correction, decoder.value_scale
        assert correction is not None, "prefix values come with a dense start"
        assert scale is not None, "and are scaled"
        self.levels = [_level(prefixes, level) for level in range(prefixes.levels)]
        self.coarse_level, self.look_below = prefixes.coarse_level, prefixes.look_below
        self.coarse, self.coarse_bias = prefixes.coarse.detach(), prefixes.coarse_bias.detach()
        self.leaves, self.leaf_bias = prefixes.leaves.detach(), prefixes.leaf_bias.detach().numpy()
        self.scale = float(scale.exp())
        self._compared: tuple[weakref.ref[Trie], bool] | None = None
        self._decoder, self._prefixes = decoder, prefixes
        self._held = _held(decoder, prefixes)
        self._versions = _versions(self._held)
        # An untrained correction is zero whatever the states are, so that these need not be found.
        self.layers = SingleLayers(decoder) if correction.weight.any() else None
        self.biases = [head.bias.detach().numpy() for head in decoder.heads if isinstance(head, nn.Linear)]

    @classmethod
    @torch.inference_mode()
    def of(cls, decoder: CodewordDecoder, prefixes: Prefixes | None) -> SingleModel | None:
        """The decoder with these prefixes; None where it is on a GPU, not in float32, or of another kind."""
        if not isinstance(prefixes, PrefixValues) or decoder.value_scale is None:
            return None
        plain = all(isinstance(head, nn.Linear) for head in decoder.heads)
        held = _held(decoder, prefixes)
        if not plain or any(one.device.type != "cpu" or one.dtype not in (torch.float32, torch.int64) for one in held):
            return None
        return cls(decoder, prefixes)

    def fits(self, decoder: CodewordDecoder, prefixes: Prefixes | None) -> bool:
        """Whether this is of that decoder with those prefixes, as their weights are now."""
        same = decoder is self._decoder and prefixes is self._prefixes
        return same and _versions(self._held) == self._versions

    def numbers_as(self, trie: Trie) -> bool:
        """Whether the prefixes are the trie's and have its numbers; found out once per trie."""
        last = self._compared  # read once: another thread may replace it
        if last is None or last[0]() is not trie:
            same = trie.has_nodes([one.codes for one in self.levels], [one.starts for one in self.levels])
            self._compared = last = weakref.ref(trie), same
        return last[1]

    @property
    def reads_states(self) -> bool:
        """Whether the encoded text matters beyond the query's embedding."""
        return self.layers is not None

    def begin(self, states: Tensor | None, query: Tensor) -> SingleQuery:
        """(1, T, d_memory) states, where they are read, and (1, D) embedding of a query -> its decoder."""
        memory = [] if self.layers is None or states is None else self.layers.memory(states[0])
        return SingleQuery(self, memory, query[0].float() * self.scale)


class SingleQuery:
    """One query, decoded level by level: a `genret.search.single.SingleDecoder`."""

    def __init__(self, model: SingleModel, memory: Sequence[Memory], query: Tensor) -> None:
        """`memory`: what each layer asks of the text, if that is read; `query` (D,) what vectors are multiplied by."""
        self._model, self._memory, self._query = model, memory, query
        self._shift, self._masses = self._worth()
        self._past: list[Tensor | None] = []  # each layer's keys and values (L, B, 2d)
        self._rows = self._codes = self._nodes = np.zeros(1, np.int64)  # the children of the last call

    def step(self, level: int, kept: Ints | None) -> Scored:
        """All known children of the rows; see `genret.search.single.SingleDecoder`."""
        if kept is None:
            self._past, kept = [None] * len(self._memory), np.zeros(1, np.int64)
            self._rows = self._codes = self._nodes = kept
        parents, last, nodes = self._rows[kept], self._codes[kept], self._nodes[kept]
        own = self._model.levels[level]
        first = own.starts[nodes]
        counts = own.starts[nodes + 1] - first
        children, starts = ranges(first, counts)
        rows = np.repeat(np.arange(len(nodes)), counts)
        codes = own.codes[children]
        values = np.log(self._mass(level, children))
        if self._model.layers is None:
            values += self._model.biases[level][codes]
        else:
            values += self._correction(level, last, parents)[rows, codes]
        top = np.maximum.reduceat(values, starts)
        total = np.add.reduceat(np.exp(values - top[rows]), starts)
        self._rows, self._codes, self._nodes = rows, codes, children
        scores = values - (top + np.log(total) + own.rest[nodes])[rows]
        return Scored(rows, codes, children, scores)

    def numbers_as(self, trie: Trie) -> bool:
        """Whether the prefixes are the trie's and have its numbers."""
        return self._model.numbers_as(trie)

    def _worth(self) -> tuple[np.float32, list[Floats]]:
        """What is subtracted from all values before exp, and the masses of all prefixes down to the coarse level."""
        model = self._model
        if model.coarse_level < 0:
            return np.float32(0), []
        scores = torch.addmv(model.coarse_bias, model.coarse, self._query).numpy()
        shift = scores.max()
        mass = np.exp(np.maximum(scores - shift, np.float32(-REACH)))
        if model.look_below:
            below = min(model.look_below, len(scores))
            best = np.sort(np.argpartition(scores, len(scores) - below)[len(scores) - below :])
            mass[best] = self._leaf_masses(model.coarse_level, best, shift)
        masses = [mass]
        for level in range(model.coarse_level, 0, -1):
            masses.insert(0, np.add.reduceat(masses[0], model.levels[level].starts[:-1]))
        return shift, masses

    def _mass(self, level: int, nodes: Ints) -> Floats:
        """(C,) the masses of nodes of a level."""
        if level <= self._model.coarse_level:
            return self._masses[level][nodes]
        return self._leaf_masses(level, nodes, self._shift)

    def _leaf_masses(self, level: int, nodes: Ints, shift: np.float32) -> Floats:
        """(C,) the masses of nodes of a level by the leaves below them."""
        model, first, stop = self._model, nodes, nodes + 1
        for below in model.levels[level + 1 :]:
            first, stop = below.starts[first], below.starts[stop]
        leaves, starts = ranges(first, stop - first)
        values = torch.mv(model.leaves.index_select(0, torch.from_numpy(leaves)), self._query).numpy()
        values += model.leaf_bias[leaves]
        masses = np.exp(np.clip(values - shift, -REACH, REACH))
        return masses if len(leaves) == len(nodes) else np.add.reduceat(masses, starts)

    def _correction(self, level: int, codes: Ints, parents: Ints) -> Floats:
        """(B, K) what the transformer adds to the logits after prefixes that end in `codes`."""
        assert self._model.layers is not None
        past = self._past
        if level:
            rows = torch.from_numpy(parents)
            past = [None if one is None else one.index_select(1, rows) for one in past]
        found, self._past = self._model.layers.step(level, torch.from_numpy(codes), self._memory, past)
        return found.numpy()


def ranges(first: Ints, count: Ints) -> tuple[Ints, Ints]:
    """The numbers first[r], first[r] + 1, ... of each of R ranges, one after the other, and where each range begins."""
    ends = np.cumsum(count)
    starts = ends - count
    return np.arange(ends[-1]) + np.repeat(first - starts, count), starts


def _held(decoder: CodewordDecoder, prefixes: PrefixValues) -> list[Tensor]:
    held = [*decoder.parameters(), *decoder.buffers(), *prefixes.parameters(), *prefixes.buffers()]
    return list({id(one): one for one in held}.values())


def _versions(held: Sequence[Tensor]) -> list[tuple[int, int]]:
    """Where the weights lie, and how often each has changed there; those made for inference never do."""
    return [(one.data_ptr(), -1 if one.is_inference() else one._version) for one in held]


def _level(prefixes: PrefixValues, level: int) -> _Level:
    keys, starts = prefixes.get_buffer(f"keys{level}").numpy(), prefixes.get_buffer(f"starts{level}").numpy()
    part = prefixes.backoff * (np.diff(starts) < prefixes.sizes[level])
    return _Level(keys % prefixes.sizes[level], starts, np.log1p(part).astype(np.float32))
