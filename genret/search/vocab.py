"""Semantic IDs <-> decoder token ids: the only place with offset arithmetic. Imports no torch.

Token 0 is padding, token 1 starts a sequence; the codewords follow, level after level. A code of one level therefore
never shares a token with a code of another, which is what lets plain `transformers.generate` spell semantic IDs.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import numpy as np
import numpy.typing as npt

from genret.ground.errors import GenretError

PAD = 0
START = 1
SPECIALS = 2
MAX_CODEBOOK = 65_536
MAX_LEVELS = 8


class Vocab:
    """The decoder's vocabulary for codebooks of the given sizes, coarse to fine.

    >>> Vocab((2, 3)).encode([[1, 2]]).tolist()
    [[3, 6]]
    """

    def __init__(self, codebook_sizes: Sequence[int]) -> None:
        sizes = tuple(int(size) for size in codebook_sizes)
        if not 1 <= len(sizes) <= MAX_LEVELS or any(not 1 <= size <= MAX_CODEBOOK for size in sizes):
            raise GenretError(
                f"codebook_sizes={sizes}: expected 1 to {MAX_LEVELS} levels of 1 to {MAX_CODEBOOK} codes each"
            )
        self.codebook_sizes = sizes
        self.offsets = tuple(accumulate((SPECIALS, *sizes[:-1])))

    def __len__(self) -> int:
        return SPECIALS + sum(self.codebook_sizes)

    def __repr__(self) -> str:
        return f"Vocab({self.codebook_sizes})"

    @property
    def levels(self) -> int:
        return len(self.codebook_sizes)

    def level_slice(self, level: int) -> slice:
        """The token ids of one level (from 0), as a slice of the vocabulary."""
        return slice(self.offsets[level], self.offsets[level] + self.codebook_sizes[level])

    def encode(self, codes: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """(..., l) codes -> (..., l) token ids, l <= L."""
        array = np.asarray(codes, dtype=np.int64)
        sizes = np.asarray(self.codebook_sizes[: array.shape[-1]])
        if array.shape[-1] > self.levels or (array < 0).any() or (array >= sizes).any():
            raise GenretError(f"codes {_head(array)} do not fit codebooks of sizes {self.codebook_sizes}")
        return array + np.asarray(self.offsets[: array.shape[-1]])

    def decode(self, tokens: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """(..., l) token ids -> (..., l) codes; a token that is no code of its level becomes -1."""
        array = np.asarray(tokens, dtype=np.int64)
        codes = array - np.asarray(self.offsets[: array.shape[-1]])
        valid = (codes >= 0) & (codes < np.asarray(self.codebook_sizes[: array.shape[-1]]))
        return np.where(valid, codes, -1)


def _head(array: npt.NDArray[np.int64]) -> str:
    """The first row, for an error message."""
    return str(tuple(int(code) for code in array.reshape(-1, array.shape[-1])[0])) if array.size else "()"
