"""How many semantic IDs does the model invent when nothing holds it to the catalogue?

The same beam search as the constrained one, over every code of every level, with no trie to mask it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from genret.ground.errors import GenretError
from genret.search.decoder import Decoder
from genret.search.trie import Trie


class Spelled(NamedTuple):
    """IDs spelled for Q queries, best first: codes (Q, k, L) int64 and scores (Q, k) float32."""

    codes: Tensor
    scores: Tensor


class InvalidIds(NamedTuple):
    """Of the IDs emitted, those that no product has."""

    invalid: int
    total: int
    queries: int
    queries_with_invalid: int

    @property
    def share(self) -> float:
        """invalid / total; 0 of none."""
        return self.invalid / self.total if self.total else 0.0

    def __add__(self, other: object) -> InvalidIds:
        """The counts of two batches together."""
        if not isinstance(other, InvalidIds):
            return NotImplemented
        return InvalidIds(*(a + b for a, b in zip(self, other, strict=True)))


@torch.inference_mode()
def spell_freely(decoder: Decoder, beam_width: int = 50, k: int = 10) -> Spelled:
    """The k best IDs of an unmasked beam search, whether or not they exist; fewer if there are fewer IDs to spell."""
    if not 1 <= k <= beam_width:
        raise GenretError(f"k={k}, beam_width={beam_width}: expected 1 <= k <= beam_width")
    scores = torch.zeros(decoder.num_queries, 1)
    codes = torch.zeros(decoder.num_queries, 1, 0, dtype=torch.long)  # (Q, B, l)
    chosen: Tensor | None = None
    parents: Tensor | None = None
    for level, size in enumerate(decoder.codebook_sizes):
        steps = decoder.step(level, chosen, parents).float().cpu()  # (Q, B, K)
        totals = (scores[:, :, None] + steps).flatten(1)  # (Q, B * K)
        scores, best = totals.topk(min(beam_width, totals.shape[1]), dim=1)  # (Q, B')
        parents, chosen = best // size, best % size
        kept = codes.gather(1, parents[:, :, None].expand(-1, -1, codes.shape[2]))
        codes = torch.cat([kept, chosen[:, :, None]], dim=2)
    return Spelled(codes[:, :k], scores[:, :k])


def count_invalid(codes: Tensor, trie: Trie) -> InvalidIds:
    """How many of (Q, k, L) codes are no ID of the trie."""
    found = trie.find(codes.reshape(-1, codes.shape[-1]).numpy()).reshape(codes.shape[:2])  # (Q, k)
    invalid = np.asarray(found) < 0
    return InvalidIds(int(invalid.sum()), int(invalid.size), len(invalid), int(invalid.any(axis=1).sum()))


def count_invented(decoder: Decoder, trie: Trie, beam_width: int = 50, k: int = 10) -> InvalidIds:
    """Of each query's top k IDs decoded without a trie, how many do not exist."""
    return count_invalid(spell_freely(decoder, beam_width, k).codes, trie)
