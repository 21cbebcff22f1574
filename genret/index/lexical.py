"""BM25 over the products of an index, by `bm25s`: a score for every position.

`Lexical` is built of a catalogue and saved with the index. `LexicalView` lays the products that came since over it;
these are weighed by the base's own statistics (how rare a word is, how long a product's text), as search engines do
between two merges, and `compact` counts anew.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from genret.data.product_text import TEXT_FIELDS, product_text
from genret.ground.arrays import Floats
from genret.ground.artifacts import read_json, write_json
from genret.ground.errors import GenretError
from genret.ground.settings import settings_dict
from genret.ground.types import Product
from genret.index.bm25 import bm25s
from genret.index.came import CameView
from genret.index.postings import Entries, numbered
from genret.index.spelling import count_words
from genret.search.overlay import OverlayTrie

WORD = re.compile(r"\w+")
WHOLE = "whole.json"
"""The file of the words of a whole catalogue, in the folder of a part's."""
AT_ONCE = 1 << 22
"""Scores that are held at once, if one text has no more: 16 MB."""


@dataclass(frozen=True)
class BM25Settings:
    """`k1` saturates a term's count, `b` weighs document length; the defaults are the usual untuned ones."""

    k1: float = 1.5
    b: float = 0.75
    stem: bool = True
    fields: tuple[str, ...] = ("title", "brand", "category", "description")

    def __post_init__(self) -> None:
        object.__setattr__(self, "fields", tuple(self.fields))
        if self.k1 < 0 or not 0 <= self.b <= 1:
            raise GenretError(f"BM25 k1={self.k1}, b={self.b}: expected k1 >= 0 and b from 0 to 1")
        if not self.fields or not set(self.fields) <= set(TEXT_FIELDS):
            raise GenretError(f"BM25 fields={self.fields}: expected some of {', '.join(TEXT_FIELDS)}")


class WholeWords(NamedTuple):
    """What the words of a whole catalogue come to, for an index that holds a part of it: `words_of` counts them.

    With these a product scores in a part what it scores in the whole, to the bit.
    """

    documents: int
    """Products."""
    total: int
    """Words of all of them."""
    holding: Mapping[str, int]
    """Word as BM25 reads it -> number of products with it."""
    held: Mapping[str, int]
    """Word as it is written, in lower case -> number of products with it."""

    @property
    def mean_length(self) -> float:
        return self.total / self.documents if self.documents else 0.0


class Ceilings(NamedTuple):
    """The most that a product of an index scores for each word, prefix by prefix of the semantic IDs."""

    words: Sequence[str]
    """(W,) as BM25 reads them."""
    starts: npt.NDArray[np.int64]
    """(W + 1,) where the entries of each word begin."""
    prefixes: npt.NDArray[np.int64]
    """(n,) those that have a product with the word, ascending within a word."""
    most: Floats
    """(n,) the most that a product below the prefix scores for the word."""


class IndexText(NamedTuple):
    """What an index is to know of words: how BM25 weighs them, and what shoppers have asked."""

    bm25: BM25Settings = BM25Settings()
    asked: Mapping[str, int] = {}
    """Word of the query log -> number of queries with it."""
    judged: int = 0
    """Judged queries that the run was trained on; 0 where it has no query log."""
    whole: WholeWords | None = None
    """Of the catalogue that this index holds a part of; None where it holds all of it."""


def word_splitter(stem: bool) -> Callable[[str], list[str]]:
    """A function from text to words: lower case, letters and digits, single characters kept, stemmed if asked."""
    if not stem:
        return lambda text: WORD.findall(text.lower())
    import Stemmer

    stemmer = Stemmer.Stemmer("english")
    return lambda text: list(stemmer.stemWords(WORD.findall(text.lower())))


def product_words(products: Iterable[Product], settings: BM25Settings) -> list[list[str]]:
    """Each product's words, fields in the order of the settings."""
    words, same = word_splitter(settings.stem), dict[str, str]()  # a word that many products hold is kept once
    texts = (product_text(product, settings.fields) for product in products)
    return [[same.setdefault(word, word) for word in words(text)] for text in texts]


class Lexical:
    """An inverted index over N products, with exact scores (Lucene's variant of BM25)."""

    def __init__(self, settings: BM25Settings, index: Any, products: int, whole: WholeWords) -> None:
        """`index`: a `bm25s.BM25` over N `products`, None where they hold no word; `whole` weighs their words."""
        self.settings, self._index, self.products, self.whole = settings, index, products, whole
        self.words = word_splitter(settings.stem)

    @classmethod
    def build(cls, tokens: Sequence[list[str]], settings: BM25Settings, whole: WholeWords | None = None) -> Lexical:
        """An index of N products, whose words are given (`product_words`, by the same settings).

        `whole`: of the catalogue that they are a part of, by which words then are weighed.
        """
        found = _Postings.of(tokens)
        whole = whole or WholeWords(len(tokens), int(found.lengths.sum()), found.holding(), {})
        if not len(found.words):
            return cls(settings, None, len(tokens), whole)
        index = bm25s().BM25(k1=settings.k1, b=settings.b, method="lucene")
        index.scores = found.scored(settings, whole)
        index.vocab_dict = {**{word: number for number, word in enumerate(found.vocabulary)}, "": len(found.vocabulary)}
        index.unique_token_ids_set, index.nonoccurrence_array = set(index.vocab_dict.values()), None
        return cls(settings, index, len(tokens), whole)

    @property
    def documents(self) -> int:
        """How many products the whole catalogue has."""
        return self.whole.documents

    @property
    def mean_length(self) -> float:
        """Mean number of words per product, in the whole catalogue."""
        return self.whole.mean_length

    def scores(self, queries: Sequence[Sequence[str]]) -> Floats:
        """(Q, N) float32: the score of every product for each query's words; 0 for those that share none with it."""
        scores = np.zeros((len(queries), self.products), np.float32)
        if self._index is not None:
            starts, products, worth = (self._index.scores[name] for name in ("indptr", "indices", "data"))
            Entries(starts, products, worth).add_to(scores, *numbered(queries, self._index.vocab_dict))
        return scores

    def ceilings(self, prefixes: npt.NDArray[np.int64]) -> Ceilings:
        """Of the (N,) prefixes of the products. A query scores below a prefix at most the sum over its words."""
        if self._index is None:
            return Ceilings((), np.zeros(1, np.int64), prefixes[:0], np.zeros(0, np.float32))
        data, products, starts = (np.asarray(self._index.scores[name]) for name in ("data", "indices", "indptr"))
        words = sorted(self._index.vocab_dict, key=self._index.vocab_dict.__getitem__)[: len(starts) - 1]
        span = int(prefixes.max()) + 1
        keys = np.repeat(np.arange(len(words)), np.diff(starts)) * span + prefixes[products]
        order = np.argsort(keys, kind="stable")
        entries, first = np.unique(keys[order], return_index=True)
        most = np.maximum.reduceat(data[order], first)
        begins = np.searchsorted(entries, np.arange(len(words) + 1) * span)
        return Ceilings(words, begins, entries % span, np.asarray(most, np.float32))

    def __contains__(self, word: object) -> bool:
        return word in self.whole.holding

    def rarity(self, word: str, also: int = 0) -> float:
        """A word's weight (inverse document frequency). One that is not in here: as if `also` products held it."""
        held, documents = self.holding(word), self.documents
        if not held:
            held, documents = also, documents + also
        return _rarity(held, documents)

    def holding(self, word: str) -> int:
        """How many of the whole catalogue's products hold a word."""
        return self.whole.holding.get(word, 0)

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays, and of the words as UTF-8 with one number per word."""
        if self._index is None:
            return 0
        arrays = sum(int(array.nbytes) for name, array in self._index.scores.items() if name != "num_docs")
        return arrays + sum(len(word.encode()) + 4 for word in self._index.vocab_dict)

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        about: dict[str, Any] = {"documents": self.products, "mean_length": self.mean_length}
        if self.products != self.documents:
            whole = {"documents": self.documents, "total": self.whole.total, "holding": dict(self.whole.holding)}
            write_json(folder / WHOLE, whole)
        settings = settings_dict(self.settings)
        write_json(folder / "lexical.json", {"settings": settings, **about, "empty": self._index is None})
        if self._index is not None:
            self._index.save(folder / "bm25", show_progress=False)

    @classmethod
    def open(cls, folder: Path) -> Lexical:
        """What `save` wrote."""
        about = read_json(folder / "lexical.json")
        settings, index, products = BM25Settings(**about["settings"]), None, about["documents"]
        if not about["empty"]:
            index = bm25s().BM25.load(folder / "bm25", show_progress=False)
        if (folder / WHOLE).exists():
            whole = read_json(folder / WHOLE)
            return cls(settings, index, products, WholeWords(whole["documents"], whole["total"], whole["holding"], {}))
        holding = {} if index is None else _holding(index)
        return cls(settings, index, products, WholeWords(products, round(about["mean_length"] * products), holding, {}))


class _Postings(NamedTuple):
    """The words of N products, counted: one entry for each word of each product, by word, then by product."""

    vocabulary: list[str]
    words: npt.NDArray[np.int64]
    """(n,) the word's number."""
    products: npt.NDArray[np.int64]
    """(n,)"""
    times: npt.NDArray[np.int64]
    """(n,) how often the word occurs in the product."""
    lengths: npt.NDArray[np.int64]
    """(N,) how many words each product has, repeated ones included."""

    @classmethod
    def of(cls, tokens: Sequence[list[str]]) -> _Postings:
        lengths = np.fromiter(map(len, tokens), np.int64, len(tokens))
        vocabulary = sorted(set(chain.from_iterable(tokens)))
        number = {word: place for place, word in enumerate(vocabulary)}
        said = np.fromiter((number[word] for words in tokens for word in words), np.int64, int(lengths.sum()))
        keys = said * len(tokens) + np.repeat(np.arange(len(tokens)), lengths)
        keys, times = np.unique(keys, return_counts=True)
        words, products = np.divmod(keys, max(1, len(tokens)))
        return cls(vocabulary, words, products, times, lengths)

    def holding(self) -> dict[str, int]:
        """Word -> number of products with it."""
        counts = np.bincount(self.words, minlength=len(self.vocabulary)).tolist()
        return dict(zip(self.vocabulary, counts, strict=True))

    def scored(self, settings: BM25Settings, whole: WholeWords) -> dict[str, Any]:
        """What `bm25s.BM25.index` makes of the words, to the bit, but weighed by a whole that may be larger."""
        rarities = [_rarity(whole.holding[word], whole.documents) for word in self.vocabulary]
        saturation = settings.k1 * ((1 - settings.b) + settings.b * self.lengths / whole.mean_length)
        weights = self.times / (saturation[self.products] + self.times)
        data = (np.array(rarities, np.float32)[self.words] * weights).astype(np.float32)
        starts = np.searchsorted(self.words, np.arange(len(self.vocabulary) + 1))
        return {
            "data": data,
            "indices": self.products.astype(np.int32),
            "indptr": starts.astype(np.int32 if len(data) < 1 << 31 else np.int64),
            "num_docs": len(self.lengths),
        }


def _holding(index: Any) -> dict[str, int]:
    """Word -> number of products with it, of a `bm25s.BM25`."""
    counts = np.diff(index.scores["indptr"]).tolist()
    return {word: counts[number] for word, number in index.vocab_dict.items() if number < len(counts)}


def _rarity(held: int, documents: int) -> float:
    return math.log(1 + (documents - held + 0.5) / (held + 0.5))


def words_of(products: Sequence[Product], settings: BM25Settings) -> WholeWords:
    """The words of some products, counted."""
    found = _Postings.of(product_words(products, settings))
    held = count_words(product_text(product, TEXT_FIELDS) for product in products)
    return WholeWords(len(products), int(found.lengths.sum()), found.holding(), dict(held))


def scores_by_words(lexical: Lexical | LexicalView, texts: Sequence[str]) -> Iterator[tuple[slice, Floats]]:
    """The (q, N) scores of all products for q of the texts, and which these are: as many as there is room for."""
    step = max(1, AT_ONCE // max(1, lexical.products))
    for start in range(0, len(texts), step):
        rows = slice(start, start + step)
        yield rows, lexical.scores([lexical.words(text) for text in texts[rows]])


class LexicalView:
    """The scores of a base and of the products that came since, by the positions of both together."""

    def __init__(self, base: Lexical, trie: OverlayTrie | None = None, came: CameView | None = None) -> None:
        """`came`: the words of the trie's delta."""
        self.base, self._trie, self._came = base, trie, came
        self.words = base.words

    @property
    def products(self) -> int:
        """Positions, those of deleted products included."""
        return self.base.products if self._trie is None else self._trie.num_products

    def scores(self, queries: Sequence[Sequence[str]]) -> Floats:
        """(Q, N) float32 at every position, deleted products included; 0 where a product shares no word."""
        base = self.base.scores(queries)
        if self._trie is None or self._came is None:
            return base
        scores = np.empty((len(queries), self._trie.num_products), np.float32)
        of_base = np.ones(scores.shape[1], np.bool_)
        of_base[self._trie.slots] = False
        scores[:, of_base], scores[:, self._trie.slots] = base, self._scores_of(self._came, queries)
        return scores

    def __contains__(self, word: object) -> bool:
        return word in self.base or (isinstance(word, str) and self._coming(word) > 0)

    def holding(self, word: str) -> int:
        """How many products hold a word, deleted ones included."""
        return self.base.holding(word) + self._coming(word)

    def rarity(self, word: str) -> float:
        """A word's weight; 0 for one that no product holds."""
        return self.base.rarity(word, self._coming(word)) if word in self else 0.0

    def _coming(self, word: str) -> int:
        """How many of the products that came hold a word."""
        return 0 if self._came is None else self._came.holding(word)

    def _scores_of(self, came: CameView, queries: Sequence[Sequence[str]]) -> npt.NDArray[np.float64]:
        """(Q, n) of the products that came; every word in one adds more than 0."""
        total = np.zeros((len(queries), len(self._saturation)))
        words = [word for word in dict.fromkeys(chain.from_iterable(queries)) if came.holding(word)]
        if not words:
            return total
        positions, times = (np.concatenate(column) for column in zip(*map(came.said, words), strict=True))
        counts = np.array([came.holding(word) for word in words])
        rarity = np.array([self.rarity(word) for word in words]).repeat(counts)
        starts = np.cumsum([0, *counts])
        entries = Entries(starts, positions, rarity * times / (times + self._saturation[positions]))
        entries.add_to(total, *numbered(queries, {word: number for number, word in enumerate(words)}))
        return total

    @cached_property
    def _saturation(self) -> npt.NDArray[np.float64]:
        """(n,) how often a word must occur in each product that came, to count with half of its weight."""
        lengths = np.zeros(0) if self._came is None else self._came.lengths.astype(np.float64)
        mean = self.base.mean_length or (lengths.mean() if len(lengths) else 0.0) or 1.0
        k1, b = self.base.settings.k1, self.base.settings.b
        return k1 * (1 - b + b * lengths / mean)
