"""The decoder's transformer, laid out for beams of few queries: how it corrects what a query's embedding says.

`SingleLayers` is made once. What is the same for all queries is in it: the inputs of a level's codes, and their
projections; and the heads' two matrices are one. `SingleSteps` and `SeveralLayers` do with it what a search asks for.

Letters: B beams, L levels so far, H heads, d model width, K codes of a level.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genret.model.decoder import CodewordDecoder, DecoderLayer
from genret.search.vocab import START


class Linear(NamedTuple):
    """A linear map's weights; as plain values, since a module looks each of them up by name."""

    weight: Tensor
    bias: Tensor

    @classmethod
    def of(cls, layer: nn.Linear) -> Linear:
        return cls(layer.weight.detach(), layer.bias.detach())


class Norm(NamedTuple):
    """A normalisation's shape and weights."""

    shape: tuple[int, ...]
    weight: Tensor
    bias: Tensor
    eps: float

    @classmethod
    def of(cls, norm: nn.LayerNorm) -> Norm:
        return cls(norm.normalized_shape, norm.weight.detach(), norm.bias.detach(), norm.eps)


class Layer:
    """One layer's weights."""

    def __init__(self, layer: DecoderLayer) -> None:
        self.heads = layer.heads
        self.self_norm, self.cross_norm, self.ffn_norm = (
            Norm.of(norm) for norm in (layer.self_norm, layer.cross_norm, layer.ffn_norm)
        )
        self.self_out, self.cross_kv, self.ffn_in, self.ffn_out = (
            Linear.of(one) for one in (layer.self_out, layer.cross_kv, layer.ffn_in, layer.ffn_out)
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


class SingleLayers:
    """The transformer's weights, and the heads with the correction multiplied in."""

    def __init__(self, decoder: CodewordDecoder) -> None:
        correction, scales = decoder.correction, decoder.log_scale
        assert correction is not None, "of a dense start"
        assert scales is not None, "of a dense start"
        self.layers, self.norm = [Layer(layer) for layer in decoder.blocks], Norm.of(decoder.norm)
        start = (decoder.tokens.weight[START] + decoder.levels.weight[0])[None]
        inputs = [start] + [
            decoder.tokens.weight[decoder.vocab.level_slice(level - 1)] + decoder.levels.weight[level]
            for level in range(1, decoder.vocab.levels)
        ]
        first = self.layers[0]
        self.inputs = [(x, first.project(x)) for x in inputs]
        self.first = first.look_back(*self.inputs[0], None)  # of level 0, the same for all queries
        self.heads = [
            ((head.weight @ correction.weight).t() * scale, head.bias)  # (d, K), (K,)
            for head, scale in zip(_linear(decoder.heads), scales.exp(), strict=True)
        ]


def _linear(layers: nn.ModuleList) -> list[nn.Linear]:
    return [layer for layer in layers if isinstance(layer, nn.Linear)]
