"""Hits as a table for people: what each is, what it costs, where it is filed, and what tells two of one name apart.

`hit_table(result)` chooses the columns; `hit_table(result, ("title", "price", "Quantity"))` takes those named.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from genret.ground.errors import GenretError
from genret.ground.types import Hit, Product, SearchResult

ALWAYS = ("#", "score", "semantic ID", "id", "product")
MOST_APART = 2
"""Attributes that are added to tell hits apart."""

COLUMNS: Mapping[str, Callable[[Hit], str]] = {
    "#": lambda hit: str(hit.rank),
    "score": lambda hit: f"{hit.score:.2f}",
    "confidence": lambda hit: "" if hit.confidence is None else f"{hit.confidence:.2f}",
    "semantic ID": lambda hit: "-".join(map(str, hit.semantic_id)),
    "id": lambda hit: hit.product.id,
    "product": lambda hit: " ".join(filter(None, (hit.product.title, hit.product.brand))),
    "title": lambda hit: hit.product.title,
    "brand": lambda hit: hit.product.brand,
    "category": lambda hit: " > ".join(hit.product.category[-2:]),
    "description": lambda hit: hit.product.description,
    "price": lambda hit: "" if hit.product.price is None else f"{hit.product.price:,.2f}",
    "available": lambda hit: "yes" if hit.product.available else "no",
    "stores": lambda hit: ", ".join(hit.product.stores),
    "popularity": lambda hit: f"{hit.product.popularity:g}",
}
"""Column -> what it shows of a hit; any attribute of the products is one as well."""
RIGHT = {"#", "score", "confidence", "price", "popularity"}


def counted(products: int) -> str:
    """`1 product`, `20,000 products`."""
    return f"{products:,} product{'s' * (products != 1)}"


def hit_table(result: SearchResult, columns: Sequence[str] = ()) -> Any:
    """The result as a `rich` table. A GenretError for a column that no hit has."""
    from rich.table import Table

    certified = ", certified: the model scores no product higher" if result.exact else ""
    read = f", read as {safe(result.corrected)}" if result.corrected else ""
    unknown = f"; unknown: {safe(', '.join(result.unknown))}" if result.unknown else ""
    title = f"{safe(result.query)}{read}  ({counted(len(result.hits))}{certified}{unknown})"
    table = Table(title=title, title_justify="left")
    chosen = tuple(columns) or chosen_columns(result.hits)
    _check(chosen, result.hits)
    for name in chosen:
        table.add_column(safe(name), justify="right" if name in RIGHT else "left", overflow="fold")
    for hit in result.hits:
        table.add_row(*(_styled(name, hit) for name in chosen))
    return table


def chosen_columns(hits: Sequence[Hit]) -> tuple[str, ...]:
    """The usual columns, price and category where there are any, and what tells hits of one name apart."""
    more = ["price"] if any(hit.product.price is not None for hit in hits) else []
    more += ["category"] if any(hit.product.category for hit in hits) else []
    return (*ALWAYS, *more, *_apart([hit.product for hit in hits]))


def _apart(products: Sequence[Product]) -> tuple[str, ...]:
    """The attributes (or stores) in which most products of one title and brand differ, the best first."""
    same: dict[tuple[str, str], list[Product]] = {}
    for product in products:
        same.setdefault((product.title.casefold(), product.brand.casefold()), []).append(product)
    groups = [group for group in same.values() if len(group) > 1]
    names = {name for group in groups for one in group for name in (*one.attributes, *one.numbers)}
    told = {name: sum(len({_attribute(one, name) for one in group}) - 1 for group in groups) for name in names}
    told["stores"] = sum(len({one.stores for one in group}) - 1 for group in groups)
    best = sorted((name for name, count in told.items() if count), key=lambda name: (-told[name], name))
    return tuple(best[:MOST_APART])


def _check(columns: Sequence[str], hits: Sequence[Hit]) -> None:
    known = {*COLUMNS, *(name for hit in hits for name in (*hit.product.attributes, *hit.product.numbers))}
    for name in columns if hits else ():
        if name not in known:
            raise GenretError(f"--columns {name!r}: no hit has it; there are {', '.join(sorted(known))}")


def _styled(name: str, hit: Hit) -> str:
    if name == "product" and hit.product.brand:
        return f"{safe(hit.product.title)} [dim]{safe(hit.product.brand)}[/]"
    return safe(COLUMNS[name](hit) if name in COLUMNS else _attribute(hit.product, name))


def _attribute(product: Product, name: str) -> str:
    number = product.numbers.get(name)
    return product.attributes.get(name, "") if number is None else f"{number:g}"


def safe(text: str) -> str:
    """`text` with nothing in it that rich would take for markup."""
    return text.replace("[", "\\[")
