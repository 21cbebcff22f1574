"""Which words of a query nobody knows, and what they were meant to be, by `rapidfuzz`. Knows words and counts only.

A word is known if a product's text holds it, or if shoppers ask for it. An unknown word is read as the known word that
is near (a letter dropped, doubled, replaced or swapped with the next) and common, or as two words run together.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

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


class Speller:
    """Reads queries by a catalogue's words and those of its query log."""

    def __init__(self, held: Mapping[str, int], asked: Mapping[str, int], stem: Callable[[str], str]) -> None:
        """`held`: word -> number of products; `asked`: word -> number of queries; `stem`: a word's stem."""
        self.held, self.asked, self._stem = held, asked, stem

    def read(self, text: str) -> Spelling:
        """The query with its unknown words replaced where something near is known."""
        unknown: list[str] = []

        def replaced(match: re.Match[str]) -> str:
            word = match[0].lower()
            if self.holds(word):
                return match[0]
            meant = self.meant(word)
            if meant is not None or word not in self.asked:
                unknown.append(word)
            return match[0] if meant is None else meant

        read = WORD.sub(replaced, text)
        return Spelling(read, tuple(dict.fromkeys(unknown)))

    def holds(self, word: str) -> bool:
        """Whether a product's text holds the word or another form of it, or it is none to be misspelled (`15w40`)."""
        return word in self.held or not LETTERS.fullmatch(word) or self._stem(word) in self._stems

    def meant(self, word: str) -> str | None:
        """The likeliest known word, or two, that an unknown one stands for; None if nothing is near."""
        if len(word) < SHORTEST:
            return None
        asked = self.asked.get(word, 0)
        best, worth = None, DOUBT + TRUST * math.log(asked) if asked else 0.0
        for other, slips in self._near(word):
            value = math.log(self._counts[other]) - SLIP * (slips - 1) - FIRST * (other[0] != word[0])
            if value >= worth and other != word:
                best, worth = other, value
        return best or (self._parted(word) if asked < USUAL else None)

    def _near(self, word: str) -> Sequence[tuple[str, int]]:
        """The known words within one or two slips, and how many."""
        from rapidfuzz import process
        from rapidfuzz.distance import OSA

        most = 2 if len(word) >= LONG else 1
        found = process.extract(word, self._words, scorer=OSA.distance, score_cutoff=most, limit=None)
        return [(other, int(cost)) for other, cost, _ in found]

    def _parted(self, word: str) -> str | None:
        """The word as two known ones that were run together, the rarer of which is the commonest."""
        pairs = [(word[:at], word[at:]) for at in range(SHORTEST, len(word) - SHORTEST + 1)]
        known = [(min(self.held[a], self.held[b]), f"{a} {b}") for a, b in pairs if a in self.held and b in self.held]
        return max(known)[1] if known else None

    @cached_property
    def _counts(self) -> dict[str, int]:
        """Words that another may be read as: those of products, and of the log those that are asked for often."""
        counts = {word: ASKED * self.asked.get(word, 0) + held for word, held in self.held.items()}
        counts |= {word: ASKED * asked for word, asked in self.asked.items() if asked >= ASKED and word not in counts}
        return {word: count for word, count in counts.items() if len(word) >= SHORTEST and LETTERS.fullmatch(word)}

    @cached_property
    def _words(self) -> list[str]:
        return list(self._counts)

    @cached_property
    def _stems(self) -> frozenset[str]:
        return frozenset(map(self._stem, self.held))
