"""BM25 over product text, by `bm25s`, and the tuning of its parameters."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from genret.data.product_text import product_text
from genret.data.records import Catalogue, Dataset
from genret.eval.measures import evaluate
from genret.eval.runs import RankedList, ranked, top_rows, without_own
from genret.ground.errors import GenretError, require
from genret.ground.types import Judgement, Query, Split

FIELDS = ("title", "brand", "category", "description", "attributes")
WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class BM25Settings:
    """`k1` saturates a term's count, `b` weighs document length; the defaults are the usual untuned ones."""

    k1: float = 1.5
    b: float = 0.75
    stem: bool = True
    fields: tuple[str, ...] = ("title", "brand", "category", "description")

    def __post_init__(self) -> None:
        if self.k1 < 0 or not 0 <= self.b <= 1:
            raise GenretError(f"BM25 k1={self.k1}, b={self.b}: expected k1 >= 0 and b from 0 to 1")
        if not self.fields or not set(self.fields) <= set(FIELDS):
            raise GenretError(f"BM25 fields={self.fields}: expected some of {', '.join(FIELDS)}")


@dataclass(frozen=True)
class BM25Grid:
    """What `tune` tries: every combination."""

    k1: tuple[float, ...] = (0.3, 0.6, 0.9, 1.2, 1.5)
    b: tuple[float, ...] = (0.2, 0.4, 0.6, 0.75)
    stem: tuple[bool, ...] = (False, True)
    fields: tuple[tuple[str, ...], ...] = (("title",), ("title", "brand", "category", "description"))


class Tuned(NamedTuple):
    """The winning settings and every trial, `(settings, value)`, in the order tried."""

    settings: BM25Settings
    value: float
    measure: str
    trials: tuple[tuple[BM25Settings, float], ...]


class BM25:
    """An index over a catalogue's `fields`; searched with exact scores (Lucene's variant), ties by product row."""

    def __init__(
        self, catalogue: Catalogue, settings: BM25Settings | None = None, tokens: list[list[str]] | None = None
    ) -> None:
        """`tokens`: the products' words, where `catalogue_tokens` has already made them for settings like these."""
        self.settings = settings or BM25Settings()
        self.product_ids = catalogue.ids
        self._tokens = tokenizer(self.settings.stem)
        self._index = _index(tokens or catalogue_tokens(catalogue, self.settings), self.settings)

    @property
    def nbytes(self) -> int:
        """Of the index: its arrays, and its words as UTF-8 with a number each."""
        arrays = sum(int(array.nbytes) for name, array in self._index.scores.items() if name != "num_docs")
        return arrays + sum(len(word.encode()) + 4 for word in self._index.vocab_dict)

    def search(self, queries: Sequence[Query], k: int = 100) -> dict[str, RankedList]:
        """Up to k products per query, those that share at least one word with it."""
        return {query.id: self._search(self._tokens(query.text), k) for query in queries}

    def _search(self, tokens: list[str], k: int) -> RankedList:
        known = [token for token in tokens if token in self._index.vocab_dict]
        if not known:
            return RankedList((), ())
        scores = self._index.get_scores(known)  # (N,)
        rows = top_rows(scores, k)
        rows = rows[scores[rows] > 0]
        return ranked((self.product_ids[row] for row in rows), scores[rows].tolist())


def tune(
    dataset: Dataset,
    split: Split = "train",
    grid: BM25Grid | None = None,
    sample: int = 500,
    measure: str = "recall@10",
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
) -> Tuned:
    """The settings of `grid` with the best mean `measure` on a seeded sample of a split's answerable queries.

    Ties go to the earlier combination. Tune on train (or dev), never on what is reported.
    """
    grid = grid or BM25Grid()
    queries, judgements = _sample(dataset, split, sample, seed)
    if not queries:
        raise GenretError(
            f"data set {dataset.name!r} has no judged query with a relevant product in its {split} split to tune BM25 "
            "on; tune on another split, or use the untuned BM25"
        )
    trials: list[tuple[BM25Settings, float]] = []
    tried: list[list[list[str]]] = []
    for stem, fields in itertools.product(grid.stem, grid.fields):
        base = BM25Settings(stem=stem, fields=fields)
        tokens = catalogue_tokens(dataset.catalogue, base)
        if tokens in tried:  # the further fields are empty in this catalogue
            continue
        tried.append(tokens)
        for k1, b in itertools.product(grid.k1, grid.b):
            settings = replace(base, k1=k1, b=b)
            run = BM25(dataset.catalogue, settings, tokens).search(queries, 100 + dataset.queries_are_products)
            run = without_own(run, 100) if dataset.queries_are_products else run
            value = evaluate(run, judgements, dataset.relevant_at, dataset.irrelevant_grade).means[measure]
            trials.append((settings, value))
            if progress:
                progress(f"BM25 k1={k1} b={b} stem={stem} fields={'+'.join(fields)}: {measure} {value:.4f}")
    best = max(range(len(trials)), key=lambda i: (trials[i][1], -i))
    return Tuned(*trials[best], measure, tuple(trials))


def tokenizer(stem: bool) -> Callable[[str], list[str]]:
    """A function from text to words: lower case, letters and digits, single characters kept, stemmed if asked."""
    if not stem:
        return lambda text: WORD.findall(text.lower())
    stemmer = require("Stemmer", "eval").Stemmer("english")
    return lambda text: list(stemmer.stemWords(WORD.findall(text.lower())))


def catalogue_tokens(catalogue: Catalogue, settings: BM25Settings) -> list[list[str]]:
    """Each product's words, fields in the order of the settings."""
    words = tokenizer(settings.stem)
    return [words(product_text(product, settings.fields)) for product in catalogue]


def _index(tokens: list[list[str]], settings: BM25Settings) -> Any:
    if not any(tokens):
        raise GenretError("BM25 found no words in the catalogue's fields; choose other fields")
    index = require("bm25s", "eval").BM25(k1=settings.k1, b=settings.b, method="lucene")
    index.index(tokens, show_progress=False)
    return index


def _sample(dataset: Dataset, split: Split, sample: int, seed: int) -> tuple[list[Query], list[Judgement]]:
    judgements = dataset.split_judgements(split)
    answerable = {j.query_id for j in judgements if j.grade >= dataset.relevant_at}
    queries = [query for query in dataset.split_queries(split) if query.id in answerable]
    chosen = np.sort(np.random.default_rng(seed).permutation(len(queries))[:sample])
    queries = [queries[i] for i in chosen]
    ids = {query.id for query in queries}
    return queries, [j for j in judgements if j.query_id in ids]
