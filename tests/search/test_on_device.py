"""The search with everything on one device finds what the other one finds, to the last tie."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from table_decoder import TableDecoder
from torch import Tensor

from genret.ground.errors import GenretError
from genret.search.beam import BeamResult, BeamSettings, Decoder, beam_search
from genret.search.on_device import DeviceTrie, search_on_device
from genret.search.trie import Allowed, Trie

DEVICES = [
    "cpu",
    pytest.param(
        "cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine")
    ),
]


class On:
    """A table decoder as one that lives on a device."""

    def __init__(self, inner: TableDecoder, device: str) -> None:
        self.inner, self.device = inner, device

    @property
    def num_queries(self) -> int:
        return self.inner.num_queries

    @property
    def codebook_sizes(self) -> tuple[int, ...]:
        return self.inner.codebook_sizes

    def select(self, queries: Tensor) -> Decoder:
        return On(self.inner.select(queries), self.device)

    def step(self, level: int, codes: Tensor | None, parents: Tensor | None) -> Tensor:
        moved = (None if tensor is None else tensor.cpu() for tensor in (codes, parents))
        return self.inner.step(level, *moved).to(self.device)


def same(found: BeamResult, expected: BeamResult) -> None:
    for name in ("positions", "ids", "proven", "budget_ended"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), err_msg=name)
    for name in ("scores", "bound"):
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), atol=1e-5, err_msg=name)


@pytest.mark.parametrize("device", DEVICES)
@given(
    sizes=st.lists(st.integers(1, 70), min_size=1, max_size=4),
    count=st.integers(0, 80),
    seed=st.integers(0, 10_000),
    share=st.sampled_from([None, 0.0, 0.1, 0.5, 1.0]),
    grain=st.sampled_from([0.0, 0.5, 2.0]),
    asked=st.builds(
        lambda k, more, exact: BeamSettings(k, k + more, exact), st.integers(1, 12), st.integers(0, 8), st.booleans()
    ),
)
@settings(max_examples=150, deadline=None)
def test_it_finds_what_the_other_search_finds(
    device: str, sizes: list[int], count: int, seed: int, share: float | None, grain: float, asked: BeamSettings
) -> None:
    rng = np.random.default_rng(seed)
    codes = np.stack([rng.integers(0, size, count) for size in sizes], 1)
    trie, _ = Trie.build(codes, sizes)
    allowed = None if share is None else Allowed.from_positions(trie, rng.random(count) < share)
    expected = beam_search(TableDecoder(range(3), sizes, seed, grain), trie, asked, allowed)
    decoder = On(TableDecoder(range(3), sizes, seed, grain), device)
    same(search_on_device(decoder, DeviceTrie(trie, device), asked, allowed), expected)


def test_what_it_does_not_do_it_says() -> None:
    trie, _ = Trie.build([[0, 1], [1, 1]], (2, 2))
    decoder = TableDecoder(range(1), (2, 2), 0)
    with pytest.raises(GenretError, match="max_per_prefix is not searched on the device"):
        search_on_device(decoder, DeviceTrie(trie, "cpu"), BeamSettings(1, 2, max_per_prefix=1))


def test_a_model_without_numbers_is_refused() -> None:
    trie, _ = Trie.build([[0, 1], [1, 1]], (2, 2))
    decoder = TableDecoder(range(1), (2, 2), 0)
    decoder._tables[1] = torch.full_like(decoder._tables[1], torch.nan)
    with pytest.raises(GenretError, match="not numbers"):
        search_on_device(decoder, DeviceTrie(trie, "cpu"), BeamSettings(1, 2))
