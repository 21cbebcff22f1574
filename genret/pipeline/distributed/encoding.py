"""What is done to one block of products: its text embedded, its vectors coded.

Each function skips a block that is done, so that it can be called again for any of them.
"""

from __future__ import annotations

from functools import cached_property, lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from genret.data.product_text import product_text
from genret.data.samples import ProductRows
from genret.embed.catalogue import open_embedder
from genret.embed.embedder import Embedder
from genret.pipeline.distributed.blocks import Blocks
from genret.tokenizer.tokenizer import Tokenizer, load_tokenizer


class EmbedJob(NamedTuple):
    """A catalogue to be embedded."""

    products: Path
    embedder: Path
    """The folder that it was saved in."""
    fields: tuple[str, ...]
    vectors: Blocks


class BlockEmbedder:
    """Embeds blocks with one embedder, which is read once: what an actor holds."""

    def __init__(self, job: EmbedJob) -> None:
        self.job = job  # and no more: what an actor's start raises, Ray does not tell from a worker that was lost

    @cached_property
    def products(self) -> ProductRows:
        return ProductRows(self.job.products)

    @cached_property
    def embedder(self) -> Embedder:
        return open_embedder(self.job.embedder)

    def run(self, number: int) -> int:
        """(n, D) vectors of a block's products into its file."""
        if not self.job.vectors.is_done(number):
            products = self.products.between(*self.job.vectors.rows(number))
            texts = [product_text(product, self.job.fields) for product in products]
            self.job.vectors.save(number, self.embedder.encode_products(texts))
        return number


class CodesJob(NamedTuple):
    """A catalogue to be given IDs."""

    vectors: Path
    """Of the (N, D) embeddings, as `np.save` writes them."""
    tokenizer: Path
    """The folder of its artifact."""
    latents: Blocks
    nearest: Blocks


def encode_block(job: CodesJob, number: int) -> int:
    """(n, d) latents and the (n, L) codes nearest to them, each into the block's file."""
    if job.nearest.is_done(number) and job.latents.is_done(number):
        return number
    start, stop = job.nearest.rows(number)
    vectors = np.array(np.load(job.vectors, mmap_mode="r", allow_pickle=False)[start:stop])
    tokenizer = opened_tokenizer(job.tokenizer)
    job.latents.save(number, tokenizer.latent(vectors))
    job.nearest.save(number, tokenizer.encode(vectors).astype(np.int32))
    return number


@lru_cache(maxsize=1)
def opened_tokenizer(folder: Path) -> Tokenizer:
    """The tokenizer of an artifact, kept for the next block."""
    return load_tokenizer(folder)[0]
