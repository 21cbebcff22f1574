"""Exports that load on first use, so that importing a room's name imports none of what its files need.

A room's `__init__` says `__getattr__, __dir__, __all__ = lazy(__name__, {"Name": "genret.room.file"})`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def lazy(package: str, exports: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """A package's `__getattr__`, `__dir__` and `__all__` for names that live in the given modules."""

    def get(name: str) -> Any:
        if name in exports:
            return getattr(import_module(exports[name]), name)
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    return get, lambda: sorted(exports), sorted(exports)
