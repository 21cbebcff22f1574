"""Two bag-of-tokens towers: text -> vectors that are close where a query and a product belong together.

A product's vector is the normalised sum of its tokens' vectors, a query's that of its own, from another table. Both are
trained on the query log and on pseudo-queries by an in-batch softmax (Huang et al., CIKM 2013; the sampled softmax of
Yi et al., RecSys 2019). They read no word order, need no download, and train in about a minute on one core. Where `lsa`
only knows which words occur together, the log teaches the towers what shoppers call things.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from safetensors.numpy import load_file, save_file
from torch import Tensor, nn

from genret.data.pseudo_queries import make_pseudo_queries
from genret.data.records import Dataset
from genret.embed.embedder import QueryBag
from genret.embed.subwords import load_text_tokenizer, save_text_tokenizer, tokenize, train_text_tokenizer
from genret.ground.arrays import Ints
from genret.ground.artifacts import write_json
from genret.ground.errors import GenretError
from genret.ground.hardware import one_thread
from genret.ground.progress import progress as telling

KIND = "towers"
QUERY_TOKENS, PRODUCT_TOKENS = 32, 64
VOCABULARY = 12_000
PSEUDO_PER_PRODUCT = 2.0
PSEUDO_SHARE = 0.5
"""Of a batch; the rest are pairs of the log."""
PSEUDO_NOISE = 0.2
BATCH, RATE = 1024, 5e-3
FREQUENCY_POWER = 0.25

Vectors = npt.NDArray[np.float32]


class Bags(NamedTuple):
    """n texts as token ids: (n, T) padded, and (n,) lengths."""

    tokens: npt.NDArray[np.int32]
    lengths: Ints

    def take(self, rows: Ints) -> tuple[Tensor, Tensor]:
        """The tokens of some texts end to end, and where each text begins."""
        tokens, lengths = self.tokens[rows], self.lengths[rows]
        inside = np.arange(tokens.shape[1]) < lengths[:, None]
        starts = np.cumsum(lengths) - lengths
        return torch.from_numpy(tokens[inside].astype(np.int64)), torch.from_numpy(starts.astype(np.int64))


class Pairs(NamedTuple):
    """n training pairs: rows of a table of texts, rows of the catalogue, and how often each is drawn."""

    texts: Bags
    text_rows: Ints
    products: Ints
    odds: npt.NDArray[np.float64]
    """(n,) the shares, summed up to each pair: 1 at the last."""

    @classmethod
    def of(cls, texts: Bags, text_rows: Ints, products: Ints, share: npt.NDArray[np.float64]) -> Pairs:
        odds = np.cumsum(share)
        return cls(texts, text_rows, products, odds / (odds[-1] if len(odds) else 1.0))

    def drawn(self, count: int, rng: np.random.Generator) -> Ints:
        """`count` of the pairs by their shares, as `rng.choice` draws them, which would sum the shares up each time."""
        return self.odds.searchsorted(rng.random(count), side="right")


class Tower(nn.Module):
    """(tokens, starts) -> (n, D) unit rows: each token's vector times a learned gain, summed."""

    def __init__(self, vectors: Tensor) -> None:
        super().__init__()
        self.vectors = nn.Parameter(vectors.clone())
        self.log_gain = nn.Parameter(torch.zeros(len(vectors)))

    def forward(self, tokens: Tensor, starts: Tensor) -> Tensor:
        gains = self.log_gain[tokens].exp()
        return F.normalize(F.embedding_bag(tokens, self.vectors, starts, mode="sum", per_sample_weights=gains), dim=-1)

    def table(self) -> Vectors:
        """(V, D): the vectors with their gains multiplied in."""
        return np.asarray((self.vectors * self.log_gain.exp()[:, None]).detach().numpy(), np.float32)


class TowerEmbedder:
    """The trained towers: `encode` for queries, `encode_products` for products' texts."""

    def __init__(self, text_tokenizer: Any, query: Vectors, product: Vectors) -> None:
        self.text_tokenizer, self.query, self.product = text_tokenizer, query, product

    @property
    def dim(self) -> int:
        return int(self.query.shape[1])

    def encode(self, texts: Sequence[str]) -> Vectors:
        """(n, D) float32 unit rows for queries."""
        return _sums(self.query, _bags(self.text_tokenizer, texts, QUERY_TOKENS))

    def encode_products(self, texts: Sequence[str]) -> Vectors:
        """(n, D) float32 unit rows for products' texts."""
        return _sums(self.product, _bags(self.text_tokenizer, texts, PRODUCT_TOKENS))

    def query_bag(self) -> QueryBag:
        """The query tower: all of a query's embedding."""
        return QueryBag(self.text_tokenizer, self.query, 0.0)

    def save(self, folder: Path) -> None:
        write_json(folder / "embedder.json", {"kind": KIND})
        save_file({"query": self.query, "product": self.product}, folder / "embedder.safetensors")
        save_text_tokenizer(self.text_tokenizer, folder / "text")

    @classmethod
    def load(cls, folder: Path) -> TowerEmbedder:
        """What `save` wrote."""
        arrays = load_file(folder / "embedder.safetensors")
        return cls(load_text_tokenizer(folder / "text"), arrays["query"], arrays["product"])


def train_towers(
    dataset: Dataset,
    texts: Sequence[str],
    dim: int,
    steps: int,
    seed: int,
    progress: bool = True,
    text_tokenizer: Any = None,
) -> TowerEmbedder:
    """Towers of width `dim` for the catalogue, whose products' `texts` are given, from its train queries.

    Without train queries the pseudo-queries alone teach them. `text_tokenizer`: one to use, in place of its own.
    """
    if not texts:
        raise GenretError("the catalogue holds 0 products; there is nothing to embed")
    if text_tokenizer is None:
        queries = [query.text for query in dataset.split_queries("train")]
        text_tokenizer = train_text_tokenizer([*texts, *queries], VOCABULARY, PRODUCT_TOKENS)
    products = _bags(text_tokenizer, texts, PRODUCT_TOKENS)
    rng = np.random.default_rng(seed)
    parts = [_pseudo_pairs(dataset, text_tokenizer, steps * BATCH, seed)]
    log = _log_pairs(dataset, text_tokenizer)
    if len(log.products):
        parts.append(log)
    start = torch.randn(len(text_tokenizer), dim, generator=torch.Generator().manual_seed(seed)) * 0.1
    towers = nn.ModuleList([Tower(start), Tower(start)])
    scale = nn.Parameter(torch.tensor(2.7))  # log of the inverse temperature
    optimizer = torch.optim.Adam([*towers.parameters(), scale], lr=RATE)
    with one_thread(), telling("towers", steps, stage="embed", shown=progress) as bar:
        for step in range(steps):
            for group in optimizer.param_groups:
                group["lr"] = RATE * (1 - step / steps)
            loss = _step(towers, scale, products, parts, rng)
            if not torch.isfinite(loss):
                raise GenretError(f"the loss of the towers is {float(loss)} at step {step}; embed with another seed")
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            bar.at(step + 1)
    return TowerEmbedder(text_tokenizer, towers[0].table(), towers[1].table())  # type: ignore[operator]


def _step(
    towers: nn.ModuleList, scale: Tensor, products: Bags, parts: Sequence[Pairs], rng: np.random.Generator
) -> Tensor:
    """The in-batch softmax loss of one batch drawn from the parts; a batch's other copies of a product don't count."""
    sizes = [BATCH] if len(parts) == 1 else [round(BATCH * PSEUDO_SHARE), BATCH - round(BATCH * PSEUDO_SHARE)]
    asked, rows = [], []
    for part, size in zip(parts, sizes, strict=True):
        drawn = part.drawn(size, rng)
        asked.append(towers[0](*part.texts.take(part.text_rows[drawn])))
        rows.append(part.products[drawn])
    row = np.concatenate(rows)
    logits = torch.cat(asked) @ towers[1](*products.take(row)).T * scale.exp()  # (B, B)
    copies = torch.from_numpy((row[:, None] == row[None]) & ~np.eye(len(row), dtype=bool))
    return F.cross_entropy(logits.masked_fill(copies, -1e4), torch.arange(len(row)))


def _pseudo_pairs(dataset: Dataset, text_tokenizer: Any, most: int, seed: int) -> Pairs:
    """Pseudo-queries with the products they were made from; at most `most`, which is all that training can draw."""
    count = min(most, round(len(dataset.catalogue) * PSEUDO_PER_PRODUCT))
    pseudo = make_pseudo_queries(dataset.catalogue, np.arange(len(dataset.catalogue)), count, PSEUDO_NOISE, seed)
    texts = _bags(text_tokenizer, pseudo.texts, QUERY_TOKENS)
    return Pairs.of(texts, np.arange(count), pseudo.rows, np.full(count, 1 / count))


def _log_pairs(dataset: Dataset, text_tokenizer: Any) -> Pairs:
    """Judged pairs of the train queries, from half the gain of a relevant product on; drawn by squared gain."""
    queries = dataset.split_queries("train")
    number = {query.id: i for i, query in enumerate(queries)}
    least = (dataset.relevant_at - dataset.irrelevant_grade) / 2
    rows = [
        (number[j.query_id], dataset.catalogue.row(j.product_id), j.grade - dataset.irrelevant_grade)
        for j in dataset.split_judgements("train")
        if j.grade - dataset.irrelevant_grade >= least
    ]
    asked = np.asarray([row[0] for row in rows], np.int64)
    gains = np.asarray([row[2] for row in rows], np.float64) ** 2
    each = np.bincount(asked, weights=gains, minlength=len(queries))
    often = np.asarray([query.frequency for query in queries], np.float64) ** FREQUENCY_POWER
    share = often[asked] * gains / each[asked]
    texts = _bags(text_tokenizer, [query.text for query in queries], QUERY_TOKENS)
    return Pairs.of(texts, asked, np.asarray([row[1] for row in rows], np.int64), share / max(share.sum(), 1e-12))


def _bags(text_tokenizer: Any, texts: Sequence[str], most: int) -> Bags:
    if not len(texts):
        return Bags(np.zeros((0, 1), np.int32), np.zeros(0, np.int64))
    return Bags(*tokenize(text_tokenizer, texts, most))


def _sums(table: Vectors, bags: Bags) -> Vectors:
    """(n, D) unit rows: the sums of each text's token vectors."""
    if not len(bags.lengths):
        return np.zeros((0, table.shape[1]), np.float32)
    tokens, starts = bags.take(np.arange(len(bags.lengths)))
    sums = F.embedding_bag(tokens, torch.from_numpy(table), starts, mode="sum")
    return np.asarray(F.normalize(sums, dim=-1).numpy(), np.float32)
