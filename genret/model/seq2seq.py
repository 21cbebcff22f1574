"""The seq2seq model: a Hugging Face text encoder, and a small decoder whose tokens are codewords.

Importing it registers the model with transformers' AutoConfig and AutoModelForSeq2SeqLM, so a saved folder loads with
either and `generate()` works on it: a generated sequence is START and then one token per level. Logits of other levels'
tokens are -inf, so transformers' scores are ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForSeq2SeqLM,
    GenerationConfig,
    GenerationMixin,
    PreTrainedConfig,
    PreTrainedModel,
)
from transformers import initialization as init
from transformers.cache_utils import EncoderDecoderCache
from transformers.modeling_outputs import BaseModelOutputWithPooling, Seq2SeqLMOutput

from genret.ground.errors import GenretError
from genret.model.decoder import Asked, CodewordDecoder, DecoderShape, KeyValue
from genret.model.encoders import load_encoder, own_config, without_pooler
from genret.model.plain import Searched, memory_mask
from genret.model.prefix import PrefixTable
from genret.model.query_encoder import QueryEncoder
from genret.model.values import PrefixValues
from genret.search.vocab import PAD, START, Vocab

Pooling = Literal["encoder", "bag", "both"]
POOLINGS: tuple[Pooling, ...] = ("encoder", "bag", "both")


class GenretConfig(PreTrainedConfig):
    """The shape of a model: `encoder` is any Hugging Face encoder's configuration, the rest is the decoder's.

    `d_code` None is a cold start; otherwise the heads are codebooks of that width (see `CodewordDecoder`) and `pooling`
    says where the query's embedding comes from: the mean of the encoder's states, or of a `bag` of token vectors, or
    both side by side, the bag's inner products weighing `bag_share`.
    `prefixes` are the numbers of distinct prefixes of the catalogue that the decoder knows (see `PrefixTable`), and
    `look_below` how many of them a query looks below, for a dense start by prefixes' values (see `PrefixValues`); None
    for the table.
    """

    model_type = "genret"
    attribute_map: ClassVar[dict[str, str]] = {
        "hidden_size": "d_model",
        "num_hidden_layers": "layers",
        "num_attention_heads": "heads",
    }

    # Keyword arguments are transformers' own protocol for configurations, hence passed on.
    def __init__(
        self,
        encoder: PreTrainedConfig | Mapping[str, Any] | None = None,
        codebook_sizes: Sequence[int] = (256, 256, 256, 256),
        d_model: int = 128,
        layers: int = 1,
        heads: int = 4,
        ffn: int = 512,
        dropout: float = 0.0,
        d_code: int | None = None,
        pooling: Pooling = "encoder",
        query_scale: float = 10.0,
        max_text_tokens: int = 32,
        prefixes: Sequence[int] | None = None,
        backoff: float = 0.1,
        bag_share: float = 0.5,
        look_below: int | None = None,
        **kwargs: Any,
    ) -> None:
        if pooling not in POOLINGS:
            raise GenretError(f"pooling={pooling!r}: expected one of {', '.join(POOLINGS)}")
        self.encoder = own_config(encoder)
        self.codebook_sizes = list(Vocab(codebook_sizes).codebook_sizes)
        self.d_model, self.layers, self.heads, self.ffn, self.dropout = d_model, layers, heads, ffn, dropout
        self.d_code, self.pooling, self.query_scale = d_code, pooling, query_scale
        self.max_text_tokens, self.backoff, self.bag_share = max_text_tokens, backoff, bag_share
        self.look_below = look_below
        self.prefixes = None if prefixes is None else [int(count) for count in prefixes]
        self.vocab_size = len(Vocab(codebook_sizes))
        self.pad_token_id, self.decoder_start_token_id, self.initializer_range = PAD, START, 0.02
        kwargs["is_encoder_decoder"] = True
        super().__init__(**kwargs)


class HubQueryEncoder(QueryEncoder):
    """The query's encoder with any of transformers' as its text encoder, as `generate` calls it."""

    text: Any

    def __init__(self, config: GenretConfig) -> None:
        encoder = config.encoder
        sizes = encoder.hidden_size, encoder.vocab_size
        text = without_pooler(AutoModel.from_config(encoder))
        super().__init__(text, *sizes, config.d_code, config.pooling, config.bag_share)
        self.plain = encoder.model_type == "bert" and encoder.num_hidden_layers == 0

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        return_dict: bool = True,
        output_attentions: bool = False,
        output_hidden_states: bool = False,
    ) -> BaseModelOutputWithPooling:
        """(R, T) text tokens -> states (R, T, d_memory), and the unit query embedding (R, d_code) or None.

        The last three parameters are what `generate` passes to any encoder; nothing but the result above is offered.
        """
        return BaseModelOutputWithPooling(*self.encode(input_ids, attention_mask))

    def states(self, input_ids: Tensor, mask: Tensor | None) -> Tensor:
        if self.plain:  # nothing looks at the mask, which a transformer takes longer to prepare than this takes
            return self.text.embeddings(input_ids=input_ids)
        mask = torch.ones_like(input_ids) if mask is None else mask
        return self.text(input_ids=input_ids, attention_mask=mask).last_hidden_state


class GenretForConditionalGeneration(Searched, PreTrainedModel, GenerationMixin):
    """Spells a product's semantic ID from a query."""

    encoder: HubQueryEncoder
    decoder: CodewordDecoder
    config_class = GenretConfig
    main_input_name = "input_ids"
    base_model_prefix = ""
    _supports_sdpa = True

    def __init__(self, config: GenretConfig) -> None:
        super().__init__(config)
        self.encoder = HubQueryEncoder(config)
        self.decoder = CodewordDecoder(DecoderShape.read(config.to_dict()), config.encoder.hidden_size)
        self.post_init()
        self.generation_config = _generation_config(len(config.codebook_sizes))

    def get_encoder(self, modality: str | None = None) -> HubQueryEncoder:
        return self.encoder

    def get_input_embeddings(self) -> nn.Module:
        return self.encoder.text.get_input_embeddings()

    def get_output_embeddings(self) -> None:
        return None  # a head per level, tied to nothing

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if isinstance(module, CodewordDecoder) and module.correction is not None:
            init.zeros_(module.correction.weight)
            init.constant_(module.log_scale, float(torch.tensor(self.config.query_scale).log()))
            if module.value_scale is not None:
                init.constant_(module.value_scale, float(torch.tensor(self.config.query_scale).log()))
        if isinstance(module, PrefixTable):
            for vectors in module.vectors.values():
                init.zeros_(vectors.weight)
        if isinstance(module, PrefixValues):
            for own in module.parameters():
                init.zeros_(own)

    @torch.no_grad()
    def tie_codebooks(self, codebooks: Sequence[Tensor], bag: Tensor | None = None) -> None:
        """Set the dense start: `codebooks`, (K_l, d_code) per level, are the heads, `bag` (V_text, d_code) the vectors.

        The codebooks are also laid into the codewords' embeddings, so that the decoder reads the prefix's partial sum.
        """
        decoder = self.decoder
        if decoder.correction is None:
            raise GenretError("this model starts cold (d_code=None); configure d_code to tie its heads to codebooks")
        for level, (head, codebook) in enumerate(zip(decoder.heads, codebooks, strict=True)):
            assert isinstance(head, nn.Linear)
            if head.weight.shape != codebook.shape:
                raise GenretError(
                    f"level {level + 1}: codebook of shape {tuple(codebook.shape)}, expected {tuple(head.weight.shape)}"
                )
            head.weight.copy_(codebook)
            head.bias.zero_()
            width = min(codebook.shape[1], decoder.tokens.weight.shape[1])
            decoder.tokens.weight[decoder.vocab.level_slice(level), :width] = codebook[:, :width]
        if bag is not None and self.encoder.bag is not None:
            self.encoder.bag.weight.copy_(bag)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        decoder_input_ids: Tensor | None = None,
        encoder_outputs: BaseModelOutputWithPooling | None = None,
        past_key_values: EncoderDecoderCache | None = None,
        labels: Tensor | None = None,
        targets: Tensor | None = None,
        use_cache: bool | None = None,
        return_dict: bool | None = None,
    ) -> Seq2SeqLMOutput:
        """Logits (R, l, V) for `decoder_input_ids` (R, l), START first; tokens of other levels are -inf.

        With a cache, `decoder_input_ids` is still the whole prefix, and the logits are those of its uncached end.
        With `labels` (R, L), the tokens of whole paths, the loss is the mean over rows of -log p(path). With `targets`
        (R, V) as well, each level's slice is a distribution over its codes given the path's prefix, and the loss is the
        cross-entropy to these, summed over levels; the logits are then left out.
        """
        encoded = self._encode(input_ids, attention_mask, encoder_outputs)
        if labels is not None:
            return self._loss(encoded, attention_mask, labels, targets)
        if decoder_input_ids is None:
            raise GenretError("forward() got neither decoder_input_ids nor labels; pass one of them")
        cache = past_key_values if use_cache is not False else None
        memory, past = self._memory(encoded.last_hidden_state, cache), _read_cache(cache)
        mask = memory_mask(encoded.last_hidden_state, attention_mask)
        seen = 0 if past is None else past[0][0].shape[2]
        states, present = self.decoder(decoder_input_ids[:, seen:], memory, mask, past)
        if cache is not None:
            for index, (key, value) in enumerate(present):
                cache.self_attention_cache.update(key, value, index)
        return Seq2SeqLMOutput(
            logits=self._full_logits(decoder_input_ids, states, self._asked(encoded.pooler_output)),
            past_key_values=cache,
            encoder_last_hidden_state=encoded.last_hidden_state,
        )

    def _encode(
        self, input_ids: Tensor | None, mask: Tensor | None, encoded: BaseModelOutputWithPooling | None
    ) -> BaseModelOutputWithPooling:
        if encoded is None and input_ids is None:
            raise GenretError("forward() got neither input_ids nor encoder_outputs; pass one of them")
        return self.encoder(input_ids, mask) if encoded is None else encoded

    def _memory(self, states: Tensor, cache: EncoderDecoderCache | None) -> list[KeyValue]:
        """Each layer's cross-attention keys and values, kept in the cache where there is one."""
        if cache is None:
            return self.decoder.memory(states)
        store = cache.cross_attention_cache
        if not cache.is_updated.get(0):
            for index, (key, value) in enumerate(self.decoder.memory(states)):
                store.update(key, value, index)
                cache.is_updated[index] = True
        return [(layer.keys, layer.values) for layer in store.layers]

    def prepare_inputs_for_generation(
        self, input_ids: Tensor, next_sequence_length: int | None = None, **model_inputs: Any
    ) -> dict[str, Any]:
        """transformers' hook: the whole prefix is passed, cached or not, since it decides which codes may follow."""
        return super().prepare_inputs_for_generation(input_ids, next_sequence_length=None, **model_inputs)

    def _asked(self, query: Tensor | None) -> Tensor | Asked | None:
        """What the rows ask of the prefixes; `generate` repeats a query for each of its beams, which ask the same."""
        if query is None or torch.is_grad_enabled():
            return self.decoder.asked(query)
        distinct, rows = torch.unique(query, dim=0, return_inverse=True)
        asked = self.decoder.asked(distinct)
        return Asked(asked.worth, rows) if isinstance(asked, Asked) else query

    def _full_logits(self, tokens: Tensor, states: Tensor, query: Tensor | Asked | None) -> Tensor:
        """(R, l) tokens, the (R, n, d) states of the last n -> (R, n, V); after the last level, padding is certain."""
        vocab, first = self.vocab, tokens.shape[1] - states.shape[1]
        nodes = self._nodes(tokens[:, 1:])
        full = states.new_full((*states.shape[:2], len(vocab)), -torch.inf)
        for place in range(states.shape[1]):
            level = first + place
            if level < vocab.levels:
                logits = self.decoder.logits(level, states[:, place], query, nodes[level])
                full[:, place, vocab.level_slice(level)] = logits.to(full.dtype)
            else:
                full[:, place, PAD] = 0.0
        return full

    def _nodes(self, tokens: Tensor) -> list[Tensor | None]:
        """The node of each prefix of (R, l) codeword tokens, of length 0 to l but less than L."""
        vocab = self.vocab
        nodes = [self.decoder.root(tokens.shape[:1], tokens.device)]
        for level in range(min(tokens.shape[1], vocab.levels - 1)):
            nodes.append(self.decoder.child(level, nodes[-1], tokens[:, level] - vocab.offsets[level]))
        return nodes

    def _loss(
        self, encoded: BaseModelOutputWithPooling, mask: Tensor | None, labels: Tensor, targets: Tensor | None
    ) -> Seq2SeqLMOutput:
        vocab, nodes = self.vocab, self._nodes(labels)
        inputs = F.pad(labels[:, :-1], (1, 0), value=START)
        added = memory_mask(encoded.last_hidden_state, mask)
        states, _ = self.decoder(inputs, self.decoder.memory(encoded.last_hidden_state), added)
        asked = self.decoder.asked(encoded.pooler_output)
        loss = states.new_zeros((), dtype=torch.float32)
        for level in range(vocab.levels):
            logits = self.decoder.logits(level, states[:, level], asked, nodes[level]).float()
            if targets is None:
                loss = loss + F.cross_entropy(logits, labels[:, level] - vocab.offsets[level])
            else:
                loss = loss + F.cross_entropy(logits, targets[:, vocab.level_slice(level)])
        full = None if targets is not None else self._full_logits(inputs, states, asked)
        return Seq2SeqLMOutput(loss=loss, logits=full, encoder_last_hidden_state=encoded.last_hidden_state)


def warm_start(config: GenretConfig, checkpoint: str | Path) -> GenretForConditionalGeneration:
    """A model of `config` (whose encoder is the checkpoint's) with the encoder's weights from a local or hub one."""
    model = GenretForConditionalGeneration(config)
    model.encoder.text = load_encoder(checkpoint)
    return model


def _generation_config(levels: int) -> GenerationConfig:
    """Deterministic decoding of whole IDs. Pass `length_penalty=0.0` with beams to get summed log-probabilities."""
    return GenerationConfig(
        decoder_start_token_id=START,
        pad_token_id=PAD,
        max_length=levels + 1,
        do_sample=False,
        use_cache=True,
    )


def _read_cache(cache: EncoderDecoderCache | None) -> list[KeyValue] | None:
    """Each layer's self-attention keys and values so far, or None where there are none yet."""
    if cache is None or cache.get_seq_length() == 0:
        return None
    return [(layer.keys, layer.values) for layer in cache.self_attention_cache.layers]


AutoConfig.register(GenretConfig.model_type, GenretConfig)
AutoModelForSeq2SeqLM.register(GenretConfig, GenretForConditionalGeneration)
