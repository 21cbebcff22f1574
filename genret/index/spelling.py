"""Which words of a query nobody knows, and what they were meant to be, by `rapidfuzz`.

A word is known if a product's text holds it, or if shoppers ask for it. An unknown word is read as the known word that
is near (a letter dropped, doubled, replaced or swapped with the next) and common, or as two words run together.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple, Protocol

WORD = re.compile(r"\w+")
LETTERS = re.compile(r"[^\W\d_]+")
SHORTEST, LONG = 3, 5
"""Words of fewer letters are left as they are: too many others are near. Of so many or more, two slips are allowed."""
SLIP = 3.0
"""What the second slip costs: as much as being e^3 times as rare."""
FIRST = 2.5
"""What a slip in the first letter costs: fingers and memory err there least."""
DOUBT, TRUST = 4.0, 1.5
"""A word asked n times before is read as another one only if that is e^4 n^1.5 times as common."""
ASKED = 5
"""A query with a word counts like so many products with it."""
USUAL = 3
"""A word of so many queries is taken as it is rather than as two words run together."""


class Spelling(NamedTuple):
    """A query as it was read."""

    text: str
    """With every unknown word that has a near one replaced; the query itself if none has."""
    unknown: tuple[str, ...]
    """The words that neither products nor shoppers know, as typed, in lower case."""


def count_words(texts: Iterable[str]) -> Counter[str]:
    """Word, in lower case -> number of texts that hold it."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(set(WORD.findall(text.lower())))
    return counts


class NewWords(Protocol):
    """Words of products that came later."""

    @property
    def words(self) -> Sequence[str]:
        """All that a product holds, and some that none does any more."""

    def holding(self, word: str) -> int:
        """How many products hold a word."""

    def has_stem(self, stem: str) -> bool:
        """Whether one of their words has this stem."""


class Known:
    """The words of products and of a query log, and what is found out of them once."""

    def __init__(self, held: Mapping[str, int], asked: Mapping[str, int], stem: Callable[[str], str]) -> None:
        """`held`: word -> number of products; `asked`: word -> number of queries; `stem`: a word's stem."""
        self.held, self.asked, self.stem = held, asked, stem

    @cached_property
    def counts(self) -> dict[str, int]:
        """Words that another may be read as: those of products, and of the log those that are asked for often."""
        counts = {word: ASKED * self.asked.get(word, 0) + held for word, held in self.held.items()}
        counts |= {word: ASKED * asked for word, asked in self.asked.items() if asked >= ASKED and word not in counts}
        return {word: count for word, count in counts.items() if _can_be_meant(word)}

    @cached_property
    def words(self) -> list[str]:
        """The same, without counts."""
        return list(self.counts)

    @cached_property
    def stems(self) -> frozenset[str]:
        """Of the words of products."""
        return frozenset(map(self.stem, self.held))


class Speller:
    """Reads queries by a catalogue's words and those of its query log."""

    def __init__(self, known: Known, came: NewWords | None = None) -> None:
        self._known, self._came = known, came

    def read(self, text: str) -> Spelling:
        """The query with its unknown words replaced where something near is known."""
        unknown: list[str] = []

        def replaced(match: re.Match[str]) -> str:
            word = match[0].lower()
            if self.holds(word):
                return match[0]
            meant = self.meant(word)
            if meant is not None or word not in self._known.asked:
                unknown.append(word)
            return match[0] if meant is None else meant

        read = WORD.sub(replaced, text)
        return Spelling(read, tuple(dict.fromkeys(unknown)))

    def holding(self, word: str) -> int:
        """How many products hold a word as it is written, in lower case."""
        return self._known.held.get(word, 0) + self._coming(word)

    def holds(self, word: str) -> bool:
        """Whether a product's text holds the word or another form of it, or it is none to be misspelled (`15w40`)."""
        if word in self._known.held or not LETTERS.fullmatch(word):
            return True
        stem = self._known.stem(word)
        return stem in self._known.stems or (self._came is not None and self._came.has_stem(stem))

    def meant(self, word: str) -> str | None:
        """The likeliest known word, or two, that an unknown one stands for; None if nothing is near."""
        if len(word) < SHORTEST:
            return None
        asked = self._known.asked.get(word, 0)
        best, worth = None, DOUBT + TRUST * math.log(asked) if asked else 0.0
        for other, slips, count in self._near(word):
            value = math.log(count) - SLIP * (slips - 1) - FIRST * (other[0] != word[0])
            if value >= worth and other != word:
                best, worth = other, value
        return best or (self._parted(word) if asked < USUAL else None)

    def _near(self, word: str) -> list[tuple[str, int, int]]:
        """The known words within one or two slips, how many slips, and how common each is; the nearest first."""
        counts, asked = self._known.counts, self._known.asked
        found = [
            (other, slips, counts[other] + self._coming(other)) for other, slips in _within(word, self._known.words)
        ]
        for other, slips in _within(word, self._new_words):
            held = self._coming(other)
            if held:
                found.append((other, slips, ASKED * asked.get(other, 0) + held))
        return sorted(found, key=lambda one: one[1])

    def _parted(self, word: str) -> str | None:
        """The word as two known ones that were run together, the rarer of which is the commonest."""
        pairs = [(word[:at], word[at:]) for at in range(SHORTEST, len(word) - SHORTEST + 1)]
        known = [(min(map(self.holding, pair)), " ".join(pair)) for pair in pairs]
        best = max(known, default=(0, ""))
        return best[1] if best[0] else None

    def _coming(self, word: str) -> int:
        """How many of the products that came later hold a word."""
        return 0 if self._came is None else self._came.holding(word)

    @cached_property
    def _new_words(self) -> list[str]:
        """Words that another may be read as, beside those that were known before."""
        words = () if self._came is None else self._came.words
        return [word for word in words if word not in self._known.counts and _can_be_meant(word)]


def _can_be_meant(word: str) -> bool:
    return len(word) >= SHORTEST and LETTERS.fullmatch(word) is not None


def _within(word: str, others: Sequence[str]) -> list[tuple[str, int]]:
    """Those of other words within one or two slips of a word, and how many; the nearest first."""
    if not others:
        return []
    from rapidfuzz import process
    from rapidfuzz.distance import OSA

    most = 2 if len(word) >= LONG else 1
    found = process.extract(word, others, scorer=OSA.distance, score_cutoff=most, limit=None)
    return [(other, int(slips)) for other, slips, _ in found]
