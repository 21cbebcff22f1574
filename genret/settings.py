"""Settings of a component: a frozen dataclass; defaults < preset file < flags. Knows dataclasses, TOML and JSON."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from genret.errors import GenretError

T = TypeVar("T")


def make_settings(kind: type[T], *layers: Mapping[str, Any]) -> T:
    """A `kind` (frozen dataclass) from its defaults overlaid with `layers`, later ones winning; None means unset.

    Unknown names raise a GenretError that lists the known ones; the dataclass checks its values itself.
    """
    known = get_type_hints(kind)
    merged: dict[str, Any] = {}
    for layer in layers:
        for name, value in layer.items():
            if name not in known:
                raise GenretError(f"unknown setting {name!r} for {kind.__name__}; known: {', '.join(sorted(known))}")
            if value is not None:
                merged[name] = _fitted(name, value, known[name])
    return kind(**merged)


def read_preset(path: str | Path) -> dict[str, Any]:
    """The tables of a TOML or JSON preset file."""
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise GenretError(f"{path}: cannot read this preset ({error.strerror})") from None
    try:
        return json.loads(text) if path.suffix == ".json" else _parse_toml(text)
    except ValueError as error:
        raise GenretError(f"{path}: not a valid {path.suffix.lstrip('.') or 'TOML'} preset ({error})") from None


def settings_dict(settings: Any) -> dict[str, Any]:
    """The JSON form of a settings dataclass, for manifests."""
    return dict(json.loads(json.dumps(dataclasses.asdict(settings))))


def _fitted(name: str, value: Any, hint: Any) -> Any:
    """`value` as the field's type wants it (a lone value for a tuple, a whole number for a float), or a GenretError."""
    options = [option for option in _options(hint) if option is not type(None)]
    for option in options:
        base = get_origin(option) or option
        if base is tuple:
            parts = value if isinstance(value, list | tuple) else [value]
            return tuple(_fitted(name, part, get_args(option)[0]) for part in parts)
        if base is Literal and value in get_args(option):
            return value
        if base is float and isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
        if isinstance(base, type) and isinstance(value, base) and (base is not int or not isinstance(value, bool)):
            return value
    expected = " or ".join(
        ", ".join(map(repr, get_args(option)))
        if get_origin(option) is Literal
        else getattr(option, "__name__", str(option))
        for option in options
    )
    raise GenretError(f"{name}={value!r}: expected {expected}")


def _options(hint: Any) -> tuple[Any, ...]:
    """The alternatives of a union, or the hint alone."""
    return get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)


def _parse_toml(text: str) -> dict[str, Any]:
    try:
        import tomllib
    except ImportError:  # Python 3.10
        import tomli as tomllib  # type: ignore[no-redef,import-not-found,unused-ignore]
    return tomllib.loads(text)
