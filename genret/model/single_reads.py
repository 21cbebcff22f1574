"""A layer's cross-attention and feed-forward for the beams of one query, in numpy, and what the layers say of codes.

So few numbers take numpy half the time that they take torch, and less where other work has had the processor's caches.
Every reader of a state normalises it, which takes its mean away. So states are held centred from the beginning, by
weights that are centred once, and to normalise one is to scale it; a norm's own weights are in the matrices behind it.

Letters: B beams, C children, T text length, H heads, d model width, K codes of a level.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from genret.ground.arrays import Floats, Ints
from genret.model.single_layers import Layer, Norm

FEW = 32
"""A row whose children are fewer than its level's codes by this factor is multiplied by their weights alone."""


class Memory(NamedTuple):
    """What one layer asks of the text, with the query's states in it."""

    keys: Floats
    """(T * H, d): a state x asks keys @ x, scaled, + bias."""
    bias: Floats
    """(T * H, 1)"""
    values: Floats
    """(T * H, d): what the text adds to a state, head by head."""


class States(NamedTuple):
    """Rows between two layers."""

    x: Floats
    """(B, d) centred."""
    scale: Floats
    """(B,) what normalises them for the next layer's cross-attention."""


class Scale:
    """What normalises centred states, but for a factor that is in the weights behind it."""

    def __init__(self, norm: Norm) -> None:
        self.factor = float(norm.shape[0]) ** 0.5
        self._eps = np.float32(norm.eps * norm.shape[0])

    def __call__(self, x: Floats) -> Floats:
        """(B, d) -> (B,)"""
        found: Floats = np.einsum("bd,bd->b", x, x)
        found += self._eps
        np.sqrt(found, out=found)
        return np.divide(np.float32(1), found, out=found)


class Reader:
    """One layer's weights from the cross-attention on."""

    def __init__(self, layer: Layer) -> None:
        self.heads = layer.heads
        self.scale, self._inner = Scale(layer.cross_norm), Scale(layer.ffn_norm)
        self._weight, self._bias = (_array(one) for one in self._of_states(layer))
        norm = layer.ffn_norm
        self._in = _array((layer.ffn_in.weight * norm.weight * self._inner.factor).t())  # (d, ffn)
        self._in_bias = _array(layer.ffn_in.bias + layer.ffn_in.weight @ norm.bias)
        self._out, self._out_bias = _array(_centred(layer.ffn_out.weight.t())), _array(_centred(layer.ffn_out.bias))

    def memory(self, states: Floats) -> Memory:
        """(T, d_memory) the encoded query -> what all its beams ask."""
        made: Floats = states.dot(self._weight)
        made += self._bias
        heads, width = self.heads, self._out.shape[1]
        values = heads * width
        return Memory(
            made[:, :values].reshape(-1, width),
            made[:, 2 * values :].reshape(-1, 1),
            made[:, values : 2 * values].reshape(-1, width),
        )

    def read(self, states: States, memory: Memory) -> Floats:
        """(B, d) -> (B, d), both centred."""
        asked = memory.keys.dot(states.x.T)  # (T * H, B)
        asked *= states.scale
        asked += memory.bias
        weights = asked.reshape(-1, self.heads * len(states.x))  # (T, H * B)
        weights -= np.maximum.reduce(weights, 0)
        np.exp(weights, out=weights)
        weights /= np.add.reduce(weights, 0)
        x: Floats = asked.T.dot(memory.values)
        x += states.x
        inner = x.dot(self._in)
        inner *= self._inner(x)[:, None]
        inner += self._in_bias
        np.maximum(inner, 0, out=inner)
        found: Floats = inner.dot(self._out)
        found += x
        found += self._out_bias
        return found

    def _of_states(self, layer: Layer) -> tuple[Tensor, Tensor]:
        """What makes a `Memory` of states: keys, values and bias side by side, a (d_memory, 2 * H * d + H) weight and
        its bias.

        A head's weights sum to one, so that what the attention adds to every state is added to one head's values.
        """
        norm, (heads, part, width) = layer.cross_norm, layer.ask.shape
        (key, value), (key_bias, value_bias) = (one.view(2, heads, part, -1) for one in layer.cross_kv)
        weights, biases = [], []
        for own, own_bias, by in (
            (key, key_bias, layer.ask * norm.weight * self.scale.factor),
            (value, value_bias, _centred(layer.add)),
            (key, key_bias, layer.ask_bias + layer.ask @ norm.bias[:, None]),
        ):  # (H, d / H, d_memory), (H, d / H, 1), (H, d / H, n)
            weights.append(torch.bmm(own.transpose(1, 2), by).transpose(0, 1).flatten(1))  # (d_memory, H * n)
            biases.append(torch.bmm(own_bias.transpose(1, 2), by).flatten())
        biases[1][:width] += _centred(layer.add_bias)
        return torch.cat(weights, 1), torch.cat(biases)


class Head:
    """One level's head: what is added to the logits of its codes."""

    def __init__(self, norm: Norm, weight: Tensor, bias: Tensor) -> None:
        """`weight` (d, K) and `bias` (K,), of normalised states."""
        self._scale = Scale(norm)
        self._weight = _array((weight * (norm.weight * self._scale.factor)[:, None]).t())  # (K, d)
        self._bias = _array(bias + norm.bias @ weight)

    def said(self, x: Floats, rows: Ints, codes: Ints) -> Floats:
        """(C,) what is added for codes after rows of (B, d) centred states."""
        size = len(self._weight)
        if len(rows) * FEW < len(x) * size:
            found: Floats = np.einsum("cd,cd->c", x.take(rows, 0), self._weight.take(codes, 0))
        else:
            found = x.dot(self._weight.T).reshape(-1).take(rows * size + codes)
        found *= self._scale(x).take(rows)
        found += self._bias.take(codes)
        return found


def centred(x: Floats) -> Floats:
    """(B, d) less the mean of each row."""
    means: Floats = np.add.reduce(x, 1, keepdims=True)
    means /= np.float32(x.shape[1])
    return x - means


def _centred(x: Tensor) -> Tensor:
    return x - x.mean(-1, keepdim=True)


def _array(x: Tensor) -> Floats:
    found: Floats = np.ascontiguousarray(x.detach().numpy())
    return found
