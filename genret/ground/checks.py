"""Arguments as callers pass them, checked: a wrong type or value is one GenretError that names the argument.

Each check returns the value in Python's own type (numpy's whole numbers, floats and bools are fine).
"""

from __future__ import annotations

import math
import re
import reprlib
from numbers import Integral, Real
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from genret.ground.errors import GenretError

SHOWN = 60
"""Characters of a value that an error quotes."""
_SURROGATE = re.compile("[\ud800-\udfff]")
_REPR = reprlib.Repr()
_REPR.maxstring = _REPR.maxother = _REPR.maxlong = SHOWN


def shown(value: Any) -> str:
    """A value as an error quotes it: `repr`, cut to a part of a line."""
    return ascii(_REPR.repr(value))[1:-1] if isinstance(value, str) and not value.isprintable() else _REPR.repr(value)


def whole(name: str, value: Any, least: int = 1, most: int | None = None) -> int:
    """The value as a whole number from `least` to `most`; True is none, and neither is 3.0."""
    fits = isinstance(value, Integral) and not isinstance(value, bool | np.bool_)
    if fits and least <= value and (most is None or value <= most):
        return int(value)
    raise GenretError(f"{name}={shown(value)}: expected a whole number {_limits(least, most)}")


def real(name: str, value: Any, least: float = -math.inf, most: float = math.inf) -> float:
    """The value as a finite float from `least` to `most`."""
    if not isinstance(value, bool | np.bool_) and isinstance(value, Real):
        try:
            found = float(value)
        except OverflowError:
            found = math.inf
        if math.isfinite(found) and least <= found <= most:
            return found
    limits = "" if least == -math.inf else f" {_limits(least, None if most == math.inf else most)}"
    raise GenretError(f"{name}={shown(value)}: expected a finite number{limits}")


def flag(name: str, value: Any) -> bool:
    """The value as True or False."""
    if isinstance(value, bool | np.bool_):
        return bool(value)
    raise GenretError(f"{name}={shown(value)}: expected True or False")


def plain_text(name: str, value: Any) -> str:
    """The value as text that can be written as UTF-8: lone surrogates are half a character."""
    if not isinstance(value, str):
        raise GenretError(f"{name}={shown(value)}: expected text")
    half = None if value.isascii() else _SURROGATE.search(value)
    if half:
        raise GenretError(
            f"{name}={shown(value)}: holds half a character (the lone surrogate U+{ord(half.group()):04X} at "
            f"{half.start() + 1}); decode the text again from its bytes"
        )
    return str(value)


def choice(name: str, value: Any, options: tuple[str, ...]) -> str:
    """The value, one of the options."""
    if isinstance(value, str) and value in options:
        return str(value)
    raise GenretError(f"{name}={shown(value)}: expected one of {', '.join(map(repr, options))}")


def path(name: str, value: Any) -> Path:
    """The value as a path."""
    if isinstance(value, str | PathLike) and not isinstance(value, bytes) and str(value) and "\0" not in str(value):
        return Path(value)
    raise GenretError(f"{name}={shown(value)}: expected a path")


def _limits(least: float, most: float | None) -> str:
    return f"of at least {least:g}" if most is None else f"from {least:g} to {most:g}"
