"""bm25s, in numpy alone."""

from __future__ import annotations

import sys
from functools import lru_cache
from importlib import import_module
from typing import Any


@lru_cache(maxsize=1)
def bm25s() -> Any:
    """The library, imported as where there is no JAX.

    Where there is one, importing bm25s starts it: it takes most of a GPU's memory for itself, and fails where another
    process did so before (bm25s 0.3.16, `selection.py`).
    """
    before = {name: module for name, module in sys.modules.items() if name == "jax"}
    sys.modules["jax"] = None  # type: ignore[assignment]  # so that importing it is an ImportError
    try:
        return import_module("bm25s")
    finally:
        del sys.modules["jax"]
        sys.modules.update(before)
