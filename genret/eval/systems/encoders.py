"""Dense systems over encoders of their own: an off-the-shelf one, and the fine-tuned two-tower.

Products are embedded once into `work/<name>`, and the two-tower is trained once into `work/<name>-model`; both go on
where they were cut off, and are made again when their settings or their data change.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from genret.data.product_text import product_text
from genret.data.records import Dataset
from genret.embed.catalogue import embed_catalogue, load_embedder, load_embeddings
from genret.embed.fine_tuned import tuned_encoder
from genret.embed.fine_tuning import TwoTowerRecipe, is_tuned, train_two_tower, two_tower_pairs
from genret.embed.settings import TOWERS, TWO_TOWER, EmbedSettings
from genret.eval.systems.bench import Bench, Prepared, System, dense_search
from genret.eval.systems.dense import Dense
from genret.ground.artifacts import read_artifact, sha256
from genret.ground.errors import GenretError
from genret.ground.files import folder_bytes
from genret.ground.pretrained import model_folder
from genret.ground.settings import settings_dict


def encoder_system(name: str, settings: EmbedSettings, work: Path) -> System:
    """Exact nearest neighbours over the products as `settings.model` embeds them, cached in `work/name`."""

    def prepare(bench: Bench) -> Prepared:
        folder = _embedded(bench, name, settings, work)
        vectors, _ = load_embeddings(folder)
        index, embedder = Dense(vectors, bench.dataset.catalogue.ids), load_embedder(folder)

        model = Path(model_folder(settings.model))
        weights = folder_bytes(model if model.is_dir() else folder) - (0 if model.is_dir() else vectors.nbytes)
        parts = {f"{name} vectors": vectors.nbytes, f"encoder {settings.model}": weights}
        search = dense_search(index, embedder, bench.depth)
        return Prepared(search, {"model": Path(settings.model).name, "fields": list(settings.fields)}, parts)

    return prepare


def two_tower_system(name: str, recipe: TwoTowerRecipe, work: Path) -> System:
    """The fine-tuned two-tower: trained on the data set's own pairs, then as `encoder_system`.

    The encoder of the bench's run is taken where it was trained on the same pairs with the same settings.
    """

    def prepare(bench: Bench) -> Prepared:
        pairs = two_tower_pairs(bench.dataset, recipe)
        folder = _run_encoder(bench)
        if folder is None or not is_tuned(folder, pairs, recipe.train):
            bench.progress(f"{name}: fine-tuning (kept in {work}, continued if it was cut off)")
            folder = train_two_tower(pairs, recipe.train, work / f"{name}-model")
        settings = EmbedSettings(model=str(folder), fields=recipe.fields)
        search, made, parts = encoder_system(name, settings, work)(bench)
        trained = {key: value for key, value in settings_dict(recipe.train).items() if key != "base"}
        return Prepared(search, {**made, **trained, "positive_at": recipe.positive_at, "pairs": len(pairs)}, parts)

    return prepare


def _run_encoder(bench: Bench) -> Path | None:
    """Where the encoder is that was fine-tuned for the bench's run, if there is one."""
    embeddings = bench.folder.artifact("embeddings") if bench.folder else None
    return tuned_encoder(embeddings) if embeddings and embeddings.settings["model"] == TWO_TOWER else None


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
