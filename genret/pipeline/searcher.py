"""What can be asked of a search, said once: of a run that is whole, and of one that is in shards.

`Retriever` and `ShardedRetriever` inherit `search` from here, and say how the results come about.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, TypedDict, overload

from genret.ground.arrays import Ints
from genret.ground.types import Hit, Product, SearchResult
from genret.index.filters import Condition
from genret.index.spelling import Spelling
from genret.pipeline.arguments import Errors, check_queries
from genret.pipeline.finding import Found
from genret.pipeline.options import Finder, SearchOptions

if TYPE_CHECKING:
    from typing_extensions import Unpack


class Keywords(TypedDict, total=False):
    """The options of `Searcher.search`, for type checkers; what each means and its default stand there."""

    beam_width: int | None
    exact: bool
    where: Condition | str | None
    max_per_prefix: int | None
    rescore: bool | float
    hybrid: bool | None
    by: Finder
    spell: bool
    min_confidence: float | None
    errors: Errors


class Searcher(ABC):
    """Something that answers queries with products."""

    @overload
    def search(  # type: ignore[overload-overlap]  # a string is a sequence of strings, and is not meant as one
        self, queries: str, k: int = ..., **options: Unpack[Keywords]
    ) -> SearchResult: ...
    @overload
    def search(self, queries: Sequence[str], k: int = ..., **options: Unpack[Keywords]) -> list[SearchResult]: ...
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
        hybrid: bool | None = None,
        by: Finder = "beam",
        spell: bool = True,
        min_confidence: float | None = None,
        errors: Errors = "raise",
    ) -> SearchResult | list[SearchResult]:
        """The best `k` products for a query, or for each of several: best first, ties broken by semantic ID.

        Products that share an ID have one score and are ranked among themselves by popularity, then by id. `where`
        restricts the search to products that meet a condition (see `genret.index.filters`), inside the beam, so that k
        allowed products come back wherever so many exist. `exact` widens the search until the top k is certified: the
        model scores no allowed product higher. `max_per_prefix` caps hits that share L1-L2. `beam_width`: prefixes
        kept per level; by default the run's own. Neither it nor `k` goes beyond the catalogue.

        `rescore` orders the products that the beam found by the cosine of their embeddings with the query's instead,
        which then is the score; a number w orders them by cosine + w * log-probability. `hybrid` fuses that order (w =
        0.02 unless `rescore` says otherwise) with BM25's: one list, scores from 0 to 1, every product scored by both.
        None: as the run would have it, which is hybrid where it had no query log to train on. `by` finds products by
        "bm25" alone, or by "dense", exact nearest neighbours, in place of the beam. Only a plain beam is certified.

        `spell` reads words that neither products nor shoppers know as known ones nearby; the result says how it read.
        `min_confidence`: leave out hits that are less likely than this to be relevant, so that nonsense finds nothing;
        every hit then says how likely it is. Needs `genret calibrate RUN`.

        `errors`: "raise" a GenretError for a query that cannot be searched, or "return" it as `SearchResult.error`, so
        that one bad query of many does not lose the others.
        """
        asked = check_queries(queries, errors)
        options = SearchOptions(k, beam_width, exact, max_per_prefix, rescore, hybrid, by, spell, min_confidence)
        results = asked.results(list(self._results(asked.texts, options, where)))
        return results[0] if isinstance(queries, str) else results

    @abstractmethod
    def _results(
        self, queries: Sequence[str], options: SearchOptions, where: Condition | str | None
    ) -> Iterator[SearchResult]:
        """One result per query, in their order."""


def typed_results(
    queries: Sequence[str],
    read: Sequence[Spelling],
    found: Found,
    products: Sequence[Product],
    ids: Ints,
    missing: Sequence[tuple[str, ...]] = (),
) -> Iterator[SearchResult]:
    """One result per query, of the products that stand at all positions, query after query, and their (n, L) IDs.

    `missing`: query by query the names of shards that are not in it; a result that lacks one is not certified.
    """
    pairs = zip(products, map(tuple, ids.tolist()), strict=True)
    some = found.positions >= 0
    for row, (query, spelling) in enumerate(zip(queries, read, strict=True)):
        scores = found.scores[row][some[row]].tolist()
        ranked = enumerate(zip(scores, pairs, strict=False), start=1)  # `pairs` goes on with the next query's
        hits = tuple(Hit(product, score, rank, id) for rank, (score, (product, id)) in ranked)
        corrected = spelling.text if spelling.text != query else None
        lacking = missing[row] if missing else ()
        certified = bool(found.certified[row]) and not lacking
        yield SearchResult(query, hits, certified, corrected, spelling.unknown, missing=lacking)
