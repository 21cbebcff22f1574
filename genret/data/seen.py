"""What was seen of one column of a product file: how many rows fill it, how many values differ, what they look like.

`Seen().look(value)` takes one value into account. `survey.py` decides what a column is.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from genret.data import values as rules
from genret.data.validate import BadField

SAMPLED = 10_000
"""Values of a column whose kind is looked at; how many are distinct is counted over all of them."""
ENOUGH = 20
"""Rows from which on "constant" and "nearly unique" say something about a column."""
SHOWN = 60
"""Characters of a value that are shown as an example."""
_URL = re.compile(r"""[\s\["'{]*(?:(?:https?|ftp|s3|gs)://|www\.|//[\w-]+\.\w|data:image/)""", re.IGNORECASE)
_IMAGE = re.compile(r"\.(?:jpe?g|png|gif|webp|svg|avif|bmp|tiff?)(?:[?#].*)?[\s\]\"']*$", re.IGNORECASE)
_PATH = re.compile(r"/[\w%~.-]+(?:/[\w%~.,+&=?-]*)*")
_HASH = re.compile(
    r"(?=.*\d)(?:[0-9a-f]{16,128}|[0-9A-F]{16,128}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})"
)
_RECORD_KEY = re.compile(r"""['"](?:id|sku|price|src|url|href|link|handle|gtin|uuid)['"]\s*(?::|=>)""", re.IGNORECASE)
_MONEY = re.compile(rf"(?<![^\W\d_]){rules.MONEY}\s*\d|\d\s*{rules.MONEY}", re.IGNORECASE)


@dataclass
class Seen:
    """What was seen of one column."""

    filled: int = 0
    example: str = ""
    sampled: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    signs: Counter[str] = field(default_factory=Counter)
    currencies: Counter[str] = field(default_factory=Counter)
    distinct: set[Any] = field(default_factory=set)
    words: int = 0
    repeats: int = 0
    """Rows in which it says what the title says."""
    lowest: float = float("inf")
    highest: float = float("-inf")

    def look(self, value: Any) -> None:
        """Take one value into account."""
        if rules.is_null(value):
            return
        self.filled += 1
        if self.filled == 1:
            self.example = " ".join(str(value)[:200].split())[:SHOWN]
        shown = value if isinstance(value, (str, int, float)) else str(value)
        self.distinct.add(shown if len(str(shown)) < 100 else hash(shown))
        if self.sampled < SAMPLED:
            self.sampled += 1
            self._sort(value)

    def share(self, kind: str) -> float:
        """Of the values looked at."""
        return self.kinds[kind] / max(self.sampled, 1)

    @property
    def near_unique(self) -> bool:
        return self.filled >= ENOUGH and len(self.distinct) > 0.9 * self.filled

    def _sort(self, value: Any) -> None:
        if isinstance(value, bytes):
            self.kinds["bytes"] += 1
            return
        shown = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        shown = shown[:1000].strip()
        self.words += len(shown.split())
        checks = {
            "url": bool(_URL.match(shown)),
            "image": bool(_IMAGE.search(shown)) and " " not in shown,
            "path": bool(_PATH.fullmatch(shown)),
            "one": " " not in shown,
            "hash": bool(_HASH.fullmatch(shown)),
            "date": rules.is_date(value),
            "zeros": isinstance(value, str) and bool(re.fullmatch(r"0\d+", shown)),
            "digit": any(sign.isdigit() for sign in shown),
            "money": len(shown) < rules.MAX_NUMBER and bool(_MONEY.search(shown)),
            "record": shown[:1] in "[{" and bool(_RECORD_KEY.search(shown)),
        }
        self.kinds.update(name for name, met in checks.items() if met)
        self._count(value)

    def _count(self, value: Any) -> None:
        """What the value is as a number, a price or a flag."""
        if isinstance(value, bool):
            self.kinds["flag"] += 1
            return
        plain = value.strip().removesuffix("%") if isinstance(value, str) else value
        if sign := rules.decimal_evidence(plain):
            self.signs[sign] += 1
        if coin := rules.currency(plain):
            self.currencies[coin] += 1
        try:
            found = rules.number("", plain, money=True)
        except BadField:
            found = None
        if found is not None:
            self.kinds["number"] += 1
            self.kinds["whole"] += found.is_integer()
            self.lowest, self.highest = min(self.lowest, found), max(self.highest, found)
        try:
            rules.flag("", value)
            self.kinds["flag"] += 1
        except BadField:
            pass
