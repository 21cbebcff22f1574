"""A catalogue's embeddings: which embedder a setting names, its vectors as an artifact, made resumably.

`embed_catalogue` writes them, `load_embeddings` reads them, `load_embedder` brings back what made them. Finished chunks
are kept beside the artifact until it is whole.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from genret.data.product_text import product_text
from genret.data.records import Dataset
from genret.data.samples import sampled
from genret.embed.embedder import Embedder, Vectors, no_words
from genret.embed.given import embed_given
from genret.embed.lsa import LsaEmbedder
from genret.embed.sentence import SentenceEmbedder
from genret.embed.settings import KIND, LSA, TOWERS, TWO_TOWER, EmbedSettings
from genret.ground.artifacts import Artifact, read_artifact, read_json, write_artifact
from genret.ground.errors import GenretError
from genret.ground.files import whole_file, write_npy
from genret.ground.hardware import Arithmetic, choose_device, choose_precision, record
from genret.ground.manifests import described
from genret.ground.progress import progress as telling
from genret.ground.ranks import is_main, rank, wait, world_size
from genret.ground.settings import settings_dict

if TYPE_CHECKING:
    from genret.embed.fine_tuning import TwoTowerRecipe

CHUNK = 4096
"""Rows that are embedded in one go, between two checkpoints: the same ones whoever embeds them, on one machine or on
several, since a sum in fp32 may depend on what else is in a batch."""


def fit_embedder(
    dataset: Dataset,
    settings: EmbedSettings,
    progress: bool = True,
    recipe: TwoTowerRecipe | None = None,
    scratch: Path | None = None,
) -> Embedder:
    """An embedder for the data set's catalogue: `lsa` and `towers` are fitted, `two-tower` is fine-tuned by `recipe` in
    the folder `scratch`, where it goes on if it was cut off, and a sentence-transformers model is loaded.

    `lsa` looks at the products' texts alone, `towers` and `two-tower` at the train queries too.
    """
    if not len(dataset.catalogue):
        raise GenretError("the catalogue holds 0 products; there is nothing to embed")
    if settings.model == TWO_TOWER:
        if recipe is None or scratch is None:
            raise GenretError("model='two-tower' needs the recipe of its training and a folder to train in")
        from genret.embed.fine_tuned import tune_encoder

        return tune_encoder(dataset, settings, recipe, scratch, progress)
    if settings.model not in (LSA, TOWERS):
        return SentenceEmbedder(settings.model, settings.batch_size, choose_precision(settings.precision))
    texts = [product_text(product, settings.fields) for product in dataset.catalogue]
    if settings.model == LSA:
        return LsaEmbedder.fit(texts, settings)
    from genret.embed.towers import train_towers

    if not any(re.search(r"\w", text) for text in texts):
        raise no_words(texts, settings)
    return train_towers(dataset, texts, settings.dim, settings.steps, settings.seed, progress)


def _precision(config: Mapping[str, Any]) -> Arithmetic:
    """The arithmetic that the products went through; artifacts from before it was recorded count as fp32."""
    return choose_precision(config.get("precision", "fp32"))


@described
def load_embedder(path: str | Path) -> Embedder:
    """The embedder of an embeddings artifact."""
    artifact = read_artifact(path, KIND)
    artifact.file("embedder.json")
    return open_embedder(artifact.path)


def open_embedder(folder: Path) -> Embedder:
    """What an embedder's `save` wrote into a folder."""
    config = read_json(folder / "embedder.json")
    if config["kind"] == TOWERS:
        from genret.embed.towers import TowerEmbedder

        return TowerEmbedder.load(folder)
    if config["kind"] == TWO_TOWER:
        from genret.embed.fine_tuned import TunedEmbedder

        return TunedEmbedder.load(folder, config["batch_size"], config["bag_share"], _precision(config))
    if config["kind"] != LSA:
        return SentenceEmbedder(config["model"], config["batch_size"], _precision(config))
    return LsaEmbedder.load(folder)


def embed_catalogue(
    dataset: Dataset,
    settings: EmbedSettings,
    path: str | Path,
    inputs: Mapping[str, str] | None = None,
    *,
    recipe: TwoTowerRecipe | None = None,
    scratch: Path | None = None,
    progress: bool = True,
) -> Artifact:
    """Write the embeddings artifact at `path`: `embeddings.npy` (N, D) float32 in catalogue order, and the embedder.

    Chunks are kept in `scratch`, or in a folder beside `path`, as they are finished; the same call continues after an
    interruption, and the ranks of a `torchrun` share them out. `recipe` and `scratch`: see `fit_embedder`.
    """
    path, settings = Path(path), settings.resolved()
    if settings.vectors:
        if is_main():
            given = embed_given(dataset, settings)
            own = {"vectors": Path(settings.vectors).name, "given": given.report._asdict()}
            save_embeddings(path, given.embedder.save, [given.vectors], settings, inputs, own)
        wait()
        return read_artifact(path, KIND, verify=False)
    learnt_from = sampled(dataset, settings.sample, settings.seed, judged=True)
    embedder = fit_embedder(learnt_from, settings, progress, recipe, scratch)
    texts = [product_text(product, settings.fields) for product in dataset.catalogue]
    size = CHUNK if world_size() == 1 else _shared_chunk(len(texts), settings.batch_size)
    beside = path.with_name(f".{path.name}.chunks") if scratch is None else scratch / "chunks"
    vectors = _encode_resumably(embedder, texts, size, beside / _digest(texts, settings, recipe), progress)
    if is_main():
        save_embeddings(path, embedder.save, [vectors], settings, inputs)
    wait()
    return read_artifact(path, KIND, verify=False)


def save_embedder(artifact: Artifact, path: str | Path) -> Artifact:
    """Write at `path` what reads queries as the embeddings `artifact` was made, with no product's embedding in it."""
    vectors, embedder = np.load(artifact.file("embeddings.npy"), mmap_mode="r"), load_embedder(artifact.path)
    inputs = {**artifact.inputs, KIND: artifact.fingerprint}
    with write_artifact(path, KIND, artifact.settings, inputs, hardware=artifact.hardware) as folder:
        np.save(folder / "embeddings.npy", vectors[:0])
        embedder.save(folder)
    return read_artifact(path, KIND, verify=False)


def save_embeddings(
    path: Path,
    save_embedder_to: Callable[[Path], object],
    parts: Sequence[Vectors],
    settings: EmbedSettings,
    inputs: Mapping[str, str] | None,
    own: Mapping[str, Any] | None = None,
) -> None:
    """Write the artifact of the vectors, whose (n, D) parts follow each other, with what embedded them.

    `own` is added to its settings.
    """
    made = record("cpu" if settings.model in (LSA, TOWERS) else choose_device(), choose_precision(settings.precision))
    with write_artifact(path, KIND, {**settings_dict(settings), **(own or {})}, inputs, hardware=made) as folder:
        write_npy(folder / "embeddings.npy", parts, (sum(map(len, parts)), parts[0].shape[1]), np.float32)
        save_embedder_to(folder)
    shutil.rmtree(path.with_name(f".{path.name}.chunks"), ignore_errors=True)


@described
def load_embeddings(path: str | Path) -> tuple[Vectors, Artifact]:
    """The (N, D) float32 embeddings at `path`, memory-mapped (writes stay in memory), and their artifact."""
    artifact = read_artifact(path, KIND)
    return np.load(artifact.file("embeddings.npy"), mmap_mode="c"), artifact


def _encode_resumably(embedder: Embedder, texts: Sequence[str], size: int, chunks: Path, progress: bool) -> Vectors:
    """(N, D) rows in the order of `texts`, encoded `size` at a time."""
    vectors = np.empty((len(texts), embedder.dim), np.float32)
    chunks.mkdir(parents=True, exist_ok=True)
    with telling("embed", len(texts), shown=progress) as bar:
        for number, start in enumerate(range(0, len(texts), size)):
            taken, file = texts[start : start + size], chunks / f"{start}-{size}.npy"
            if number % world_size() == rank() and not file.exists():
                with whole_file(file) as temporary:
                    np.save(temporary, embedder.encode_products(taken))
            bar.advance(len(taken))
    wait()
    for start in range(0, len(texts), size):
        vectors[start : start + size] = np.load(chunks / f"{start}-{size}.npy")
    return vectors


def _shared_chunk(count: int, batch: int) -> int:
    """Texts of a chunk where ranks share them: an equal part each, in whole batches, so that no batch is another."""
    return min(CHUNK, -(-count // (world_size() * batch)) * batch)


def _digest(texts: Sequence[str], settings: EmbedSettings, recipe: TwoTowerRecipe | None) -> str:
    """Texts and settings in short: the name of a folder of chunks, so that another job's are never taken up."""
    return hashlib.sha256(repr((settings, recipe, *texts)).encode()).hexdigest()[:16]
