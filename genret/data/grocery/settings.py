"""The settings of the embedded catalogue."""

from __future__ import annotations

from dataclasses import dataclass

from genret.ground.errors import GenretError
from genret.ground.typed import typed_fields

FULL_SIZE = 20_000
"""Below this many products, the unset numbers of queries, pairs and baskets shrink in proportion."""


@dataclass(frozen=True)
@typed_fields
class GrocerySettings:
    """Size, seed and noise of the catalogue. A number left at None follows the number of products.

    `noise`: share of products with poor text (a code for a title, truncated, boilerplate, empty) or misleading text
    (another leaf's words), two to one. `misfiled`: share filed in a wrong leaf.
    """

    products: int = FULL_SIZE
    seed: int = 0
    noise: float = 0.12
    misfiled: float = 0.03
    train_queries: int | None = None
    dev_queries: int | None = None
    test_queries: int | None = None
    substitute_pairs: int | None = None
    sessions: int | None = None

    def __post_init__(self) -> None:
        for name in ("products", "train_queries", "dev_queries", "test_queries", "substitute_pairs", "sessions"):
            _check_count(name, getattr(self, name))
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or self.seed < 0:
            raise GenretError(f"seed={self.seed!r}, but a seed is a whole number from 0; pass one, such as 0")
        for name in ("noise", "misfiled"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
                raise GenretError(f"{name}={value!r}, but it is a share of the products; pass a number from 0 to 1")

    def count(self, name: str) -> int:
        """How many `train_queries`, … to make: as given, or in proportion to the catalogue."""
        given = getattr(self, name)
        if given is not None:
            return int(given)
        if self.products == 0:
            return 0
        full, least = _FULL[name]
        return max(least, round(full * min(1.0, self.products / FULL_SIZE)))


_FULL = {
    "train_queries": (12_500, 60),
    "dev_queries": (500, 20),
    "test_queries": (1_000, 30),
    "substitute_pairs": (10_000, 20),
    "sessions": (8_000, 20),
}
_MOST_PRODUCTS = 2_000_000


def _check_count(name: str, value: int | None) -> None:
    if value is None and name != "products":
        return
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise GenretError(f"{name}={value!r}, but it is a number of rows; pass a whole number from 0")
    if value > _MOST_PRODUCTS:
        raise GenretError(f"{name}={value}, but at most {_MOST_PRODUCTS} can be made; pass less")
