"""Dense systems over encoders of their own: an off-the-shelf one, and the fine-tuned two-tower. Knows work folders.

Products are embedded once into `work/<name>`, and the two-tower is trained once into `work/<name>-model`; both go on
where they were cut off, and are made again when their settings or their data change.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from genret.artifacts import read_artifact, read_json, sha256
from genret.data.records import Dataset
from genret.embed import TOWERS, EmbedSettings, embed_catalogue, load_embedder, load_embeddings, product_text
from genret.errors import GenretError
from genret.eval.dense import Dense
from genret.eval.runs import RankedList
from genret.eval.systems import Bench, Prepared, System
from genret.eval.two_tower import Pair, TwoTowerSettings, train_two_tower, training_pairs
from genret.settings import settings_dict
from genret.types import Split


@dataclass(frozen=True)
class TwoTowerRecipe:
    """What the two-tower is trained on, and how."""

    train: TwoTowerSettings = field(default_factory=TwoTowerSettings)
    split: Split = "train"
    positive_at: float | None = None
    """Grades from here on make a training pair; by default the data set's own threshold of relevance."""
    fields: tuple[str, ...] = ("title",)


def encoder_system(name: str, settings: EmbedSettings, work: Path) -> System:
    """Exact nearest neighbours over the products as `settings.model` embeds them, cached in `work/name`."""

    def prepare(bench: Bench) -> Prepared:
        folder = _embedded(bench, name, settings, work)
        vectors, _ = load_embeddings(folder)
        index, embedder = Dense(vectors, bench.dataset.catalogue.ids), load_embedder(folder)

        def search() -> dict[str, RankedList]:
            return index.search(bench.ids, embedder.encode(bench.texts), bench.settings.k)

        return Prepared(search, {"model": Path(settings.model).name, "fields": list(settings.fields)})

    return prepare


def two_tower_system(name: str, recipe: TwoTowerRecipe, work: Path) -> System:
    """The fine-tuned two-tower: trained on the data set's own pairs, then as `encoder_system`."""

    def prepare(bench: Bench) -> Prepared:
        bench.progress(f"{name}: fine-tuning (kept in {work}, continued if it was cut off)")
        folder = train_two_tower(two_tower_pairs(bench.dataset, recipe), recipe.train, work / f"{name}-model")
        settings = EmbedSettings(model=str(folder), fields=recipe.fields)
        search, made = encoder_system(name, settings, work)(bench)
        trained = {key: value for key, value in settings_dict(recipe.train).items() if key != "base"}
        pairs = read_json(folder / "two_tower.json")["pairs"]
        return Prepared(search, {**made, **trained, "positive_at": recipe.positive_at, "pairs": pairs})

    return prepare


def two_tower_pairs(dataset: Dataset, recipe: TwoTowerRecipe) -> list[Pair]:
    """The training pairs of the recipe's split; a GenretError if there are none."""
    texts = {query.id: query.text for query in dataset.split_queries(recipe.split)}
    products = {product.id: product_text(product, recipe.fields) for product in dataset.catalogue}
    threshold = dataset.relevant_at if recipe.positive_at is None else recipe.positive_at
    judgements = [j for j in dataset.split_judgements(recipe.split) if j.product_id in products]
    pairs = training_pairs(judgements, texts, products, threshold, dataset.irrelevant_grade)
    if not pairs:
        raise GenretError(
            f"data set {dataset.name!r} has no pair graded {threshold:g} or more in its {recipe.split} split to train "
            "a two-tower on; leave the two-tower out"
        )
    return pairs


def _embedded(bench: Bench, name: str, settings: EmbedSettings, work: Path) -> Path:
    """The embeddings artifact in `work/name`, made unless the one there is of these products by this model."""
    folder = work / name
    inputs = {"data": _digest(bench.dataset, settings), "model": _model_digest(settings.model)}
    try:
        if dict(read_artifact(folder, "embeddings").inputs) == inputs:
            return folder
    except GenretError:
        pass  # none there, or a broken one: made anew
    bench.progress(f"{name}: embedding {len(bench.dataset.catalogue)} products")
    embed_catalogue(bench.dataset, settings, folder, inputs)
    return folder


def _digest(dataset: Dataset, settings: EmbedSettings) -> str:
    """Of what the embedding depends on besides a sentence-transformers model: settings, products, and the query log."""
    own = {name: value for name, value in settings_dict(settings).items() if name != "model"}  # its path may change
    digest = hashlib.sha256(repr(own).encode())
    for product in dataset.catalogue:
        digest.update(repr((product.id, product_text(product, settings.fields))).encode())
    if settings.model == TOWERS:
        digest.update(repr((dataset.split_queries("train"), dataset.split_judgements("train"))).encode())
    return digest.hexdigest()


def _model_digest(model: str) -> str:
    """Of a local model its weights' SHA-256, so that a model trained again is embedded with again; else its name."""
    weights = Path(model) / "model.safetensors"
    return sha256(weights) if weights.is_file() else model
