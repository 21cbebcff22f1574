"""A model's own text tokenizer reads without transformers what it reads with them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from genret.embed.subwords import load_text_tokenizer, save_text_tokenizer, train_text_tokenizer
from genret.model.text import HubTokens, load_text_tokens, text_tokens

TEXTS = ["oat milk 16oz", "", "ﬁne café — " + "paper towels " * 20, "日本 🍎", "\x00 \ufeff x"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("text")
    save_text_tokenizer(train_text_tokenizer(["oat milk", "paper towels 16 oz", "fine cafe"] * 3, 80, 64), made)
    return made


@pytest.mark.parametrize("texts", [TEXTS, *([text] for text in TEXTS)])
def test_both_readers_read_alike(folder: Path, texts: list[str]) -> None:
    wanted = HubTokens(load_text_tokenizer(folder), 12)(texts)
    plain = load_text_tokens(folder, 12)
    assert plain is not None
    for read in (plain, text_tokens(load_text_tokenizer(folder), 12)):
        for found, expected in zip(read(texts), wanted, strict=True):
            assert torch.equal(found, expected)


def test_a_tokenizer_with_rules_of_its_own_is_loaded_by_transformers(folder: Path, tmp_path: Path) -> None:
    for file in folder.iterdir():
        (tmp_path / file.name).write_text(file.read_text().replace("TokenizersBackend", "BertTokenizer"))
    assert load_text_tokens(tmp_path, 12) is None
