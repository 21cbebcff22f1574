"""What one shard answers to whoever searches all of them: `LocalShard` in this process, `genret.server.remote` beyond.

A shard knows its own products' places, counted from 0, and nothing of other shards. All that it says is of one
generation of its index.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
import torch

from genret.ground.arrays import Floats, Ints
from genret.ground.errors import GenretError
from genret.ground.types import Product
from genret.index.conditions import leaves
from genret.index.filter_text import as_condition
from genret.index.filters import Condition
from genret.index.lexical import Ceilings
from genret.index.snapshot import Snapshot
from genret.pipeline.finding import Found, Weights, by_neighbours, by_words, weights_of
from genret.pipeline.retriever import Retriever
from genret.search.beam import BeamSettings, beam_search, search_above
from genret.search.decoder import Decoder
from genret.search.first import first_levels, prefixes_of
from genret.search.parts import PartBeam, part_beam
from genret.search.trie import Allowed


class ShardDown(GenretError):
    """A shard that does not answer, or not for this generation."""


class Codes(NamedTuple):
    """Which prefixes of the first levels (`genret.search.first`) lead to a product that a condition allows."""

    prefixes: Ints
    """(n,) their numbers, ascending."""
    problems: tuple[str, ...]
    """For each part of the condition, why it asks for what no product of the shard has; empty where it does not."""


class Listed(NamedTuple):
    """Products of Q queries, best first; rows of fewer end in -1 (scores: -inf)."""

    positions: Ints
    """(Q, k)"""
    scores: Floats
    """(Q, k)"""
    bound: Floats
    """(Q,) nothing else in the shard scores higher than this, or than the k-th hit; -inf where all was seen."""


class Shard(Protocol):
    """One shard. `where` is a condition's text; a shard that `codes` says allows nothing is not asked further."""

    @property
    def name(self) -> str: ...

    def codes(self, where: str | None) -> Codes:
        """Which of its prefixes lead to a product that is allowed."""
        ...

    def beam(self, texts: Sequence[str], where: str | None, prefixes: Ints, width: int, k: int) -> PartBeam:
        """`part_beam` of Q queries, below (Q, n) prefixes of each."""
        ...

    def above(self, texts: Sequence[str], where: str | None, floors: Floats, settings: BeamSettings) -> Listed:
        """The best k products of those that score at least the (Q,) floors."""
        ...

    def alone(self, texts: Sequence[str], where: str | None, settings: BeamSettings) -> Listed:
        """The shard's own search, as of an index that has no other shards."""
        ...

    def ceilings(self) -> Ceilings:
        """The most that its products score by BM25, word by word, by the prefixes of `codes`."""
        ...

    def words(self, texts: Sequence[str], where: str | None, k: int) -> Listed:
        """By BM25."""
        ...

    def neighbours(self, vectors: Floats, where: str | None, k: int) -> Listed:
        """By the inner product of embeddings with (Q, D) vectors."""
        ...

    def weights(self, texts: Sequence[str], vectors: Floats, positions: Ints) -> Weights:
        """What (Q, n) positions weigh; -1 is none."""
        ...

    def products(self, positions: Ints) -> tuple[list[Product], Ints]:
        """The products at (n,) positions, and their (n, L) semantic IDs."""
        ...


class Encoded:
    """The queries of a search, encoded once for all shards of a process. Safe to share between threads."""

    def __init__(self, head: Retriever) -> None:
        self._head = head
        self._last: tuple[dict[str, int], Decoder] | None = None

    def decoder(self, texts: Sequence[str]) -> Decoder:
        """The queries, in this order, ready to be decoded."""
        last = self._last  # read once: another thread may replace it
        if last is None or any(text not in last[0] for text in texts):
            distinct = list(dict.fromkeys(texts))
            made = {text: row for row, text in enumerate(distinct)}
            self._last = last = made, self._head.decoder(distinct)
        return last[1].select(torch.tensor([last[0][text] for text in texts], device=self._head.model.device))


class LocalShard:
    """A shard that this process holds."""

    def __init__(self, name: str, retriever: Retriever, encoded: Encoded | None = None) -> None:
        """`encoded`: shared by the shards of a process. A GenretError if the shard was changed since it was cut."""
        self.name = name
        self._encoded = encoded or Encoded(retriever)
        self._index: Snapshot = retriever.index.snapshot()
        if retriever.index.pending:
            raise GenretError(
                f"{retriever.index.folder}: {retriever.index.pending} changes were made to this shard; make them to "
                "the run that it was cut from, and cut that again (genret shards)"
            )

    def codes(self, where: str | None) -> Codes:
        problems = () if where is None else tuple(map(self._problem, leaves(as_condition(where))))
        try:
            return Codes(prefixes_of(self._index.trie, self._index.compile(where)), problems)
        except GenretError:  # an attribute that only other shards' products have
            return Codes(np.zeros(0, np.int64), problems)

    def beam(self, texts: Sequence[str], where: str | None, prefixes: Ints, width: int, k: int) -> PartBeam:
        return part_beam(self._decoder(texts), self._index.trie, prefixes, width, k, self._allowed(where))

    def above(self, texts: Sequence[str], where: str | None, floors: Floats, settings: BeamSettings) -> Listed:
        trie, allowed, rows = self._index.trie, self._allowed(where), []
        for row, text in enumerate(texts):  # one by one, since what lies above a low floor is much
            rows.append(search_above(self._decoder([text]), trie, settings, floors[row : row + 1], allowed))
        return Listed(*(np.concatenate([getattr(one, name) for one in rows]) for name in Listed._fields))

    def alone(self, texts: Sequence[str], where: str | None, settings: BeamSettings) -> Listed:
        found = beam_search(self._decoder(texts), self._index.trie, settings, self._allowed(where))
        return Listed(found.positions, found.scores, np.where(found.proven, np.float32(-np.inf), found.bound))

    def ceilings(self) -> Ceilings:
        trie = self._index.trie
        prefixes, depth = prefixes_of(trie), first_levels(trie.codebook_sizes)
        start, stop = trie.product_range(depth, np.arange(len(prefixes)))
        return self._index.text.lexical.base.ceilings(np.repeat(prefixes, stop - start))

    def words(self, texts: Sequence[str], where: str | None, k: int) -> Listed:
        return _listed(by_words(texts, k, self._index, self._allowed(where)))

    def neighbours(self, vectors: Floats, where: str | None, k: int) -> Listed:
        return _listed(by_neighbours(vectors, k, self._index, self._allowed(where)))

    def weights(self, texts: Sequence[str], vectors: Floats, positions: Ints) -> Weights:
        return weights_of(texts, vectors, positions, self._index)

    def products(self, positions: Ints) -> tuple[list[Product], Ints]:
        return self._index.products(positions), self._index.trie.id_of(positions)

    def _problem(self, part: Condition) -> str:
        try:
            self._index.check_values(part)
        except GenretError as error:
            return str(error)
        return ""

    def _allowed(self, where: str | None) -> Allowed | None:
        return self._index.compile(where)

    def _decoder(self, texts: Sequence[str]) -> Decoder:
        return self._encoded.decoder(texts)


def _listed(found: Found) -> Listed:
    return Listed(found.positions, found.scores, np.full(len(found.positions), -np.inf, np.float32))
