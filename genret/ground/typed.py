"""Types checked where users call: `@typed` on a function, `@typed_fields` below `@dataclass`, by their own annotations.

A value that certainly does not fit is a GenretError that names the argument, what was given and what is expected. What
an annotation can't say (a range, say) is for the function itself; an annotation that is not understood passes all.
"""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Callable, Collection, Iterable, Mapping
from numbers import Integral, Real
from os import PathLike
from pathlib import Path
from typing import Any, Literal, ParamSpec, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np

from genret.ground.checks import shown
from genret.ground.errors import GenretError

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")
_NAMES = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "True or False",
    Path: "a path",
    type(None): "None",
}
_BASES: Mapping[Any, Any] = {str: str, Path: PathLike, type(None): type(None), bool: bool | np.bool_}


def typed(function: Callable[P, R]) -> Callable[P, R]:
    """The function, its arguments checked by its annotations; unknown and missing ones are GenretErrors as well."""
    signature = inspect.signature(function)

    @functools.cache
    def hints() -> Mapping[str, Any]:
        return _hints(function)

    @functools.wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            given = signature.bind(*args, **kwargs).arguments
        except TypeError as error:
            raise GenretError(f"{function.__name__}: {error}; it takes {', '.join(signature.parameters)}") from None
        for name, value in given.items():
            if name in hints() and name not in ("self", "cls"):
                check(name, value, hints()[name])
        return function(*args, **kwargs)

    return checked


def typed_fields(kind: type[T]) -> type[T]:
    """The dataclass to be, its fields checked by their annotations before its own `__post_init__`.

    Numpy's numbers become Python's, so that settings can be written as JSON.
    """
    own: Callable[[T], None] = getattr(kind, "__post_init__", lambda self: None)

    def checked(self: T) -> None:
        for name, hint in _hints(kind).items():
            value = getattr(self, name)
            check(name, value, hint)
            if isinstance(value, np.generic):
                object.__setattr__(self, name, value.item())
        own(self)

    kind.__post_init__ = checked  # type: ignore[attr-defined]
    return kind


def check(name: str, value: Any, hint: Any) -> None:
    """A GenretError if the value certainly is not of the annotated type."""
    if not fits(value, hint):
        raise GenretError(f"{name}={shown(value)}: expected {_said(hint)}")


def fits(value: Any, hint: Any) -> bool:
    """Whether the value may be of the annotated type."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return any(fits(value, one) for one in arguments)
    if origin is Literal:
        return any(type(value) is type(one) and value == one for one in arguments)
    if hint in (int, float):
        return not isinstance(value, bool | np.bool_) and isinstance(value, Integral if hint is int else Real)
    if hint in _BASES:
        return isinstance(value, _BASES[hint])
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return isinstance(value, Mapping)
    if isinstance(origin, type) and issubclass(origin, Iterable):
        return _fits_many(value, origin, arguments)
    if hint is Callable or origin is Callable or origin is types.FunctionType:
        return callable(value)
    plain = isinstance(hint, type) and not getattr(hint, "_is_protocol", False)
    return isinstance(value, hint) if plain else True


def _fits_many(value: Any, origin: type, arguments: tuple[Any, ...]) -> bool:
    if isinstance(value, str | bytes) or not isinstance(value, Iterable):
        return False
    if issubclass(origin, tuple | list) and not isinstance(value, tuple | list):
        return False
    if not isinstance(value, Collection) or isinstance(value, np.ndarray) or not arguments or len(value) > 10_000:
        return True  # one that can be gone through only once, or that would take long
    if issubclass(origin, tuple) and arguments[-1] is not Ellipsis:
        return len(value) == len(arguments) and all(fits(one, hint) for one, hint in zip(value, arguments, strict=True))
    if all(kind is arguments[0] for kind in set(map(type, value))):
        return True  # thousands of products, say, at once
    return all(fits(one, arguments[0]) for one in value)


def _hints(annotated: Any) -> Mapping[str, Any]:
    """Name -> annotation, of those that can be resolved here."""
    try:
        return get_type_hints(annotated)
    except (NameError, TypeError):
        where = vars(inspect.getmodule(annotated) or types)
        found = {}
        for name, text in getattr(annotated, "__annotations__", {}).items():
            try:
                found[name] = eval(text, dict(where)) if isinstance(text, str) else text  # the project's own source
            except (NameError, TypeError):
                continue  # imported for type checkers only
        return found


def _said(hint: Any) -> str:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(_said(one) for one in arguments))
    if origin is Literal:
        return ", ".join(map(repr, arguments))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return "a mapping"
    if isinstance(origin, type) and issubclass(origin, Iterable):
        return f"a list, each {_said(arguments[0])}" if arguments else "a list"
    return _NAMES.get(hint, getattr(hint, "__name__", str(hint)))
