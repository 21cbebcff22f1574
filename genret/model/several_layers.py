"""The decoder's transformer for the beams of several queries: `SingleLayers`, each row reading its own query's text.

`SeveralLayers(layers, states, mask)` reads encoded queries, and `step` is a level. The rows of all queries are in one
array; for the cross-attention alone they are put into a table with a query per row, so that it is one product for all.

Letters: Q queries, A rows of all queries, T text length, L levels so far, H heads, d model width, K codes of a level.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from genret.model.single_layers import Layer, SingleLayers
from genret.search.several import spread

Ints = npt.NDArray[np.int64]
HIDDEN = -1e9
"""What padding scores: no attention. Not -inf, so that no NaN comes of it."""


class _Memory(NamedTuple):
    """What one layer asks of the texts, with the queries' states in it."""

    keys: Tensor
    """(Q, d, H * T)"""
    bias: Tensor
    """(Q, 1, H * T), `HIDDEN` for padding."""
    values: Tensor
    """(Q, H * T, d)"""


class _Table(NamedTuple):
    """Where A rows stand in a table that has the rows of one query after the other."""

    queries: int
    most: int
    """Rows of the query that has most."""
    cells: Tensor
    """(A,)"""

    def put(self, x: Tensor) -> Tensor:
        """(A, d) -> (Q, most, d), zeros where there is no row."""
        whole = x if len(x) == self.queries * self.most else x.new_zeros(self.queries * self.most, x.shape[1])
        return (whole if whole is x else whole.index_copy_(0, self.cells, x)).view(self.queries, self.most, -1)

    def take(self, x: Tensor) -> Tensor:
        """(Q, most, d) -> (A, d)."""
        flat = x.flatten(0, 1)
        return flat if len(flat) == len(self.cells) else flat.index_select(0, self.cells)


class SeveralLayers:
    """The transformer, ready to correct what is said of Q queries."""

    def __init__(self, layers: SingleLayers, states: Tensor, mask: Tensor) -> None:
        """`states` (Q, T, d_memory) and `mask` (Q, T), 1 for text and 0 for padding."""
        self._layers, self._queries = layers, len(states)
        self._memory = [_memory(layer, states, mask) for layer in layers.layers]

    @property
    def depth(self) -> int:
        """How many layers there are."""
        return len(self._memory)

    def step(
        self, level: int, codes: Ints, queries: Ints, past: Sequence[Tensor | None]
    ) -> tuple[Tensor, list[Tensor | None]]:
        """(A, K) what is added to the logits after A rows, and each layer's keys and values so far, (L, A, 2d).

        `codes` (A,) end the rows (of level 0: anything), `queries` (A,), ascending, are whose they are, and `past` are
        the keys and values of the levels before, of these rows.
        """
        own, table = self._layers, _Table(self._queries, *_cells(queries, self._queries))
        first = own.layers[0]
        if level:
            rows = torch.from_numpy(codes)
            x, projected = (one.index_select(0, rows) for one in own.inputs[level])
            x, seen = first.look_back(x, projected, past[0])
        else:
            x, seen = own.first[0].expand(len(queries), -1), own.first[1].expand(-1, len(queries), -1)
        x, found = _read(first, x, self._memory[0], table), list[Tensor | None]([seen])
        for layer, memory, before in zip(own.layers[1:], self._memory[1:], past[1:], strict=True):
            x, seen = layer.look_back(x, layer.project(x), before)
            x = _read(layer, x, memory, table)
            found.append(seen)
        weight, bias = own.heads[level]
        return torch.addmm(bias, torch.layer_norm(x, *own.norm), weight), found


def _cells(queries: Ints, count: int) -> tuple[int, Tensor]:
    most, cells = spread(queries, count)
    return most, torch.from_numpy(cells)


def _memory(layer: Layer, states: Tensor, mask: Tensor) -> _Memory:
    """(Q, T, d_memory) -> what all beams of each query ask of it."""
    count, length, _ = states.shape
    both = F.linear(states, *layer.cross_kv).view(count, length, 2, layer.heads, -1)
    key, value = both.permute(2, 0, 3, 1, 4)  # (Q, H, T, d / H)
    bias = (key @ layer.ask_bias)[..., 0].masked_fill(mask[:, None] == 0, HIDDEN)  # (Q, H, T)
    keys, values = (key @ layer.ask).flatten(1, 2), (value @ layer.add).flatten(1, 2)
    return _Memory(keys.transpose(1, 2), bias.view(count, 1, -1), values)


def _read(layer: Layer, x: Tensor, memory: _Memory, table: _Table) -> Tensor:
    """Cross-attention, each row to its own query's text, and feed-forward: x (A, d) -> (A, d)."""
    normed = table.put(torch.layer_norm(x, *layer.cross_norm))
    asked = torch.baddbmm(memory.bias, normed, memory.keys)  # (Q, most, H * T)
    weights = asked.unflatten(-1, (layer.heads, -1)).softmax(-1).flatten(-2)
    x = x + layer.add_bias + table.take(torch.bmm(weights, memory.values))
    inner = F.linear(torch.layer_norm(x, *layer.ffn_norm), *layer.ffn_in).relu_()
    return x + F.linear(inner, *layer.ffn_out)
