"""The text of a product, for every stage that reads: embedders, BM25, pseudo-queries."""

from __future__ import annotations

from collections.abc import Sequence

from genret.ground.types import Product

TEXT_FIELDS = ("title", "brand", "category", "description", "attributes")
ONE_ATTRIBUTE = "attributes."
"""Before the name of one attribute, where not all of them are read."""


def product_text(product: Product, fields: Sequence[str]) -> str:
    """The text of a product that is embedded: the chosen fields, joined; the category from root to leaf.

    A field is one of `TEXT_FIELDS`, or one attribute: `attributes.colour`. Numbers are no text.
    """
    return ". ".join(filter(None, (_part(product, field) for field in fields)))


def is_text_field(field: str) -> bool:
    """Whether `product_text` takes it."""
    return field in TEXT_FIELDS or (field.startswith(ONE_ATTRIBUTE) and len(field) > len(ONE_ATTRIBUTE))


def _part(product: Product, field: str) -> str:
    if field == "title":
        return product.title
    if field == "brand":
        return product.brand
    if field == "category":
        return " ".join(product.category)
    if field == "description":
        return product.description
    if field == "attributes":
        return " ".join(f"{name} {value}" for name, value in product.attributes.items())
    name = field.removeprefix(ONE_ATTRIBUTE)
    return f"{name} {product.attributes[name]}" if name in product.attributes else ""
