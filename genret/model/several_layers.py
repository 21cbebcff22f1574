"""The decoder's transformer for the beams of several queries: `SingleLayers`, each row reading its own query's text.

`SeveralLayers(layers, steps, states, mask)` reads encoded queries, and `step` is a level. The rows of all queries are
in one array; for the cross-attention alone they are put into a table with a query per row, so that it is one product
for all. What the first layer's self-attention makes of a prefix is looked up, as it is for one query.

Letters: Q queries, A rows of all queries, T text length, L levels so far, H heads, d model width, K codes of a level.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from genret.ground.arrays import Ints
from genret.model.single_layers import Layer, SingleLayers
from genret.model.single_steps import SingleSteps
from genret.search.several import spread

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

    def __init__(self, layers: SingleLayers, steps: SingleSteps, states: Tensor, mask: Tensor) -> None:
        """`states` (Q, T, d_memory) and `mask` (Q, T), 1 for text and 0 for padding."""
        self._layers, self._steps, self._queries = layers, steps, len(states)
        self._memory = [_memory(layer, states, mask) for layer in layers.layers]

    def step(
        self, level: int, nodes: Ints, path: Callable[[], Ints], queries: Ints, past: Sequence[Tensor]
    ) -> tuple[Tensor, list[Tensor]]:
        """(A, K) what is added to the logits after A rows, and each further layer's keys and values, (L + 1, A, 2d).

        `nodes`, `path` and `past` as in `SingleSteps.step`; `queries` (A,), ascending, are whose the rows are.
        """
        own, table = self._layers, _Table(self._queries, *_cells(queries, self._queries))
        x = torch.from_numpy(self._steps.looked_back(level, nodes, path).x)
        x, found = _read(own.layers[0], x, self._memory[0], table), list[Tensor]()
        for index, layer in enumerate(own.layers[1:]):
            x, seen = layer.look_back(x, layer.project(x), past[index] if level else None)
            x = _read(layer, x, self._memory[index + 1], table)
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
    x = table.take(torch.bmm(weights, memory.values)).add_(x).add_(layer.add_bias)
    inner = F.linear(torch.layer_norm(x, *layer.ffn_norm), *layer.ffn_in).relu_()
    return F.linear(inner, *layer.ffn_out).add_(x)
