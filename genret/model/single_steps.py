"""The decoder's transformer for the beams of one query, level by level: how it corrects what the embedding says.

`memory` reads an encoded query, and `step` is a level. What the first layer's self-attention makes of a prefix is the
same for all queries and looked up. What is the same for all levels (the query's keys times the weights that ask them)
is multiplied once per query. Self-attention is left to torch: of the first layer it is found once for each prefix.

Letters: B beams, C children, T text length, L levels so far, d model width.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from genret.ground.arrays import Floats, Ints
from genret.model.grown_parts import Came
from genret.model.single_layers import SingleLayers
from genret.model.single_reads import Head, Memory, Reader, States, centred

MOST_MADE = 1 << 16
"""Prefixes of one length of which what the first layer makes is kept, if there are no more."""
SPARE = 1 << 15
"""So many more that come later have a place there."""
AT_ONCE = 256
"""How many more of these are found where one is not known yet: after some queries, all are."""


class SingleSteps:
    """The transformer for one query at a time. Safe to share between threads."""

    def __init__(self, layers: SingleLayers, paths: Sequence[Ints]) -> None:
        """`paths`: of each length from none on, the (L, n) codes of the prefixes that are known."""
        self._layers, self._first = layers.layers, layers.first[0]
        self._readers = [Reader(layer) for layer in layers.layers]
        self._heads = [Head(layers.norm, *head) for head in layers.heads]
        width = self._first.shape[1]
        self._seen = torch.cat([projected[:, width:] for _, projected in layers.inputs])  # of all levels' codes
        self._begins = np.cumsum([0, *(len(x) for x, _ in layers.inputs)])  # where each level's codes begin there
        self._asking = [torch.cat([x, projected[:, :width]], 1) for x, projected in layers.inputs]  # (K, 2d)
        self._made = [_Made(path, width) if path.shape[1] <= MOST_MADE else None for path in paths]
        self._came: Sequence[Came] = [Came()] * len(paths)

    def over(self, came: Sequence[Came]) -> SingleSteps:
        """The same with prefixes that came, of each length; what is found of any is kept for all."""
        grown = copy.copy(self)
        grown._came = came
        return grown

    def memory(self, states: Floats) -> list[Memory]:
        """(T, d_memory) the encoded query -> what each layer asks of it."""
        return [reader.memory(states) for reader in self._readers]

    def step(
        self, level: int, nodes: Ints, path: Callable[[], Ints], memory: Sequence[Memory], past: Sequence[Tensor]
    ) -> tuple[Floats, list[Tensor]]:
        """The (B,) nodes of a level -> their states (B, d), for `said`.

        And each further layer's keys and values so far, (L + 1, B, 2d); `past` are those of the levels before, of these
        beams. `path` gives the (L, B) codes of the nodes. Before the first code, there is one beam.
        """
        x, seen = self._readers[0].read(self.looked_back(level, nodes, path), memory[0]), list[Tensor]()
        for index, layer in enumerate(self._layers[1:]):
            given = torch.from_numpy(x)
            looked, own = layer.look_back(given, layer.project(given), past[index] if level else None)
            reader, x = self._readers[index + 1], centred(looked.numpy())
            x = reader.read(States(x, reader.scale(x)), memory[index + 1])
            seen.append(own)
        return x, seen

    def said(self, level: int, x: Floats, rows: Ints, codes: Ints) -> Floats:
        """(C,) what is added to the logits of codes after rows of the (B, d) states of a level."""
        return self._heads[level].said(x, rows, codes)

    def looked_back(self, level: int, nodes: Ints, path: Callable[[], Ints]) -> States:
        """What the first layer's self-attention makes of (B,) nodes, found once for each."""
        made = self._made[level]
        if made is None:
            return self._look_back(path())
        rows = nodes if not len(self._came[level]) else made.rows(nodes, self._came[level])
        if rows is None:
            return self._look_back(path())
        known = made.known.take(rows)
        if not known.all():
            more = np.flatnonzero(~made.known[: made.path.shape[1]])[:AT_ONCE]
            new, codes = np.append(rows[~known], more), np.append(path()[:, ~known], made.path[:, more], 1)
            made.table[new], made.scale[new] = self._look_back(codes)
            made.known[new] = True  # only now: another thread may look
        return States(made.table.take(rows, 0), made.scale.take(rows))

    def _look_back(self, codes: Ints) -> States:
        """(L, B) codes of prefixes."""
        level, rows = codes.shape
        found = self._first
        if level:
            places = np.zeros((level + 1, rows), np.int64)
            places[1:] = codes + self._begins[1 : level + 1, None]
            seen = self._seen.index_select(0, torch.from_numpy(places.reshape(-1))).view(level + 1, rows, -1)
            x, query = self._asking[level].index_select(0, torch.from_numpy(codes[-1])).chunk(2, 1)
            found = self._layers[0].attend(x, query, seen)
        states = centred(found.numpy())
        return States(states, self._readers[0].scale(states))


class _Made:
    """What the first layer's self-attention makes of prefixes of one length, whatever the query is."""

    def __init__(self, path: Ints, width: int) -> None:
        self.path, count = path, path.shape[1] + SPARE
        self.table = np.empty((count, width), np.float32)  # takes memory where it is filled
        self.scale = np.empty(count, np.float32)
        self.known = np.zeros(count, np.bool_)

    def rows(self, nodes: Ints, came: Came) -> Ints | None:
        """(B,) the rows of nodes some of which may have come; None where one has none."""
        before, new = came.find(nodes)
        rows = nodes - before
        rows[new] = self.path.shape[1] + came.names.take(before[new])
        return rows if rows.max() < len(self.known) else None
