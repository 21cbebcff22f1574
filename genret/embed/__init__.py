"""Text -> (N, D) float32 unit rows: one file per embedder, and the artifact that holds a catalogue's vectors.

The exports load on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from genret.ground.lazy import lazy

if TYPE_CHECKING:
    from genret.data.product_text import product_text as product_text
    from genret.embed.catalogue import embed_catalogue as embed_catalogue
    from genret.embed.catalogue import fit_embedder as fit_embedder
    from genret.embed.catalogue import load_embedder as load_embedder
    from genret.embed.catalogue import load_embeddings as load_embeddings
    from genret.embed.embedder import Embedder as Embedder
    from genret.embed.fine_tuned import TunedEmbedder as TunedEmbedder
    from genret.embed.lsa import LsaEmbedder as LsaEmbedder
    from genret.embed.sentence import SentenceEmbedder as SentenceEmbedder
    from genret.embed.settings import EmbedSettings as EmbedSettings

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "EmbedSettings": "genret.embed.settings",
        "Embedder": "genret.embed.embedder",
        "LsaEmbedder": "genret.embed.lsa",
        "SentenceEmbedder": "genret.embed.sentence",
        "TunedEmbedder": "genret.embed.fine_tuned",
        "embed_catalogue": "genret.embed.catalogue",
        "fit_embedder": "genret.embed.catalogue",
        "load_embedder": "genret.embed.catalogue",
        "load_embeddings": "genret.embed.catalogue",
        "product_text": "genret.data.product_text",
    },
)
