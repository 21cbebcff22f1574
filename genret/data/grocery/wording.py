"""Items as products: titles in each brand's house style, descriptions, prices, stores, and the noise of real feeds.

What a product truly is leaves this file only as text and as observable fields.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import NamedTuple

from genret.data.grocery.settings import GrocerySettings
from genret.data.grocery.shelf import Item, Shelf
from genret.data.grocery.taxonomy import Chain, Concept, Leaf
from genret.data.grocery.words import (
    BIT,
    BOILERPLATE,
    COMPLEMENT_LINES,
    CONFUSION_LINES,
    DIETS,
    FOOD_LINES,
    HOME_LINES,
    PLAIN,
    compact_size,
    long_size,
    shorten,
    title_case,
)
from genret.ground.types import CategoryPath, Product

_ORDERS = (
    "{brand} {line} {diet} {variety} {name} {form}, {size}",
    "{brand} {name}, {variety}, {form}, {diet}, {size}",
    "{brand} {line} {variety} {name} {form} - {size} {diet}",
    "{brand} {diet} {name} {variety} {form} {size}",
    "{diet} {variety} {name} {form} ({size})",
    "{name} {variety} {form} {diet} by {brand}, {size}",
)
_OPENERS = ("Enjoy our", "Discover", "Meet the", "Try our", "Better", "Everyday", "Carefully made", "Say hello to our")


class House(NamedTuple):
    """How one brand writes its labels."""

    order: str
    size_style: int
    abbreviates: bool


class Writer:
    """Writes the products of one shelf. `complements[leaf]` are leaves whose goods a description may recommend."""

    def __init__(self, shelf: Shelf, settings: GrocerySettings, complements: list[tuple[int, ...]]) -> None:
        self.shelf, self.settings, self.complements = shelf, settings, complements
        self.rng = Random(f"{settings.seed}/wording")
        self.stocked = [row for row, rows in enumerate(shelf.of_concept) if len(rows)]
        self._houses: dict[str, House] = {}
        self._names: dict[tuple[str, int], str] = {}
        self._value_labels = {chain.value_label for chain in shelf.lexicon.chains}
        self._chain_of = {
            label: chain
            for chain in shelf.lexicon.chains
            for label in (chain.label, chain.value_label, chain.organic_label)
        }

    def products(self) -> Iterator[Product]:
        """One product an item, in shelf order, made as it is asked for; ids are drawn at random and say nothing."""
        count = len(self.shelf)
        ids = self.rng.sample(range(10 ** max(6, len(str(count)) + 1)), count)
        noisy = self._choose(self.settings.noise)
        misfiled = self._choose(self.settings.misfiled)
        rows = zip(ids, self.shelf.items, self.shelf.popularity.tolist(), strict=True)
        for row, (number, item, popularity) in enumerate(rows):
            yield self._product(f"{number:07d}", item, popularity, row in noisy, row in misfiled)

    def _choose(self, share: float) -> frozenset[int]:
        return frozenset(self.rng.sample(range(len(self.shelf)), round(share * len(self.shelf))))

    def _product(self, product_id: str, item: Item, popularity: float, noisy: bool, misfiled: bool) -> Product:
        leaf, concept = self.shelf.leaf_of(item), self.shelf.lexicon.concepts[item.concept]
        title, description = self._title(item, leaf, concept), self._description(item, leaf, concept)
        attributes = self._attributes(item, leaf)
        if noisy:
            title, description = self._spoil(title, description, item, leaf)
            attributes = {"size": attributes["size"]} if self.rng.random() < 0.7 else {}
        stores = self._stores(item)
        return Product(
            id=product_id,
            title=title,
            category=self._misfile(leaf) if misfiled else leaf.path,
            brand=item.brand,
            description=description,
            attributes=attributes,
            price=self._price(item, leaf),
            available=self.rng.random() < 0.95,
            stores=stores,
            popularity=popularity,
        )

    def _house(self, brand: str) -> House:
        if brand not in self._houses:
            rng = Random(f"{self.settings.seed}/house/{brand}")
            order = rng.choices(_ORDERS, (5, 4, 3, 3, 1, 1))[0]
            abbreviates = rng.random() < 0.08 or (brand in self._value_labels and rng.random() < 0.8)
            self._houses[brand] = House(order, rng.choice((0, 0, 1, 2)), abbreviates)
        return self._houses[brand]

    def _name(self, brand: str, concept: int) -> str:
        """The surface name that this brand prints for the concept: nearly always the same one."""
        key = (brand, concept)
        if key not in self._names:
            names = self.shelf.lexicon.concepts[concept].names
            rng = Random(f"{self.settings.seed}/name/{brand}/{concept}")
            self._names[key] = rng.choices(names, (1.1, *([1.0] * (len(names) - 1))))[0]
        return self._names[key]

    def _title(self, item: Item, leaf: Leaf, concept: Concept) -> str:
        rng, house = self.rng, self._house(item.brand)
        name = self._name(item.brand, item.concept)
        variety = "" if item.variety in PLAIN and rng.random() < 0.6 else item.variety
        if variety and rng.random() < 0.1:  # "Nonna Bruna Roasted Garlic 24 oz": the shelf tells what it is
            name = ""
        largest = item.size == len(leaf.sizes) - 1 and rng.random() < 0.3
        claims = [rng.choice(DIETS[letter].label) for letter in _letters(item.claims) if rng.random() < 0.8]
        parts = {
            "brand": "" if rng.random() < 0.06 else item.brand,
            "line": item.line,
            "diet": " ".join(claims[:2]),
            "variety": title_case(variety),
            "name": title_case(name) if name or variety else title_case(concept.names[0]),
            "form": title_case(item.form),
            "size": self._size(leaf.sizes[item.size], house) + (" Family Size" if largest else ""),
        }
        title = _tidy(house.order.format(**parts))
        return shorten(title) if house.abbreviates and rng.random() < 0.5 else title

    def _size(self, size: str, house: House) -> str:
        if self.rng.random() < 0.05:
            return ""
        return (size, compact_size(size), long_size(size))[house.size_style]

    def _description(self, item: Item, leaf: Leaf, concept: Concept) -> str:
        rng = self.rng
        if rng.random() < 0.25:
            return ""
        name = rng.choice(concept.names) if rng.random() < 0.3 else self._name(item.brand, item.concept)
        claims = " and ".join(rng.choice(DIETS[letter].label) for letter in _letters(item.claims))
        maker = f" from {item.brand}" if rng.random() < 0.3 else ""
        lead = f"{rng.choice(_OPENERS)} {' '.join((item.variety, name)).strip()}{maker}."
        sentences = [lead if rng.random() < 0.6 else ""]
        sentences.append(f"It is {claims}." if claims and rng.random() < 0.5 else "")
        sentences += rng.sample(FOOD_LINES if leaf.food else HOME_LINES, rng.choice((0, 0, 1, 1, 2)))
        partners = self.complements[concept.leaf]
        if partners and rng.random() < 0.22:
            partner = self.shelf.lexicon.leaves[rng.choice(partners)]
            other = self.shelf.lexicon.concepts[rng.choice(partner.concepts)].names[0]
            sentences.append(rng.choice(COMPLEMENT_LINES).format(other))
        return " ".join(sentence for sentence in sentences if sentence)

    def _spoil(self, title: str, description: str, item: Item, leaf: Leaf) -> tuple[str, str]:
        """Poor (two in three) or misleading text in place of good text."""
        rng = self.rng
        draw = rng.random()
        if draw < 0.17:  # brand and article number
            return f"{item.brand} {rng.choice('ABDGKLMRSTX')}{rng.randrange(1000, 99999)}", ""
        if draw < 0.34:  # a feed that cuts fields
            return title[: max(len(item.brand) + 5, 16)].strip(" ,-("), description[:24].strip()
        if draw < 0.5:  # nothing but the manufacturer's standard text
            size = leaf.sizes[item.size]
            line = item.line or rng.choice(("Classic", "Quality", "Value"))
            return f"{item.brand} {line} {size}", " ".join(rng.sample(BOILERPLATE, 2))
        if draw < 0.67:  # shelf-label shorthand
            return shorten(shorten(title)).replace("&", "/"), ""
        others = [self.shelf.lexicon.concepts[rng.choice(self.stocked)] for _ in range(3)]
        names = [rng.choice(other.names) for other in others]
        line = rng.choice(CONFUSION_LINES).format(*names)
        if draw < 0.8:
            return f"{title} - {line.rstrip('.')}", description
        return title, f"{line} {rng.choice(COMPLEMENT_LINES).format(names[2])} {description[:40]}".strip()

    def _attributes(self, item: Item, leaf: Leaf) -> dict[str, str]:
        rng = self.rng
        found = {"size": leaf.sizes[item.size]}
        if item.variety and rng.random() < 0.7:
            found["flavor" if leaf.food else "variant"] = item.variety
        if item.form and rng.random() < 0.6:
            found["form"] = item.form
        if item.claims and rng.random() < 0.7:
            found["claims"] = ", ".join(DIETS[letter].name for letter in _letters(item.claims))
        return found

    def _price(self, item: Item, leaf: Leaf) -> float:
        """In dollars: larger costs more but less a unit, claims cost extra, own labels less."""
        low, high = leaf.price
        steps = max(1, len(leaf.sizes) - 1)
        price = low * (high / low) ** (0.2 + 0.7 * item.size / steps) * self.rng.lognormvariate(0, 0.14)
        price *= 1 + 0.08 * item.claims.bit_count()
        price *= 0.78 if item.brand in self._chain_of else 1.0
        return round(max(0.5, int(price * 10) / 10 + 0.09), 2)

    def _stores(self, item: Item) -> tuple[str, ...]:
        """Own labels are sold by their chain only; other brands by the chains that list them."""
        rng, own = self.rng, self._chain_of.get(item.brand)
        chains: list[Chain] = [own] if own else [c for c in self.shelf.lexicon.chains if rng.random() < 0.55]
        stores = [store for chain in chains for store in chain.stores if rng.random() < 0.85]
        return tuple(stores or [rng.choice((own or rng.choice(self.shelf.lexicon.chains)).stores)])

    def _misfile(self, leaf: Leaf) -> CategoryPath:
        """A wrong leaf: mostly a neighbour, at times another department's."""
        every = self.shelf.lexicon.leaves
        stocked = [every[row] for row, rows in enumerate(self.shelf.of_leaf) if len(rows)]
        draw = self.rng.random()
        depth = 2 if draw < 0.5 else 1 if draw < 0.8 else 0
        others = [other for other in (stocked if len(stocked) > 1 else every) if other.path != leaf.path]
        near = [other for other in others if other.path[:depth] == leaf.path[:depth]]
        return self.rng.choice(near or others).path


def _letters(diets: int) -> list[str]:
    return [letter for letter, bit in BIT.items() if diets & bit] if diets else []


def _tidy(text: str) -> str:
    """The filled template without the gaps that empty parts leave."""
    text = " ".join(text.replace("()", "").replace(" by ,", ",").split())
    for old, new in ((" ,", ","), (",,", ","), (",,", ","), ("- ,", "-"), (" - -", " -")):
        text = text.replace(old, new)
    return text.strip(" ,-")
