"""Latent semantic analysis: words that occur together, no download and no log."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file, save_file

from genret.embed.embedder import Vectors, no_words, unit_rows
from genret.embed.settings import LSA, EmbedSettings
from genret.ground.artifacts import read_json, write_json


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
            raise no_words(texts, settings) from None
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
        return unit_rows(np.asarray(self._tfidf.transform(texts) @ self.components.T, np.float32))

    encode_products = encode

    def query_bag(self) -> None:
        return None

    def save(self, folder: Path) -> None:
        write_json(folder / "embedder.json", {"kind": LSA, "terms": self.terms})
        save_file({"idf": self.idf, "components": self.components}, folder / "embedder.safetensors")

    @classmethod
    def load(cls, folder: Path) -> LsaEmbedder:
        """What `save` wrote."""
        arrays = load_file(folder / "embedder.safetensors")
        return cls(read_json(folder / "embedder.json")["terms"], arrays["idf"], arrays["components"])


_LSA_TEXT: dict[str, Any] = {
    "lowercase": True,
    "strip_accents": "unicode",
    "ngram_range": (1, 2),
    "token_pattern": r"(?u)\b\w+\b",
    "sublinear_tf": True,
}
