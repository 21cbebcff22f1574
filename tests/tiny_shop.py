"""A shop so small that a whole build takes seconds: for tests of precisions, of several processes, and of kills."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

KINDS = ("soda", "milk", "bread", "cheese", "tea", "rice", "jam", "oil")
BRANDS = ("acme", "nonna", "zest", "fair", "polar", "sunny", "harvest", "blue")
SPECIAL = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}

SETTINGS = {
    "embed.batch_size": 4,
    "embed.fields": '["title"]',
    "two-tower.epochs": 2,
    "two-tower.batch_size": 16,
    "two-tower.max_tokens": 8,
    "two-tower.checkpoint_every": 3,
    "two-tower.bag_share": 0.5,
    "two-tower.bag_dim": 8,
    "two-tower.bag_steps": 3,
    "tokenizer.codebook_sizes": "8,8",
    "tokenizer.steps": 20,
    "tokenizer.batch_size": 32,
    "tokenizer.checkpoint_every": 5,
    "tokenizer.max_collisions": 1.0,
    "tokenizer.max_dead": 1.0,
    "tokenizer.max_share": 1.0,
    "model.encoder": "embeddings",
    "model.d_model": 16,
    "model.heads": 2,
    "model.ffn": 16,
    "model.max_text_tokens": 8,
    "train.max_steps": 8,
    "train.batch_size": 16,
    "train.save_every": 2,
    "train.log_every": 4,
}


def write_shop(folder: Path) -> None:
    """products.csv, queries.csv, judgements.csv, and `encoder/`, an untrained one of one layer."""
    rows = [(f"{brand}-{kind}", f"{brand} {kind}", kind) for kind in KINDS for brand in BRANDS]
    _write(folder / "products.csv", ("id", "title", "category"), rows)
    _write(folder / "queries.csv", ("id", "text", "split"), [(f"q-{id}", title, "train") for id, title, _ in rows])
    _write(folder / "judgements.csv", ("query_id", "product_id", "grade"), [(f"q-{id}", id, 1) for id, _, _ in rows])
    write_encoder(folder / "encoder", [*KINDS, *BRANDS], 32)


def build_arguments(folder: Path, run: Path) -> list[str]:
    """What follows `genret` to build a run of the shop in `folder`."""
    settings = {"two-tower.base": str(folder / "encoder"), **SETTINGS}
    flags = [part for name, value in settings.items() for part in ("--set", f"{name}={value}")]
    files = ["--queries", str(folder / "queries.csv"), "--judgements", str(folder / "judgements.csv")]
    return ["build", str(folder / "products.csv"), *files, "--model", "two-tower", "--out", str(run), *flags]


def write_encoder(folder: Path, words: list[str], width: int) -> None:
    """A transformers folder of one small layer, its weights drawn from a seed; it is read with mean pooling."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    vocabulary = {word: i for i, word in enumerate([*SPECIAL.values(), *words])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **SPECIAL).save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=width,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=2 * width,
        max_position_embeddings=16,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    BertModel(config).save_pretrained(folder)


def _write(file: Path, header: tuple[str, ...], rows: Sequence[tuple[object, ...]]) -> None:
    with file.open("w", newline="", encoding="utf-8") as out:
        csv.writer(out).writerows([header, *rows])
