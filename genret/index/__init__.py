"""The index: semantic IDs and products on disk, searched under filters while they change.

The exports load on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from genret.ground.lazy import lazy

if TYPE_CHECKING:
    from genret.index.build import Contents as Contents
    from genret.index.build import build_index as build_index
    from genret.index.filters import Condition as Condition
    from genret.index.index import Index as Index

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "Condition": "genret.index.filters",
        "Contents": "genret.index.build",
        "Index": "genret.index.index",
        "build_index": "genret.index.build",
    },
)
