"""What a beam search steps through: encoded queries that score the codes of one level after the other.

`genret.model.decoder` makes one of a model; `beam_search` drives it.
"""

from __future__ import annotations

from typing import Protocol

from torch import Tensor


class Decoder(Protocol):
    """Q encoded queries, ready to be decoded level by level.

    A decoder carries its own cache. A call at level 0 starts anew; a call at level l > 0 continues the rows of the
    call before it, reordered by `parents`. B may differ from call to call; rows that the search has no use for carry
    any valid parent and code, and what comes back for them is not read.
    """

    @property
    def num_queries(self) -> int: ...

    @property
    def codebook_sizes(self) -> tuple[int, ...]: ...

    def select(self, queries: Tensor) -> Decoder:
        """The same decoder for the queries at the given (Q',) int64 positions only, its cache empty."""
        ...

    def step(self, level: int, codes: Tensor | None, parents: Tensor | None) -> Tensor:
        """(Q, B, K_level) float32 log-probabilities of the codes of `level`, normalised over that level's codes.

        Level 0: `codes` and `parents` are None and B is 1. Level l > 0: `codes` (Q, B) int64 are the codes chosen at
        level l - 1, `parents` (Q, B) int64 the row of the previous call that each of them continues. The caller may
        write into what it gets.
        """
        ...
