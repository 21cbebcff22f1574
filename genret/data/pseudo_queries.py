"""Pseudo-queries: what a shopper might type for a product, made from its text, so that every product is reachable.

A short pseudo-query ("brand + category") fits many products; `genret.training.trainer.teacher` says which.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from genret.data.records import Catalogue
from genret.ground.arrays import Ints
from genret.ground.types import Product

WORD = re.compile(r"\d+(?:\.\d+)?|[^\W\d_]+")
UNITS: dict[str, tuple[str, ...]] = {
    "oz": ("ounce", "ounces", "oz."),
    "lb": ("lbs", "pound", "pounds"),
    "ct": ("count", "pack", "pk"),
    "gal": ("gallon", "gallons"),
    "qt": ("quart",),
    "in": ("inch", "inches", '"'),
    "ft": ("feet", "foot", "'"),
    "ml": ("milliliter",),
    "l": ("liter", "litre"),
    "kg": ("kilo", "kilogram"),
    "g": ("gram", "grams"),
}
_SAME_UNIT = {form: (unit, *forms) for unit, forms in UNITS.items() for form in (unit, *forms)}
_QUANTITY = re.compile(
    rf"(\d+(?:\.\d+)?)[\s-]*({'|'.join(sorted(map(re.escape, _SAME_UNIT), key=len, reverse=True))})\b"
)
_DIMENSIONS = re.compile(r"(\d+(?:\.\d+)?)\s*(?:in\.?|ft\.?|\"|')?\s*x\s*(\d+(?:\.\d+)?)\s*(?:in\.?|ft\.?|\"|')?", re.I)


class PseudoQueries(NamedTuple):
    """n texts as typed, the same before noise, and the (n,) catalogue row that each was made from."""

    texts: list[str]
    clean: list[str]
    rows: Ints


def make_pseudo_queries(catalogue: Catalogue, rows: Ints, count: int, noise: float, seed: int) -> PseudoQueries:
    """`count` pseudo-queries spread evenly over the given rows; a share `noise` of them with a typo or another unit."""
    rng = np.random.default_rng(seed)
    texts, clean, made_from = [], [], []
    rounds = [rng.permutation(rows) for _ in range(-(-count // max(len(rows), 1)))]
    picked = np.concatenate([np.zeros(0, np.int64), *rounds])[:count]
    needed = np.unique(picked)
    products = dict(zip(needed.tolist(), catalogue.take(needed), strict=True))
    for row in picked.tolist():
        text = pseudo_query(products[row], rng)
        clean.append(text)
        texts.append(add_noise(text, rng) if rng.random() < noise else text)
        made_from.append(row)
    return PseudoQueries(texts, clean, np.asarray(made_from, np.int64))


def pseudo_query(product: Product, rng: np.random.Generator) -> str:
    """One query for a product: a span or some words of its title, with brand, category or attributes."""
    title = product.title.lower().split()
    leaf = product.category[-1].lower() if product.category else ""
    brand = product.brand.lower()
    values = [value.lower() for value in product.attributes.values()]
    forms = (
        lambda: _span(title, rng),
        lambda: _some(title, rng),
        lambda: " ".join(title),
        lambda: f"{brand} {_some(title, rng)}",
        lambda: f"{_choice(values, rng)} {_some(title, rng)}",
        lambda: f"{brand} {_some(title, rng)} {_choice(values, rng)}",
        lambda: f"{brand} {leaf}",
        lambda: f"{_choice(values, rng)} {leaf}",
        lambda: leaf,
        lambda: _span(product.description.lower().split(), rng),
    )
    text = forms[int(np.searchsorted(_SHARES, rng.random()))]()
    return " ".join(dict.fromkeys(text.split())) or " ".join(title)


_SHARES = np.cumsum([0.14, 0.2, 0.08, 0.16, 0.12, 0.08, 0.08, 0.06, 0.04])
"""Cumulative shares of the forms; what is left goes to the last one."""


def add_noise(text: str, rng: np.random.Generator) -> str:
    """The text as it might be typed: another form of a unit, dimensions run together, or a typo in one word."""
    varied = _DIMENSIONS.sub(r"\1x\2", text) if rng.random() < 0.5 else text
    varied = _QUANTITY.sub(lambda match: _other_unit(match, rng), varied)
    if varied != text:
        return varied
    words = text.split()
    long = [i for i, word in enumerate(words) if len(word) > 3 and word.isalpha()]
    if long:
        place = int(rng.choice(long))
        words[place] = typo(words[place], rng)
    return " ".join(words)


def typo(word: str, rng: np.random.Generator) -> str:
    """The word with one letter dropped, doubled, replaced, or swapped with the next; the first letter stays."""
    place = int(rng.integers(1, len(word) - 1))
    before, letter, after = word[:place], word[place], word[place + 1 :]
    other = "abcdefghijklmnopqrstuvwxyz"[int(rng.integers(26))]
    forms = (
        before + after,
        before + letter * 2 + after,
        before + other + after,
        before + after[0] + letter + after[1:],
    )
    return forms[int(rng.integers(len(forms)))]


def _other_unit(match: re.Match[str], rng: np.random.Generator) -> str:
    unit = _choice(list(_SAME_UNIT[match[2]]), rng)
    return f"{match[1]}{' ' if rng.random() < 0.5 else ''}{unit}"


def _span(words: Sequence[str], rng: np.random.Generator) -> str:
    """1 to 5 words in a row."""
    if not words:
        return ""
    length = min(int(rng.integers(1, 6)), len(words))
    start = int(rng.integers(len(words) - length + 1))
    return " ".join(words[start : start + length])


def _some(words: Sequence[str], rng: np.random.Generator) -> str:
    """1 to 4 words, in their order."""
    if not words:
        return ""
    places = rng.choice(len(words), min(int(rng.integers(1, 5)), len(words)), replace=False)
    return " ".join(words[place] for place in sorted(places.tolist()))


def _choice(options: Sequence[str], rng: np.random.Generator) -> str:
    return options[int(rng.integers(len(options)))] if options else ""
