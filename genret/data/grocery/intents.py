"""Shoppers' queries: what they want (the latent intent) and how they type it.

Kinds: `category` ("spaghetti sauce"), `attribute` ("gluten free bow ties"), `brand` ("nonna bruna marinara"), `product`
(nearly a title), `use_case` ("taco night") and `typo` (one of the first three, misspelled).
"""

from __future__ import annotations

import math
from collections import Counter
from random import Random
from typing import NamedTuple

from genret.data.grocery.settings import GrocerySettings
from genret.data.grocery.shelf import Item, Shelf
from genret.data.grocery.words import (
    BIT,
    DIETS,
    LARGEST,
    PLAIN,
    SHOPPER_VARIETY,
    SMALLEST,
    compact_size,
    normalise,
)

KINDS = {"category": 0.24, "attribute": 0.28, "brand": 0.16, "product": 0.07, "use_case": 0.1, "typo": 0.15}
"""Share of each kind among distinct query texts; kinds that run dry leave room to the others."""
_BREADTH = {"category": 1.0, "brand": 0.5, "attribute": 0.2, "use_case": 0.3, "typo": -0.6, "product": -0.8}
"""Log of how much oftener than the average a text of the kind is asked."""


class Intent(NamedTuple):
    """What a shopper wants: any of `concepts`, with every constraint that is set."""

    kind: str
    concepts: tuple[int, ...]
    hard: int = 0
    """Claims without which nothing will do (bits of `words.BIT`)."""
    soft: int = 0
    """Claims without which a product is a substitute."""
    brand: str = ""
    variety: str = ""
    form: str = ""
    size_end: int = 0
    """-1 for the smallest size, 1 for the largest, 0 for any."""
    family: int = -1
    size: int = -1


class Asked(NamedTuple):
    """One distinct query text, what was meant, and how often it is asked relative to others."""

    text: str
    intent: Intent
    weight: float


class Shoppers:
    """Draws queries for the goods of one shelf."""

    def __init__(self, shelf: Shelf, settings: GrocerySettings) -> None:
        self.shelf = shelf
        self.rng = Random(f"{settings.seed}/queries")
        self._demand = [item**0.5 for item in shelf.popularity.tolist()]
        self._senses: dict[str, tuple[int, ...]] = {}
        for row, concept in enumerate(shelf.lexicon.concepts):
            if len(shelf.of_concept[row]):
                names = (*concept.names, *shelf.lexicon.leaves[concept.leaf].generics)
                for key in dict.fromkeys(_singular(normalise(name)) for name in names):
                    self._senses[key] = (*self._senses.get(key, ()), row)
        self._uses = [
            (wordings, stocked)
            for wordings, concepts in shelf.lexicon.uses
            if (stocked := tuple(row for row in concepts if len(shelf.of_concept[row])))
        ]

    def ask(self, count: int) -> list[Asked]:
        """At most `count` queries, distinct by `normalise`, in random order; fewer where a small shelf has no more."""
        meant: dict[str, tuple[str, Intent]] = {}
        hits: Counter[str] = Counter()
        kinds = self.rng.choices(list(KINDS), list(KINDS.values()), k=4 * count) if len(self.shelf) else []
        seeds = self.rng.choices(self.shelf.items, self._demand, k=len(kinds)) if kinds else []
        for kind, item in zip(kinds, seeds, strict=True):
            if len(meant) == count:
                break
            text, intent = self._draw(kind, item)
            key = normalise(text)
            if key:
                hits[key] += 1
                meant.setdefault(key, (text, intent))
        queries = [Asked(text, intent, self._weight(intent, hits[key])) for key, (text, intent) in meant.items()]
        self.rng.shuffle(queries)  # the common ones were drawn first
        return queries

    def _draw(self, kind: str, item: Item) -> tuple[str, Intent]:
        if kind == "use_case" and self._uses:
            return self._use_case()
        if kind == "typo":
            base = self.rng.choices(("category", "attribute", "brand"), (3, 3, 2))[0]
            text, intent = self._draw(base, item)
            return misspell(text, self.rng), intent._replace(kind="typo")
        if kind == "attribute":
            return self._attribute(item)
        if kind == "brand":
            return self._brand(item)
        if kind == "product":
            return self._product(item)
        return self._category(item)

    def _weight(self, intent: Intent, hits: int) -> float:
        demand = sum(float(self.shelf.popularity[self.shelf.of_concept[row]].sum()) for row in intent.concepts[:4])
        return hits**1.5 * demand**0.3 * math.exp(_BREADTH[intent.kind] + self.rng.gauss(0, 0.7))

    def _thing(self, item: Item) -> tuple[str, tuple[int, ...]]:
        """A shopper's name for the item's concept or leaf, and every concept that goes by that name."""
        names, generics = self.shelf.lexicon.concepts[item.concept].names, self.shelf.leaf_of(item).generics
        name = self.rng.choices(names, (1.3, *([1.0] * (len(names) - 1))))[0]
        if generics and self.rng.random() < 0.12:
            name = self.rng.choice(generics)
        concepts = self._senses.get(_singular(normalise(name)), (item.concept,))
        draw = self.rng.random()
        if draw < 0.1:
            name = _singular(name)
        elif draw < 0.14 and " " in name:
            name = name.replace(" ", "", 1)
        return name.lower(), concepts

    def _category(self, item: Item) -> tuple[str, Intent]:
        """The thing, at times by what the shop's menu calls its leaf."""
        name, concepts = self._thing(item)
        if self.rng.random() < 0.06:
            leaf = self.shelf.leaf_of(item)
            name, concepts = leaf.path[-1].lower().replace(" &", self.rng.choice((" and", ""))), leaf.concepts
        draw, food = self.rng.random(), self.shelf.leaf_of(item).food
        if draw < 0.12:
            name = (
                f"{self.rng.choice(('best', 'good', 'cheap', 'buy', *(('fresh', 'healthy') if food else ())))} {name}"
            )
        elif draw < 0.18:
            name = f"{name} {self.rng.choice(('brands', 'on sale', 'near me', *(('for dinner',) if food else ())))}"
        return name, Intent("category", concepts)

    def _attribute(self, item: Item) -> tuple[str, Intent]:
        """The thing with one to three of the item's properties."""
        rng = self.rng
        name, concepts = self._thing(item)
        intent = Intent("attribute", concepts)
        wanted = self._properties(item)
        rng.shuffle(wanted)
        for field in wanted[: rng.choices((1, 2, 3), (5, 4, 1))[0]]:
            name, intent = self._constrain(name, intent, field, item)
        return name, intent if wanted else intent._replace(kind="category")

    def _properties(self, item: Item) -> list[str]:
        """What about the item can be asked for: claims by their letter, else the name of the property."""
        found = [letter for letter, bit in BIT.items() if item.claims & bit]
        found += ["variety"] if item.variety and item.variety not in PLAIN else []
        found += ["form"] if item.form else []
        if not found or self.rng.random() < 0.15:
            found += ["size"] if self._size_end(item) else []
        return found

    def _constrain(self, name: str, intent: Intent, field: str, item: Item) -> tuple[str, Intent]:
        rng = self.rng
        if field in DIETS:
            diet, words = DIETS[field], rng.choice(DIETS[field].asked)
            text = words.format(name) if "{}" in words else _either(rng, words, name, 0.75)
            bit = BIT[field]
            hard, soft = (bit, 0) if diet.hard else (0, bit)
            return text, intent._replace(hard=intent.hard | hard, soft=intent.soft | soft)
        if field == "variety":
            words = SHOPPER_VARIETY.get(item.variety, item.variety) if rng.random() < 0.35 else item.variety
            return _either(rng, words.replace("& ", ""), name, 0.75), intent._replace(variety=item.variety)
        if field == "form":
            return _either(rng, item.form, name, 0.7), intent._replace(form=item.form)
        end = self._size_end(item)
        return _either(rng, rng.choice(LARGEST if end > 0 else SMALLEST), name, 0.5), intent._replace(size_end=end)

    def _size_end(self, item: Item) -> int:
        last = len(self.shelf.leaf_of(item).sizes) - 1
        return 0 if last == 0 else 1 if item.size == last else -1 if item.size == 0 else 0

    def _brand(self, item: Item) -> tuple[str, Intent]:
        """The brand with the thing, in half of the queries with a property as well."""
        rng = self.rng
        name, concepts = self._thing(item)
        intent = Intent("brand", concepts)
        wanted = [field for field in self._properties(item) if field != "size"]
        if wanted and rng.random() < 0.5:
            name, intent = self._constrain(name, intent, rng.choice(wanted), item)
        return _either(rng, self._brand_words(item.brand), name, 0.8), intent._replace(brand=item.brand)

    def _brand_words(self, brand: str) -> str:
        """The brand as typed: whole, or without its tail."""
        words = brand.lower().replace("'", "").split()
        if len(words) > 2 and self.rng.random() < 0.6:
            words = words[: 1 if words[1] == "&" else 2]
        return " ".join(word for word in words if word != "&" or self.rng.random() < 0.3)

    def _product(self, item: Item) -> tuple[str, Intent]:
        """Nearly a title: brand, line, variety, thing, and at times the size."""
        rng = self.rng
        name, _ = self._thing(item)
        claims = [DIETS[letter].name for letter, bit in BIT.items() if item.claims & bit]
        parts = [self._brand_words(item.brand), item.line.lower(), *claims[:1], item.variety, name]
        text = " ".join(part for part in parts if part and (part == name or rng.random() < 0.9))
        intent = Intent("product", (item.concept,), brand=item.brand, variety=item.variety, family=item.family)
        if rng.random() < 0.5:
            size = self.shelf.leaf_of(item).sizes[item.size]
            return f"{text} {compact_size(size) if rng.random() < 0.5 else size}", intent._replace(size=item.size)
        return text, intent

    def _use_case(self) -> tuple[str, Intent]:
        """An occasion or a need, in half of the queries with a claim that narrows it."""
        rng = self.rng
        wordings, concepts = rng.choice(self._uses)
        text, intent = rng.choice(wordings), Intent("use_case", concepts)
        leaf = self.shelf.lexicon.leaves[self.shelf.lexicon.concepts[rng.choice(concepts)].leaf]
        if leaf.diets and rng.random() < 0.55:
            letter = rng.choice(leaf.diets)
            words = rng.choice([words for words in DIETS[letter].asked if "{}" not in words])
            bit, hard = BIT[letter], DIETS[letter].hard
            text, intent = f"{words} {text}", intent._replace(hard=bit if hard else 0, soft=0 if hard else bit)
        draw = rng.random()
        if draw < 0.25:
            return f"{text} {rng.choice(('ideas', 'stuff', 'essentials', 'supplies', 'must haves', 'help'))}", intent
        if draw < 0.5:
            opener = rng.choice(("what to buy for", "something for", "need", "easy", "quick", "what do i need for"))
            return f"{opener} {text}", intent
        return text, intent


def misspell(text: str, rng: Random) -> str:
    """The text with one or two slips of the finger, in its longer words where it has any."""
    for _ in range(1 if rng.random() < 0.7 else 2):
        words = text.split(" ")
        long = [row for row, word in enumerate(words) if len(word) > 3]
        row = rng.choice(long or range(len(words)))
        words[row] = _slip(words[row], rng)
        text = " ".join(words)
    return text


_PHONETIC = (("ee", "ea"), ("ie", "ei"), ("ph", "f"), ("ck", "k"), ("c", "k"), ("ll", "l"), ("tt", "t"), ("s", "c"),
             ("ou", "u"), ("ai", "ay"), ("i", "e"), ("a", "e"), ("y", "ie"))  # fmt: skip
_NEIGHBOURS = dict(zip("qwertyuiopasdfghjklzxcvbnm", "wqrtyuiypisdfghjklkxcvbnbn", strict=True))


def _slip(word: str, rng: Random) -> str:
    if len(word) < 2:
        return word * 2
    place, draw = rng.randrange(1, len(word)), rng.random()
    if draw < 0.25:
        return word[:place] + word[place + 1 :]
    if draw < 0.45:
        return word[: place - 1] + word[place] + word[place - 1] + word[place + 1 :]
    if draw < 0.6:
        return word[:place] + word[place - 1] + word[place:]
    if draw < 0.75:
        return word[:place] + _NEIGHBOURS.get(word[place], "e") + word[place + 1 :]
    for old, new in rng.sample(_PHONETIC, len(_PHONETIC)):
        if old in word[1:]:
            return word[0] + word[1:].replace(old, new, 1)
    return word[:-1]


def _either(rng: Random, words: str, name: str, before: float) -> str:
    return f"{words} {name}" if rng.random() < before else f"{name} {words}"


def _singular(text: str) -> str:
    if text.endswith("oes"):
        return text[:-2]
    return text[:-1] if text.endswith("s") and not text.endswith(("ss", "us", "is")) else text
