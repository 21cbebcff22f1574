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

    def project(self, x: Tensor) -> Tensor:
        """(B, d) -> (B, 3d) queries, scaled, keys and values."""
        return F.linear(torch.layer_norm(x, *self.self_norm), self.qkv, self.qkv_bias)

    def memory(self, states: Tensor) -> Memory:
        """(T, d_memory) the encoded query -> what all its beams ask."""
        both = F.linear(states, *self.cross_kv).view(len(states), 2, self.heads, -1)
        key, value = both.permute(1, 2, 0, 3)  # (H, T, d / H)
        width = self.ask.shape[-1]
        bias = torch.bmm(key, self.ask_bias).view(-1)
        return Memory(torch.bmm(key, self.ask).view(-1, width), bias, torch.bmm(value, self.add).view(-1, width))

    def look_back(self, x: Tensor, projected: Tensor, past: Tensor | None) -> tuple[Tensor, Tensor]:
        """Self-attention at one level: x (B, d) -> (B, d), and keys and values up to this level, (L, B, 2d).

        `projected` is project(x), `past` (L - 1, B, 2d) those of the levels before, of these beams.
        """
        rows, width = x.shape
        query, own = projected.split_with_sizes((width, 2 * width), 1)
        seen = own.unsqueeze(0) if past is None else torch.cat((past, own.unsqueeze(0)))
        keys, values = seen.view(len(seen), rows, 2, self.heads, -1).unbind(2)  # (L, B, H, d / H)
        weights = (query.reshape(rows, self.heads, -1) * keys).sum(-1).softmax(0)  # (L, B, H)
        mixed = (weights.unsqueeze(-1) * values).sum(0).view(rows, width)
        return x + F.linear(mixed, *self.self_out), seen

    def read(self, x: Tensor, memory: Memory) -> Tensor:
        """Cross-attention and feed-forward: x (B, d) -> (B, d)."""
        rows = len(x)
        asked = F.linear(torch.layer_norm(x, *self.cross_norm), memory.keys, memory.bias).view(rows, self.heads, -1)
        x = torch.addmm(x + self.add_bias, asked.softmax(-1).view(rows, -1), memory.values)
        inner = F.linear(torch.layer_norm(x, *self.ffn_norm), *self.ffn_in).relu_()
        return x + F.linear(inner, *self.ffn_out)


class SingleLayers:
    """The transformer's weights, and the heads with the correction multiplied in."""

    def __init__(self, decoder: CodewordDecoder) -> None:
        correction, scales = decoder.correction, decoder.log_scale
        assert correction is not None, "of a dense start"
        assert scales is not None, "of a dense start"
        self.layers, self.norm = [Layer(layer) for layer in decoder.blocks], _Norm.of(decoder.norm)
        start = (decoder.tokens.weight[START] + decoder.levels.weight[0])[None]
        inputs = [start] + [
            decoder.tokens.weight[decoder.vocab.level_slice(level - 1)] + decoder.levels.weight[level]
            for level in range(1, decoder.vocab.levels)
        ]
        self.inputs = [(x, self.layers[0].project(x)) for x in inputs]
        self.first = self.layers[0].look_back(*self.inputs[0], None)  # of level 0, the same for all queries
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
        if level:
            inputs, projections = self.inputs[level]
            x, projected = inputs.index_select(0, codes), projections.index_select(0, codes)
            x, own = self.layers[0].look_back(x, projected, past[0])
        else:
            x, own = self.first
        x, seen = self.layers[0].read(x, memory[0]), list[Tensor | None]([own])
        for index, layer in enumerate(self.layers[1:], start=1):
            x, own = layer.look_back(x, layer.project(x), past[index])
            x = layer.read(x, memory[index])
            seen.append(own)
        weight, bias = self.heads[level]
        return torch.addmm(bias, torch.layer_norm(x, *self.norm), weight), seen


def _linear(layers: nn.ModuleList) -> list[nn.Linear]:
    return [layer for layer in layers if isinstance(layer, nn.Linear)]
