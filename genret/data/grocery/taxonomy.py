"""The tables of the lexicon as records: leaves, concepts, brands, chains, uses. Knows no product and draws nothing.

A *concept* is what a shopper means by one word ("marinara sauce"); it has several surface names and lives in one leaf.
The format of a table: `== Department > Aisle | key=value …` opens an aisle, `- Leaf | key=value …` a leaf, every other
line is a concept with its names (`=` between them); `/` lists the leaf's varieties, `%` its forms. Keys: `brands`,
`sizes`, `diets` (letters of `words.DIETS`), `price` (low-high), `x` (how much shelf the leaf gets), and the bare word
`strict` where the leaf's concepts do not stand in for each other (lemons and oranges).
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from genret.data.grocery import (
    lexicon_brands,
    lexicon_fresh,
    lexicon_home,
    lexicon_packaged,
    lexicon_pantry,
    lexicon_uses,
)
from genret.types import CategoryPath


class Leaf(NamedTuple):
    """One leaf of the taxonomy and what its shelf can hold."""

    path: CategoryPath
    concepts: tuple[int, ...]
    """Rows of `Lexicon.concepts`."""
    brands: tuple[str, ...]
    sizes: tuple[str, ...]
    """Small to large."""
    diets: str
    """Letters of `words.DIETS` that products here may carry."""
    price: tuple[float, float]
    share: float
    """Relative shelf space."""
    strict: bool
    """True where sibling concepts are no substitutes."""
    varieties: tuple[str, ...]
    forms: tuple[str, ...]

    @property
    def food(self) -> bool:
        return self.path[0] not in ("Household", "Personal Care", "Health", "Pets")


class Concept(NamedTuple):
    """One thing that shoppers mean, and its names; the first is the commonest."""

    names: tuple[str, ...]
    leaf: int


class Chain(NamedTuple):
    """A chain of shops with three labels of its own and its stores."""

    name: str
    label: str
    value_label: str
    organic_label: str
    stores: tuple[str, ...]


class Lexicon(NamedTuple):
    """Everything that is written down, parsed."""

    leaves: tuple[Leaf, ...]
    concepts: tuple[Concept, ...]
    chains: tuple[Chain, ...]
    uses: tuple[tuple[tuple[str, ...], tuple[int, ...]], ...]
    """(wordings, concepts that answer them)."""
    baskets: tuple[tuple[float, tuple[int, ...]], ...]
    """(weight, leaves bought together, most likely first)."""
    swaps: dict[int, frozenset[int]]
    """Concept -> concepts elsewhere, or in its leaf, that shoppers take instead."""


@lru_cache(maxsize=1)
def lexicon() -> Lexicon:
    """The parsed lexicon: the same object at every call."""
    areas = dict(_area(line) for line in _lines(lexicon_brands.AREAS))
    leaves: list[Leaf] = []
    concepts: list[Concept] = []
    for module in (lexicon_pantry, lexicon_fresh, lexicon_packaged, lexicon_home):
        _read_table(module.TABLE, areas, leaves, concepts)
    concept_of = {concept.names[0]: row for row, concept in reversed(list(enumerate(concepts)))}
    leaf_of = {leaf.path[-1]: row for row, leaf in enumerate(leaves)}
    return Lexicon(
        tuple(leaves),
        tuple(concepts),
        tuple(_chain(line) for line in _lines(lexicon_brands.CHAINS)),
        tuple(_use(line, concept_of) for line in _lines(lexicon_uses.USES)),
        tuple(_basket(line, leaf_of) for line in _lines(lexicon_uses.BASKETS)),
        _swaps(leaves, concepts, concept_of),
    )


def _read_table(table: str, areas: dict[str, tuple[str, ...]], leaves: list[Leaf], concepts: list[Concept]) -> None:
    aisle: tuple[str, ...] = ()
    defaults: dict[str, str] = {}
    for line in _lines(table):
        if line.startswith("=="):
            head, defaults = _head(line[2:])
            aisle = tuple(_split(head, ">"))
        elif line.startswith("- "):
            head, given = _head(line[2:])
            leaves.append(_leaf((*aisle, head), {**defaults, **given}, areas))
        elif line[0] in "/%":
            field = "varieties" if line[0] == "/" else "forms"
            leaves[-1] = leaves[-1]._replace(**{field: _split(line[1:], ",")})
        else:
            leaves[-1] = leaves[-1]._replace(concepts=(*leaves[-1].concepts, len(concepts)))
            concepts.append(Concept(_split(line, "="), len(leaves) - 1))


def _leaf(path: CategoryPath, keys: dict[str, str], areas: dict[str, tuple[str, ...]]) -> Leaf:
    low, _, high = keys["price"].partition("-")
    return Leaf(
        path=path,
        concepts=(),
        brands=tuple(brand for area in _split(keys["brands"], "+") for brand in areas[area]),
        sizes=_split(keys["sizes"], ","),
        diets=keys["diets"],
        price=(float(low), float(high)),
        share=float(keys.get("x", 1)),
        strict="strict" in keys,
        varieties=(),
        forms=(),
    )


def _head(text: str) -> tuple[str, dict[str, str]]:
    head, *rest = _split(text, "|")
    return head, {key.strip(): value.strip() for key, _, value in (part.partition("=") for part in rest)}


def _area(line: str) -> tuple[str, tuple[str, ...]]:
    name, _, brands = line.partition(":")
    return name, _split(brands, ",")


def _chain(line: str) -> Chain:
    name, label, value_label, organic_label, stores = _split(line, "|")
    return Chain(name, label, value_label, organic_label, _split(stores, ";"))


def _use(line: str, concept_of: dict[str, int]) -> tuple[tuple[str, ...], tuple[int, ...]]:
    wordings, _, concepts = line.partition(" : ")
    return _split(wordings, "="), tuple(concept_of[name] for name in _split(concepts, ","))


def _basket(line: str, leaf_of: dict[str, int]) -> tuple[float, tuple[int, ...]]:
    weight, _, leaves = line.partition("|")
    return float(weight), tuple(leaf_of[name] for name in _split(leaves, ","))


def _swaps(leaves: list[Leaf], concepts: list[Concept], concept_of: dict[str, int]) -> dict[int, frozenset[int]]:
    swaps: dict[int, set[int]] = {row: set() for row in range(len(concepts))}
    groups = [[concept_of[name] for name in _split(line, ",")] for line in _lines(lexicon_uses.SWAPS)]
    for group in [*groups, *(leaf.concepts for leaf in leaves if not leaf.strict)]:
        for row in group:
            swaps[row].update(other for other in group if other != row)
    return {row: frozenset(others) for row, others in swaps.items()}


def _lines(table: str) -> list[str]:
    return [line for line in table.splitlines() if line and not line.startswith("#")]


def _split(text: str, separator: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(separator) if part.strip())
