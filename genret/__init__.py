"""genret: generative product retrieval, from a catalogue to provably exact answers.

The root exports are loaded on first use, so that `import genret` and `genret --help` stay light.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_EXPORTS = {
    "GenretError": "genret.errors",
    "Hit": "genret.types",
    "Product": "genret.types",
    "Query": "genret.types",
    "Retriever": "genret.retriever",
    "SearchResult": "genret.types",
}

if TYPE_CHECKING:
    from genret.errors import GenretError as GenretError
    from genret.retriever import Retriever as Retriever
    from genret.types import Hit as Hit
    from genret.types import Product as Product
    from genret.types import Query as Query
    from genret.types import SearchResult as SearchResult

__all__ = [*_EXPORTS, "__version__"]


def __getattr__(name: str) -> Any:
    if name in _EXPORTS:
        return getattr(import_module(_EXPORTS[name]), name)
    raise AttributeError(f"module 'genret' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
