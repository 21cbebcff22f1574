"""Saved models, loaded: to search with, or to train, export and `generate` with.

`load_for_search` takes a Hugging Face folder without transformers wherever that is possible; `load_model` is
transformers' own object. Neither imports what training needs.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from genret.ground.artifacts import Artifact, read_artifact
from genret.ground.manifests import described
from genret.ground.progress import no_library_bars
from genret.model.plain import SearchModel, load_plain, refuse_missing
from genret.model.text import HubTokens, TextTokens, load_text_tokens, text_tokens

if TYPE_CHECKING:
    from genret.model.seq2seq import GenretForConditionalGeneration

KIND = "model"
FOLDER = "model"
"""The Hugging Face folder inside the artifact."""


class Loaded(NamedTuple):
    """A model ready to search."""

    model: SearchModel | GenretForConditionalGeneration
    tokens: TextTokens | HubTokens
    artifact: Artifact


@described
def load_for_search(path: str | Path) -> Loaded:
    """The model at `path` as a search needs it, checked."""
    artifact = read_artifact(path, KIND)
    folder = artifact.path / FOLDER
    model = load_plain(folder)
    tokens = None if model is None else load_text_tokens(folder, model.config.max_text_tokens)
    if model is not None and tokens is not None:
        return Loaded(model, tokens, artifact)
    whole, tokenizer, artifact = load_model(path)
    return Loaded(whole, text_tokens(tokenizer, whole.config.max_text_tokens), artifact)


@described
def load_model(path: str | Path) -> tuple[GenretForConditionalGeneration, Any, Artifact]:
    """The model at `path`, ready to search, its text tokenizer, and its artifact, checked."""
    from genret.embed.subwords import load_text_tokenizer
    from genret.model.seq2seq import GenretForConditionalGeneration

    artifact = read_artifact(path, KIND)
    folder = artifact.path / FOLDER
    with no_library_bars():
        model, info = GenretForConditionalGeneration.from_pretrained(folder, output_loading_info=True)
    refuse_missing(folder, sorted(info["missing_keys"]))
    return model.eval(), load_text_tokenizer(folder), artifact
