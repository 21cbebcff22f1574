"""What some titles have in common, in words: a label for a group of products, for people."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

WORD = re.compile(r"[^\W\d_]{3,}")
LEAST_SHARE = 0.25
"""A word that fewer of the titles hold says nothing of the group."""


def common_words(titles: Sequence[str], most: int, skip: Sequence[str] = ()) -> list[str]:
    """Up to `most` words that the most titles hold, most common first, then alphabetically; none that few hold."""
    counts = Counter(word for title in titles for word in set(WORD.findall(title.lower())))
    for word in skip:
        counts.pop(word.lower(), None)
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [word for word, count in ranked[:most] if count >= LEAST_SHARE * len(titles)]
