"""One query decoded alone gives the scores of `StepDecoder`, whatever the model's shape; and it loads without more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from random_model import TEXT, WIDTH, assert_same, made, shapes

from genret.model.plain import SearchModel, load_plain
from genret.model.seq2seq import GenretConfig, GenretForConditionalGeneration, Pooling
from genret.model.values import PrefixValues
from genret.search.beam import BeamResult, BeamSettings, beam_search
from genret.search.single import search_single
from genret.search.trie import Trie


def answers(model: SearchModel, tokens: torch.Tensor, trie: Trie, asked: BeamSettings) -> tuple[BeamResult, BeamResult]:
    """What both ways find for (1, T) tokens."""
    single = model.single_for(tokens)
    assert single is not None
    alone = search_single(single, trie, asked)
    assert alone is not None
    return alone, beam_search(model.decoder_for(tokens), trie, asked)


@given(shapes, st.integers(1, 8), st.integers(1, 10), st.integers(1, 6))
@settings(max_examples=60, deadline=None)
def test_one_query_alone_scores_as_among_others(shape: dict[str, Any], k: int, width: int, length: int) -> None:
    model, trie = made(**shape)
    tokens = torch.randint(1, TEXT, (1, length))
    assert_same(*answers(model, tokens, trie, BeamSettings(k, max(k, width))))


def test_a_change_of_the_weights_is_seen() -> None:
    model, trie = made((4, 3, 5), 30, 0)
    tokens, asked = torch.tensor([[3, 4]]), BeamSettings(5, 30)
    before = answers(model, tokens, trie, asked)[0]
    assert model.decoder.correction is not None
    assert isinstance(model.decoder.prefixes, PrefixValues)
    with torch.no_grad():
        model.decoder.correction.weight.mul_(-2)
        model.decoder.prefixes.leaves.add_(0.3)
    alone, wanted = answers(model, tokens, trie, asked)
    assert_same(alone, wanted)
    assert np.abs(alone.scores - before.scores).max() > 0.01


@pytest.mark.parametrize("change", ["bfloat16", "table", "cold"])
def test_models_of_other_kinds_are_left_to_the_other_way(change: str) -> None:
    model, _ = made((4, 3, 5), 30, 0)
    if change == "bfloat16":
        model = model.to(torch.bfloat16)
    else:
        dense: dict[str, Any] = {"d_code": WIDTH, "pooling": "bag"} if change == "table" else {}
        text = {"vocab_size": TEXT, "hidden_size": 8, "num_hidden_layers": 0, "num_attention_heads": 2}
        config = GenretConfig(text, (4, 3), d_model=16, heads=2, ffn=16, prefixes=(2, 3), **dense)
        model = GenretForConditionalGeneration(config).eval()
    assert model.single_for(torch.tensor([[3, 4]])) is None


@pytest.mark.parametrize("pooling", ["bag", "encoder", "both"])
def test_a_saved_model_searches_the_same_without_transformers(tmp_path: Path, pooling: Pooling) -> None:
    model, trie = made((4, 3, 5), 40, 1, layers=2, pooling=pooling)
    model.save_pretrained(tmp_path)
    state = torch.random.get_rng_state()
    plain = load_plain(tmp_path)
    assert torch.equal(state, torch.random.get_rng_state())
    assert isinstance(plain, SearchModel)
    tokens, mask = torch.tensor([[3, 4, 5], [6, 0, 0]]), torch.tensor([[1, 1, 1], [1, 0, 0]])
    with torch.inference_mode():
        for found, wanted in zip(plain.encoder(tokens, mask), model.encoder(tokens, mask).to_tuple(), strict=True):
            torch.testing.assert_close(found, wanted, rtol=0, atol=0)
    asked = BeamSettings(5, 10)
    found, wanted = (beam_search(one.decoder_for(tokens, mask), trie, asked) for one in (plain, model))
    np.testing.assert_array_equal(found.positions, wanted.positions)
    np.testing.assert_array_equal(found.scores, wanted.scores)
    assert_same(*answers(plain, tokens[:1], trie, asked))


def test_a_model_with_a_transformer_for_its_text_is_loaded_by_transformers(tmp_path: Path) -> None:
    text = {"vocab_size": TEXT, "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
    GenretForConditionalGeneration(GenretConfig(text, (4, 3), d_model=16, heads=2, ffn=16)).save_pretrained(tmp_path)
    assert load_plain(tmp_path) is None
