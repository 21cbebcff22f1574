"""What the default settings promise on the whole embedded catalogue, for both embeddings that need no download."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from genret.data.grocery import GrocerySettings, make_grocery
from genret.data.product_text import TEXT_FIELDS, product_text
from genret.data.records import Dataset
from genret.embed.catalogue import fit_embedder
from genret.embed.settings import TOWERS, EmbedSettings
from genret.tokenizer.assign import assign_ids, collision_rate, squared_error
from genret.tokenizer.judging.health import level_health
from genret.tokenizer.learning.start import separate_products
from genret.tokenizer.learning.train import train_tokenizer
from genret.tokenizer.settings import TokenizerSettings


@pytest.fixture(scope="module")
def grocery() -> Dataset:
    return make_grocery(GrocerySettings())


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    "embed", [EmbedSettings("lsa"), EmbedSettings(model=TOWERS, fields=TEXT_FIELDS)], ids=["lsa", "towers"]
)
def test_default_settings_on_the_whole_catalogue(grocery: Dataset, embed: EmbedSettings) -> None:
    texts = [product_text(product, embed.fields) for product in grocery.catalogue]
    vectors = np.asarray(fit_embedder(grocery, embed, progress=False).encode_products(texts), np.float32)
    categories = grocery.catalogue.categories
    trained = train_tokenizer(vectors, categories, TokenizerSettings(), progress=False)
    codes = trained.encode(vectors)
    levels = [level_health(codes, level, 256) for level in range(4)]
    assert [level.dead for level in levels[:2]] == [0, 0]
    assert min(level.usage for level in levels) >= 0.95

    moved = assign_ids(trained, vectors)  # `reassign` is the default
    assert collision_rate(moved.codes) == 0
    error, parted = squared_error(trained, vectors, codes), collision_rate(codes)
    assert moved.report["error_after"] < 1.03 * error

    plain = train_tokenizer(vectors, categories, TokenizerSettings(lam=0.0), progress=False)
    assert error < 1.03 * squared_error(plain, vectors, plain.encode(vectors))

    # Training under `bucket` is the same up to its last act, which is done here instead of training again.
    bucket = replace(trained.settings, collisions="bucket")
    separate_products(trained.model, torch.from_numpy(vectors), bucket)
    refitted = trained.encode(vectors)
    assert collision_rate(refitted) < 0.03
    print(
        f"\n{embed.model}: dead {levels[0].dead}, {levels[1].dead}; usage {min(level.usage for level in levels):.1%}; "
        f"IDs shared {parted:.1%}, under reassign 0, under bucket {collision_rate(refitted):.1%}; error {error:.4f}, "
        f"under reassign {moved.effect.error_after:.4f}, under bucket {squared_error(trained, vectors, refitted):.4f}"
    )
