"""BM25's parameters, tuned on a split's judged queries."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np

from genret.data.records import Dataset
from genret.ground.errors import GenretError
from genret.ground.settings import check_range
from genret.ground.types import Judgement, Query, Split
from genret.index.lexical import BM25Settings, IndexText, Lexical, product_words, scores_by_words
from genret.index.spelling import count_words
from genret.search.ranking import best_columns

CUTOFF = 10
MEASURE = f"recall@{CUTOFF}"


@dataclass(frozen=True)
class BM25Grid:
    """What `tune` tries: every combination."""

    k1: tuple[float, ...] = (0.3, 0.6, 0.9, 1.2, 1.5)
    b: tuple[float, ...] = (0.2, 0.4, 0.6, 0.75)
    stem: tuple[bool, ...] = (False, True)
    fields: tuple[tuple[str, ...], ...] = (("title",), BM25Settings.fields)


GRIDS = {
    "none": BM25Grid((BM25Settings.k1,), (BM25Settings.b,), (BM25Settings.stem,), (BM25Settings.fields,)),
    "quick": BM25Grid(k1=(0.6, 1.2), b=(0.3, 0.75), stem=(True,), fields=(BM25Settings.fields,)),
    "full": BM25Grid(),
}


@dataclass(frozen=True)
class TuneSettings:
    """How BM25 is tuned on a split's judged queries."""

    grid: Literal["none", "quick", "full"] = "quick"
    """How many combinations are tried: one, the usual; 4; or 80."""
    queries: int = 300
    """Of the split, drawn at random."""
    seed: int = 0
    """Of that drawing."""

    def __post_init__(self) -> None:
        if self.grid not in GRIDS:
            raise GenretError(f"grid={self.grid!r}: expected one of {', '.join(GRIDS)}")
        check_range("queries", self.queries, 1)


class Tuned(NamedTuple):
    """The winning settings and every trial, `(settings, recall@10)`, in the order tried."""

    settings: BM25Settings
    value: float
    trials: tuple[tuple[BM25Settings, float], ...]


def index_text(dataset: Dataset, settings: TuneSettings) -> IndexText:
    """What an index is to know of words: BM25 tuned on the train queries, if there are judged ones, and their words."""
    asked = count_words(query.text for query in dataset.split_queries("train"))
    judged = {judgement.query_id for judgement in dataset.split_judgements("train")}
    try:
        bm25 = tune(dataset, "train", GRIDS[settings.grid], settings.queries, settings.seed).settings
    except GenretError:  # nothing to tune on
        bm25 = BM25Settings()
    return IndexText(bm25, asked, len(judged))


def tune(
    dataset: Dataset,
    split: Split = "train",
    grid: BM25Grid | None = None,
    sample: int = 500,
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
) -> Tuned:
    """The settings of `grid` with the best mean recall@10 on a seeded sample of a split's answerable queries.

    Ties go to the earlier combination. Tune on train (or dev), never on what is reported.
    """
    grid = grid or BM25Grid()
    queries, judgements = _sample(dataset, split, sample, seed)
    if not queries:
        raise GenretError(
            f"data set {dataset.name!r} has no judged query with a relevant product in its {split} split to tune BM25 "
            "on; tune on another split, or use the untuned BM25"
        )
    relevant = _relevant(dataset, queries, judgements)
    row_of = {product: row for row, product in enumerate(dataset.catalogue.ids)} if dataset.queries_are_products else {}
    itself = [row_of.get(query.id, -1) for query in queries]
    trials: list[tuple[BM25Settings, float]] = []
    tried: list[list[list[str]]] = []
    for stem, fields in itertools.product(grid.stem, grid.fields):
        base = BM25Settings(stem=stem, fields=fields)
        tokens = product_words(dataset.catalogue, base)
        if tokens in tried:  # the further fields are empty in this catalogue
            continue
        tried.append(tokens)
        for k1, b in itertools.product(grid.k1, grid.b):
            settings = replace(base, k1=k1, b=b)
            value = _recall(Lexical.build(tokens, settings), queries, relevant, itself)
            trials.append((settings, value))
            if progress:
                progress(f"BM25 k1={k1} b={b} stem={stem} fields={'+'.join(fields)}: {MEASURE} {value:.4f}")
    best = max(range(len(trials)), key=lambda i: (trials[i][1], -i))
    return Tuned(*trials[best], tuple(trials))


def _recall(
    index: Lexical, queries: Sequence[Query], relevant: Sequence[frozenset[int]], itself: Sequence[int]
) -> float:
    """Mean recall@10; `relevant` are rows, `itself` the row that a query is, left out of what it finds (-1: none)."""
    found = scores_by_words(index, [query.text for query in queries])
    best = [row for _, scores in found for row in best_columns(scores, CUTOFF + 1, above=0)[0].tolist()]
    recalls = []
    for each, rows, own in zip(best, relevant, itself, strict=True):
        left = [row for row in each if row not in (own, -1)][:CUTOFF]
        recalls.append(len(rows.intersection(left)) / len(rows))
    return float(np.mean(recalls))


def _relevant(dataset: Dataset, queries: Sequence[Query], judgements: Sequence[Judgement]) -> list[frozenset[int]]:
    """Per query, the rows of its relevant products; those that the catalogue lacks count as misses, below 0."""
    ids: dict[str, set[str]] = {query.id: set() for query in queries}
    for judgement in judgements:
        if judgement.grade >= dataset.relevant_at:
            ids[judgement.query_id].add(judgement.product_id)
    row_of = {product: row for row, product in enumerate(dataset.catalogue.ids)}
    return [frozenset(row_of.get(one, -1 - i) for i, one in enumerate(found)) for found in ids.values()]


def _sample(dataset: Dataset, split: Split, sample: int, seed: int) -> tuple[list[Query], list[Judgement]]:
    judgements = dataset.split_judgements(split)
    answerable = {j.query_id for j in judgements if j.grade >= dataset.relevant_at}
    queries = [query for query in dataset.split_queries(split) if query.id in answerable]
    chosen = np.sort(np.random.default_rng(seed).permutation(len(queries))[:sample])
    queries = [queries[i] for i in chosen]
    ids = {query.id for query in queries}
    return queries, [j for j in judgements if j.query_id in ids]
