"""Text -> token ids for the model: a small BPE tokenizer trained on the catalogue, or a checkpoint's own.

Both kinds are Hugging Face tokenizers and are saved with the model.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

from genret.ground.errors import GenretError
from genret.ground.pretrained import model_folder

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

AT_ONCE = 8192
"""Texts that are tokenized at once: the library keeps some kilobytes about each until they are done."""
SPECIALS = ("[PAD]", "[UNK]", "[CLS]")
Tokens = npt.NDArray[np.int32]


def train_text_tokenizer(texts: Sequence[str], vocab_size: int, max_tokens: int) -> PreTrainedTokenizerFast:
    """A lower-casing BPE tokenizer of at most `vocab_size` tokens, the same for the same texts.

    Byte-pair encoding with a mark where a word begins: the library's WordPiece trainer numbers its inner pieces in an
    order that changes from run to run, and with it everything that is trained on them.
    Digits are split from letters, so that "16oz" and "16 oz" read alike. Every text starts with [CLS], so that even a
    text in which nothing is known has a token to look at.
    """
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE(unk_token="[UNK]", fuse_unk=True))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFKD(), normalizers.StripAccents(), normalizers.Lowercase()]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r"\d+(\.\d+)?|[^\W\d_]+"), "removed", invert=True),
            pre_tokenizers.Metaspace(prepend_scheme="always"),
        ]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size, special_tokens=list(SPECIALS), show_progress=False, limit_alphabet=200
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A", special_tokens=[("[CLS]", tokenizer.token_to_id("[CLS]"))]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=max_tokens,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
    )


def load_text_tokenizer(path: str | Path) -> Any:
    """The tokenizer of a checkpoint, local or on the hub, or of a saved model folder."""
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(model_folder(str(path)))
    except (OSError, ValueError) as error:
        raise GenretError(
            f"cannot load the tokenizer of {str(path)!r} ({str(error)[:160]}); "
            "give a transformers folder that holds one, or a hub name that can be reached"
        ) from error
    if tokenizer.pad_token_id is None:
        raise GenretError(f"the tokenizer of {str(path)!r} has no padding token; choose another encoder")
    return tokenizer


def save_text_tokenizer(tokenizer: Any, folder: Path) -> None:
    """Write a tokenizer, the same bytes whatever it was last used for: that leaves lengths and padding in it."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is not None:
        backend.no_truncation()
        backend.no_padding()
    tokenizer.save_pretrained(folder)


def tokenize(tokenizer: Any, texts: Sequence[str], max_tokens: int) -> tuple[Tokens, npt.NDArray[np.int64]]:
    """(n, T) int32 token ids, padded on the right, and (n,) lengths; longer texts are cut to `max_tokens`."""
    lengths, found = np.empty(len(texts), np.int64), [np.zeros(0, np.int32)]
    for start in range(0, len(texts), AT_ONCE):
        some = list(texts[start : start + AT_ONCE])
        ids = tokenizer(some, truncation=True, max_length=max_tokens)["input_ids"]
        lengths[start : start + len(some)] = [len(row) for row in ids]
        found.append(np.fromiter((token for row in ids for token in row), np.int32))
    tokens = np.full((len(texts), int(lengths.max(initial=1))), tokenizer.pad_token_id, np.int32)
    tokens[np.arange(tokens.shape[1]) < lengths[:, None]] = np.concatenate(found)
    return tokens, lengths
