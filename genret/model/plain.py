"""The model as a search needs it, by torch alone: `SearchModel` is loaded and run without importing transformers.

`load_plain(folder)` reads the Hugging Face folder that `genret.model.seq2seq` writes, where its text encoder is a BERT
without layers, which is what a model trained from scratch has. `Searched` is what both kinds of model offer a search.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from genret.ground.artifacts import read_json
from genret.ground.errors import GenretError
from genret.model.decoder import CodewordDecoder, DecoderShape, StepDecoder
from genret.model.grown import GrownValues
from genret.model.grown_tensors import GrownTensors
from genret.model.prefix import Prefixes
from genret.model.query_encoder import QueryEncoder, TokenVectors
from genret.model.several import SeveralQueries, begin_several
from genret.model.single import SingleModel, SingleQuery
from genret.search.vocab import Vocab

CONFIG, WEIGHTS = "config.json", "model.safetensors"


@dataclass(frozen=True, kw_only=True)
class Shape(DecoderShape):
    """What `GenretConfig` says of a model, but for what training and `generate` alone want to know."""

    encoder: Mapping[str, Any]
    pooling: str = "encoder"
    max_text_tokens: int = 32
    bag_share: float = 0.5


class Searched:
    """What a search asks of a model that has an `encoder` and a `decoder`."""

    encoder: QueryEncoder
    decoder: CodewordDecoder
    _single: SingleModel | None = None
    _tensors: tuple[GrownValues, GrownTensors] | None = None

    @property
    def vocab(self) -> Vocab:
        return self.decoder.vocab

    @torch.inference_mode()
    def decoder_for(
        self, input_ids: Tensor, attention_mask: Tensor | None = None, prefixes: Prefixes | GrownValues | None = None
    ) -> StepDecoder:
        """The step function of a beam search over (Q, T) text tokens: a `genret.search.beam.Decoder`.

        `prefixes`: in place of the model's own table, where the catalogue has grown since training.
        """
        prefixes = self._in_torch(prefixes) if isinstance(prefixes, GrownValues) else prefixes
        encoded = self.encoder.encode(input_ids, attention_mask)
        states = encoded.last_hidden_state
        memory = [(key.contiguous(), value.contiguous()) for key, value in self.decoder.memory(states)]
        mask = memory_mask(states, attention_mask)
        return StepDecoder(self.decoder, memory, mask, self.decoder.asked(encoded.pooler_output, prefixes), prefixes)

    def single_for(self, input_ids: Tensor, prefixes: Prefixes | GrownValues | None = None) -> SingleQuery | None:
        """The same for (1, T) text tokens of one query, a `genret.search.single.SingleDecoder`; faster.

        None where the model is not one for that, see `SingleModel.of`.
        """
        single = self._laid_out(prefixes)
        if single is None:
            return None
        if single.text is not None:
            return single.begin_text(input_ids.numpy()[0])
        query, states = self._read(single, input_ids, None)
        return None if query is None else single.begin(states, query)

    @torch.inference_mode()
    def several_for(
        self, input_ids: Tensor, attention_mask: Tensor, prefixes: Prefixes | GrownValues | None = None
    ) -> SeveralQueries | None:
        """The same for (Q, T) text tokens of several queries, a `genret.search.several.SeveralDecoder`."""
        single = self._laid_out(prefixes)
        if single is None:
            return None
        query, states = self._read(single, input_ids, attention_mask)
        return None if query is None else begin_several(single, states, attention_mask, query)

    def _laid_out(self, prefixes: Prefixes | GrownValues | None) -> SingleModel | None:
        grown = prefixes if isinstance(prefixes, GrownValues) else None
        own = prefixes.base if isinstance(prefixes, GrownValues) else prefixes or self.decoder.prefixes
        single = self._single  # read once: another thread may replace it
        if single is None or not single.fits(self.decoder, own):
            self._single = single = SingleModel.of(self.decoder, own, self.encoder)
        return single if single is None or grown is None else single.over(grown)

    def _in_torch(self, grown: GrownValues) -> GrownTensors:
        last = self._tensors  # read once: another thread may replace it
        if last is None or last[0] is not grown:
            self._tensors = last = grown, GrownTensors(grown)
        return last[1]

    @torch.inference_mode()
    def _read(self, single: SingleModel, input_ids: Tensor, mask: Tensor | None) -> tuple[Tensor | None, Tensor | None]:
        """The queries' embeddings, and what the decoder reads of their text, if it does. No mask: nothing is padded."""
        encoder = self.encoder
        states = encoder.states(input_ids, mask) if single.reads_states or encoder.pooled else None
        return encoder.embedding(states, input_ids, mask), states


class SearchModel(Searched, nn.Module):
    """A model that spells products' semantic IDs, for searching alone."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        text = shape.encoder
        self.config = shape
        vectors = TokenVectors(
            text["vocab_size"],
            text["hidden_size"],
            text["max_position_embeddings"],
            text["type_vocab_size"],
            text["layer_norm_eps"],
        )
        sizes = text["hidden_size"], text["vocab_size"]
        self.encoder = QueryEncoder(vectors, *sizes, shape.d_code, shape.pooling, shape.bag_share)
        self.decoder = CodewordDecoder(shape, text["hidden_size"])

    @property
    def device(self) -> torch.device:
        return self.decoder.tokens.weight.device


def load_plain(folder: Path) -> SearchModel | None:
    """The model of a Hugging Face folder; None where it takes transformers to load it.

    A GenretError where weights are missing.
    """
    if not (folder / WEIGHTS).is_file():
        return None
    config = read_json(folder / CONFIG)
    text = config["encoder"]
    if text["model_type"] != "bert" or text["num_hidden_layers"] != 0:
        return None
    weights = load_file(folder / WEIGHTS)
    with torch.device("meta"), _Undrawn():  # as every weight is read
        model = SearchModel(Shape.read(config))
    missing = model.load_state_dict(weights, strict=False, assign=True).missing_keys
    refuse_missing(folder, missing)
    return model.eval().requires_grad_(False)


class _Undrawn(TorchFunctionMode):
    """Within it, the functions of `torch.nn.init` leave their tensors as they are."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if getattr(func, "__module__", None) == "torch.nn.init":
            return args[0] if args else kwargs["tensor"]
        return func(*args, **(kwargs or {}))


def refuse_missing(folder: Path, missing: Sequence[str]) -> None:
    """A GenretError if there is any weight that a saved model lacks."""
    if missing:
        raise GenretError(
            f"{folder.parent}: the weights lack {min(missing)!r} and {len(missing) - 1} more that the model needs; "
            "train the model again"
        )


def memory_mask(states: Tensor, mask: Tensor | None) -> Tensor:
    """(R, 1, 1, T) to be added to scores: 0 for text, the lowest number (never NaN) for padding."""
    if mask is None:
        return states.new_zeros(states.shape[0], 1, 1, states.shape[1])
    return (1 - mask[:, None, None, :].to(states.dtype)) * torch.finfo(states.dtype).min
