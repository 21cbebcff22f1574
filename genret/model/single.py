"""One query decoded alone on a CPU: what `StepDecoder` computes, for the children that exist and for no other code.

`SingleModel.of(decoder, prefixes)` lays a decoder's weights out once, `begin` an encoded query; the `SingleQuery` is a
`genret.search.single.SingleDecoder`. All of it is numpy, whose operations on so few numbers take a fraction of the time
that torch's take. Scores are those of `StepDecoder` but for rounding.

Letters: B rows, C children, T text length, D width of the query's embedding, K codes of a level.
"""

from __future__ import annotations

import copy
import weakref
from collections.abc import Sequence
from functools import partial
from operator import attrgetter
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from genret.ground.arrays import Floats, Ints
from genret.model.decoder import CodewordDecoder
from genret.model.grown import GrownValues
from genret.model.grown_parts import Came
from genret.model.prefix import Prefixes
from genret.model.query_encoder import QueryEncoder
from genret.model.single_grown import GrownLevel, GrownVectors
from genret.model.single_layers import SingleLayers
from genret.model.single_levels import AnyLevel, Level
from genret.model.single_reads import Memory
from genret.model.single_steps import SingleSteps
from genret.model.single_text import SingleText
from genret.model.single_worth import Vectors, Worth
from genret.model.values import PrefixValues
from genret.search.overlay import OverlayTrie
from genret.search.ranking import ranges
from genret.search.single import Scored
from genret.search.trie import Trie

_VERSION = attrgetter("_version")


class SingleModel:
    """The weights of a decoder with prefix values, laid out for one query at a time. Safe to share between threads."""

    def __init__(self, decoder: CodewordDecoder, prefixes: PrefixValues, text: SingleText | None = None) -> None:
        """`text`: the encoder, where its kind allows to read queries by that."""
        correction, scale = decoder.correction, decoder.value_scale
        assert correction is not None, "prefix values come with a dense start"
        assert scale is not None, "and are scaled"
        starts = [prefixes.get_buffer(f"starts{level}").numpy() for level in range(prefixes.levels)]
        self.vectors = Vectors(prefixes, starts)
        levels = [Level(prefixes, level, self.vectors) for level in range(prefixes.levels)]
        self.levels: Sequence[AnyLevel] = levels
        self._own_levels = levels
        self._grown: tuple[GrownValues, SingleModel] | None = None
        self.scale = float(scale.exp())
        self._came: Sequence[Came] | None = None  # per depth, what came beside the prefixes
        self._alone = self  # before anything came
        self._compared: tuple[weakref.ref[Trie], bool] | None = None  # of `_alone`
        self._decoder, self._prefixes = decoder, prefixes
        self.text = text
        self._held = [*_held(decoder, prefixes), *(() if text is None else text.held)]
        self._counted = [one for one in self._held if not one.is_inference()]  # the others never change
        self._laid_out = self._places(), self._versions()
        # An untrained correction is zero whatever the states are, so that these need not be found.
        self.layers = SingleLayers(decoder) if correction.weight.any() else None
        self.steps = None if self.layers is None else SingleSteps(self.layers, _paths(levels))
        biases = [head.bias.detach().numpy() for head in decoder.heads if isinstance(head, nn.Linear)]
        self.biases = [bias if bias.any() else None for bias in biases]

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

    def over(self, grown: GrownValues) -> SingleModel:
        """The same with what came beside its prefixes."""
        last = self._grown  # read once: another thread may replace it
        if last is None or last[0] is not grown:
            other = copy.copy(self)
            other.vectors = vectors = GrownVectors(self.vectors, grown)
            other.levels = [
                GrownLevel(own, grown, level, vectors) if len(grown.came[level + 1]) else own
                for level, own in enumerate(self.levels)
            ]
            other.steps = None if self.steps is None else self.steps.over(grown.came)
            other._grown, other._came = None, grown.came
            self._grown = last = grown, other
        return last[1]

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
        """Whether the prefixes are the trie's and have its numbers; not with what came beside them."""
        return self._came is None and self._laid_out_as(trie)

    def nodes_of(self, trie: Trie, level: int, nodes: Ints) -> Ints | None:
        """(n,) the trie's nodes of known prefixes of `level` + 1 codes; see `genret.search.single.Numbered`."""
        if not self._laid_out_as(trie):
            return None
        if self._came is None:
            return nodes
        before, new = self._came[level + 1].find(nodes)
        return np.where(new, -1, nodes - before)

    def _laid_out_as(self, trie: Trie) -> bool:
        """Whether the prefixes without what came are the trie's and have its numbers; found out once per trie."""
        if isinstance(trie, OverlayTrie):  # its nodes are pairs
            return False
        alone = self._alone
        last = alone._compared  # read once: another thread may replace it
        if last is None or last[0]() is not trie:
            same = trie.has_nodes([one.codes for one in alone._own_levels], [one.starts for one in alone._own_levels])
            alone._compared = last = weakref.ref(trie), same
        return last[1]

    @property
    def reads_states(self) -> bool:
        """Whether the encoded text matters beyond the query's embedding."""
        return self.layers is not None

    def begin(self, states: Tensor | None, query: Tensor) -> SingleQuery:
        """(1, T, d_memory) states, where they are read, and (1, D) embedding of a query -> its decoder."""
        memory = [] if self.steps is None or states is None else self.steps.memory(states[0].float().numpy())
        return SingleQuery(self, memory, query[0].float().numpy() * np.float32(self.scale))

    def begin_text(self, ids: Ints) -> SingleQuery | None:
        """(T,) text tokens of a query -> its decoder; None where the encoder embeds no queries."""
        assert self.text is not None, "asked only where there is one"
        query, states = self.text.read(ids, self.reads_states)
        if query is None:
            return None
        memory = [] if self.steps is None or states is None else self.steps.memory(states)
        return SingleQuery(self, memory, query * np.float32(self.scale))


class _Beams(NamedTuple):
    """The B rows of a level, and the A of them that have more than one ID below them, the alive.

    Of the others nothing is to be found out: their only child has all that the codes with a prefix have.
    """

    nodes: Ints
    """(B,)"""
    alive: Ints
    """(A,)"""
    place: Ints | None
    """(B,) where each row stands among the alive; None where all are alive."""
    offsets: Ints | None
    """(A,) see `Worth.offsets`; None down to the coarse level."""
    past: Sequence[Tensor]
    """Each further layer's keys and values, (L + 1, A, 2d)."""


class Children(NamedTuple):
    """All C children of the rows of a level."""

    rows: Ints
    codes: Ints
    nodes: Ints
    kept: Ints | None = None
    """(B,) which of them are the rows of the next level."""


_ROOT = np.zeros(1, np.int64)


class SingleQuery:
    """One query, decoded level by level: a `genret.search.single.SingleDecoder`."""

    def __init__(self, model: SingleModel, memory: Sequence[Memory], query: Floats) -> None:
        """`memory`: what each layer asks of the text, if that is read; `query` (D,) what vectors are multiplied by."""
        self._model, self._memory = model, memory
        self._worth = Worth(model.vectors, query)
        self._beams = _Beams(_ROOT, _ROOT, None, None, ())
        self._trail: list[Children] = []  # of each level so far

    def step(self, level: int, kept: Ints | None) -> Scored:
        """All known children of the rows; see `genret.search.single.SingleDecoder`."""
        beams = self._beams = self._go_on(level, kept)
        own, nodes = self._model.levels[level], beams.nodes
        first, counts = own.children(nodes)
        children, starts = ranges(first, counts)
        rows = np.arange(len(nodes)).repeat(counts)
        asked = Children(rows, own.codes.take(children), children)
        self._trail.append(asked)
        scores = self._values(level, asked)
        scores -= np.maximum.reduceat(scores, starts).take(rows)
        whole = np.add.reduceat(np.exp(scores), starts)
        np.log(whole, out=whole)
        whole += own.rest(nodes, counts)
        scores -= whole.take(rows)
        return Scored(rows, asked.codes, children, scores)

    def numbers_as(self, trie: Trie) -> bool:
        """Whether the prefixes are the trie's and have its numbers."""
        return self._model.numbers_as(trie)

    def nodes_of(self, trie: Trie, level: int, nodes: Ints) -> Ints | None:
        """See `genret.search.single.Numbered`."""
        return self._model.nodes_of(trie, level, nodes)

    def _go_on(self, level: int, kept: Ints | None) -> _Beams:
        """The rows at these places of the children of the last call; the root, if None."""
        model, last = self._model, self._beams
        if kept is None:
            self._trail, nodes, above = [], _ROOT, _ROOT
        else:
            before = self._trail[-1] = self._trail[-1]._replace(kept=kept)
            nodes, above = before.nodes.take(kept), before.rows.take(kept)
        own, place = model.levels[level], None
        alive = np.arange(len(nodes))
        if not own.all_many:
            many = own.many(nodes)
            alive = alive[many]
            place = np.add.accumulate(many, dtype=np.int64)
            place -= 1
        above = above.take(alive)
        above = above if last.place is None else last.place.take(above)
        offsets: Ints | None
        if level == model.vectors.coarse_level + 1:
            offsets = self._worth.offsets(level - 1, nodes.take(alive))
        else:
            offsets = None if last.offsets is None else last.offsets.take(above)
        past = [one.index_select(1, torch.from_numpy(above)) for one in last.past] if kept is not None else []
        return _Beams(nodes, alive, place, offsets, past)

    def _values(self, level: int, asked: Children) -> Floats:
        """(C,) what each child is worth beside its siblings; of rows that are not alive, anything."""
        beams, place = self._beams, self._beams.place
        if place is None:
            return self._alive_values(level, asked)
        values = np.zeros(len(asked.rows), np.float32)
        if len(beams.alive):
            is_alive = np.zeros(len(beams.nodes), np.bool_)
            is_alive[beams.alive] = True
            some = is_alive.take(asked.rows).nonzero()[0]
            rows, codes, nodes = (one.take(some) for one in asked[:3])
            values[some] = self._alive_values(level, Children(place.take(rows), codes, nodes))
        return values

    def _alive_values(self, level: int, asked: Children) -> Floats:
        """The same of children of the alive alone, whose `rows` are places among these."""
        model, beams, rows = self._model, self._beams, asked.rows
        offsets = None if beams.offsets is None else beams.offsets.take(rows)
        values = self._worth.masses(level, asked.nodes, offsets)
        np.log(values, out=values)
        if model.steps is None:
            bias = model.biases[level]
            return values if bias is None else np.add(values, bias.take(asked.codes), out=values)
        nodes = beams.nodes.take(beams.alive)
        states, past = model.steps.step(
            level, nodes, partial(path_of, self._trail, beams.alive), self._memory, beams.past
        )
        self._beams = beams._replace(past=past)
        values += model.steps.said(level, states, rows, asked.codes)
        return values


def path_of(trail: Sequence[Children], rows: Ints) -> Ints:
    """(L, A) the codes of rows of the last level, by the children of this and all levels before."""
    path = np.empty((len(trail) - 1, len(rows)), np.int64)
    for level in range(len(path) - 1, -1, -1):
        children = trail[level]
        assert children.kept is not None, "all but the last were gone on from"
        place = children.kept.take(rows)
        path[level], rows = children.codes.take(place), children.rows.take(place)
    return path


def _held(decoder: CodewordDecoder, prefixes: PrefixValues) -> list[Tensor]:
    held = [*decoder.parameters(), *decoder.buffers(), *prefixes.parameters(), *prefixes.buffers()]
    return list({id(one): one for one in held}.values())


def _paths(levels: Sequence[Level]) -> list[Ints]:
    """Of each length but the last, from none on, the (L, n) codes of the prefixes."""
    paths = [np.zeros((0, 1), np.int64)]
    for level in levels[:-1]:
        paths.append(np.concatenate([paths[-1].repeat(np.diff(level.starts), 1), level.codes[None]]))
    return paths
