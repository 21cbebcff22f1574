"""Queries -> a batch of token ids, by `tokenizers` alone where the tokenizer allows it.

`load_text_tokens(folder, most)` reads what `genret.embed.subwords` saved. A model trained from scratch has a tokenizer
that is a `tokenizer.json` and nothing else; others are loaded by transformers, which takes a second to import.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor

from genret.ground.artifacts import read_json

PLAIN = ("PreTrainedTokenizerFast", "TokenizersBackend")
"""Classes that add nothing to their `tokenizer.json`."""
JSON, CONFIG = "tokenizer.json", "tokenizer_config.json"


class TextTokens:
    """Texts -> (Q, T) token ids, padded on the right and cut to `most`, and the mask that tells text from padding."""

    def __init__(self, tokenizer: Tokenizer, pad_token: str, most: int) -> None:
        """`tokenizer` becomes this object's own: it is set to pad and to cut."""
        tokenizer.enable_truncation(most)
        tokenizer.enable_padding(pad_id=tokenizer.token_to_id(pad_token), pad_token=pad_token)
        self._tokenizer = tokenizer

    def of(self, text: str) -> Tensor:
        """(1, T) the token ids of one text."""
        return torch.from_numpy(np.array([self._tokenizer.encode(text).ids], np.int64))

    def __call__(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        if len(texts) == 1:
            ids = self.of(texts[0])
            return ids, torch.ones_like(ids)
        found = self._tokenizer.encode_batch(list(texts))
        return torch.tensor([one.ids for one in found]), torch.tensor([one.attention_mask for one in found])


class HubTokens:
    """The same by a tokenizer of transformers."""

    def __init__(self, tokenizer: Any, most: int) -> None:
        self._tokenizer, self._most = tokenizer, most

    def of(self, text: str) -> Tensor:
        """(1, T) the token ids of one text."""
        return self([text])[0]

    def __call__(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        found = self._tokenizer(list(texts), return_tensors="pt", padding=True, truncation=True, max_length=self._most)
        return found["input_ids"], found["attention_mask"]


def text_tokens(tokenizer: Any, most: int) -> TextTokens | HubTokens:
    """Of a loaded tokenizer of transformers, or of what is one of these already."""
    if isinstance(tokenizer, TextTokens | HubTokens):
        return tokenizer
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None or (tokenizer.padding_side, tokenizer.truncation_side) != ("right", "right"):
        return HubTokens(tokenizer, most)
    return TextTokens(Tokenizer.from_str(backend.to_str()), tokenizer.pad_token, most)


def load_text_tokens(folder: Path, most: int) -> TextTokens | None:
    """The tokenizer of a model's folder; None where it takes transformers to load it."""
    if not ((folder / JSON).is_file() and (folder / CONFIG).is_file()):
        return None
    said = read_json(folder / CONFIG)
    sides, pad = {said.get(f"{name}_side", "right") for name in ("padding", "truncation")}, said.get("pad_token")
    if said.get("tokenizer_class") not in PLAIN or sides != {"right"} or not isinstance(pad, str):
        return None
    return TextTokens(Tokenizer.from_file(str(folder / JSON)), pad, most)
