"""Constrained `generate()` of plain transformers models, and its agreement with the search engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from transformers import GenerationConfig, GPT2Config, GPT2LMHeadModel, T5Config, T5ForConditionalGeneration

from genret.ground.errors import GenretError
from genret.model.seq2seq import GenretConfig, GenretForConditionalGeneration
from genret.search.beam import BeamSettings, beam_search
from genret.search.logits import TrieLogitsProcessor, generate_ids
from genret.search.trie import Allowed, Trie
from genret.search.vocab import Vocab

SIZES = (12, 8, 8)
TEXT = 40
"""Text tokens before the codewords in the decoder-only model's vocabulary."""


def make_trie(count: int = 150) -> Trie:
    rng = np.random.default_rng(0)
    return Trie.build(np.stack([rng.integers(0, size, count) for size in SIZES], 1), SIZES).trie


def make_t5() -> Any:
    torch.manual_seed(0)
    config = T5Config(
        vocab_size=len(Vocab(SIZES)), d_model=16, d_kv=8, d_ff=32, num_layers=1, num_heads=2, decoder_start_token_id=0
    )
    return T5ForConditionalGeneration(config).eval()


def make_gpt2() -> Any:
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=TEXT + len(Vocab(SIZES)), n_positions=32, n_embd=16, n_layer=1, n_head=2, pad_token_id=0
    )
    return GPT2LMHeadModel(config).eval()


def make_genret() -> GenretForConditionalGeneration:
    torch.manual_seed(0)
    encoder = {"vocab_size": 30, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = GenretConfig(encoder, codebook_sizes=SIZES, d_model=16, layers=2, heads=2, ffn=32)
    model = GenretForConditionalGeneration(config)
    model.eval()
    return model


def make_inputs(queries: int = 3, length: int = 5) -> dict[str, torch.Tensor]:
    ids = torch.randint(2, 20, (queries, length), generator=torch.Generator().manual_seed(0))
    mask = torch.ones_like(ids)
    mask[0, :2] = 0  # a shorter query, padded on the left
    return {"input_ids": ids.masked_fill(mask == 0, 0), "attention_mask": mask}


def dict_trie(trie: Trie, allowed: npt.NDArray[np.bool_], offset: int = 0) -> dict[tuple[int, ...], list[int]]:
    """Prefix of tokens -> tokens that may follow: the yardstick."""
    ids = np.unique(trie.id_of(np.flatnonzero(allowed)), axis=0)
    tokens = Vocab(SIZES).encode(ids) + offset
    children: dict[tuple[int, ...], set[int]] = {}
    for row in tokens.tolist():
        for level, token in enumerate(row):
            children.setdefault(tuple(row[:level]), set()).add(token)
    return {prefix: sorted(tokens) for prefix, tokens in children.items()}


def yardstick(
    model: Any, inputs: dict[str, torch.Tensor], children: dict[tuple[int, ...], list[int]], start: int, beams: int
) -> tuple[list[list[tuple[int, ...]]], npt.NDArray[np.float32]]:
    """`generate` with a Python dict: (Q, B) token sequences and scores."""
    out = model.generate(
        **inputs,
        prefix_allowed_tokens_fn=lambda _, tokens: children.get(tuple(tokens[start:].tolist()), [0]),
        num_beams=beams,
        num_return_sequences=beams,
        max_new_tokens=len(SIZES),
        do_sample=False,
        length_penalty=0.0,
        eos_token_id=None,
        return_dict_in_generate=True,
        output_scores=True,
    )
    rows = [tuple(row) for row in out.sequences[:, start:].tolist()]
    scores = out.sequences_scores.numpy().reshape(-1, beams)
    return [rows[i : i + beams] for i in range(0, len(rows), beams)], scores


CASES = [(make_t5, 1, 0), (make_gpt2, 5, TEXT), (make_genret, 1, 0)]


@pytest.mark.parametrize("share", [1.0, 0.5])
@pytest.mark.parametrize(("make", "start", "offset"), CASES)
def test_equals_generate_with_a_dict_trie(make: Callable[[], Any], start: int, offset: int, share: float) -> None:
    trie, model, inputs = make_trie(), make(), make_inputs()
    mask = np.random.default_rng(1).random(trie.num_products) < share
    rows, scores = yardstick(model, inputs, dict_trie(trie, mask, offset), start, 8)
    found = generate_ids(
        model,
        inputs,
        trie,
        Vocab(SIZES),
        num_beams=8,
        allowed=Allowed.from_positions(trie, mask),
        token_offset=offset,
    )
    expected = Vocab(SIZES).decode(np.array(rows) - offset)
    assert (found.codes == expected).all()
    np.testing.assert_allclose(found.scores, scores, atol=1e-4)


@pytest.mark.parametrize("width", [4, 12])
def test_beam_search_gives_what_generate_gives(width: int) -> None:
    """The same beam, ID by ID, and the same scores: our engine against transformers over a dict trie."""
    trie, model, inputs = make_trie(), make_genret(), make_inputs()
    rows, scores = yardstick(model, inputs, dict_trie(trie, np.ones(trie.num_products, bool)), 1, width)
    decoder = model.decoder_for(inputs["input_ids"], inputs["attention_mask"])
    found = beam_search(decoder, trie, BeamSettings(k=width, beam_width=width))
    for mine, mine_scores, theirs, their_scores in zip(
        found.ids, found.scores, Vocab(SIZES).decode(np.array(rows)), scores, strict=True
    ):
        ids, first = np.unique(mine, axis=0, return_index=True)  # ours are products: some share an ID
        order = np.sort(first)
        assert (mine[order] == theirs[: len(order)]).all()
        np.testing.assert_allclose(mine_scores[order], their_scores[: len(order)], atol=1e-4)
        assert len(ids) >= width // 2


@pytest.mark.parametrize(("make", "start", "offset"), CASES)
def test_more_beams_than_ids(make: Callable[[], Any], start: int, offset: int) -> None:
    codes = np.array([[0, 1, 2], [0, 1, 3], [11, 7, 7]])
    trie = Trie.build(codes, SIZES).trie
    found = generate_ids(make(), make_inputs(), trie, Vocab(SIZES), num_beams=6, token_offset=offset)
    for ids, scores in zip(found.codes, found.scores, strict=True):
        assert sorted(ids[np.isfinite(scores)].tolist()) == codes.tolist()
        assert (ids[np.isneginf(scores)] == -1).all()


@pytest.mark.parametrize("change", [{"do_sample": True}, {"repetition_penalty": 1.2}, {"forced_eos_token_id": 1}])
def test_refuses_to_sample_or_to_alter_scores(change: dict[str, Any]) -> None:
    trie, vocab = make_trie(), Vocab(SIZES)
    with pytest.raises(GenretError, match=next(iter(change))):
        TrieLogitsProcessor(trie, vocab, GenerationConfig(**change))
    model = make_t5()
    model.generation_config.update(**change)  # as a checkpoint's generation_config.json would
    with pytest.raises(GenretError, match=next(iter(change))):
        generate_ids(model, make_inputs(), trie, vocab)


def test_greedy_generate_with_an_end_token() -> None:
    """Plain `generate`, no beams, running on after the last level."""
    trie, model = make_trie(), make_t5()
    processor = TrieLogitsProcessor(trie, Vocab(SIZES), model.generation_config, end_token=1)
    out = model.generate(**make_inputs(), logits_processor=[processor], max_new_tokens=len(SIZES) + 1)
    assert (trie.find(Vocab(SIZES).decode(out[:, 1:4].numpy())) >= 0).all()
    assert (out[:, 4] == 1).all()


def test_errors_name_what_is_wrong() -> None:
    trie, vocab, config = make_trie(), Vocab(SIZES), GenerationConfig()
    with pytest.raises(GenretError, match=r"\(4, 4\)"):
        TrieLogitsProcessor(trie, Vocab((4, 4)), config)
    processor = TrieLogitsProcessor(trie, vocab, config)
    with pytest.raises(GenretError, match="10 tokens"):
        processor(torch.zeros(2, 1, dtype=torch.int64), torch.zeros(2, 10))
    with pytest.raises(GenretError, match="max_new_tokens=3"):
        processor(torch.zeros(2, 4, dtype=torch.int64), torch.zeros(2, len(vocab)))


def test_rows_off_the_trie_get_nothing() -> None:
    trie, vocab = make_trie(), Vocab(SIZES)
    processor = TrieLogitsProcessor(trie, vocab, GenerationConfig())
    first = vocab.encode(trie.id_of([0]))[0, 0].item()
    tokens = torch.tensor([[0, first], [0, 1], [0, vocab.offsets[1]]])  # a real start, START, a code of another level
    masked = processor(tokens, torch.zeros(3, len(vocab)))
    finite = torch.isfinite(masked)
    codes, _ = np.unique(trie.id_of(np.arange(trie.product_range(1, np.array([0]))[1][0]))[:, 1]), None
    assert finite[0].nonzero()[:, 0].tolist() == (codes + vocab.offsets[1]).tolist()
    assert not finite[1:].any()


def test_a_filter_that_allows_nothing_finds_nothing_as_the_beam_search_does() -> None:
    trie, model, inputs = make_trie(), make_genret(), make_inputs()
    none = Allowed.from_positions(trie, np.zeros(trie.num_products, bool))
    found = generate_ids(model, inputs, trie, Vocab(SIZES), num_beams=4, allowed=none)
    assert found.codes.shape == (3, 4, 3)
    assert (found.codes == -1).all()
    assert np.isneginf(found.scores).all()
    decoder = model.decoder_for(inputs["input_ids"], inputs["attention_mask"])
    result = beam_search(decoder, trie, BeamSettings(4, 4), none)
    assert (result.ids == -1).all()
    assert np.isneginf(result.scores).all()


def test_a_model_of_nan_is_an_error_as_in_the_beam_search() -> None:
    trie, model, inputs = make_trie(), make_genret(), make_inputs()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(float("nan"))
    with pytest.raises(GenretError, match="NaN"):
        generate_ids(model, inputs, trie, Vocab(SIZES), num_beams=4)
    with pytest.raises(GenretError, match="NaN"), torch.inference_mode():
        beam_search(model.decoder_for(inputs["input_ids"], inputs["attention_mask"]), trie, BeamSettings(4, 4))


@pytest.mark.parametrize("beams", [0, -1, "4", None, 2.0])
def test_wrong_numbers_of_beams_are_named(beams: Any) -> None:
    with pytest.raises(GenretError, match="num_beams"):
        generate_ids(make_genret(), make_inputs(), make_trie(), Vocab(SIZES), num_beams=beams)
