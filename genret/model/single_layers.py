"""The decoder's transformer for the beams of one query: how it corrects what the query's embedding says.

`SingleLayers` lays the weights out once, `memory` reads an encoded query, and `step` is a level. What is the same for
all queries is looked up: the inputs of a level's codes, their projections, and what the first layer made of a prefix
the last time. What is the same for all levels (the query's keys times the weights that ask them) is multiplied once per
query, by matrices that are multiplied together before; and the heads' two matrices are one.

Letters: B beams, T text length, L levels so far, H heads, d model width, K codes of a level.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genret.model.decoder import CodewordDecoder, DecoderLayer
from genret.search.vocab import START

Ints = npt.NDArray[np.int64]
MOST_MADE = 1 << 16
"""Prefixes of one length of which what the first layer makes is kept, if there are no more."""
AT_ONCE = 256
"""How many more of these are found where one is not known yet: after some queries, all are."""


class Memory(NamedTuple):
    """What one layer asks of the text, with the query's states in it."""

    keys: Tensor
    """(T * H, d): a state x asks keys @ x + bias."""
    bias: Tensor
    """(T * H,)"""
    values: Tensor
    """(T * H, d): what the text adds to a state, head by head."""


class _Linear(NamedTuple):
    """A linear map's weights; as plain values, since a module looks each of them up by name."""

    weight: Tensor
    bias: Tensor

    @classmethod
    def of(cls, layer: nn.Linear) -> _Linear:
        return cls(layer.weight.detach(), layer.bias.detach())


class _Norm(NamedTuple):
    """A normalisation's shape and weights."""

    shape: tuple[int, ...]
    weight: Tensor
    bias: Tensor
    eps: float

    @classmethod
    def of(cls, norm: nn.LayerNorm) -> _Norm:
        return cls(norm.normalized_shape, norm.weight.detach(), norm.bias.detach(), norm.eps)


class Layer:
    """One layer's weights."""

    def __init__(self, layer: DecoderLayer) -> None:
        self.heads = layer.heads
        self.self_norm, self.cross_norm, self.ffn_norm = (
            _Norm.of(norm) for norm in (layer.self_norm, layer.cross_norm, layer.ffn_norm)
        )
        self.self_out, self.cross_kv, self.ffn_in, self.ffn_out = (
            _Linear.of(one) for one in (layer.self_out, layer.cross_kv, layer.ffn_in, layer.ffn_out)
        )
        width = layer.self_out.in_features
        scale = torch.ones(3 * width)
        scale[:width] = (width // layer.heads) ** -0.5  # of the queries, so that their products need no scaling
        self.qkv, self.qkv_bias = layer.qkv.weight * scale[:, None], layer.qkv.bias * scale
        split = (layer.heads, width // layer.heads, width)
        self.ask = (layer.cross_query.weight * scale[0]).view(split)  # (H, d / H, d)
        self.ask_bias = (layer.cross_query.bias * scale[0]).view(*split[:2], 1)
        self.add = layer.cross_out.weight.t().reshape(split)  # (H, d / H, d)
        self.add_bias = layer.cross_out.bias.detach()
        self._keys, self._bias, self._values = self._of_states()
        self._ffn = [one.weight.t().contiguous() for one in (self.ffn_in, self.ffn_out)]

    def project(self, x: Tensor) -> Tensor:
        """(B, d) -> (B, 3d) queries, scaled, keys and values."""
        return F.linear(torch.layer_norm(x, *self.self_norm), self.qkv, self.qkv_bias)

    def memory(self, states: Tensor) -> Memory:
        """(T, d_memory) the encoded query -> what all its beams ask."""
        keys, bias, values = (
            torch.addmm(one.bias, states, one.weight) for one in (self._keys, self._bias, self._values)
        )
        width = self.ask.shape[-1]
        return Memory(keys.view(-1, width), bias.view(-1), values.view(-1, width))

    def look_back(self, x: Tensor, projected: Tensor, past: Tensor | None) -> tuple[Tensor, Tensor]:
        """Self-attention at one level: x (B, d) -> (B, d), and keys and values up to this level, (L, B, 2d).

        `projected` is project(x), `past` (L - 1, B, 2d) those of the levels before, of these beams.
        """
        width = x.shape[1]
        query, own = projected.split_with_sizes((width, 2 * width), 1)
        seen = own.unsqueeze(0) if past is None else torch.cat((past, own.unsqueeze(0)))
        return self.attend(x, query, seen), seen

    def attend(self, x: Tensor, query: Tensor, seen: Tensor) -> Tensor:
        """Self-attention: x (B, d) -> (B, d), by its (B, d) queries of keys and values `seen` (L, B, 2d)."""
        rows, levels = x.shape[0], seen.shape[0]
        keys, values = seen.view(levels, rows, 2, self.heads, -1).unbind(2)  # (L, B, H, d / H)
        weights = (keys * query.view(rows, self.heads, -1)).sum(-1).softmax(0)  # (L, B, H)
        mixed = (values * weights.unsqueeze(-1)).sum(0).view(rows, -1)
        return F.linear(mixed, *self.self_out).add_(x)

    def read(self, x: Tensor, memory: Memory) -> Tensor:
        """Cross-attention and feed-forward: x (B, d) -> (B, d)."""
        rows = x.shape[0]
        asked = F.linear(torch.layer_norm(x, *self.cross_norm), memory.keys, memory.bias)
        weights = asked.view(rows, -1, self.heads).softmax(1).view(rows, -1)
        x = torch.addmm(x, weights, memory.values)
        inner = torch.addmm(self.ffn_in.bias, torch.layer_norm(x, *self.ffn_norm), self._ffn[0]).relu_()
        return torch.addmm(self.ffn_out.bias, inner, self._ffn[1]).add_(x)

    def _of_states(self) -> tuple[_Linear, _Linear, _Linear]:
        """What makes a `Memory` of states: keys, bias and values, each a (d_memory, ...) weight and a bias.

        A head's weights sum to one, so that what the attention adds to every state is added to one head's values.
        """
        heads, part, width = self.ask.shape
        (key, value), (key_bias, value_bias) = (one.view(2, heads, part, -1) for one in self.cross_kv)
        made = []
        for own, own_bias, by in (
            (key, key_bias, self.ask),
            (key, key_bias, self.ask_bias),
            (value, value_bias, self.add),
        ):  # (H, d / H, d_memory), (H, d / H, 1), (H, d / H, n)
            weight = torch.bmm(own.transpose(1, 2), by).transpose(0, 1)  # (d_memory, H, n)
            made.append(_Linear(weight.flatten(1), torch.bmm(own_bias.transpose(1, 2), by).flatten()))
        made[2].bias[:width] += self.add_bias
        return made[0], made[1], made[2]


class SingleLayers:
    """The transformer's weights, and the heads with the correction multiplied in."""

    def __init__(self, decoder: CodewordDecoder, paths: Sequence[Ints]) -> None:
        """`paths`: of each length from none on, the (L, n) codes of the prefixes that are known."""
        correction, scales = decoder.correction, decoder.log_scale
        assert correction is not None, "of a dense start"
        assert scales is not None, "of a dense start"
        self.layers, self.norm = [Layer(layer) for layer in decoder.blocks], _Norm.of(decoder.norm)
        start = (decoder.tokens.weight[START] + decoder.levels.weight[0])[None]
        inputs = [start] + [
            decoder.tokens.weight[decoder.vocab.level_slice(level - 1)] + decoder.levels.weight[level]
            for level in range(1, decoder.vocab.levels)
        ]
        first = self.layers[0]
        self.inputs = [(x, first.project(x)) for x in inputs]
        self.first = first.look_back(*self.inputs[0], None)  # of level 0, the same for all queries
        width = start.shape[1]
        self._seen = torch.cat([projected[:, width:] for _, projected in self.inputs])  # of all levels' codes
        self._begins = np.cumsum([0, *map(len, inputs)])  # where each level's codes begin there
        self._asking = [torch.cat([x, projected[:, :width]], 1) for x, projected in self.inputs]  # (K, 2d)
        self._made = [_Made(path, width) if path.shape[1] <= MOST_MADE else None for path in paths]
        self.heads = [
            ((head.weight @ correction.weight).t() * scale, head.bias)  # (d, K), (K,)
            for head, scale in zip(_linear(decoder.heads), scales.exp(), strict=True)
        ]

    def memory(self, states: Tensor) -> list[Memory]:
        """(T, d_memory) the encoded query -> what each layer asks of it."""
        return [layer.memory(states) for layer in self.layers]

    def step(
        self, codes: Ints, nodes: Ints, memory: Sequence[Memory], past: Sequence[Tensor]
    ) -> tuple[Tensor, list[Tensor]]:
        """(L, B) the codes so far of the beams, and their (B,) numbers -> (B, K) what is added to the next logits.

        And each further layer's keys and values so far, (L + 1, B, 2d); `past` are those of the levels before, of these
        beams. The first layer's are looked up. Before the first code, there is one beam.
        """
        level = len(codes)
        x, seen = self.layers[0].read(self._looked_back(codes, nodes), memory[0]), list[Tensor]()
        for index, layer in enumerate(self.layers[1:]):
            x, own = layer.look_back(x, layer.project(x), past[index] if level else None)
            x = layer.read(x, memory[index + 1])
            seen.append(own)
        weight, bias = self.heads[level]
        return torch.addmm(bias, torch.layer_norm(x, *self.norm), weight), seen

    def _looked_back(self, codes: Ints, nodes: Ints) -> Tensor:
        """(L, B) codes of (B,) nodes -> (B, d) what the first layer's self-attention makes of them, found once each."""
        made = self._made[len(codes)]
        if made is None:
            return self._look_back(codes)
        new = nodes[~made.known[nodes]]
        if len(new):
            new = np.concatenate([new, np.flatnonzero(~made.known)[:AT_ONCE]])
            made.table[new] = self._look_back(made.path[:, new]).numpy()
            made.known[new] = True  # only now: another thread may look
        return torch.from_numpy(made.table.take(nodes, 0))

    def _look_back(self, codes: Ints) -> Tensor:
        """(L, B) -> (B, d)."""
        level, rows = codes.shape
        if not level:
            return self.first[0]
        places = np.zeros((level + 1, rows), np.int64)
        places[1:] = codes + self._begins[1 : level + 1, None]
        seen = self._seen.index_select(0, torch.from_numpy(places.reshape(-1))).view(level + 1, rows, -1)
        x, query = self._asking[level].index_select(0, torch.from_numpy(codes[-1])).chunk(2, 1)
        return self.layers[0].attend(x, query, seen)


class _Made:
    """What the first layer's self-attention makes of prefixes of one length, whatever the query is."""

    def __init__(self, path: Ints, width: int) -> None:
        self.path, count = path, path.shape[1]
        self.table = np.empty((count, width), np.float32)  # takes memory where it is filled
        self.known = np.zeros(count, np.bool_)


def _linear(layers: nn.ModuleList) -> list[nn.Linear]:
    return [layer for layer in layers if isinstance(layer, nn.Linear)]
