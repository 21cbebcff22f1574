"""A run's true substitutes, where its data names them: what the explorer marks. Read when first asked for."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from genret.ground.errors import GenretError
from genret.pipeline.folder import RunFolder


class Substitutes:
    """The pairs of a run's data, by product."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def of(self, product_id: str) -> frozenset[str] | None:
        """The products that a shopper would take in its place; None where the data names none at all."""
        return None if self._pairs is None else self._pairs.get(product_id, frozenset())

    @cached_property
    def _pairs(self) -> dict[str, frozenset[str]] | None:
        try:
            pairs = RunFolder(self._folder).dataset().substitutes
        except GenretError:
            return None
        found: dict[str, set[str]] = {}
        for one, other in pairs:
            found.setdefault(one, set()).add(other)
            found.setdefault(other, set()).add(one)
        return {one: frozenset(others) for one, others in found.items()} or None
