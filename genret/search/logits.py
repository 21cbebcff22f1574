"""Makes any `generate()` of plain transformers, seq2seq or decoder-only, obey the trie and a filter.

All rows are masked at once; nothing is kept between calls, since beam search reorders its rows: each call walks the
rows' own tokens down the trie again, which costs a few vectorised steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from transformers import GenerationConfig, LogitsProcessor, LogitsProcessorList

from genret.ground.arrays import Ints
from genret.ground.checks import whole
from genret.ground.errors import GenretError
from genret.search.pruning import NOT_NUMBERS
from genret.search.vocab import Vocab

if TYPE_CHECKING:
    from genret.search.trie import Allowed, Trie


ALTERING: Mapping[str, float | None] = {
    "repetition_penalty": 1.0,
    "encoder_repetition_penalty": 1.0,
    "guidance_scale": 1.0,
    "no_repeat_ngram_size": 0,
    "encoder_no_repeat_ngram_size": 0,
    "bad_words_ids": None,
    "suppress_tokens": None,
    "begin_suppress_tokens": None,
    "sequence_bias": None,
    "forced_bos_token_id": None,
    "forced_eos_token_id": None,
    "watermarking_config": None,
}
"""Settings with which transformers alters the model's scores or forbids tokens, and the value that does neither."""

UNREACHED = -1e8
"""Sums of log-probabilities stay far above; transformers gives its unused beams -1e9."""


class Generated(NamedTuple):
    """What `generate_ids` found for Q queries with B beams, best first; rows of fewer IDs end in -1 (scores: -inf)."""

    codes: Ints
    """(Q, B, L)"""
    scores: npt.NDArray[np.float32]
    """(Q, B) log-probabilities in nats."""


class TrieLogitsProcessor(LogitsProcessor):
    """Masks (R, V) scores so that every row spells an ID of the trie, to a product that `allowed` lets pass.

    `generation_config` is the one that `generate()` will run with: one that samples or alters scores is refused.
    `prompt_tokens` is the length of what `generate()` starts from: 1 for an encoder-decoder (the start token), the
    padded prompt for a decoder-only model. `token_offset` is added to `vocab`'s token ids where the codewords stand
    behind another vocabulary. After the last level only `end_token` may follow.

    >>> trie, _ = Trie.build([[1, 0], [1, 2]], (2, 3))
    >>> only = TrieLogitsProcessor(trie, Vocab((2, 3)), GenerationConfig())
    >>> only(torch.tensor([[1, 3]]), torch.zeros(1, 7)).isfinite().nonzero()[:, 1].tolist()
    [4, 6]
    """

    def __init__(
        self,
        trie: Trie,
        vocab: Vocab,
        generation_config: GenerationConfig,
        *,
        allowed: Allowed | None = None,
        prompt_tokens: int = 1,
        token_offset: int = 0,
        end_token: int | None = None,
    ) -> None:
        refuse_sampling(generation_config)
        if vocab.codebook_sizes != trie.codebook_sizes:
            raise GenretError(
                f"the vocabulary has codebooks {vocab.codebook_sizes}, the trie {trie.codebook_sizes}; "
                "use the vocabulary that this index's semantic IDs were written with"
            )
        self.trie, self.vocab, self.allowed = trie, vocab, allowed
        self.prompt_tokens, self.token_offset, self.end_token = prompt_tokens, token_offset, end_token

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """(R, T) tokens so far and (R, V) scores of the next -> (R, V), -inf where no allowed ID goes on."""
        if scores.shape[1] < self.token_offset + len(self.vocab):
            raise GenretError(
                f"the model scores {scores.shape[1]} tokens, but codewords reach token "
                f"{self.token_offset + len(self.vocab) - 1}; resize its embeddings, or correct token_offset"
            )
        level = input_ids.shape[1] - self.prompt_tokens
        masked = torch.full_like(scores, -torch.inf)
        if level >= self.trie.levels:
            if self.end_token is None:
                raise GenretError(
                    f"generate() goes on after the last of {self.trie.levels} levels; "
                    f"pass max_new_tokens={self.trie.levels}, or give end_token"
                )
            masked[:, self.end_token] = scores[:, self.end_token]
            return masked
        nodes = self._walk(input_ids[:, self.prompt_tokens :].cpu().numpy())
        mask = torch.from_numpy(self.trie.children_mask(level, nodes, self.allowed)).to(scores.device)
        part = self.vocab.level_slice(level)
        part = slice(part.start + self.token_offset, part.stop + self.token_offset)
        if scores[:, part].amax().isnan():  # a maximum over NaN is one; to look for it in each takes six times as long
            raise GenretError(NOT_NUMBERS)
        masked[:, part] = torch.where(mask, scores[:, part], -torch.inf)
        return masked

    def _walk(self, tokens: Ints) -> Ints:
        """(R, l) tokens -> (R,) the nodes they lead to; -1 off the trie."""
        nodes = np.full(len(tokens), self.trie.root, np.int64)
        if tokens.shape[1]:
            for level, codes in enumerate(self.vocab.decode(tokens - self.token_offset).T):
                nodes = self.trie.child(level, nodes, codes)
        return nodes


def refuse_sampling(config: GenerationConfig) -> None:
    """Raise a GenretError if `generate()` would sample with this configuration, or alter the model's scores."""
    if config.do_sample:
        raise GenretError(
            "generation_config.do_sample=True would sample, and retrieval must not; set do_sample=False "
            "(checkpoints often carry it in generation_config.json)"
        )
    for name, neutral in ALTERING.items():
        value = getattr(config, name, None)
        if value is not None and value != neutral:
            raise GenretError(f"generation_config.{name}={value!r} alters scores or forbids codewords; set it to None")


@torch.inference_mode()
def generate_ids(
    model: Any,
    inputs: Mapping[str, Tensor],
    trie: Trie,
    vocab: Vocab,
    *,
    num_beams: int = 50,
    allowed: Allowed | None = None,
    token_offset: int = 0,
) -> Generated:
    """`model.generate` held to the trie: the `num_beams` best IDs of each query, with summed log-probabilities.

    `inputs` is what the text tokenizer returned. A decoder-only prompt is padded on the left. Beams that transformers
    could not fill (a trie or filter of fewer IDs, or of none) come back as -1. A GenretError if the model scores NaN.
    """
    num_beams = whole("num_beams", num_beams)
    if not trie.num_products or (allowed is not None and not allowed.num_allowed):
        shape = (len(inputs["input_ids"]), num_beams)
        nothing = np.full(shape, -np.inf, np.float32)
        return Generated(np.full((*shape, trie.levels), -1), nothing)
    start = 1 if model.config.is_encoder_decoder else inputs["input_ids"].shape[1]
    config = model.generation_config
    processor = TrieLogitsProcessor(
        trie, vocab, config, allowed=allowed, prompt_tokens=start, token_offset=token_offset
    )
    out = model.generate(
        **inputs,
        logits_processor=LogitsProcessorList([processor]),
        num_beams=num_beams,
        num_return_sequences=num_beams,
        max_length=start + trie.levels,
        max_new_tokens=None,
        do_sample=False,
        length_penalty=0.0,  # sums, not means
        early_stopping=False,
        eos_token_id=None,  # an ID ends where it is whole
        return_dict_in_generate=True,
        output_scores=True,
    )
    tokens = out.sequences[:, start:].cpu().numpy() - token_offset
    codes = vocab.decode(tokens).reshape(-1, num_beams, trie.levels)
    scores = _scores(out).reshape(-1, num_beams)
    return _without_unreached(trie, codes, scores, allowed)


def _scores(out: Any) -> npt.NDArray[np.float32]:
    """(Q * B,) summed log-probabilities of the sequences."""
    found: npt.NDArray[np.float32] = out.sequences_scores.float().cpu().numpy()
    return found


def _without_unreached(trie: Trie, codes: Ints, scores: npt.NDArray[np.float32], allowed: Allowed | None) -> Generated:
    nodes = trie.find(codes.reshape(-1, trie.levels))
    real = nodes >= 0
    if allowed is not None:
        real &= allowed.count(trie.levels, nodes) > 0
    keep = real.reshape(scores.shape) & (scores > UNREACHED)
    return Generated(np.where(keep[..., None], codes, -1), np.where(keep, scores, np.float32(-np.inf)))
