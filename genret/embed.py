"""Text -> (N, D) float32 unit rows: latent semantic analysis, two towers taught by the query log (neither needs a
download), any sentence-transformers model, or one fine-tuned on the query log.

Knows texts and vectors; nothing of semantic IDs. Embedding a catalogue is resumable: finished chunks are kept beside
the artifact until it is whole.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file, save_file
from tqdm.auto import tqdm

from genret.artifacts import Artifact, read_artifact, read_json, write_artifact, write_json
from genret.checkpoint import model_folder
from genret.data.records import Dataset
from genret.errors import GenretError, require
from genret.settings import settings_dict
from genret.types import Product

if TYPE_CHECKING:
    from genret.towers import TowerEmbedder
    from genret.two_tower import TwoTowerRecipe

KIND = "embeddings"
LSA = "lsa"
TOWERS = "towers"
TWO_TOWER = "two-tower"
ENCODER = "encoder"
BAG = "bag"
"""Folders of the fine-tuned encoder, and of the bag of tokens beside it, inside the artifact."""
CHUNK = 4096
"""Texts between two checkpoints."""

Vectors = npt.NDArray[np.float32]
TEXT_FIELDS = ("title", "brand", "category", "description", "attributes")


@dataclass(frozen=True)
class EmbedSettings:
    """What is embedded, and by what."""

    model: str = TOWERS
    """`towers` (two bag-of-tokens towers taught by pseudo-queries and, where there is one, the query log), `lsa` (words
    that occur together), `two-tower` (a sentence-transformers model fine-tuned on the query log), or any
    sentence-transformers model as it is: hub name, local folder, or `package:PKG/FOLDER`."""
    dim: int = 128
    """Width of `lsa` and `towers`; a sentence-transformers model brings its own."""
    fields: tuple[str, ...] = TEXT_FIELDS
    batch_size: int = 64
    max_features: int = 60_000
    """Vocabulary of `lsa`: the most frequent words and word pairs."""
    steps: int = 450
    """Training steps of `towers`."""
    seed: int = 0

    def __post_init__(self) -> None:
        unknown = set(self.fields) - set(TEXT_FIELDS)
        if unknown or not self.fields:
            raise GenretError(f"fields={self.fields}: expected some of {', '.join(TEXT_FIELDS)}")
        for name in ("dim", "batch_size", "max_features", "steps"):
            if getattr(self, name) < 1:
                raise GenretError(f"{name}={getattr(self, name)}: expected at least 1")
        if not self.model:
            raise GenretError(
                "model='': expected lsa, towers, two-tower, or the name or folder of a sentence-transformers model"
            )


class Embedder(Protocol):
    """Turns texts into unit vectors."""

    @property
    def dim(self) -> int: ...

    def encode(self, texts: Sequence[str]) -> Vectors:
        """(n, D) float32 unit rows for queries; a text in which nothing is known gives a row of zeros."""
        ...

    def encode_products(self, texts: Sequence[str]) -> Vectors:
        """The same for products' texts, in the same space; most embedders make no difference between the two."""
        ...

    def save(self, folder: Path) -> None: ...


class LsaEmbedder:
    """TF-IDF over words and word pairs, then truncated SVD (Deerwester et al. 1990), by scikit-learn."""

    def __init__(self, terms: Sequence[str], idf: npt.NDArray[np.float64], components: Vectors) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer

        self.terms, self.idf, self.components = list(terms), idf, components  # components (D, terms)
        self._tfidf = TfidfVectorizer(vocabulary={term: i for i, term in enumerate(terms)}, **_LSA_TEXT)
        self._tfidf.idf_ = idf

    @property
    def dim(self) -> int:
        return int(self.components.shape[0])

    @classmethod
    def fit(cls, texts: Sequence[str], settings: EmbedSettings) -> LsaEmbedder:
        """Learn vocabulary and components from `texts`. Components beyond the texts' rank are zero."""
        from sklearn.decomposition import TruncatedSVD
        from sklearn.feature_extraction.text import TfidfVectorizer

        tfidf = TfidfVectorizer(max_features=settings.max_features, **_LSA_TEXT)
        try:
            matrix = tfidf.fit_transform(texts)  # (N, terms)
        except ValueError:
            raise _no_words(texts, settings) from None
        components = np.zeros((settings.dim, matrix.shape[1]), np.float32)
        rank = min(settings.dim, *matrix.shape)
        if min(matrix.shape) > 1:
            svd = TruncatedSVD(min(rank, min(matrix.shape) - 1), n_iter=4, random_state=settings.seed)
            with np.errstate(invalid="ignore"):  # identical texts have no variance to explain
                svd.fit(matrix)
            components[: len(svd.components_)] = svd.components_
        else:  # one product or one term: nothing to decompose
            components[0] = np.asarray(matrix.sum(axis=0)).ravel()
        return cls(list(tfidf.get_feature_names_out()), tfidf.idf_, components)

    def encode(self, texts: Sequence[str]) -> Vectors:
        if not len(texts):
            return np.zeros((0, self.dim), np.float32)
        return _unit(np.asarray(self._tfidf.transform(texts) @ self.components.T, np.float32))

    encode_products = encode

    def save(self, folder: Path) -> None:
        write_json(folder / "embedder.json", {"kind": LSA, "terms": self.terms})
        save_file({"idf": self.idf, "components": self.components}, folder / "embedder.safetensors")


_LSA_TEXT: dict[str, Any] = {
    "lowercase": True,
    "strip_accents": "unicode",
    "ngram_range": (1, 2),
    "token_pattern": r"(?u)\b\w+\b",
    "sublinear_tf": True,
}


class SentenceEmbedder:
    """A sentence-transformers model: hub name, local folder or `package:PKG/FOLDER`. Artifacts name it, no more."""

    def __init__(self, model: str, batch_size: int) -> None:
        library = require("sentence_transformers", "embed")
        local = Path(model_folder(model)).expanduser()
        self.model, self.batch_size = model, batch_size
        try:
            self._encoder = library.SentenceTransformer(
                str(local) if local.exists() else model, model_kwargs={"torch_dtype": _fast_dtype()}
            )
        except Exception as error:  # the libraries below raise a dozen kinds
            raise GenretError(
                f"cannot load the embedding model {model!r} ({type(error).__name__}: {str(error)[:160]}); "
                "give 'lsa', a sentence-transformers folder, or a hub name that can be reached"
            ) from error

    @property
    def dim(self) -> int:
        return int(self._encoder.get_embedding_dimension())

    def encode(self, texts: Sequence[str]) -> Vectors:
        if not len(texts):
            return np.zeros((0, self.dim), np.float32)
        vectors = self._encoder.encode(
            list(texts), batch_size=self.batch_size, convert_to_numpy=True, show_progress_bar=False
        )
        return _unit(np.asarray(vectors, np.float32))

    encode_products = encode

    def save(self, folder: Path) -> None:
        write_json(
            folder / "embedder.json",
            {"kind": "sentence-transformers", "model": self.model, "batch_size": self.batch_size},
        )


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

    def save(self, folder: Path) -> None:
        shutil.copytree(self.encoder.model, folder / ENCODER, ignore=shutil.ignore_patterns("two_tower.json"))
        if self.bag is not None:
            _save_bag(self.bag, folder / BAG)
        own = {"batch_size": self.encoder.batch_size, "bag_share": self.bag_share}
        write_json(folder / "embedder.json", {"kind": TWO_TOWER, **own})

    @classmethod
    def load(cls, folder: Path, batch_size: int, bag_share: float) -> TunedEmbedder:
        """The embedder whose encoder, and bag if it has a share, are in `folder`."""
        bag = _load_bag(folder / BAG) if bag_share else None
        return cls(SentenceEmbedder(str(folder / ENCODER), batch_size), bag, bag_share)

    def _beside(self, encoded: Vectors, bagged: Vectors | None) -> Vectors:
        if bagged is None:
            return encoded
        parts = [(1 - self.bag_share) ** 0.5 * encoded, self.bag_share**0.5 * bagged]
        return np.concatenate(parts, axis=1, dtype=np.float32)


def _save_bag(bag: TowerEmbedder, folder: Path) -> None:
    """Under a temporary name first, so that what has the name is whole."""
    temporary = folder.with_name(f"{folder.name}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    bag.save(temporary)
    temporary.rename(folder)


def _load_bag(folder: Path) -> TowerEmbedder:
    from genret.towers import TowerEmbedder

    return TowerEmbedder.load(folder)


def product_text(product: Product, fields: Sequence[str]) -> str:
    """The text of a product that is embedded: the chosen fields, joined; the category from root to leaf."""
    parts = {
        "title": product.title,
        "brand": product.brand,
        "category": " ".join(product.category),
        "description": product.description,
        "attributes": " ".join(f"{name} {value}" for name, value in product.attributes.items()),
    }
    return ". ".join(parts[field] for field in fields if parts[field])


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
        return _tune(dataset, settings, recipe, scratch, progress)
    if settings.model not in (LSA, TOWERS):
        return SentenceEmbedder(settings.model, settings.batch_size)
    texts = [product_text(product, settings.fields) for product in dataset.catalogue]
    if settings.model == LSA:
        return LsaEmbedder.fit(texts, settings)
    from genret.towers import train_towers

    if not any(re.search(r"\w", text) for text in texts):
        raise _no_words(texts, settings)
    return train_towers(dataset, texts, settings.dim, settings.steps, settings.seed, progress)


def _no_words(texts: Sequence[str], settings: EmbedSettings) -> GenretError:
    return GenretError(
        f"none of the {len(texts)} product texts holds a word to embed (fields: {', '.join(settings.fields)}); "
        "give the products titles, or name other fields"
    )


def _tune(
    dataset: Dataset, settings: EmbedSettings, recipe: TwoTowerRecipe, scratch: Path, progress: bool
) -> TunedEmbedder:
    from genret.text import load_text_tokenizer
    from genret.towers import train_towers
    from genret.two_tower import train_two_tower, two_tower_pairs

    folder = train_two_tower(two_tower_pairs(dataset, recipe), recipe.train, scratch / ENCODER, progress)
    if recipe.bag_share and not (scratch / BAG).exists():
        texts = [product_text(product, settings.fields) for product in dataset.catalogue]
        tokens = load_text_tokenizer(folder)  # the encoder's own, so that one model can read a query for both
        bag = train_towers(dataset, texts, recipe.bag_dim, recipe.bag_steps, settings.seed, progress, tokens)
        _save_bag(bag, scratch / BAG)
    return TunedEmbedder.load(scratch, settings.batch_size, recipe.bag_share)


def load_embedder(path: str | Path) -> Embedder:
    """The embedder of an embeddings artifact."""
    artifact = read_artifact(path, KIND)
    config = read_json(artifact.file("embedder.json"))
    if config["kind"] == TOWERS:
        from genret.towers import TowerEmbedder

        return TowerEmbedder.load(artifact.path)
    if config["kind"] == TWO_TOWER:
        return TunedEmbedder.load(artifact.path, config["batch_size"], config["bag_share"])
    if config["kind"] != LSA:
        return SentenceEmbedder(config["model"], config["batch_size"])
    arrays = load_file(artifact.file("embedder.safetensors"))
    return LsaEmbedder(config["terms"], arrays["idf"], arrays["components"])


def tuned_encoder(embeddings: Artifact) -> Path:
    """The folder of the encoder that was fine-tuned for these embeddings."""
    if embeddings.settings["model"] != TWO_TOWER:
        raise GenretError(
            f"encoder='embeddings' takes the encoder of two-tower embeddings, but these are of "
            f"{embeddings.settings['model']!r}; embed with model='two-tower', or name an encoder"
        )
    return embeddings.path / ENCODER


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

    Chunks are kept in a folder beside `path` as they are finished; the same call continues after an interruption.
    `recipe` and `scratch`: see `fit_embedder`.
    """
    path = Path(path)
    embedder = fit_embedder(dataset, settings, progress, recipe, scratch)
    texts = [product_text(product, settings.fields) for product in dataset.catalogue]
    vectors = _encode_resumably(embedder, texts, _chunk_folder(path, texts, settings, recipe), progress)
    with write_artifact(path, KIND, settings_dict(settings), inputs) as folder:
        np.save(folder / "embeddings.npy", vectors)
        embedder.save(folder)
    shutil.rmtree(path.with_name(f".{path.name}.chunks"), ignore_errors=True)
    return read_artifact(path, KIND, verify=False)


def load_embeddings(path: str | Path) -> tuple[Vectors, Artifact]:
    """The (N, D) float32 embeddings at `path`, memory-mapped (writes stay in memory), and their artifact."""
    artifact = read_artifact(path, KIND)
    return np.load(artifact.file("embeddings.npy"), mmap_mode="c"), artifact


def _encode_resumably(embedder: Embedder, texts: Sequence[str], chunks: Path, progress: bool) -> Vectors:
    """(N, D) rows in the order of `texts`, encoded shortest first so that a batch pads little."""
    order = np.argsort([len(text) for text in texts], kind="stable")
    vectors = np.empty((len(texts), embedder.dim), np.float32)
    chunks.mkdir(parents=True, exist_ok=True)
    with tqdm(total=len(texts), desc="embed", unit="text", disable=not progress) as bar:
        for start in range(0, len(texts), CHUNK):
            rows = order[start : start + CHUNK]
            file = chunks / f"{start}.npy"
            if not file.exists():
                _save_whole(file, embedder.encode_products([texts[row] for row in rows]))
            vectors[rows] = np.load(file)
            bar.update(len(rows))
    return vectors


def _chunk_folder(path: Path, texts: Sequence[str], settings: EmbedSettings, recipe: TwoTowerRecipe | None) -> Path:
    """Where finished chunks wait: named by texts and settings, so that chunks of another job are never taken up."""
    digest = hashlib.sha256(repr((settings, recipe, *texts)).encode()).hexdigest()[:16]
    return path.with_name(f".{path.name}.chunks") / digest


def _save_whole(file: Path, vectors: Vectors) -> None:
    temporary = file.with_suffix(f".tmp-{os.getpid()}.npy")
    np.save(temporary, vectors)
    os.replace(temporary, file)


def _unit(vectors: Vectors) -> Vectors:
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, norms, out=np.zeros_like(vectors), where=norms > 1e-12)


def _fast_dtype() -> Any:
    """bfloat16 where the hardware multiplies it, else float32: emulated, it is a hundred times slower."""
    import torch

    if torch.cuda.is_available():
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    return torch.bfloat16 if torch.ops.mkldnn._is_mkldnn_bf16_supported() else torch.float32
