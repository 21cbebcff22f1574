"""What the speed benchmark compares: the five systems, the model that they share, and random catalogues."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import marisa_trie
import numpy as np
import numpy.typing as npt
import torch

from genret.ground.arrays import Ints
from genret.ground.hardware import one_blas_thread
from genret.model.decoder import Asked
from genret.model.prefix import PrefixTable
from genret.model.seq2seq import GenretConfig, GenretForConditionalGeneration
from genret.model.values import PrefixValues
from genret.search.beam import BeamResult, BeamSettings, beam_search
from genret.search.several import search_several
from genret.search.single import search_single
from genret.search.trie import Trie
from genret.search.vocab import PAD, START, Vocab
from genret.training.settings import ModelSettings
from genret.training.trainer import small_encoder

SIZES = (256, 256, 256, 256)
TEXT_TOKENS = 8
K = 10


@dataclass(frozen=True)
class Shape:
    """The model: by default of the size that `genret train` makes."""

    d_model: int = ModelSettings.d_model
    layers: int = ModelSettings.layers
    heads: int = ModelSettings.heads
    ffn: int = ModelSettings.ffn
    encoder_layers: int = ModelSettings.encoder_layers


@dataclass(frozen=True)
class Cell:
    """One cell of the grid."""

    queries: int
    beams: int
    ids: int


class Catalogue:
    """Random skewed IDs as our trie, as nested dicts and as GENRE's marisa trie (the last two on first use)."""

    def __init__(self, count: int, seed: int = 0) -> None:
        self.codes = skewed_codes(count, seed)
        self.trie = Trie.build(self.codes, SIZES).trie
        self._dict: dict[int, Any] | None = None
        self._marisa: GenreMarisaTrie | None = None

    def dict_children(self, _: int, tokens: torch.Tensor) -> list[int]:
        node = self.dicts
        for token in tokens[1:].tolist():
            node = node.get(token, {})
        return list(node) or [PAD]

    def marisa_children(self, _: int, tokens: torch.Tensor) -> list[int]:
        return self.marisa.get(tokens.tolist()) or [PAD]

    @property
    def dicts(self) -> dict[int, Any]:
        if self._dict is None:
            self._dict = {}
            for a, b, c, d in Vocab(SIZES).encode(self.codes).tolist():
                self._dict.setdefault(a, {}).setdefault(b, {}).setdefault(c, {})[d] = {}
        return self._dict

    @property
    def marisa(self) -> GenreMarisaTrie:
        if self._marisa is None:
            tokens = np.unique(Vocab(SIZES).encode(self.codes), axis=0)
            self._marisa = GenreMarisaTrie([[START, *row] for row in tokens.tolist()])
        return self._marisa


class GenreMarisaTrie:
    """As in GENRE (De Cao et al. 2021), genre/trie.py, for token ids below 55,000."""

    def __init__(self, sequences: Sequence[Sequence[int]]) -> None:
        self.zero_iter = list({sequence[0] for sequence in sequences})
        self.first_iter = list({sequence[1] for sequence in sequences})
        self.trie = marisa_trie.Trie("".join(map(chr, sequence)) for sequence in sequences)

    def get(self, prefix: list[int]) -> list[int]:
        if not prefix:
            return self.zero_iter
        if len(prefix) == 1 and self.zero_iter == prefix:
            return self.first_iter
        key = "".join(map(chr, prefix))
        return list({ord(entry[len(key)]) for entry in self.trie.keys(key) if len(entry) > len(key)})


class Systems:
    """The five systems on one cell, each a function of no arguments."""

    def __init__(self, model: GenretForConditionalGeneration, catalogue: Catalogue, cell: Cell) -> None:
        generator = torch.Generator().manual_seed(1)
        words = model.config.encoder.vocab_size
        self.inputs = torch.randint(5, words, (cell.queries, TEXT_TOKENS), generator=generator)
        self.mask = torch.ones_like(self.inputs)
        self.model, self.catalogue, self.cell = model, catalogue, cell
        self.settings = BeamSettings(k=min(K, cell.beams), beam_width=cell.beams)
        self.widths = [1, *(min(cell.beams, SIZES[0]) for _ in SIZES[1:])]
        with torch.inference_mode():
            encoded = model.encoder(self.inputs, self.mask)
            self.memory = model.decoder.memory(encoded.last_hidden_state)
            self.memory_mask = torch.zeros(cell.queries, 1, 1, TEXT_TOKENS)
            self.embedded = encoded.pooler_output
            self.query = model.decoder.asked(self.embedded)
            self.nodes = self._some_nodes()

    def constrained(self) -> npt.NDArray[np.float32]:
        """In the way that `Retriever.search` takes for so many queries."""
        return self._constrained().scores

    def _constrained(self) -> BeamResult:
        found, trie = None, self.catalogue.trie
        if self.cell.queries == 1:
            with one_blas_thread:
                single = self.model.single_for(self.inputs)
                found = None if single is None else search_single(single, trie, self.settings)
        else:
            several = self.model.several_for(self.inputs, self.mask)
            found = None if several is None else search_several(several, trie, self.settings)
        return found or beam_search(self.model.decoder_for(self.inputs, self.mask), trie, self.settings)

    def dict(self) -> npt.NDArray[np.float32]:
        return self._generate(self.catalogue.dict_children)

    def marisa(self) -> npt.NDArray[np.float32]:
        return self._generate(self.catalogue.marisa_children)

    def unconstrained(self) -> npt.NDArray[np.float32]:
        return self._generate(None)

    @torch.inference_mode()
    def floor(self) -> None:
        decoder, query = self.model.decoder, self.query
        if isinstance(query, Asked):  # what prefixes are worth is the decoder's part, and found anew for every search
            query = decoder.asked(self.embedded)
        past: list[list[torch.Tensor]] = [[] for _ in decoder.layers]
        for level, width in enumerate(self.widths):
            tokens = torch.full((self.cell.queries, width), START)
            x = decoder.tokens(tokens) + decoder.levels.weight[level]
            for layer, memory, before in zip(decoder.layers, self.memory, past, strict=True):
                x, key_value = layer.step(x, memory, self.memory_mask, before)  # type: ignore[operator]
                before.append(key_value)
            rows = torch.arange(self.cell.queries).repeat_interleave(width)
            asked = Asked(query.worth, rows) if isinstance(query, Asked) else None if query is None else query[rows]
            decoder.logits(level, decoder.norm(x).flatten(0, 1), asked, self.nodes[level])

    def _some_nodes(self) -> list[torch.Tensor | None]:
        """For each level, as many prefixes of the catalogue as the floor has rows; None where the model knows none."""
        rows = np.random.default_rng(2).integers(0, len(self.catalogue.codes), self.cell.queries * max(self.widths))
        codes = torch.from_numpy(self.catalogue.codes[rows]).T  # (L, Q * B)
        nodes = [self.model.decoder.root(codes[0].shape, codes.device)]
        for level, code in enumerate(codes[:-1]):
            nodes.append(self.model.decoder.child(level, nodes[-1], code))
        return [None if n is None else n[: self.cell.queries * w] for n, w in zip(nodes, self.widths, strict=True)]

    @torch.inference_mode()
    def _generate(self, children: Callable[[int, torch.Tensor], list[int]] | None) -> npt.NDArray[np.float32]:
        out = self.model.generate(
            input_ids=self.inputs,
            attention_mask=self.mask,
            prefix_allowed_tokens_fn=children,
            num_beams=self.cell.beams,
            num_return_sequences=self.settings.k,
            max_length=1 + len(SIZES),
            do_sample=False,
            length_penalty=0.0,
            return_dict_in_generate=True,
            output_scores=True,
        )
        scores: npt.NDArray[np.float32] = out.sequences_scores.numpy().reshape(self.cell.queries, -1)
        return scores


def skewed_codes(count: int, seed: int) -> Ints:
    """(count, 4) random codes; a code c of a level is drawn with a density that falls as 1 / sqrt(c)."""
    rng = np.random.default_rng(seed)
    return np.stack([(size * rng.random(count) ** 2).astype(np.int64) for size in SIZES], 1)


def make_model(shape: Shape, known: Ints | None = None) -> GenretForConditionalGeneration:
    """A model drawn at random; with the `known` codes (N, 4) of a catalogue, one that starts dense and knows them."""
    torch.manual_seed(0)
    settings = ModelSettings(
        d_model=shape.d_model,
        layers=shape.layers,
        heads=shape.heads,
        ffn=shape.ffn,
        encoder_layers=shape.encoder_layers,
    )
    config = GenretConfig(
        small_encoder(settings, settings.text_vocab),
        SIZES,
        shape.d_model,
        shape.layers,
        shape.heads,
        shape.ffn,
        d_code=None if known is None else shape.d_model,
        prefixes=None if known is None else PrefixTable.counts(torch.from_numpy(known)),
        look_below=None if known is None else settings.looks_below(len(known)),
    )
    model = GenretForConditionalGeneration(config)
    prefixes = model.decoder.prefixes
    if known is not None and isinstance(prefixes, PrefixValues):
        prefixes.fill(torch.from_numpy(known))
        prefixes.start_from(torch.from_numpy(known), torch.randn(len(known), shape.d_model) / shape.d_model**0.5)
        correction = model.decoder.correction
        assert correction is not None, "a dense start has one"
        with torch.no_grad():  # as after training: an untrained correction would be left out
            correction.weight.normal_(std=0.02)
    model.eval()
    return model
