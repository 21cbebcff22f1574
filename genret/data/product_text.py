"""The text of a product, for every stage that reads: embedders, BM25, pseudo-queries."""

from __future__ import annotations

from collections.abc import Sequence

from genret.ground.types import Product

TEXT_FIELDS = ("title", "brand", "category", "description", "attributes")


def product_text(product: Product, fields: Sequence[str]) -> str:
    """The text of a product that is embedded: the chosen fields, joined; the category from root to leaf."""
    parts = {
        "title": product.title,
        "brand": product.brand,
        "category": " ".join(product.category),
        "description": product.description,
        "attributes": " ".join(f"{name} {value}" for name, value in product.attributes.items()),
    }
    return ". ".join(parts[field] for field in fields if parts[field])
