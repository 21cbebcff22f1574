"""Several queries decoded together give the scores of `StepDecoder`, whatever the model's shape and their lengths."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from random_model import TEXT, assert_same, made, shapes

from genret.ground.errors import GenretError
from genret.model import values
from genret.model.plain import Searched
from genret.model.values import PrefixValues
from genret.search.beam import BeamResult, BeamSettings, beam_search
from genret.search.several import search_several
from genret.search.single import search_single
from genret.search.trie import Allowed, Trie


def answers(
    model: Searched, lengths: list[int], trie: Trie, asked: BeamSettings, allowed: Allowed | None = None
) -> tuple[BeamResult, BeamResult]:
    """What both ways find for queries of so many tokens."""
    tokens = torch.zeros(len(lengths), max(lengths), dtype=torch.int64)
    mask = torch.zeros_like(tokens)
    for row, length in enumerate(lengths):
        tokens[row, :length], mask[row, :length] = torch.randint(1, TEXT, (length,)), 1
    several = model.several_for(tokens, mask)
    assert several is not None
    found = search_several(several, trie, asked, allowed)
    assert found is not None
    return found, beam_search(model.decoder_for(tokens, mask), trie, asked, allowed)


@given(shapes, st.integers(1, 8), st.integers(1, 10), st.lists(st.integers(1, 6), min_size=1, max_size=5))
@settings(max_examples=60, deadline=None)
def test_several_queries_score_as_by_the_other_way(
    shape: dict[str, Any], k: int, width: int, lengths: list[int]
) -> None:
    model, trie = made(**shape)
    assert_same(*answers(model, lengths, trie, BeamSettings(k, max(k, width))))


@given(shapes, st.integers(0, 99), st.lists(st.integers(1, 6), min_size=2, max_size=5))
@settings(max_examples=30, deadline=None)
def test_a_filter_leaves_beams_of_different_widths(shape: dict[str, Any], seed: int, lengths: list[int]) -> None:
    model, trie = made(**shape)
    mask = np.random.default_rng(seed).random(trie.num_products) < 0.3
    if mask.any():
        assert_same(*answers(model, lengths, trie, BeamSettings(4, 8), Allowed.from_positions(trie, mask)))


def test_a_change_of_the_weights_is_seen() -> None:
    model, trie = made((4, 3, 5), 30, 0)
    asked = BeamSettings(5, 30)
    torch.manual_seed(1)
    before = answers(model, [2, 4], trie, asked)[0]
    assert model.decoder.correction is not None
    assert isinstance(model.decoder.prefixes, PrefixValues)
    with torch.no_grad():
        model.decoder.correction.weight.mul_(-2)
        model.decoder.prefixes.leaves.add_(0.3)
    torch.manual_seed(1)
    several, wanted = answers(model, [2, 4], trie, asked)
    assert_same(several, wanted)
    assert np.abs(several.scores - before.scores).max() > 0.01


def test_models_of_other_kinds_are_left_to_the_other_way() -> None:
    model, _ = made((4, 3, 5), 30, 0)
    tokens = torch.tensor([[3, 4], [5, 6]])
    assert model.to(torch.bfloat16).several_for(tokens, torch.ones_like(tokens)) is None


@pytest.mark.parametrize("seed", range(8))
def test_all_ways_look_below_the_same_prefixes_by_how_far_their_ids_lie(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(values, "SPREAD_FROM", 1)
    model, trie = made((4, 3, 5), 60, seed, look_below=3)
    prefixes = model.decoder.prefixes
    assert isinstance(prefixes, PrefixValues)
    assert prefixes.spread() is not None
    asked, tokens = BeamSettings(5, 10), torch.randint(1, TEXT, (1, 4))
    assert_same(*answers(model, [4, 2, 3], trie, asked))
    single = model.single_for(tokens)
    assert single is not None
    alone = search_single(single, trie, asked)
    assert alone is not None
    assert_same(alone, beam_search(model.decoder_for(tokens), trie, asked))


def test_numbers_that_are_none_are_refused() -> None:
    model, trie = made((4, 3, 5), 60, 0, look_below=3)
    prefixes = model.decoder.prefixes
    assert isinstance(prefixes, PrefixValues)
    with torch.no_grad():
        prefixes.coarse[0] = torch.nan
    with pytest.raises(GenretError, match="not numbers"):
        answers(model, [4, 2], trie, BeamSettings(5, 10))
