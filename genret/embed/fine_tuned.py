"""An encoder fine-tuned on the query log, with or without a bag of tokens beside it: `model="two-tower"`."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from genret.data.product_text import product_text
from genret.data.records import Dataset
from genret.embed.embedder import QueryBag, Vectors
from genret.embed.fine_tuning import TwoTowerRecipe, train_two_tower, two_tower_pairs
from genret.embed.sentence import SentenceEmbedder
from genret.embed.settings import TWO_TOWER, EmbedSettings
from genret.embed.subwords import load_text_tokenizer
from genret.embed.towers import TowerEmbedder, train_towers
from genret.ground.artifacts import Artifact, write_json
from genret.ground.errors import GenretError
from genret.ground.files import whole_folder
from genret.ground.hardware import Arithmetic, choose_precision
from genret.ground.ranks import agreed, main_alone

ENCODER = "encoder"
BAG = "bag"
"""Folders of the fine-tuned encoder, and of the bag of tokens beside it, inside the artifact."""


class TunedEmbedder:
    """A run's own encoder, and where it has one, a bag of tokens beside it; the artifact holds the weights of both.

    With a bag, a vector is both unit vectors side by side, scaled so that its inner products are the weighted mean of
    theirs: `1 - bag_share` of the encoder's cosine and `bag_share` of the bag's.
    """

    def __init__(self, encoder: SentenceEmbedder, bag: TowerEmbedder | None, bag_share: float) -> None:
        self.encoder, self.bag, self.bag_share = encoder, bag, bag_share

    @property
    def dim(self) -> int:
        return self.encoder.dim + (self.bag.dim if self.bag else 0)

    def encode(self, texts: Sequence[str]) -> Vectors:
        return self._beside(self.encoder.encode(texts), self.bag.encode(texts) if self.bag else None)

    def encode_products(self, texts: Sequence[str]) -> Vectors:
        return self._beside(self.encoder.encode_products(texts), self.bag.encode_products(texts) if self.bag else None)

    def query_bag(self) -> QueryBag | None:
        """The bag beside the encoder, with its share."""
        return self.bag.query_bag()._replace(share=self.bag_share) if self.bag else None

    def save(self, folder: Path) -> None:
        shutil.copytree(self.encoder.model, folder / ENCODER)
        if self.bag is not None:
            _save_bag(self.bag, folder / BAG)
        encoder = {"batch_size": self.encoder.batch_size, "precision": self.encoder.precision}
        write_json(folder / "embedder.json", {"kind": TWO_TOWER, "bag_share": self.bag_share, **encoder})

    @classmethod
    def load(cls, folder: Path, batch_size: int, bag_share: float, precision: Arithmetic = "fp32") -> TunedEmbedder:
        """The embedder whose encoder, and bag if it has a share, are in `folder`."""
        bag = TowerEmbedder.load(folder / BAG) if bag_share else None
        return cls(SentenceEmbedder(str(folder / ENCODER), batch_size, precision), bag, bag_share)

    def _beside(self, encoded: Vectors, bagged: Vectors | None) -> Vectors:
        if bagged is None:
            return encoded
        parts = [(1 - self.bag_share) ** 0.5 * encoded, self.bag_share**0.5 * bagged]
        return np.concatenate(parts, axis=1, dtype=np.float32)


def _save_bag(bag: TowerEmbedder, folder: Path) -> None:
    """Under a temporary name first, so that what has the name is whole."""
    with whole_folder(folder) as temporary:
        bag.save(temporary)


def tune_encoder(
    dataset: Dataset, settings: EmbedSettings, recipe: TwoTowerRecipe, scratch: Path, progress: bool
) -> TunedEmbedder:
    """Fine-tune the encoder, and its bag if the recipe asks for one, in `scratch`, going on where it was cut off."""
    folder = train_two_tower(two_tower_pairs(dataset, recipe), recipe.train, scratch / ENCODER, progress)

    def train_bag() -> None:
        texts = [product_text(product, settings.fields) for product in dataset.catalogue]
        tokens = load_text_tokenizer(folder)  # the encoder's own, so that one model can read a query for both
        bag = train_towers(dataset, texts, recipe.bag_dim, recipe.bag_steps, settings.seed, progress, tokens)
        _save_bag(bag, scratch / BAG)

    if recipe.bag_share and not agreed((scratch / BAG).exists):
        main_alone(train_bag)
    precision = choose_precision(settings.precision)
    return TunedEmbedder.load(scratch, settings.batch_size, recipe.bag_share, precision)


def tuned_encoder(embeddings: Artifact) -> Path:
    """The folder of the encoder that was fine-tuned for these embeddings."""
    if embeddings.settings["model"] != TWO_TOWER:
        raise GenretError(
            f"encoder='embeddings' takes the encoder of two-tower embeddings, but these are of "
            f"{embeddings.settings['model']!r}; embed with model='two-tower', or name an encoder"
        )
    return embeddings.path / ENCODER
