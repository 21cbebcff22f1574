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
from operator import attrgetter
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from genret.model.decoder import CodewordDecoder
from genret.model.prefix import Prefixes
from genret.model.query_encoder import QueryEncoder
from genret.model.single_layers import Memory, SingleLayers
from genret.model.single_text import SingleText
from genret.model.single_worth import Vectors, Worth
from genret.model.values import PrefixValues
from genret.search.ranking import ranges
from genret.search.single import Scored
from genret.search.trie import Trie

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]
_VERSION = attrgetter("_version")


class _Level(NamedTuple):
    """The known prefixes of one length, as children of those one shorter."""

    codes: Ints
    """(n,) the last code of each."""
    starts: Ints
    """(parents + 1,) where the children of each parent begin."""
    rest: Floats
    """(parents,) log(1 + what the codes without a prefix have of the probability beside 1 for those with one)."""
    lone: npt.NDArray[np.bool_]
    """(parents,) whether a single ID lies below each."""


class SingleModel:
    """The weights of a decoder with prefix values, laid out for one query at a time. Safe to share between threads."""

    def __init__(self, decoder: CodewordDecoder, prefixes: PrefixValues, text: SingleText | None = None) -> None:
        """`text`: the encoder, where its kind allows to read queries by that."""
        correction, scale = decoder.correction, decoder.value_scale
        assert correction is not None, "prefix values come with a dense start"
        assert scale is not None, "and are scaled"
        starts = [prefixes.get_buffer(f"starts{level}").numpy() for level in range(prefixes.levels)]
        self.vectors = Vectors(prefixes, starts)
        self.levels = [_level(prefixes, level, self.vectors) for level in range(prefixes.levels)]
        self.scale = float(scale.exp())
        self._compared: tuple[weakref.ref[Trie], bool] | None = None
        self._decoder, self._prefixes = decoder, prefixes
        self.text = text
        self._held = [*_held(decoder, prefixes), *(() if text is None else text.held)]
        self._counted = [one for one in self._held if not one.is_inference()]  # the others never change
        self._laid_out = self._places(), self._versions()
        # An untrained correction is zero whatever the states are, so that these need not be found.
        self.layers = SingleLayers(decoder, _paths(self.levels)) if correction.weight.any() else None
        self.biases = [head.bias.detach().numpy() for head in decoder.heads if isinstance(head, nn.Linear)]

    @classmethod
    @torch.inference_mode()
    def of(
        cls, decoder: CodewordDecoder, prefixes: Prefixes | None, encoder: QueryEncoder | None = None
    ) -> SingleModel | None:
        """The decoder with these prefixes; None where it is on a GPU, not in float32, or of another kind.

        With its `encoder`, if that allows it, queries are read in numpy (`begin_text`).
        """
        if not isinstance(prefixes, PrefixValues) or decoder.value_scale is None:
            return None
        plain = all(isinstance(head, nn.Linear) for head in decoder.heads)
        held = _held(decoder, prefixes)
        if not plain or any(one.device.type != "cpu" or one.dtype not in (torch.float32, torch.int64) for one in held):
            return None
        return cls(decoder, prefixes, None if encoder is None else SingleText.of(encoder))

    def fits(self, decoder: CodewordDecoder, prefixes: Prefixes | None) -> bool:
        """Whether this is of that decoder with those prefixes, as their weights are now."""
        same = decoder is self._decoder and prefixes is self._prefixes
        return same and (self._places(), self._versions()) == self._laid_out

    def _places(self) -> list[int]:
        """Where the weights lie."""
        return list(map(Tensor.data_ptr, self._held))

    def _versions(self) -> list[int]:
        """How often each has changed there."""
        return list(map(_VERSION, self._counted))

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

    def begin_text(self, ids: Ints) -> SingleQuery | None:
        """(T,) text tokens of a query -> its decoder; None where the encoder embeds no queries."""
        assert self.text is not None, "asked only where there is one"
        query, states = self.text.read(ids, self.reads_states)
        if query is None:
            return None
        memory = [] if self.layers is None or states is None else self.layers.memory(torch.from_numpy(states))
        return SingleQuery(self, memory, torch.from_numpy(query * np.float32(self.scale)))


class _Beams(NamedTuple):
    """The B rows of a level, and the A of them that have more than one ID below them, the alive.

    Of the others nothing is to be found out: their only child has all that the codes with a prefix have.
    """

    nodes: Ints
    """(B,)"""
    path: Ints
    """(L, B) their codes."""
    alive: Ints
    """(A,)"""
    place: Ints
    """(B,) where each row stands among the alive."""
    offsets: Ints | None
    """(A,) see `Worth.offsets`; None down to the coarse level."""
    past: list[Tensor]
    """Each further layer's keys and values, (L + 1, A, 2d)."""


class SingleQuery:
    """One query, decoded level by level: a `genret.search.single.SingleDecoder`."""

    def __init__(self, model: SingleModel, memory: Sequence[Memory], query: Tensor) -> None:
        """`memory`: what each layer asks of the text, if that is read; `query` (D,) what vectors are multiplied by."""
        self._model, self._memory = model, memory
        self._worth = Worth(model.vectors, query)
        root = np.zeros(1, np.int64)
        self._beams = _Beams(root, np.zeros((0, 1), np.int64), root, root, None, [])
        self._rows = self._codes = self._nodes = root  # the children of the last call

    def step(self, level: int, kept: Ints | None) -> Scored:
        """All known children of the rows; see `genret.search.single.SingleDecoder`."""
        beams = self._beams = self._go_on(level, kept)
        own, nodes, alive = self._model.levels[level], beams.nodes, beams.alive
        first = own.starts[nodes]
        counts = own.starts[nodes + 1] - first
        children, starts = ranges(first, counts)
        rows = np.arange(len(nodes)).repeat(counts)
        codes, scores = own.codes[children], -own.rest[nodes][rows]
        if len(alive) == len(nodes):
            scores += self._log_shares(level, _Children(rows, codes, children, starts))
        elif len(alive):
            some = np.flatnonzero(~own.lone[nodes][rows])
            counts = counts[alive]
            asked = _Children(beams.place[rows[some]], codes[some], children[some], counts.cumsum() - counts)
            scores[some] += self._log_shares(level, asked)
        self._rows, self._codes, self._nodes = rows, codes, children
        return Scored(rows, codes, children, scores)

    def numbers_as(self, trie: Trie) -> bool:
        """Whether the prefixes are the trie's and have its numbers."""
        return self._model.numbers_as(trie)

    def _go_on(self, level: int, kept: Ints | None) -> _Beams:
        """The rows at these places of the children of the last call; the root, if None."""
        model, last, past = self._model, self._beams, list[Tensor]()
        if kept is None:
            nodes = above = np.zeros(1, np.int64)
            path = np.zeros((0, 1), np.int64)
        else:
            nodes, parents = self._nodes[kept], self._rows[kept]
            path = np.concatenate([last.path[:, parents], self._codes[kept][None]])
            above = last.place[parents]
        many = ~model.levels[level].lone[nodes]
        alive, place = np.flatnonzero(many), many.cumsum() - 1
        offsets = None
        if level == model.vectors.coarse_level + 1:
            offsets = self._worth.offsets(level - 1, nodes[alive])
        elif last.offsets is not None and kept is not None:
            offsets = last.offsets[above[alive]]
        if kept is not None and last.past:
            rows = torch.from_numpy(above[alive])
            past = [one.index_select(1, rows) for one in last.past]
        return _Beams(nodes, path, alive, place, offsets, past)

    def _log_shares(self, level: int, asked: _Children) -> Floats:
        """(C,) the log of what each child of the alive rows has of what all of its row's have."""
        model, beams, rows = self._model, self._beams, asked.rows
        offsets = None if beams.offsets is None else beams.offsets[rows]
        values = np.log(self._worth.masses(level, asked.nodes, offsets))
        if model.layers is None:
            values += model.biases[level][asked.codes]
        else:
            path = beams.path[:, beams.alive]
            found, past = model.layers.step(path, beams.nodes[beams.alive], self._memory, beams.past)
            self._beams = beams._replace(past=past)
            values += found.numpy()[rows, asked.codes]
        values -= np.maximum.reduceat(values, asked.starts)[rows]
        values -= np.log(np.add.reduceat(np.exp(values), asked.starts))[rows]
        return values


class _Children(NamedTuple):
    """All children of some rows."""

    rows: Ints
    """(C,) which row each is of."""
    codes: Ints
    nodes: Ints
    starts: Ints
    """(A,) where those of each row begin."""


def _held(decoder: CodewordDecoder, prefixes: PrefixValues) -> list[Tensor]:
    held = [*decoder.parameters(), *decoder.buffers(), *prefixes.parameters(), *prefixes.buffers()]
    return list({id(one): one for one in held}.values())


def _level(prefixes: PrefixValues, level: int, vectors: Vectors) -> _Level:
    keys, starts = prefixes.get_buffer(f"keys{level}").numpy(), vectors.starts[level]
    part = prefixes.backoff * (np.diff(starts) < prefixes.sizes[level])
    first, stop = vectors.leaf_range(level - 1, np.arange(len(starts) - 1))
    return _Level(keys % prefixes.sizes[level], starts, np.log1p(part).astype(np.float32), stop - first == 1)


def _paths(levels: Sequence[_Level]) -> list[Ints]:
    """Of each length but the last, from none on, the (L, n) codes of the prefixes."""
    paths = [np.zeros((0, 1), np.int64)]
    for level in levels[:-1]:
        paths.append(np.concatenate([paths[-1].repeat(np.diff(level.starts), 1), level.codes[None]]))
    return paths
