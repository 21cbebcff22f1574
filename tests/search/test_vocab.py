"""The decoder vocabulary: one token a codeword and level, and back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genret.ground.errors import GenretError
from genret.search.vocab import PAD, START, Vocab


def test_levels_follow_the_two_special_tokens() -> None:
    vocab = Vocab((3, 2, 4))
    assert (PAD, START, len(vocab), vocab.levels) == (0, 1, 11, 3)
    assert [vocab.level_slice(level) for level in range(3)] == [slice(2, 5), slice(5, 7), slice(7, 11)]
    np.testing.assert_array_equal(vocab.encode([[0, 0, 0], [2, 1, 3]]), [[2, 5, 7], [4, 6, 10]])


@given(st.lists(st.integers(1, 300), min_size=1, max_size=8), st.integers(0, 2**32 - 1))
def test_encode_then_decode_gives_the_codes_back(sizes: list[int], seed: int) -> None:
    codes = np.random.default_rng(seed).integers(0, sizes, (5, len(sizes)))
    vocab = Vocab(sizes)
    tokens = vocab.encode(codes)
    np.testing.assert_array_equal(vocab.decode(tokens), codes)
    assert tokens.max() < len(vocab)
    np.testing.assert_array_equal(vocab.encode(codes[:, :1]), tokens[:, :1])


def test_a_token_of_another_level_decodes_to_minus_one() -> None:
    np.testing.assert_array_equal(Vocab((3, 2)).decode([[5, 2], [PAD, START], [2, 6]]), [[-1, -1], [-1, -1], [0, 1]])


@pytest.mark.parametrize("codes", [[[3, 0]], [[-1, 0]], [[0, 2]], [[0, 0, 0]]])
def test_codes_that_do_not_fit_are_an_error(codes: list[list[int]]) -> None:
    with pytest.raises(GenretError, match="do not fit"):
        Vocab((3, 2)).encode(codes)


@pytest.mark.parametrize("sizes", [(), (0,), (4,) * 9, (65_537,)])
def test_impossible_sizes_are_an_error(sizes: tuple[int, ...]) -> None:
    with pytest.raises(GenretError, match="expected 1 to 8 levels of 1 to 65536 codes"):
        Vocab(sizes)
