"""`ShardedRetriever.load(folder).search(queries)`: a run in shards, searched as `Retriever` searches it whole.

The answers are those of the whole run: hits, scores and certificate, whatever the number of shards. Who coordinates has
the run's head, which knows the model and no product: it finds what the first codes (L1, and L2 if there are not too
many) are worth to a query, and asks the shards that may matter; `genret.search.parts` says when that is enough. It does
not know where the shards are.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from threading import Lock
from typing import Literal, TypeAlias

import numpy as np

from genret.ground.arrays import Floats, Ints
from genret.ground.checks import choice, path
from genret.ground.errors import GenretError
from genret.ground.types import SearchResult
from genret.index.filter_text import as_condition
from genret.index.filters import Condition
from genret.index.shards import HEAD, Shards, read_shards
from genret.index.spelling import Spelling
from genret.pipeline.ceilings import WordBounds
from genret.pipeline.confidence import confident, features_of
from genret.pipeline.crew import Crew, Lost, Share
from genret.pipeline.finding import Found, by_cosine, fused_by, top
from genret.pipeline.folder import RunFolder
from genret.pipeline.gathering import Asked, Gathering
from genret.pipeline.options import Plan, SearchOptions
from genret.pipeline.retriever import MAX_QUERIES, MAX_ROWS, Retriever
from genret.pipeline.searcher import Searcher, typed_results
from genret.pipeline.shard import Codes, Encoded, LocalShard, Shard
from genret.search.first import Known, first_levels
from genret.search.fusion import union

WhenDown: TypeAlias = Literal["error", "partial"]
"""What becomes of a search that needs a shard which does not answer."""
MAX_CONDITIONS = 200
"""Conditions whose prefixes are remembered."""


class ShardedRetriever(Searcher):
    """A head and the shards that were cut with it, of one generation.

    `search` answers as that of the whole run, up to the rounding of scores. With `max_per_prefix` the shards' own beams
    are put together instead, which together look at more than the whole beam: the answer is the same where both are
    certified. A result whose `missing` names shards is without what these hold; it is never certified.

    >>> whole = ShardedRetriever.load("shards/demo")
    >>> len(whole.search("oat milk", k=3))
    3
    """

    def __init__(
        self,
        head: Retriever,
        shards: Sequence[Shard],
        about: Shards,
        when_down: WhenDown = "error",
        threads: int = 1,
        batch: int = MAX_QUERIES,
    ) -> None:
        """`threads`: how many shards are asked at once, `batch`: queries asked of one together."""
        self.head, self.about = head, about
        self.when_down = choice("when_down", when_down, ("error", "partial"))
        self._batch = batch
        self.crew = Crew(shards, about.starts, threads)
        self.encoded = Encoded(head)
        self._conditions: dict[str | None, Known] = {}
        self._word_bounds: WordBounds | None = None
        self._share, self._lock = Share(0, 0, len(shards)), Lock()

    def __repr__(self) -> str:
        about = self.about
        held = f"{about.products:,} products in {len(about.shards)} shards"
        return f"ShardedRetriever({held}, generation {about.generation})"

    @classmethod
    def load(cls, folder: str | Path, *, device: str = "auto") -> ShardedRetriever:
        """All shards that `genret shards` wrote at `folder`, in this process, with one model for all of them.

        Raises GenretError if one is missing, damaged, or of another generation than the manifest says.
        """
        about = read_shards(path("folder", folder))
        head = load_head(about, device)
        found = cls(head, (), about)
        shards = []
        for one in about.shards:
            run = RunFolder.existing(about.folder(one))
            if run.version != one.version:
                raise GenretError(f"{run.path}: another version than the shards' manifest says; run: genret shards")
            retriever = Retriever(head.model, head._text_tokens, run.index(), run, head.beam_width)
            shards.append(LocalShard(one.name, retriever, found.encoded))
        found.crew, found._share = Crew(shards, about.starts), Share(0, 0, len(shards))
        return found

    @property
    def beam_width(self) -> int:
        """Of searches that name none."""
        return self.head.beam_width

    @property
    def share(self) -> Share:
        """How many shards the searches so far have asked."""
        return self._share

    def close(self) -> None:
        """Ask no shard any more."""
        self.crew.close()

    def _results(
        self, queries: Sequence[str], options: SearchOptions, where: Condition | str | None
    ) -> Iterator[SearchResult]:
        condition = None if where is None else str(as_condition(where))
        text = self.head.index.snapshot().text
        plan = options.plan(self.about.products, self.beam_width, text.has_log)
        step = min(self._batch, max(1, MAX_ROWS // plan.beam.beam_width))
        for start in range(0, len(queries), step):
            batch = queries[start : start + step]
            read = [text.speller.read(query) if options.spell else Spelling(query, ()) for query in batch]
            yield from self._whole_or_part(batch, read, plan, (condition, options.min_confidence))

    def _whole_or_part(
        self, batch: Sequence[str], read: Sequence[Spelling], plan: Plan, asked: tuple[str | None, float | None]
    ) -> list[SearchResult]:
        """The results of a batch: of all shards or, where some are down and that is allowed, of those that answer.

        `asked`: the condition, and the least confidence.
        """
        where, least = asked
        down: set[int] = set()
        while True:
            try:
                gathering = self._gathering([one.text for one in read], where, down)
                found = self._found(gathering, plan)
                self._note(gathering)
                found = top(found, plan.k, plan.cap, lambda places: self.crew.products(places)[1])
                missing = gathering.missing([one.name for one in self.about.shards], plan)
                products, ids = self.crew.products(found.positions[found.positions >= 0])
                results = typed_results(batch, read, found, products, ids, missing)
                return list(results if least is None else self._confident(results, found, gathering, least))
            except Lost as lost:
                if self.when_down == "error" or lost.number in down:
                    raise lost.error from None
                down.add(lost.number)

    def _gathering(self, texts: Sequence[str], where: str | None, down: set[int]) -> Gathering:
        asked = Asked(list(texts), where, self._known(where, down), frozenset(down))
        return Gathering(self.crew, asked, lambda: self.encoded.decoder(texts))

    def _known(self, where: str | None, down: set[int]) -> Known:
        """The prefixes that a condition allows; of shards that are down all that there may be."""
        known = self._conditions.get(where)
        if known is None:
            codes = self._codes(where, down)
            every = range(len(self.crew.shards))
            prefixes = [codes[number].prefixes if number in codes else self._possible(number) for number in every]
            known = Known.of(prefixes, self.about.codebook_sizes, self.about.owners)
            if not down:
                if len(self._conditions) >= MAX_CONDITIONS:
                    self._conditions.clear()
                self._conditions[where] = known
        return known

    def _possible(self, number: int) -> Ints:
        """(n,) the prefixes that a shard may have."""
        sizes, own = self.about.codebook_sizes, self.head.model.decoder.prefixes
        depth, shard = first_levels(sizes), self.about.shards[number]
        if own is not None:
            prefixes = np.ravel_multi_index(tuple(own.ids(depth).cpu().numpy().T), sizes[:depth])
        else:
            prefixes = np.arange(math.prod(sizes[:depth]))
        start, stop = (code * math.prod(sizes[1:depth]) for code in (shard.start, shard.stop))
        return prefixes[(prefixes >= start) & (prefixes < stop)]

    def _codes(self, where: str | None, down: set[int]) -> dict[int, Codes]:
        """What each shard that answers says of a condition. A GenretError if no product has what it asks for."""
        known = self.crew.codes(where, [one for one in range(len(self.crew.shards)) if one not in down])
        for problems in zip(*(one.problems for one in known.values()), strict=True):
            if all(problems):
                raise GenretError(problems[0])
        return known

    def _found(self, gathering: Gathering, plan: Plan) -> Found:
        """What the plan's searches find, in one list."""
        if plan.by == "bm25":
            return gathering.words(plan.beam.k, self._bounds(gathering))
        if plan.by == "beam":
            own = gathering.beam(plan.beam)
            if plan.cosine is None and plan.lexical is None:
                return own
        vectors = self.head.embedder.encode(gathering.texts)
        if plan.by == "dense":
            own = gathering.neighbours(vectors, plan.beam.k)
        else:
            own = by_cosine(own, self.crew.weights(gathering.texts, vectors, own.positions).cosines, plan.cosine or 0.0)
        if plan.lexical is None:
            return own
        words = gathering.words(plan.beam.k, self._bounds(gathering))
        positions = union(own.positions, words.positions)
        weights = self.crew.weights(gathering.texts, vectors, positions)
        return fused_by(own, words, positions, weights, (np.ones(len(positions)), plan.lexical))

    def _bounds(self, gathering: Gathering) -> Floats:
        """(Q, S) the most that any product of each shard can score by BM25."""
        bounds = self._word_bounds
        if bounds is None:
            numbers = range(len(self.crew.shards))
            told = self.crew.ceilings([number for number in numbers if number not in gathering.down])
            bounds = WordBounds(told, len(numbers))
            self._word_bounds = None if gathering.down else bounds  # of one that is down: once it answers
        split = self.head.index.snapshot().text.lexical.words
        return bounds.of([split(text) for text in gathering.texts], gathering.known)

    def _note(self, gathering: Gathering) -> None:
        with self._lock:
            queries, asked, of = self._share
            self._share = Share(queries + len(gathering.texts), asked + int(gathering.asked.sum()), of)

    def _confident(
        self, results: Iterable[SearchResult], found: Found, gathering: Gathering, least: float
    ) -> Iterator[SearchResult]:
        """The results without hits of less confidence, the others with theirs."""
        text, texts = self.head.index.snapshot().text, gathering.texts
        weights = self.crew.weights(texts, self.head.embedder.encode(texts), found.positions)
        return confident(results, self.head.calibration.confidence(features_of(texts, text, weights)), least)


def load_head(about: Shards, device: str = "auto") -> Retriever:
    """The head of some shards; a GenretError if it is of another generation than their manifest says."""
    folder = about.path / HEAD
    if RunFolder.existing(folder).version != about.head:
        raise GenretError(f"{folder}: another version than the shards' manifest says; run: genret shards")
    return Retriever.load(folder, device=device)
