"""`Retriever.load(folder).search(queries)`: the one core that the command line, the evaluation and notebooks call.

Text in, products out. Puts the model, the index and the beam search together; knows nothing of how they work.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from torch import Tensor

from genret.ground.checks import path, shown
from genret.ground.clock import timed
from genret.ground.errors import GenretError
from genret.ground.hardware import choose_device, one_blas_thread
from genret.ground.types import SearchResult
from genret.index.filter_text import as_condition
from genret.index.filters import Condition
from genret.index.index import Index
from genret.index.snapshot import Base, Snapshot
from genret.index.spelling import Spelling
from genret.model.grown import GrownValues
from genret.model.prefix import Prefixes
from genret.model.text import text_tokens
from genret.pipeline.arguments import check_queries, check_query
from genret.pipeline.confidence import Calibration, confident, features, load_calibration
from genret.pipeline.finding import Found, by_neighbours, by_words, fused, reordered, top
from genret.pipeline.folder import RunFolder
from genret.pipeline.growth import Growth
from genret.pipeline.options import Plan, SearchOptions
from genret.pipeline.searcher import Searcher, typed_results
from genret.search.beam import BeamResult, BeamSettings, BeamTrace, Decoder, beam_search
from genret.search.on_device import DeviceTrie, search_on_device
from genret.search.overlay import OverlayTrie
from genret.search.several import search_several
from genret.search.single import search_single
from genret.search.trie import Allowed, Trie

if TYPE_CHECKING:
    from genret.embed.embedder import Embedder
    from genret.model.plain import SearchModel
    from genret.model.seq2seq import GenretForConditionalGeneration

MAX_ROWS = 8192
"""Rows (queries x beams) decoded at once: bounds memory, whatever the number of queries."""
MAX_QUERIES = 256
"""Queries decoded at once: each has a value for every prefix of the coarse level (`genret.model.values`)."""
MAX_LOOKED_UP = 1000
"""Conditions remembered as asking for values that products have."""


class Batch(NamedTuple):
    """What was found for some consecutive queries, as arrays; `Retriever.search_positions` yields them."""

    queries: list[str]
    result: BeamResult
    index: Snapshot  # type: ignore[assignment]  # hides tuple.index, which nobody needs


class Retriever(Searcher):
    """A trained model and an index that belong together.

    >>> retriever = Retriever.load("runs/demo")
    >>> len(retriever.search("oat milk", k=3))
    3
    """

    def __init__(
        self,
        model: SearchModel | GenretForConditionalGeneration,
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
        self.model, self.index, self._run = model.eval(), index, run
        self._text_tokens = text_tokens(text_tokenizer, model.config.max_text_tokens)
        self.beam_width = beam_width
        self._embedder: Embedder | None = None
        self._calibration: Calibration | None = None
        own = model.decoder.prefixes
        self._growth = None if own is None else Growth(own)
        self._looked_up: tuple[Base | None, set[str]] = None, set()
        self._on_device: DeviceTrie | None = None

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

    def search_positions(
        self, queries: Sequence[str], settings: BeamSettings, where: Condition | str | None = None
    ) -> Iterator[Batch]:
        """The beam search itself, batch after batch, as arrays of positions in the index (for evaluation)."""
        index = self.index.snapshot()
        allowed = self._allowed(index, where)
        queries = check_queries(queries).texts
        if not isinstance(settings, BeamSettings):
            raise GenretError(f"settings={shown(settings)}: expected BeamSettings")
        step = min(MAX_QUERIES, max(1, MAX_ROWS // settings.beam_width))
        for start in range(0, len(queries), step):
            batch = list(queries[start : start + step])
            yield Batch(batch, self._beam(batch, index, settings, allowed), index)

    def explain(
        self, query: str, k: int = 10, *, beam_width: int | None = None, where: Condition | str | None = None
    ) -> tuple[SearchResult, BeamTrace]:
        """One query's answer and the beam behind it: the prefixes kept and pruned at every level.

        >>> result, trace = Retriever.load("runs/demo").explain("oat milk", k=3)
        >>> len(result.hits), len(trace.levels)
        (3, 4)
        """
        trace = BeamTrace()
        index = self.index.snapshot()
        query = check_query(query)
        plan = SearchOptions(k, beam_width, hybrid=False).plan(index.trie.num_products, self.beam_width, has_log=True)
        result = self._beam([query], index, plan.beam, self._allowed(index, where), trace)
        found = Found(result.positions, result.scores, result.proven)
        return next(_typed([query], [Spelling(query, ())], found, index)), trace

    def decoder(self, queries: Sequence[str], index: Snapshot | None = None) -> Decoder:
        """The queries, encoded: what a beam search steps through, over the index as it is now or was at a snapshot."""
        queries = check_queries(queries).texts
        prefixes = self._prefixes(self.index.snapshot() if index is None else index)
        with timed("tokenize"):
            tokens = self.tokens(queries)
        with timed("encode"):
            return self.model.decoder_for(*tokens, prefixes)

    def _prefixes(self, index: Snapshot) -> Prefixes | GrownValues | None:
        """What the model knows of prefixes, with those of products that came since; None where it knows none."""
        return None if self._growth is None else self._growth.over(index)

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
        ids, mask = self._text_tokens(queries)
        return ids.to(self.model.device), mask.to(self.model.device)

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

    @property
    def calibration(self) -> Calibration:
        """The run's calibration of confidence, loaded on first use."""
        if self._calibration is None:
            if self._run is None:
                raise GenretError("this retriever was not loaded from a run folder, so it has no calibration")
            self._calibration = load_calibration(self._run)
        return self._calibration

    def _beam(
        self,
        queries: Sequence[str],
        index: Snapshot,
        settings: BeamSettings,
        allowed: Allowed | None,
        trace: BeamTrace | None = None,
    ) -> BeamResult:
        found = None
        if trace is None and settings.max_per_prefix is None and self.model.device.type == "cpu":
            found = self._first_pass(queries, index, settings, allowed)
        if found is None:
            return self._searched(queries, index, settings, allowed, trace)
        again = np.flatnonzero(~found.proven & settings.exact)
        if len(again):
            rest = self._searched([queries[one] for one in again.tolist()], index, settings, allowed)
            for name in BeamResult._fields:
                getattr(found, name)[again] = getattr(rest, name)
        return found

    def _searched(
        self,
        queries: Sequence[str],
        index: Snapshot,
        settings: BeamSettings,
        allowed: Allowed | None,
        trace: BeamTrace | None = None,
    ) -> BeamResult:
        """The search that can do all that can be asked for."""
        decoder = self.decoder(queries, index)
        with timed("decode"):
            tensors = self._tensors(index.trie) if trace is None and settings.max_per_prefix is None else None
            if tensors is not None:
                return search_on_device(decoder, tensors, settings, allowed)
            return beam_search(decoder, index.trie, settings, allowed, trace)

    def _first_pass(
        self, queries: Sequence[str], index: Snapshot, settings: BeamSettings, allowed: Allowed | None
    ) -> BeamResult | None:
        """The first pass of a search, the fast way; None where there is none."""
        prefixes = self._prefixes(index)
        if len(queries) == 1:
            with timed("tokenize"):
                tokens = self._text_tokens.of(queries[0])
            with one_blas_thread:
                with timed("encode"):
                    single = self.model.single_for(tokens, prefixes)
                with timed("decode"):
                    return None if single is None else search_single(single, index.trie, settings, allowed)
        with timed("tokenize"):
            tokens, mask = self.tokens(queries)
        with timed("encode"):
            several = self.model.several_for(tokens, mask, prefixes)
        with timed("decode"):
            return None if several is None else search_several(several, index.trie, settings, allowed)

    def _tensors(self, trie: Trie) -> DeviceTrie | None:
        """The trie's arrays beside a model on a GPU; None on a CPU, and while products came that are not compacted."""
        if self.model.device.type == "cpu" or isinstance(trie, OverlayTrie):
            return None
        tensors = self._on_device  # read once: another thread may replace it
        if tensors is None or tensors.trie is not trie:
            self._on_device = tensors = DeviceTrie(trie, self.model.device)
        return tensors

    def _results(
        self, queries: Sequence[str], options: SearchOptions, where: Condition | str | None
    ) -> Iterator[SearchResult]:
        index = self.index.snapshot()
        allowed = self._allowed(index, where)
        plan = options.plan(index.trie.num_products, self.beam_width, index.text.has_log)
        step = max(1, MAX_ROWS // plan.beam.beam_width)
        for start in range(0, len(queries), step):
            batch = queries[start : start + step]
            read = [index.text.speller.read(text) if options.spell else Spelling(text, ()) for text in batch]
            found = self._found([spelling.text for spelling in read], index, plan, allowed)
            found = top(found, plan.k, plan.cap, index.trie.id_of)
            results = _typed(batch, read, found, index)
            if options.min_confidence is not None:
                given = features([spelling.text for spelling in read], found.positions, self.embedder, index)
                results = confident(results, self.calibration.confidence(given), options.min_confidence)
            yield from results

    def _found(self, texts: Sequence[str], index: Snapshot, plan: Plan, allowed: Allowed | None) -> Found:
        """What the plan's searches find, in one list."""
        if plan.by == "bm25":
            return by_words(texts, plan.beam.k, index, allowed)
        if plan.by == "beam":
            result = self._beam(texts, index, plan.beam, allowed)
            own = Found(result.positions, result.scores, result.proven, result.ids)
            if plan.cosine is None and plan.lexical is None:
                return own
        with timed("rank"):
            vectors = self.embedder.encode(texts)
            if plan.by == "dense":
                own = by_neighbours(vectors, plan.beam.k, index, allowed)
            else:
                own = reordered(own, vectors, plan.cosine or 0.0, index)
            if plan.lexical is None:
                return own
            return fused(own, texts, vectors, plan.lexical, index, allowed)


def _typed(queries: Sequence[str], read: Sequence[Spelling], found: Found, index: Snapshot) -> Iterator[SearchResult]:
    """One typed result per query; the products of all are fetched at once, which takes a fraction of the time."""
    some = found.positions >= 0
    with timed("rank"):
        positions = found.positions[some]
        ids = index.trie.id_of(positions) if found.ids is None else found.ids[some]
        return typed_results(queries, read, found, index.products(positions), ids)
