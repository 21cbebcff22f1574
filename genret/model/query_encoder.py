"""A query's text tokens -> what the decoder looks at, and the query's embedding. Imports torch alone.

`QueryEncoder(text, shape)` takes any Hugging Face encoder as `text`, or `TokenVectors`, which computes what a BERT
without layers does, so that a model with such an encoder loads and searches without transformers.
"""

from __future__ import annotations

from typing import Any, NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genret.ground.errors import GenretError


class Encoded(NamedTuple):
    """An encoded batch of R queries, under the names that transformers gives them."""

    last_hidden_state: Tensor
    """(R, T, d_memory)"""
    pooler_output: Tensor | None
    """(R, d_code) unit embeddings; None of a cold start."""


class TokenVectors(nn.Module):
    """What transformers' BERT without layers is in evaluation: a vector for a token and its place, normalised.

    Its weights have the names of that.
    """

    def __init__(self, vocab_size: int, width: int, places: int, types: int, eps: float) -> None:
        super().__init__()
        self.embeddings = nn.ModuleDict(
            {
                "word_embeddings": nn.Embedding(vocab_size, width),
                "position_embeddings": nn.Embedding(places, width),
                "token_type_embeddings": nn.Embedding(types, width),
                "LayerNorm": nn.LayerNorm(width, eps=eps),
            }
        )

    def forward(self, input_ids: Tensor) -> Tensor:
        """(R, T) -> (R, T, width)."""
        parts = self.embeddings
        words, places, types = (
            cast(nn.Embedding, parts[f"{name}_embeddings"]).weight for name in ("word", "position", "token_type")
        )
        norm = cast(nn.LayerNorm, parts["LayerNorm"])
        states = torch.embedding(words, input_ids) + types[0] + places[: input_ids.shape[1]]
        return F.layer_norm(states, norm.normalized_shape, norm.weight, norm.bias, norm.eps)


class QueryEncoder(nn.Module):
    """A text encoder, and where the dense start wants it, the query's embedding in the codebooks' space."""

    main_input_name = "input_ids"

    def __init__(
        self,
        text: nn.Module,
        hidden_size: int,
        vocab_size: int,
        d_code: int | None = None,
        pooling: str = "encoder",
        bag_share: float = 0.5,
    ) -> None:
        """`text`: an encoder of that width and vocabulary; the rest is as in the model's configuration."""
        super().__init__()
        self.text = text
        self.pooled = d_code is not None and pooling != "bag"
        self.bag_share = bag_share
        bagged = (d_code or 0) - (hidden_size if self.pooled else 0)
        if self.pooled and (bagged < 0 or (bagged > 0) != (pooling == "both")):
            raise GenretError(
                f"codebooks of width {d_code} cannot be compared with an encoder of width {hidden_size}; "
                "take pooling='bag', or embed with the same encoder"
            )
        self.bag = nn.Embedding(vocab_size, bagged) if bagged else None

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> Any:
        """(R, T) text tokens -> `Encoded`."""
        return self.encode(input_ids, attention_mask)

    def encode(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> Encoded:
        """(R, T) text tokens -> states (R, T, d_memory), and the unit query embedding (R, d_code) or None."""
        mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        states = self.states(input_ids, mask)
        return Encoded(states, self.embedding(states, input_ids, mask))

    def states(self, input_ids: Tensor, mask: Tensor | None) -> Tensor:
        """(R, T) text tokens -> (R, T, d_memory). No mask: nothing is padded."""
        return self.text(input_ids)

    def embedding(self, states: Tensor | None, input_ids: Tensor, mask: Tensor | None) -> Tensor | None:
        """The unit embedding (R, d_code); sums do for means, as the number of tokens does not change a direction.

        `mask` (R, T); None where nothing is padded. The states are looked at where the encoder is pooled.
        """
        pooled = _direction(states, mask) if self.pooled and states is not None else None
        bagged = None if self.bag is None else _direction(self.bag(input_ids), mask)
        if pooled is None or bagged is None:
            return bagged if pooled is None else pooled
        return torch.cat([(1 - self.bag_share) ** 0.5 * pooled, self.bag_share**0.5 * bagged], dim=-1)


def _direction(x: Tensor, mask: Tensor | None) -> Tensor:
    """(R, T, d) -> (R, d) of length one: that of the sum of what is not padding."""
    return F.normalize((x if mask is None else x * mask.unsqueeze(-1)).sum(1), dim=-1)
