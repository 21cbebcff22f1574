"""The text of one query, read on a CPU: what `QueryEncoder` computes where its encoder is `TokenVectors`.

In numpy: so few numbers take less time than torch takes to begin. `SingleText.of(encoder)` looks the weights up once.
Letters: T text length, D width of the embedding.
"""

from __future__ import annotations

from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from genret.ground.arrays import Floats, Ints
from genret.model.query_encoder import QueryEncoder, TokenVectors


class SingleText:
    """An encoder's weights; they are the encoder's own memory."""

    def __init__(self, encoder: QueryEncoder, text: TokenVectors) -> None:
        parts = text.embeddings
        norm = cast(nn.LayerNorm, parts["LayerNorm"])
        self.held = [*encoder.parameters()]
        self._words, self._places, self._types = (
            _array(cast(nn.Embedding, parts[f"{name}_embeddings"]).weight)
            for name in ("word", "position", "token_type")
        )
        self._gain, self._shift, self._eps = _array(norm.weight), _array(norm.bias), np.float32(norm.eps)
        self._bag = None if encoder.bag is None else _array(encoder.bag.weight)
        self._pooled, share = encoder.pooled, encoder.bag_share if encoder.bag is not None and encoder.pooled else 0.0
        self._shares = np.float32((1 - share) ** 0.5), np.float32(share**0.5)

    @classmethod
    def of(cls, encoder: QueryEncoder) -> SingleText | None:
        """None where the encoder is of another kind, on a GPU or not in float32."""
        plain = all(one.device.type == "cpu" and one.dtype == torch.float32 for one in encoder.parameters())
        return cls(encoder, encoder.text) if plain and isinstance(encoder.text, TokenVectors) else None

    def read(self, ids: Ints, with_states: bool) -> tuple[Floats | None, Floats | None]:
        """(T,) tokens -> the unit embedding (D,), if there is one, and the states (T, d_memory), if they are read."""
        states = self._states(ids) if with_states or self._pooled else None
        pooled = None if states is None or not self._pooled else _direction(states)
        bagged = None if self._bag is None else _direction(self._bag.take(ids, 0))
        if pooled is None or bagged is None:
            return bagged if pooled is None else pooled, states
        return np.concatenate([self._shares[0] * pooled, self._shares[1] * bagged]), states

    def _states(self, ids: Ints) -> Floats:
        x = self._words.take(ids, 0)
        x += self._types[0]
        x += self._places[: len(ids)]
        width = np.float32(x.shape[1])
        x -= x.sum(1, keepdims=True) / width
        x /= np.sqrt(np.einsum("td,td->t", x, x) / width + self._eps)[:, None]
        x *= self._gain
        x += self._shift
        return x


def _direction(x: Floats) -> Floats:
    """(T, d) -> (d,) of length one: that of the sum."""
    whole: Floats = x.sum(0)
    return whole / max(np.sqrt(whole @ whole), np.float32(1e-12))


def _array(weight: Tensor) -> Floats:
    found: Floats = weight.detach().numpy()
    return found
