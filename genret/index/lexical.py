"""BM25 over the products of an index, by `bm25s`: a score for every position. Knows words; no embeddings, no IDs.

`Lexical` is built of a catalogue and saved with the index. `LexicalView` lays the products that came since over it;
these are weighed by the base's own statistics (how rare a word is, how long a product's text), as search engines do
between two merges, and `compact` counts anew.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from genret.data.product_text import TEXT_FIELDS, product_text
from genret.ground.artifacts import read_json, write_json
from genret.ground.errors import GenretError
from genret.ground.settings import settings_dict
from genret.ground.types import Product
from genret.search.bits import Ints
from genret.search.overlay import OverlayTrie

WORD = re.compile(r"\w+")
Floats = npt.NDArray[np.float32]


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


class IndexText(NamedTuple):
    """What an index is to know of words: how BM25 weighs them, and what shoppers have asked."""

    bm25: BM25Settings = BM25Settings()
    asked: Mapping[str, int] = {}
    """Word of the query log -> number of queries with it."""
    judged: int = 0
    """Judged queries that the run was trained on; 0 where it has no query log."""


def word_splitter(stem: bool) -> Callable[[str], list[str]]:
    """A function from text to words: lower case, letters and digits, single characters kept, stemmed if asked."""
    if not stem:
        return lambda text: WORD.findall(text.lower())
    import Stemmer

    stemmer = Stemmer.Stemmer("english")
    return lambda text: list(stemmer.stemWords(WORD.findall(text.lower())))


def product_words(products: Iterable[Product], settings: BM25Settings) -> list[list[str]]:
    """Each product's words, fields in the order of the settings."""
    words = word_splitter(settings.stem)
    return [words(product_text(product, settings.fields)) for product in products]


class Lexical:
    """An inverted index over N products, with exact scores (Lucene's variant of BM25)."""

    def __init__(self, settings: BM25Settings, index: Any, documents: int, mean_length: float) -> None:
        """`index`: a `bm25s.BM25`, None where the products hold no word at all."""
        self.settings, self._index, self.documents, self.mean_length = settings, index, documents, mean_length
        self.words = word_splitter(settings.stem)

    @classmethod
    def build(cls, tokens: Sequence[list[str]], settings: BM25Settings) -> Lexical:
        """An index of N products, whose words are given (`product_words`, by the same settings)."""
        total = sum(map(len, tokens))
        if not total:
            return cls(settings, None, len(tokens), 0.0)
        import bm25s

        index = bm25s.BM25(k1=settings.k1, b=settings.b, method="lucene")
        index.index(list(tokens), show_progress=False)
        return cls(settings, index, len(tokens), total / len(tokens))

    def scores(self, words: Sequence[str]) -> Floats:
        """(N,) float32: the score of every product, -inf for those that share no word with the query's `words`."""
        known = [word for word in words if word in self]
        if not known:
            return np.full(self.documents, -np.inf, np.float32)
        scores = np.asarray(self._index.get_scores(known), np.float32)
        return np.where(scores > 0, scores, np.float32(-np.inf))

    def __contains__(self, word: object) -> bool:
        return self._index is not None and word in self._index.vocab_dict

    def rarity(self, word: str, also: int = 0) -> float:
        """A word's weight (inverse document frequency); of one that is not in here, as if `also` products held it."""
        held, documents = self.holding(word), self.documents
        if not held:
            held, documents = also, documents + also
        return math.log(1 + (documents - held + 0.5) / (held + 0.5))

    def holding(self, word: str) -> int:
        """How many of the products hold a word."""
        if word not in self:
            return 0
        number = self._index.vocab_dict[word]
        return int(self._index.scores["indptr"][number + 1] - self._index.scores["indptr"][number])

    @property
    def nbytes(self) -> int:
        """Of the index: its arrays, and its words as UTF-8 with a number each."""
        if self._index is None:
            return 0
        arrays = sum(int(array.nbytes) for name, array in self._index.scores.items() if name != "num_docs")
        return arrays + sum(len(word.encode()) + 4 for word in self._index.vocab_dict)

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        about = {"documents": self.documents, "mean_length": self.mean_length, "empty": self._index is None}
        write_json(folder / "lexical.json", {"settings": settings_dict(self.settings), **about})
        if self._index is not None:
            self._index.save(folder / "bm25", show_progress=False)

    @classmethod
    def open(cls, folder: Path) -> Lexical:
        """What `save` wrote."""
        about = read_json(folder / "lexical.json")
        settings, index = BM25Settings(**about["settings"]), None
        if not about["empty"]:
            import bm25s

            index = bm25s.BM25.load(folder / "bm25", show_progress=False)
        return cls(settings, index, about["documents"], about["mean_length"])


class LexicalView:
    """The scores of a base and of the products that came since, by the positions of both together."""

    def __init__(self, base: Lexical, trie: OverlayTrie | None = None, came: Sequence[Product] = ()) -> None:
        """`came`: the products of the trie's delta, in its order."""
        self.base, self._trie = base, trie
        self.words = base.words
        counts = [Counter(words) for words in product_words(came, base.settings)]
        lengths = np.array([count.total() for count in counts], np.float64)
        mean = base.mean_length or (lengths.mean() if len(lengths) else 0.0) or 1.0
        k1, b = base.settings.k1, base.settings.b
        self._saturation = k1 * (1 - b + b * lengths / mean)  # (n,)
        self._postings: dict[str, dict[int, int]] = {}
        for place, count in enumerate(counts):
            for word, times in count.items():
                self._postings.setdefault(word, {})[place] = times

    def scores(self, words: Sequence[str]) -> Floats:
        """(N,) float32 at every position, deleted products included; -inf where a product shares no word."""
        base = self.base.scores(words)
        if self._trie is None:
            return base
        scores = np.empty(self._trie.num_products, np.float32)
        of_base = np.ones(len(scores), np.bool_)
        of_base[self._trie.slots] = False
        scores[of_base], scores[self._trie.slots] = base, self._came(words)
        return scores

    def __contains__(self, word: object) -> bool:
        return word in self.base or word in self._postings

    def holding(self, word: str) -> int:
        """How many products hold a word, deleted ones included."""
        return self.base.holding(word) + len(self._postings.get(word, ()))

    def rarity(self, word: str) -> float:
        """A word's weight; 0 for one that no product holds."""
        return self.base.rarity(word, len(self._postings.get(word, ()))) if word in self else 0.0

    def _came(self, words: Sequence[str]) -> npt.NDArray[np.float64]:
        total = np.zeros(len(self._saturation))  # every word in it adds more than 0
        for word in words:
            held = self._postings.get(word)
            if held:
                places: Ints = np.fromiter(held, np.int64, len(held))
                times = np.fromiter(held.values(), np.float64, len(held))
                total[places] += self.rarity(word) * times / (times + self._saturation[places])
        return np.where(total > 0, total, -np.inf)
