"""What every embedder offers: text -> (n, D) float32 unit rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from genret.embed.settings import EmbedSettings
from genret.ground.errors import GenretError

Vectors = npt.NDArray[np.float32]


class QueryBag(NamedTuple):
    """How an embedder reads a query as a bag of tokens, so that a model can begin by reading it in the same way."""

    text_tokenizer: Any
    vectors: Vectors
    """(V_text, D) one vector per token; a query's embedding is their sum."""
    share: float
    """Its weight beside an encoder's; 0 where there is no encoder, and the bag is all."""


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

    def query_bag(self) -> QueryBag | None:
        """The bag of tokens by which it embeds queries, if it does so."""
        ...

    def save(self, folder: Path) -> None: ...


def unit_rows(vectors: Vectors) -> Vectors:
    """The rows scaled to length 1; rows of zeros stay."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, norms, out=np.zeros_like(vectors), where=norms > 1e-12)


def no_words(texts: Sequence[str], settings: EmbedSettings) -> GenretError:
    """The error for texts in which no embedder finds anything."""
    return GenretError(
        f"none of the {len(texts)} product texts holds a word to embed (fields: {', '.join(settings.fields)}); "
        "give the products titles, or name other fields"
    )
