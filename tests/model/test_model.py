"""The model: both ways through the decoder agree, `generate` works on it, and the dense start is additive search."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoConfig, AutoModel, AutoModelForSeq2SeqLM
from transformers.cache_utils import DynamicCache, EncoderDecoderCache

from genret.ground.errors import GenretError
from genret.model.encoders import encoder_config
from genret.model.prefix import PrefixTable
from genret.model.seq2seq import GenretConfig, GenretForConditionalGeneration, Pooling, warm_start
from genret.search.decoder import Decoder
from genret.search.vocab import PAD, START, Vocab

SIZES = (5, 4, 6)
TEXT = 30
ENCODER = {
    "vocab_size": TEXT,
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 16,
}
CODES = torch.tensor(sorted(itertools.product(range(5), (0, 2), (1, 3, 5)))[::2])
KINDS: dict[str, dict[str, Any]] = {
    "cold": {},
    "dense, bag": {"d_code": 8, "pooling": "bag"},
    "dense, encoder": {"d_code": 16, "pooling": "encoder"},
    "dense, both": {"d_code": 24, "pooling": "both", "bag_share": 0.3},
    "cold, prefixes": {"prefixes": PrefixTable.counts(CODES)},
    "dense, prefixes": {"d_code": 8, "pooling": "bag", "prefixes": PrefixTable.counts(CODES)},
    "dense, values": {"d_code": 8, "pooling": "bag", "prefixes": PrefixTable.counts(CODES), "look_below": 4},
    "dense, coarse values": {"d_code": 8, "pooling": "bag", "prefixes": PrefixTable.counts(CODES), "look_below": 0},
}


def make_model(kind: str = "cold", layers: int = 2) -> GenretForConditionalGeneration:
    """A small model with every weight random, so that no path through it is a no-op."""
    torch.manual_seed(0)
    model = GenretForConditionalGeneration(
        GenretConfig(encoder=ENCODER, codebook_sizes=SIZES, d_model=16, layers=layers, heads=2, ffn=16, **KINDS[kind])
    )
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" not in name.lower():
                parameter.normal_(std=0.4)
    if model.decoder.prefixes is not None:
        model.decoder.prefixes.fill(CODES)
    model.eval()
    return model


@pytest.fixture(params=KINDS)
def model(request: pytest.FixtureRequest) -> GenretForConditionalGeneration:
    return make_model(request.param)


@pytest.fixture
def text() -> tuple[torch.Tensor, torch.Tensor]:
    """(3, 6) text tokens; the second is padded, the third holds one token."""
    tokens = torch.randint(1, TEXT, (3, 6), generator=torch.Generator().manual_seed(1))
    mask = torch.tensor([[1] * 6, [1] * 4 + [0] * 2, [1] + [0] * 5])
    return tokens, mask


def forced_scores(
    model: GenretForConditionalGeneration, text: tuple[torch.Tensor, torch.Tensor], codes: np.ndarray
) -> torch.Tensor:
    """(Q, B, L) log-probabilities of each code of (Q, B, L) paths, by the teacher-forced forward."""
    queries, beams, levels = codes.shape
    tokens = torch.from_numpy(model.vocab.encode(codes)).flatten(0, 1)
    inputs = torch.cat([torch.full((len(tokens), 1), START), tokens[:, :-1]], 1)
    with torch.inference_mode():
        logits = model(*(part.repeat_interleave(beams, 0) for part in text), decoder_input_ids=inputs).logits
    scores: torch.Tensor = logits.log_softmax(-1).gather(-1, tokens[..., None]).view(queries, beams, levels)
    return scores


def stepped_scores(decoder: Decoder, codes: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """The same through the step function, the beams in another order and another number of them at every level."""
    queries, beams, levels = codes.shape
    scores = torch.zeros(codes.shape)
    rows = torch.zeros(queries, beams, dtype=torch.int64)  # row of each path in the last call
    for level in range(levels):
        if level == 0:
            step = decoder.step(0, None, None)
        else:
            extra = int(rng.integers(3))  # rows that nobody reads
            order = torch.from_numpy(np.stack([rng.permutation(beams + extra) for _ in range(queries)]))
            path = order.clamp_max(beams - 1)
            step = decoder.step(level, codes[..., level - 1].gather(1, path), rows.gather(1, path))
            rows = torch.argsort(order, dim=1)[:, :beams]
        scores[..., level] = step.gather(1, rows[..., None].expand(-1, -1, step.shape[-1])).gather(
            2, codes[..., level, None]
        )[..., 0]
    return scores


def test_step_function_gives_the_forward_pass_log_probabilities(
    model: GenretForConditionalGeneration, text: tuple[torch.Tensor, torch.Tensor]
) -> None:
    rng = np.random.default_rng(0)
    codes = np.stack([rng.integers(0, size, (3, 7)) for size in SIZES], -1)
    decoder = model.decoder_for(*text)
    forced = forced_scores(model, text, codes)
    for _ in range(2):  # a call at level 0 starts anew
        torch.testing.assert_close(stepped_scores(decoder, torch.from_numpy(codes), rng), forced, atol=1e-5, rtol=0)


def test_a_search_sees_weights_that_changed_after_the_one_before(
    model: GenretForConditionalGeneration, text: tuple[torch.Tensor, torch.Tensor]
) -> None:
    rng = np.random.default_rng(0)
    codes = np.stack([rng.integers(0, size, (3, 7)) for size in SIZES], -1)
    stepped_scores(model.decoder_for(*text), torch.from_numpy(codes), rng)
    with torch.no_grad():
        for parameter in model.decoder.parameters():
            parameter.mul_(0.9)
    again = stepped_scores(model.decoder_for(*text), torch.from_numpy(codes), rng)
    torch.testing.assert_close(again, forced_scores(model, text, codes), atol=1e-5, rtol=0)


def test_an_encoder_without_layers_is_its_token_vectors(text: tuple[torch.Tensor, torch.Tensor]) -> None:
    config = GenretConfig(encoder={**ENCODER, "num_hidden_layers": 0}, codebook_sizes=SIZES, d_model=16, heads=2)
    encoder = GenretForConditionalGeneration(config).eval().encoder
    states = encoder(*text).last_hidden_state
    through = encoder.text(input_ids=text[0], attention_mask=text[1]).last_hidden_state
    assert torch.equal(states, through)


def test_a_correction_of_zero_is_left_out_and_one_that_has_learnt_is_not(
    text: tuple[torch.Tensor, torch.Tensor],
) -> None:
    model, rng = make_model("dense, values"), np.random.default_rng(0)
    codes = np.stack([rng.integers(0, size, (3, 7)) for size in SIZES], -1)
    assert model.decoder.correction is not None
    for weight in (0.0, 0.1):
        with torch.no_grad():
            model.decoder.correction.weight.fill_(weight)
        stepped = stepped_scores(model.decoder_for(*text), torch.from_numpy(codes), rng)
        torch.testing.assert_close(stepped, forced_scores(model, text, codes), atol=1e-5, rtol=0)


def test_select_keeps_the_chosen_queries_only(
    model: GenretForConditionalGeneration, text: tuple[torch.Tensor, torch.Tensor]
) -> None:
    rng = np.random.default_rng(1)
    codes = np.stack([rng.integers(0, size, (2, 4)) for size in SIZES], -1)
    decoder = model.decoder_for(*text)
    decoder.step(0, None, None)
    chosen = decoder.select(torch.tensor([2, 0]))
    assert (chosen.num_queries, chosen.codebook_sizes, decoder.num_queries) == (2, SIZES, 3)
    forced = forced_scores(model, (text[0][[2, 0]], text[1][[2, 0]]), codes)
    torch.testing.assert_close(stepped_scores(chosen, torch.from_numpy(codes), rng), forced, atol=1e-5, rtol=0)


def test_step_probabilities_sum_to_one_over_the_levels_own_codes(
    model: GenretForConditionalGeneration, text: tuple[torch.Tensor, torch.Tensor]
) -> None:
    decoder = model.decoder_for(*text)
    first = decoder.step(0, None, None)
    second = decoder.step(1, torch.zeros(3, 2, dtype=torch.int64), torch.zeros(3, 2, dtype=torch.int64))
    assert first.shape == (3, 1, SIZES[0])
    assert second.shape == (3, 2, SIZES[1])
    torch.testing.assert_close(first.exp().sum(-1), torch.ones(3, 1))
    torch.testing.assert_close(second.exp().sum(-1), torch.ones(3, 2))
    assert first.dtype == torch.float32


def test_padding_changes_nothing(
    model: GenretForConditionalGeneration, text: tuple[torch.Tensor, torch.Tensor]
) -> None:
    tokens, mask = text
    alone = model.decoder_for(tokens[1:2, :4]).step(0, None, None)
    padded = model.decoder_for(tokens, mask).step(0, None, None)[1:2]
    torch.testing.assert_close(alone, padded, atol=1e-5, rtol=0)


def test_tokens_of_other_levels_are_impossible(
    model: GenretForConditionalGeneration, text: tuple[torch.Tensor, torch.Tensor]
) -> None:
    inputs = torch.tensor([[START, 3, 8]] * 3)
    logits = model(*text, decoder_input_ids=inputs).logits
    for level in range(len(SIZES)):
        possible = torch.isfinite(logits[:, level])
        expected = torch.zeros(len(model.vocab), dtype=torch.bool)
        expected[model.vocab.level_slice(level)] = True
        assert (possible == expected).all()


def brute_force(
    model: GenretForConditionalGeneration, text: tuple[torch.Tensor, torch.Tensor]
) -> tuple[np.ndarray, torch.Tensor]:
    """All IDs (n, L), and their scores (Q, n)."""
    ids = np.asarray(list(itertools.product(*map(range, SIZES))))
    return ids, forced_scores(model, text, np.broadcast_to(ids, (3, *ids.shape))).sum(-1)


def test_greedy_generate_takes_the_best_code_of_every_level(
    model: GenretForConditionalGeneration, text: tuple[torch.Tensor, torch.Tensor]
) -> None:
    generated = model.generate(input_ids=text[0], attention_mask=text[1])
    decoder, codes, parents = model.decoder_for(*text), None, None
    for level in range(3):
        codes = decoder.step(level, codes, parents).argmax(-1)
        parents = torch.zeros_like(codes)
        assert (model.vocab.decode(generated[:, 1:].numpy())[:, level] == codes[:, 0].numpy()).all()


@pytest.mark.parametrize("use_cache", [True, False])
def test_wide_beam_generate_equals_brute_force(
    model: GenretForConditionalGeneration, text: tuple[torch.Tensor, torch.Tensor], use_cache: bool
) -> None:
    ids, scores = brute_force(model, text)
    found = model.generate(
        input_ids=text[0],
        attention_mask=text[1],
        num_beams=len(ids) // 2,
        num_return_sequences=5,
        length_penalty=0.0,
        use_cache=use_cache,
        return_dict_in_generate=True,
        output_scores=True,
    )
    best = scores.topk(5)
    torch.testing.assert_close(found.sequences_scores.view(3, 5), best.values, atol=1e-4, rtol=0)
    assert (model.vocab.decode(found.sequences[:, 1:].numpy()).reshape(3, 5, 3) == ids[best.indices.numpy()]).all()


def test_generate_obeys_prefix_allowed_tokens_fn(
    model: GenretForConditionalGeneration, text: tuple[torch.Tensor, torch.Tensor]
) -> None:
    vocab, valid = model.vocab, {tuple(row) for row in CODES.tolist()}

    def allowed(_: int, sequence: torch.Tensor) -> list[int]:
        prefix = tuple(vocab.decode(sequence[1:].numpy()).tolist())
        return [
            vocab.offsets[len(prefix)] + code for code in {c[len(prefix)] for c in valid if c[: len(prefix)] == prefix}
        ]

    found = model.generate(
        input_ids=text[0],
        attention_mask=text[1],
        num_beams=len(valid),
        num_return_sequences=len(valid),
        prefix_allowed_tokens_fn=allowed,
        length_penalty=0.0,
        return_dict_in_generate=True,
        output_scores=True,
    )
    ids, scores = brute_force(model, text)
    kept = [i for i, row in enumerate(ids.tolist()) if tuple(row) in valid]
    spelled = model.vocab.decode(found.sequences[:, 1:].numpy()).reshape(3, len(valid), 3)
    assert all({tuple(row) for row in query.tolist()} == valid for query in spelled)
    expected = scores[:, kept].sort(descending=True).values
    torch.testing.assert_close(found.sequences_scores.view(3, -1), expected, atol=1e-4, rtol=0)


def test_generate_beyond_the_last_level_pads(
    model: GenretForConditionalGeneration, text: tuple[torch.Tensor, torch.Tensor]
) -> None:
    longer = model.generate(input_ids=text[0], attention_mask=text[1], max_length=6)
    exact = model.generate(input_ids=text[0], attention_mask=text[1])
    assert torch.equal(longer[:, :4], exact)
    assert (longer[:, 4:] == PAD).all()


def test_cached_forward_equals_uncached(
    model: GenretForConditionalGeneration, text: tuple[torch.Tensor, torch.Tensor]
) -> None:
    tokens = torch.tensor([[START, 3, 8]] * 3)
    whole = model(*text, decoder_input_ids=tokens).logits
    cache = EncoderDecoderCache(DynamicCache(), DynamicCache())
    parts = [
        model(*text, decoder_input_ids=tokens[:, :length], past_key_values=cache, use_cache=True).logits
        for length in (2, 3)
    ]
    torch.testing.assert_close(torch.cat(parts, 1), whole, atol=1e-5, rtol=0)


def test_saved_folder_loads_with_transformers_auto_classes(
    model: GenretForConditionalGeneration, text: tuple[torch.Tensor, torch.Tensor], tmp_path: Path
) -> None:
    model.save_pretrained(tmp_path)
    assert isinstance(AutoConfig.from_pretrained(tmp_path), GenretConfig)
    loaded = AutoModelForSeq2SeqLM.from_pretrained(tmp_path).eval()
    assert isinstance(loaded, GenretForConditionalGeneration)
    assert sorted(file.suffix for file in tmp_path.iterdir()) == [".json", ".json", ".safetensors"]
    inputs = {"input_ids": text[0], "attention_mask": text[1], "num_beams": 4, "num_return_sequences": 4}
    assert torch.equal(loaded.generate(**inputs), model.generate(**inputs))
    assert torch.equal(loaded.decoder_for(*text).step(0, None, None), model.decoder_for(*text).step(0, None, None))


@pytest.mark.parametrize("pooling", ["bag", "encoder", "both"])
def test_dense_start_ranks_by_additive_inner_products(
    text: tuple[torch.Tensor, torch.Tensor], pooling: Pooling
) -> None:
    """Before any training, score = scale * <q, sum of codewords> + a constant of the query."""
    torch.manual_seed(3)
    width = {"bag": 8, "encoder": 16, "both": 24}[pooling]
    config = GenretConfig(
        encoder=ENCODER, codebook_sizes=SIZES, d_model=16, d_code=width, pooling=pooling, query_scale=7.0
    )
    model = GenretForConditionalGeneration(config).eval()
    books = [torch.randn(size, width) for size in SIZES]
    model.tie_codebooks(books, torch.randn(TEXT, 8) if pooling != "encoder" else None)
    ids, scores = brute_force(model, text)
    query = model.encoder(*text).pooler_output  # (Q, width)
    torch.testing.assert_close(query.norm(dim=-1), torch.ones(3))
    rebuilt = torch.stack([book[ids[:, level]] for level, book in enumerate(books)]).sum(0)  # (n, width)
    difference = scores - 7.0 * query @ rebuilt.T
    torch.testing.assert_close(difference, difference[:, :1].expand_as(difference), atol=1e-4, rtol=0)


def test_tying_codebooks_that_do_not_fit_is_an_error() -> None:
    with pytest.raises(GenretError, match="starts cold"):
        make_model("cold").tie_codebooks([torch.zeros(size, 8) for size in SIZES])
    with pytest.raises(GenretError, match=r"level 2: codebook of shape \(9, 8\), expected \(4, 8\)"):
        make_model("dense, bag").tie_codebooks([torch.zeros(size, 8) for size in (5, 9, 6)])


def test_loss_is_the_mean_negative_log_probability_of_the_path(
    model: GenretForConditionalGeneration, text: tuple[torch.Tensor, torch.Tensor]
) -> None:
    codes = np.asarray([[0, 1, 2], [4, 3, 5], [2, 2, 2]])
    labels = torch.from_numpy(model.vocab.encode(codes))
    expected = -forced_scores(model, text, codes[:, None]).sum(-1).mean()
    torch.testing.assert_close(model(*text, labels=labels).loss, expected)
    one_hot = torch.zeros(3, len(model.vocab)).scatter(1, labels, 1.0)
    torch.testing.assert_close(model(*text, labels=labels, targets=one_hot).loss, expected)


def test_every_parameter_gets_a_gradient(
    model: GenretForConditionalGeneration, text: tuple[torch.Tensor, torch.Tensor]
) -> None:
    """A parameter without one stops distributed training."""
    labels = torch.from_numpy(model.vocab.encode(np.asarray([[0, 0, 1], [1, 2, 3], [2, 0, 5]])))
    model.train()(*text, labels=labels).loss.backward()
    assert [name for name, parameter in model.named_parameters() if parameter.grad is None] == []


def test_warm_start_takes_the_checkpoints_encoder(text: tuple[torch.Tensor, torch.Tensor], tmp_path: Path) -> None:
    torch.manual_seed(5)
    checkpoint = AutoModel.from_config(AutoConfig.for_model("bert", **ENCODER)).eval()
    checkpoint.save_pretrained(tmp_path)
    config = GenretConfig(encoder=encoder_config(tmp_path), codebook_sizes=SIZES, d_model=16, heads=2)
    model = warm_start(config, tmp_path).eval()
    expected = checkpoint(input_ids=text[0], attention_mask=text[1]).last_hidden_state
    torch.testing.assert_close(model.encoder(*text).last_hidden_state, expected)
    assert not any("pooler" in name for name, _ in model.named_parameters())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: encoder_config("/no/such/encoder"), "cannot load the encoder '/no/such/encoder'"),
        (
            lambda: GenretConfig(pooling="max"),  # type: ignore[arg-type]
            "pooling='max': expected one of encoder, bag",
        ),
        (lambda: GenretConfig(codebook_sizes=(0,)), "expected 1 to 8 levels"),
        (lambda: GenretForConditionalGeneration(GenretConfig(d_model=10, heads=4)), "d_model=10 is not a multiple"),
        (
            lambda: GenretForConditionalGeneration(GenretConfig(encoder=ENCODER, d_code=9)),
            "codebooks of width 9 cannot be compared with an encoder of width 16",
        ),
        (lambda: make_model()(), "neither input_ids nor encoder_outputs"),
        (lambda: make_model()(input_ids=torch.ones(1, 2, dtype=torch.int64)), "neither decoder_input_ids nor labels"),
    ],
)
def test_wrong_use_is_one_clear_error(make: Callable[[], object], message: str) -> None:
    with pytest.raises(GenretError, match=message.replace("(", r"\(")):
        make()


def test_vocabulary_of_the_model_is_genrets(model: GenretForConditionalGeneration) -> None:
    assert repr(model.vocab) == repr(Vocab(SIZES))
    assert model.config.vocab_size == len(Vocab(SIZES))
