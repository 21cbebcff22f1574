"""A shop of 24 products with a query log, and a small model that is trained on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from genret.data.records import Catalogue, Dataset
from genret.ground.types import Judgement, Product, Query
from genret.training.settings import ModelSettings, TrainSettings
from genret.training.trainer import Corpus, Trained, train_model

KINDS = ("cola", "sauce", "bread", "apple", "towel", "rice")
BRANDS = ("acme", "nonna", "zest", "fair")
SIZES = (6, 4)
MODEL = ModelSettings(d_model=16, heads=2, ffn=16, text_vocab=80, max_text_tokens=8)
TRAIN = TrainSettings(max_steps=8, batch_size=16, save_every=4, log_every=4, pseudo_per_product=2)


def shop() -> Dataset:
    """24 products, one of each brand and kind; a query "brand kind" for each, and one "kind" a kind."""
    pairs = [(kind, brand) for kind in KINDS for brand in BRANDS]
    catalogue = Catalogue.from_products(
        Product(f"{brand}-{kind}", f"{brand} {kind}", (kind,), brand) for kind, brand in pairs
    )
    queries = [Query(f"{kind}-{brand}", f"{brand} {kind}", frequency=4) for kind, brand in pairs]
    heads = [Query(kind, kind) for kind in KINDS]
    judgements = [Judgement(f"{kind}-{brand}", f"{brand}-{kind}", 2.0) for kind, brand in pairs]
    judgements += [Judgement(kind, f"{brand}-{kind}", 1.0 + (brand == "acme")) for kind, brand in pairs]
    judgements += [Judgement("cola", "acme-rice", 0.0)]
    return Dataset("shop", catalogue, {"train": [*queries, *heads], "dev": heads}, judgements)


CODES = np.asarray([(kind, brand) for kind in range(6) for brand in range(4)])
VECTORS = np.eye(10, dtype=np.float32)[CODES[:, 0]] + np.eye(10, dtype=np.float32)[6 + CODES[:, 1]]
VECTORS /= np.linalg.norm(VECTORS, axis=1, keepdims=True)


def train(out: Path, model: ModelSettings = MODEL, **changes: Any) -> Trained:
    options = {**TRAIN.__dict__, **changes}
    return train_model(Corpus(shop(), CODES, SIZES, VECTORS), model, TrainSettings(**options), out)


def weights(trained: Trained) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = trained.model.state_dict()
    return found


def same(a: Trained, b: Trained) -> bool:
    return all(torch.equal(value, weights(b)[name]) for name, value in weights(a).items())


def answer(trained: Trained, text: str) -> list[int]:
    tokens = trained.text_tokenizer([text], return_tensors="pt")
    ids = trained.model.generate(input_ids=tokens["input_ids"], attention_mask=tokens["attention_mask"])
    codes: list[int] = trained.model.vocab.decode(ids[:, 1:].numpy())[0].tolist()
    return codes
