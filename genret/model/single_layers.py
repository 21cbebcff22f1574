"""The decoder's transformer for the beams of one query: how it corrects what the query's embedding says.

`SingleLayers` lays the weights out once, `begin` reads an encoded query, and `step` is a level. What is the same for
all queries (the inputs of a level's codes and their projections) is looked up; what is the same for all levels (the
query's keys times the weights that ask them) is multiplied once a query; and the heads' two matrices are one.

Letters: B beams, T text length, L levels so far, H heads, d model width, K codes of a level.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genret.model.decoder import CodewordDecoder, DecoderLayer
from genret.search.vocab import START


class Memory(NamedTuple):
    """What one layer asks of the text, with the query's states in it."""

    keys: Tensor
    """(H * T, d): a state x asks keys @ x + bias."""
    bias: Tensor
    """(H * T,)"""
    values: Tensor
    """(H * T, d): what the text adds to a state, head by head."""


class _Layer:
    """One layer's weights."""

    def __init__(self, layer: DecoderLayer) -> None:
        self.layer, self.heads = layer, layer.heads
        width = layer.self_out.in_features
        scale = torch.ones(3 * width)
        scale[:width] = (width // layer.heads) ** -0.5  # of the queries, so that their products need no scaling
        self.qkv, self.qkv_bias = layer.qkv.weight * scale[:, None], layer.qkv.bias * scale
        split = (layer.heads, width // layer.heads, width)
        self.ask = (layer.cross_query.weight * scale[0]).view(split)  # (H, d / H, d)
        self.ask_bias = (layer.cross_query.bias * scale[0]).view(*split[:2], 1)
        self.add = layer.cross_out.weight.t().reshape(split)  # (H, d / H, d)

    def project(self, x: Tensor) -> Tensor:
        """(B, d) -> (B, 3d) queries, scaled, keys and values."""
        return F.linear(_norm(self.layer.self_norm, x), self.qkv, self.qkv_bias)

    def memory(self, states: Tensor) -> Memory:
        """(T, d_memory) the encoded query -> what all its beams ask."""
        layer = self.layer
        both = F.linear(states, layer.cross_kv.weight, layer.cross_kv.bias).view(len(states), 2, self.heads, -1)
        key, value = both.permute(1, 2, 0, 3)  # (H, T, d / H)
        width = self.ask.shape[-1]
        bias = torch.bmm(key, self.ask_bias).view(-1)
        return Memory(torch.bmm(key, self.ask).view(-1, width), bias, torch.bmm(value, self.add).view(-1, width))

    def step(self, x: Tensor, projected: Tensor, past: Tensor | None, memory: Memory) -> tuple[Tensor, Tensor]:
        """One level: x (B, d) -> (B, d), and the keys and values of this level and those before it, (L, B, 2d).

        `projected` is project(x), `past` (L - 1, B, 2d) those of the levels before, of these beams.
        """
        layer, rows, width = self.layer, len(x), x.shape[1]
        query, own = projected.split_with_sizes((width, 2 * width), 1)
        seen = own.unsqueeze(0) if past is None else torch.cat((past, own.unsqueeze(0)))
        keys, values = seen.view(len(seen), rows, 2, self.heads, -1).unbind(2)  # (L, B, H, d / H)
        weights = (query.reshape(rows, self.heads, -1) * keys).sum(-1).softmax(0)  # (L, B, H)
        mixed = (weights.unsqueeze(-1) * values).sum(0).view(rows, width)
        x = x + F.linear(mixed, layer.self_out.weight, layer.self_out.bias)
        asked = F.linear(_norm(layer.cross_norm, x), memory.keys, memory.bias).view(rows, self.heads, -1)
        x = torch.addmm(x + layer.cross_out.bias, asked.softmax(-1).view(rows, -1), memory.values)
        inner = F.linear(_norm(layer.ffn_norm, x), layer.ffn_in.weight, layer.ffn_in.bias).relu_()
        return x + F.linear(inner, layer.ffn_out.weight, layer.ffn_out.bias), seen


class SingleLayers:
    """The transformer's weights, and the heads with the correction multiplied in."""

    def __init__(self, decoder: CodewordDecoder) -> None:
        correction, scales = decoder.correction, decoder.log_scale
        assert correction is not None, "of a dense start"
        assert scales is not None, "of a dense start"
        self.layers, self.norm = [_Layer(layer) for layer in decoder.blocks], decoder.norm
        start = (decoder.tokens.weight[START] + decoder.levels.weight[0])[None]
        inputs = [start] + [
            decoder.tokens.weight[decoder.vocab.level_slice(level - 1)] + decoder.levels.weight[level]
            for level in range(1, decoder.vocab.levels)
        ]
        self.inputs = [(x, self.layers[0].project(x)) for x in inputs]
        self.heads = [
            ((head.weight @ correction.weight).t() * scale, head.bias)  # (d, K), (K,)
            for head, scale in zip(_linear(decoder.heads), scales.exp(), strict=True)
        ]

    def memory(self, states: Tensor) -> list[Memory]:
        """(T, d_memory) the encoded query -> what each layer asks of it."""
        return [layer.memory(states) for layer in self.layers]

    def step(
        self, level: int, codes: Tensor, memory: Sequence[Memory], past: Sequence[Tensor | None]
    ) -> tuple[Tensor, list[Tensor | None]]:
        """(B,) the last codes of the beams (of level 0: one zero) -> (B, K) what is added to the logits of a level.

        And each layer's keys and values so far, (L, B, 2d); `past` are those of the levels before, of these beams.
        """
        x, projected = (table.index_select(0, codes) for table in self.inputs[level])
        seen: list[Tensor | None] = []
        for index, layer in enumerate(self.layers):
            x, own = layer.step(x, projected if index == 0 else layer.project(x), past[index], memory[index])
            seen.append(own)
        weight, bias = self.heads[level]
        return torch.addmm(bias, _norm(self.norm, x), weight), seen


def _norm(norm: nn.LayerNorm, x: Tensor) -> Tensor:
    return torch.layer_norm(x, norm.normalized_shape, norm.weight, norm.bias, norm.eps)


def _linear(layers: nn.ModuleList) -> list[nn.Linear]:
    return [layer for layer in layers if isinstance(layer, nn.Linear)]
