"""The tables of the lexicon as records: leaves, concepts, brands, chains, uses.

A *concept* is what a shopper means by one word ("marinara sauce"); it has several surface names and lives in one leaf.
The format of a table: `== Department > Aisle | key=value …` opens an aisle, `- Leaf | key=value …` a leaf, every other
line is a concept with its names (`=` between them); `~` lists names of the whole leaf, `/` its varieties, `%` its
forms; an indented line continues the one above. Keys: `brands`, `sizes`, `diets` (letters of `words.DIETS`), `price`
(low-high), `x` (how much shelf the leaf gets), `implied` (claims that everything here meets, printed or not), and the
bare word `strict` where the leaf's concepts do not stand in for each other (lemons and oranges). After a concept, `[g]`
are claims that it meets by nature, and `!` says that the leaf's varieties and claims are not for it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from genret.data.grocery.lexicon import brands, condiments, dairy, drinks, fresh, home, pantry, snacks, uses
from genret.ground.types import CategoryPath

_TABLES = (pantry.TABLE, condiments.TABLE, fresh.TABLE, dairy.TABLE, snacks.TABLE, drinks.TABLE, home.TABLE)


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
    generics: tuple[str, ...]
    """What shoppers call anything in this leaf; several leaves may share such a name."""

    @property
    def food(self) -> bool:
        return self.path[0] not in ("Household", "Personal Care", "Health", "Pets")


class Concept(NamedTuple):
    """One thing that shoppers mean, and its names; the first is the commonest."""

    names: tuple[str, ...]
    leaf: int
    implied: str
    """Letters of `words.DIETS` that every product of this concept meets, printed or not."""
    bare: bool
    """True where it comes in no variety and with no claim."""


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
    areas = dict(_area(line) for line in _lines(brands.AREAS))
    leaves: list[Leaf] = []
    concepts: list[Concept] = []
    for table in _TABLES:
        _read_table(table, areas, leaves, concepts)
    concept_of = {concept.names[0]: row for row, concept in reversed(list(enumerate(concepts)))}
    leaf_of = {leaf.path[-1]: row for row, leaf in enumerate(leaves)}
    return Lexicon(
        tuple(leaves),
        tuple(concepts),
        tuple(_chain(line) for line in _lines(brands.CHAINS)),
        tuple(_use(line, concept_of) for line in _lines(uses.USES)),
        tuple(_basket(line, leaf_of) for line in _lines(uses.BASKETS)),
        _swaps(leaves, concepts, concept_of),
    )


def _read_table(table: str, areas: dict[str, tuple[str, ...]], leaves: list[Leaf], concepts: list[Concept]) -> None:
    aisle: tuple[str, ...] = ()
    defaults: dict[str, str] = {}
    keys: dict[str, str] = {}
    for line in _lines(table):
        if line.startswith("=="):
            head, defaults = _head(line[2:])
            aisle = tuple(_split(head, ">"))
        elif line.startswith("- "):
            head, given = _head(line[2:])
            keys = {**defaults, **given}
            leaves.append(_leaf((*aisle, head), keys, areas))
        elif line[0] == "/":
            leaves[-1] = leaves[-1]._replace(varieties=_split(line[1:], ","))
        elif line[0] == "~":
            leaves[-1] = leaves[-1]._replace(generics=_split(line[1:], "="))
        elif line[0] == "%":
            leaves[-1] = leaves[-1]._replace(forms=_split(line[1:], ","))
        else:
            leaves[-1] = leaves[-1]._replace(concepts=(*leaves[-1].concepts, len(concepts)))
            concepts.append(_concept(line, len(leaves) - 1, keys.get("implied", "")))


def _concept(line: str, leaf: int, implied: str) -> Concept:
    bare = line.endswith("!")
    names, _, own = line.rstrip("! ").rstrip("]").partition("[")
    return Concept(_split(names, "="), leaf, implied + own, bare)


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
        generics=(),
    )


def _head(text: str) -> tuple[str, dict[str, str]]:
    head, *rest = _split(text, "|")
    return head, {key.strip(): value.strip() for key, _, value in (part.partition("=") for part in rest)}


def _area(line: str) -> tuple[str, tuple[str, ...]]:
    name, _, listed = line.partition(":")
    return name, _split(listed, ",")


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
    groups = [[concept_of[name] for name in _split(line, ",")] for line in _lines(uses.SWAPS)]
    for group in [*groups, *(leaf.concepts for leaf in leaves if not leaf.strict)]:
        for row in group:
            swaps[row].update(other for other in group if other != row)
    return {row: frozenset(others) for row, others in swaps.items()}


def _lines(table: str) -> list[str]:
    whole = table.replace("\n  ", " ")
    return [line for line in whole.splitlines() if line and not line.startswith("#")]


def _split(text: str, separator: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(separator) if part.strip())
