"""Text encoders for the model: a small one from scratch, or that of a local or hub checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from transformers import AutoConfig, AutoModel, PreTrainedConfig

from genret.ground.errors import GenretError
from genret.ground.pretrained import model_folder
from genret.ground.progress import no_library_bars

_SMALL_BERT: dict[str, Any] = {
    "vocab_size": 4096,
    "hidden_size": 128,
    "num_hidden_layers": 1,
    "num_attention_heads": 4,
    "intermediate_size": 512,
    "max_position_embeddings": 64,
}


def encoder_config(checkpoint: str | Path) -> PreTrainedConfig:
    """The configuration of an encoder checkpoint, local or on the hub."""
    return _load(AutoConfig, checkpoint)


def load_encoder(checkpoint: str | Path) -> Any:
    """The encoder of a checkpoint."""
    return without_pooler(_load(AutoModel, checkpoint))


def without_pooler(model: Any) -> Any:
    """Of an encoder-decoder its encoder; and without BERT's pooler, whose weights would never be used or trained."""
    if getattr(model.config, "is_encoder_decoder", False):
        model = model.get_encoder()
    if getattr(model, "pooler", None) is not None:
        model.pooler = None
    return model


def own_config(encoder: PreTrainedConfig | Mapping[str, Any] | None) -> PreTrainedConfig:
    """The configuration as it is, or that of a small BERT with the given fields in place of its own."""
    if isinstance(encoder, PreTrainedConfig):
        return encoder
    fields = {"model_type": "bert", **_SMALL_BERT, **(encoder or {})}
    return AutoConfig.for_model(fields.pop("model_type"), **fields)


def _load(kind: Any, checkpoint: str | Path) -> Any:
    try:
        with no_library_bars():
            return kind.from_pretrained(model_folder(str(checkpoint)))
    except (OSError, ValueError) as error:
        raise GenretError(
            f"cannot load the encoder {str(checkpoint)!r} ({str(error)[:160]}); "
            "give a transformers folder, or a hub name that can be reached"
        ) from error
