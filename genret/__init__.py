"""genret: generative product retrieval, from a catalogue to provably exact answers.

The root exports are loaded on first use, so that `import genret` and `genret --help` stay light.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from genret.ground.lazy import lazy
from genret.ground.moved import Moved

__version__ = "0.1.0"

if TYPE_CHECKING:
    from genret.ground.errors import GenretError as GenretError
    from genret.ground.types import Hit as Hit
    from genret.ground.types import Product as Product
    from genret.ground.types import Query as Query
    from genret.ground.types import SearchResult as SearchResult
    from genret.pipeline.retriever import Retriever as Retriever

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "GenretError": "genret.ground.errors",
        "Hit": "genret.ground.types",
        "Product": "genret.ground.types",
        "Query": "genret.ground.types",
        "Retriever": "genret.pipeline.retriever",
        "SearchResult": "genret.ground.types",
    },
)
__all__ += ["__version__"]

if not any(isinstance(finder, Moved) for finder in sys.meta_path):
    sys.meta_path.append(Moved())
