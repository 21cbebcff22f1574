"""`Retriever.load(folder).search(queries)`: the one core that the command line, the evaluation and notebooks call.

Text in, products out. Puts the model, the index and the beam search together; knows nothing of how they work.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, overload

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from genret.embed.embedder import Embedder
from genret.ground.checks import path, shown
from genret.ground.clock import timed
from genret.ground.errors import GenretError
from genret.ground.hardware import choose_device
from genret.ground.types import Hit, SearchResult
from genret.index.filter_text import as_condition
from genret.index.filters import Condition
from genret.index.index import Index
from genret.index.snapshot import Base, Delta, Snapshot
from genret.model.prefix import PrefixTable
from genret.model.seq2seq import GenretForConditionalGeneration
from genret.pipeline.arguments import Errors, Options, check_options, check_queries, check_query
from genret.pipeline.folder import RunFolder
from genret.search.beam import BeamResult, BeamSettings, BeamTrace, Decoder, beam_search
from genret.search.trie import Allowed

MAX_ROWS = 8192
"""Rows (queries x beams) decoded at once: bounds memory, whatever the number of queries."""
MAX_LOOKED_UP = 1000
"""Conditions remembered as asking for values that products have."""


class Batch(NamedTuple):
    """What was found for some consecutive queries, as arrays; `Retriever.search_positions` yields them."""

    queries: list[str]
    result: BeamResult
    index: Snapshot  # type: ignore[assignment]  # hides tuple.index, which nobody needs


class Retriever:
    """A trained model and an index that belong together."""

    def __init__(
        self,
        model: GenretForConditionalGeneration,
        text_tokenizer: Any,
        index: Index,
        run: RunFolder | None = None,
        beam_width: int = 50,
    ) -> None:
        """`run`: where the embedder is, for `rescore`. `beam_width`: of searches that name none."""
        if model.vocab.codebook_sizes != index.trie.codebook_sizes:
            raise GenretError(
                f"the model spells codes of {model.vocab.codebook_sizes}, but the index holds codes of "
                f"{index.trie.codebook_sizes}; train the model or build the index again"
            )
        self.model, self.index, self._text_tokenizer, self._run = model.eval(), index, text_tokenizer, run
        self.beam_width = beam_width
        self._embedder: Embedder | None = None
        self._grown: tuple[Base, Delta | None, PrefixTable] | None = None
        self._looked_up: tuple[Base | None, set[str]] = None, set()

    def __repr__(self) -> str:
        """Products, codebooks, where the model begins, and the index's generation."""
        codes = "x".join(map(str, self.model.vocab.codebook_sizes))
        start = "cold" if self.model.config.d_code is None else "dense"
        made = self.index.artifact
        return f"Retriever({len(self.index):,} products, codebooks {codes}, {start} start, index {made.path.name})"

    @classmethod
    def load(cls, folder: str | Path, *, device: str = "auto") -> Retriever:
        """The retriever of a run folder (its `model/` and `index/`), on a device: cpu, cuda or cuda:N.

        `auto` is the CPU, unless GENRET_DEVICE says otherwise: a query is small. In fp32, whatever the model was
        trained in. Raises GenretError if an artifact is missing, damaged, or made from another tokenizer than the
        other, or if there is no such device.
        """
        run = RunFolder.existing(path("folder", folder))
        model, text_tokenizer, index, width = run.searchable()
        return cls(model.to(choose_device(device, gpu=False)), text_tokenizer, index, run, width)

    @overload
    def search(  # type: ignore[overload-overlap]  # a string is a sequence of strings, and is not meant as one
        self,
        queries: str,
        k: int = ...,
        *,
        beam_width: int | None = ...,
        exact: bool = ...,
        where: Condition | str | None = ...,
        max_per_prefix: int | None = ...,
        rescore: bool | float = ...,
        errors: Errors = ...,
    ) -> SearchResult: ...
    @overload
    def search(
        self,
        queries: Sequence[str],
        k: int = ...,
        *,
        beam_width: int | None = ...,
        exact: bool = ...,
        where: Condition | str | None = ...,
        max_per_prefix: int | None = ...,
        rescore: bool | float = ...,
        errors: Errors = ...,
    ) -> list[SearchResult]: ...
    def search(
        self,
        queries: str | Sequence[str],
        k: int = 10,
        *,
        beam_width: int | None = None,
        exact: bool = False,
        where: Condition | str | None = None,
        max_per_prefix: int | None = None,
        rescore: bool | float = False,
        errors: Errors = "raise",
    ) -> SearchResult | list[SearchResult]:
        """The best `k` products for a query, or for each of several: best first, ties broken by semantic ID.

        Products that share an ID have one score and are ranked among themselves by popularity, then by id. `where`
        restricts the search to products that meet a condition (see `genret.index.filters`), inside the beam, so that k
        allowed products come back wherever so many exist. `exact` widens the search until the top k is proven to be
        what scoring every allowed product would give. `max_per_prefix` caps hits that share L1-L2. `rescore` orders
        the products that the beam found by the cosine of their embeddings with the query's instead, which then is the
        score; a number w orders them by cosine + w * log-probability. Such a result never counts as exact.
        `beam_width`: prefixes kept a level; by default the run's own. Neither it nor `k` goes beyond the catalogue.
        `errors`: "raise" a GenretError for a query that cannot be searched, or "return" it as `SearchResult.error`, so
        that one bad query of many does not lose the others.
        """
        asked = check_queries(queries, errors)
        options = self._options(k, beam_width, exact, max_per_prefix, rescore)
        settings = BeamSettings(options.k, options.beam_width, options.exact, max_per_prefix=options.max_per_prefix)
        if options.rescore is False:
            found = self._searched(asked.texts, settings, where)
        else:
            weight = 0.0 if options.rescore is True else options.rescore
            found = self._rescored(asked.texts, settings, where, weight)
        results = asked.results(list(found))
        return results[0] if isinstance(queries, str) else results

    def search_positions(
        self, queries: Sequence[str], settings: BeamSettings, where: Condition | str | None = None
    ) -> Iterator[Batch]:
        """The beam search itself, batch after batch, as arrays of positions in the index (for evaluation)."""
        index = self.index.snapshot()
        allowed = self._allowed(index, where)
        queries = check_queries(queries).texts
        if not isinstance(settings, BeamSettings):
            raise GenretError(f"settings={shown(settings)}: expected BeamSettings")
        step = max(1, MAX_ROWS // settings.beam_width)
        for start in range(0, len(queries), step):
            batch = list(queries[start : start + step])
            yield Batch(batch, self._beam(batch, index, settings, allowed), index)

    def explain(
        self, query: str, k: int = 10, *, beam_width: int | None = None, where: Condition | str | None = None
    ) -> tuple[SearchResult, BeamTrace]:
        """One query's answer and the beam behind it: the prefixes kept and pruned at every level."""
        trace = BeamTrace()
        index = self.index.snapshot()
        query = check_query(query)
        options = self._options(k, beam_width)
        settings = BeamSettings(options.k, options.beam_width)
        result = self._beam([query], index, settings, self._allowed(index, where), trace)
        return next(_results(Batch([query], result, index))), trace

    def decoder(self, queries: Sequence[str], index: Snapshot | None = None) -> Decoder:
        """The queries, encoded: what a beam search steps through, over the index as it is now or was at a snapshot."""
        queries = check_queries(queries).texts
        prefixes = self._prefixes(self.index.snapshot() if index is None else index)
        with timed("tokenize"):
            tokens = self.tokens(queries)
        with timed("encode"):
            return self.model.decoder_for(*tokens, prefixes)

    def _prefixes(self, index: Snapshot) -> PrefixTable | None:
        """The model's table of prefixes, with those of products that came since; None where it has none."""
        own = self.model.decoder.prefixes
        if own is None:
            return None
        grown = self._grown  # read once: another thread may replace it
        if grown is None or grown[0] is not index.base or grown[1] is not index.delta:
            tries = (index.base.trie,) if index.delta is None else (index.base.trie, index.delta.trie)
            ids = torch.from_numpy(np.concatenate([trie.all_ids() for trie in tries]))
            self._grown = grown = index.base, index.delta, own.extended(ids)
        return grown[2]

    def _allowed(self, index: Snapshot, where: Condition | str | None) -> Allowed | None:
        """The filter of a search; a condition's values are looked up once per generation of the index."""
        if where is None:
            return index.compile()
        condition = as_condition(where)
        text = str(condition)
        if self._looked_up[0] is not index.base or len(self._looked_up[1]) >= MAX_LOOKED_UP:
            self._looked_up = index.base, set()
        if text not in self._looked_up[1]:
            index.check_values(condition)
            self._looked_up[1].add(text)
        return index.compile(condition)

    def tokens(self, queries: Sequence[str]) -> tuple[Tensor, Tensor]:
        """(Q, T) text tokens, and the mask that tells them from padding: what the model reads."""
        found = self._text_tokenizer(
            list(queries),
            return_tensors="pt",
            padding=True,
            truncation=True,
            max_length=self.model.config.max_text_tokens,
        ).to(self.model.device)
        return found["input_ids"], found["attention_mask"]

    @property
    def embedder(self) -> Embedder:
        """The run's embedder, loaded on first use."""
        if self._embedder is None:
            if self._run is None:
                raise GenretError(
                    "this retriever was not loaded from a run folder, so it has no embedder to rescore with"
                )
            self._embedder = self._run.embedder()
        return self._embedder

    @torch.inference_mode()
    def _beam(
        self,
        queries: Sequence[str],
        index: Snapshot,
        settings: BeamSettings,
        allowed: Allowed | None,
        trace: BeamTrace | None = None,
    ) -> BeamResult:
        decoder = self.decoder(queries, index)
        with timed("decode"):
            return beam_search(decoder, index.trie, settings, allowed, trace)

    def _searched(
        self, queries: Sequence[str], settings: BeamSettings, where: Condition | str | None
    ) -> Iterator[SearchResult]:
        for batch in self.search_positions(queries, settings, where):
            yield from _results(batch)

    def _options(
        self,
        k: int,
        beam_width: int | None,
        exact: bool = False,
        max_per_prefix: int | None = None,
        rescore: bool | float = False,
    ) -> Options:
        """The options of a search, checked; the beam is the run's own if none is asked for, and at least k wide."""
        size, width = self.index.trie.num_products, self.beam_width
        return check_options(k, beam_width, exact, max_per_prefix, rescore, products=size, default_width=width)

    def _rescored(
        self, queries: Sequence[str], settings: BeamSettings, where: Condition | str | None, weight: float
    ) -> Iterator[SearchResult]:
        wide = replace(settings, k=settings.beam_width)
        for batch in self.search_positions(queries, wide, where):
            with timed("rank"):
                scores = _cosines(batch, self.embedder.encode(batch.queries))  # (Q, k')
                if weight:
                    scores += np.float32(weight) * batch.result.scores
                order = np.argsort(-scores, axis=1, kind="stable")[:, : settings.k]
                best = np.take_along_axis(batch.result.positions, order, axis=1)
                result = _replaced(batch.result, best, np.take_along_axis(scores, order, axis=1))
            yield from _results(batch._replace(result=result))


def _replaced(result: BeamResult, positions: npt.NDArray[np.int64], scores: npt.NDArray[np.float32]) -> BeamResult:
    """The result with other positions and scores, no longer proven."""
    return result._replace(positions=positions, scores=scores, proven=np.zeros_like(result.proven))


def _cosines(batch: Batch, vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """(Q, k) cosine of each query with each of its products; -inf where there is none."""
    positions = batch.result.positions
    embeddings = batch.index.embeddings
    if embeddings is None:
        raise GenretError("this index holds no embeddings to rescore with; build it again with the run's embeddings")
    found = np.asarray(embeddings[np.maximum(positions, 0)], np.float32)  # (Q, k, D)
    return np.where(positions >= 0, np.einsum("qkd,qd->qk", found, vectors), -np.inf).astype(np.float32)


def _results(batch: Batch) -> Iterator[SearchResult]:
    """One typed result per query."""
    result, index = batch.result, batch.index
    for row, query in enumerate(batch.queries):
        found = result.positions[row] >= 0
        positions, scores = result.positions[row][found], result.scores[row][found]
        with timed("rank"):
            ids = map(tuple, index.trie.id_of(positions).tolist())
            hits = tuple(
                Hit(product, float(score), rank, semantic_id)
                for rank, (product, score, semantic_id) in enumerate(
                    zip(index.products(positions), scores, ids, strict=True), start=1
                )
            )
        yield SearchResult(query, hits, bool(result.proven[row]))
