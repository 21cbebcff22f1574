"""The words of an index's products: BM25 over them, and a speller that knows them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from genret.data.product_text import TEXT_FIELDS, product_text
from genret.ground.arrays import Ints
from genret.ground.artifacts import Artifact, read_json, write_json
from genret.ground.settings import settings_dict
from genret.ground.types import Product
from genret.index.came import CameView, CameWords
from genret.index.lexical import WHOLE, BM25Settings, IndexText, Lexical, LexicalView, product_words, word_splitter
from genret.index.spelling import WORD, Known, Speller, count_words
from genret.search.overlay import OverlayTrie

TEXT = "text"
"""Folder of the words in an index."""
WORDS = "words.json"


def save_text(products: Iterable[Product], about: IndexText, folder: Path) -> None:
    """Count the words of an index's products, which are given in its order, once, and write them to `folder`."""
    held: Counter[str] = Counter()

    def counted() -> Iterator[Product]:
        for product in products:
            held.update(count_words([product_text(product, TEXT_FIELDS)]))
            yield product

    _lexical(counted(), about).save(folder)
    said = {"bm25": settings_dict(about.bm25), "queries": dict(about.asked), "judged": about.judged}
    write_json(folder / WORDS, {"products": dict(held if about.whole is None else about.whole.held), **said})


class BaseText:
    """The words of an index as it lies on disk, read when they are first asked for.

    An index that is older than they are has them counted of its products, which for a million takes minutes.
    """

    def __init__(self, artifact: Artifact, products: Callable[[], Sequence[Product]]) -> None:
        """`products` gives those of the index, in its order."""
        self._folder, self._products = artifact.path / TEXT, products
        self.is_written = f"{TEXT}/{WORDS}" in artifact.files

    @property
    def has_log(self) -> bool:
        """Whether the run was trained on judged queries; True where the index does not say."""
        return not self.is_written or self.about.judged > 0

    @cached_property
    def lexical(self) -> Lexical:
        """BM25 over the products."""
        return Lexical.open(self._folder) if self.is_written else _lexical(self._products(), IndexText())

    @property
    def held(self) -> Mapping[str, int]:
        """Word -> number of products."""
        return self._words[0]

    @property
    def about(self) -> IndexText:
        """What was said of words when the index was built."""
        return self._words[1]

    @cached_property
    def known(self) -> Known:
        """The words that queries are read by."""
        stem = word_splitter(stem=True)
        return Known(self.held, self.about.asked, lambda word: stem(word)[0])

    @cached_property
    def _words(self) -> tuple[Mapping[str, int], IndexText]:
        if not self.is_written:
            return _held(self._products()), IndexText()
        words, whole = read_json(self._folder / WORDS), None
        if (self._folder / WHOLE).exists():  # a part of a catalogue, and stays one when it is compacted
            whole = self.lexical.whole._replace(held=words["products"])
        return words["products"], IndexText(BM25Settings(**words["bm25"]), words["queries"], words["judged"], whole)


class CameText(NamedTuple):
    """The words of the products that came since a generation was written: each product is read once."""

    said: CameWords
    """As BM25 reads them."""
    held: CameWords
    """As they are written, in lower case."""
    stems: CameWords

    @classmethod
    def beside(cls, base: BaseText) -> CameText:
        """Of the products that come to an index, as it reads those that it has."""
        said = CameWords(lambda products: product_words(products, base.lexical.settings))
        return cls(said, CameWords(_written), CameWords(_stems))


class SnapshotText:
    """The words of a base and of the products that came since."""

    def __init__(self, base: BaseText, trie: OverlayTrie | None = None, delta: CameTextView | None = None) -> None:
        """`delta`: the words of the trie's delta."""
        self.base, self._trie, self._came = base, trie, delta

    @property
    def has_log(self) -> bool:
        """Whether the run was trained on judged queries."""
        return self.base.has_log

    @cached_property
    def lexical(self) -> LexicalView:
        """BM25 scores by position."""
        return LexicalView(self.base.lexical, self._trie, None if self._came is None else self._came.said)

    def learnt_share(self, text: str) -> float:
        """Of a query's words the share that are not new: words that only products hold that came since."""
        words = WORD.findall(text.lower())
        if self._came is None or not words:
            return 1.0
        return 1 - sum(word not in self.base.held and self._came.held.holding(word) > 0 for word in words) / len(words)

    @cached_property
    def speller(self) -> Speller:
        """Reads queries by the words of products and queries."""
        return Speller(self.base.known) if self._came is None else Speller(self.base.known, self._came)


class CameTextView:
    """What a delta sees of the words that came: what `Speller` is told of them, and what BM25 is."""

    def __init__(self, text: CameText, tables: Sequence[pa.Table], rows: Ints) -> None:
        """As `CameView`."""
        self.said, self.held, self._stems = (CameView(words, tables, rows) for words in text)

    @property
    def words(self) -> Sequence[str]:
        return self.held.words

    def holding(self, word: str) -> int:
        return self.held.holding(word)

    def has_stem(self, stem: str) -> bool:
        return self._stems.holding(stem) > 0


def _lexical(products: Iterable[Product], about: IndexText) -> Lexical:
    return Lexical.build(product_words(products, about.bm25), about.bm25, about.whole)


def _held(products: Iterable[Product]) -> dict[str, int]:
    return dict(count_words(product_text(product, TEXT_FIELDS) for product in products))


def _written(products: Sequence[Product]) -> list[set[str]]:
    return [set(WORD.findall(product_text(product, TEXT_FIELDS).lower())) for product in products]


def _stems(products: Sequence[Product]) -> list[set[str]]:
    stems = word_splitter(stem=True)
    return [set(stems(product_text(product, TEXT_FIELDS))) for product in products]
