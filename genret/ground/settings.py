"""Settings of a component: a frozen dataclass; defaults < preset file < flags."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from pathlib import Path
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from genret.ground.errors import GenretError
from genret.ground.text_files import read_text_file

T = TypeVar("T")


def make_settings(kind: type[T], *layers: Mapping[str, Any]) -> T:
    """A `kind` (frozen dataclass) from its defaults overlaid with `layers`, later ones winning; None means unset.

    Unknown names raise a GenretError that lists the known ones; the dataclass checks its values itself.
    """
    known = get_type_hints(kind)
    merged: dict[str, Any] = {}
    for layer in layers:
        if not isinstance(layer, Mapping):
            raise GenretError(f"settings for {kind.__name__}: got {layer!r}, expected a table of names and values")
        for name, value in layer.items():
            if name not in known:
                raise GenretError(f"unknown setting {name!r} for {kind.__name__}; known: {', '.join(sorted(known))}")
            if value is not None:
                merged[name] = _fitted(name, value, known[name])
    return kind(**merged)


def read_preset(path: str | Path) -> dict[str, Any]:
    """The tables of a TOML or JSON preset file; a GenretError, naming it, if it does not hold any."""
    path = Path(path)
    text = read_text_file(path)
    try:
        tables = json.loads(text) if path.suffix == ".json" else _parse_toml(text)
    except ValueError as error:
        raise GenretError(f"{path}: not a valid {path.suffix.lstrip('.') or 'TOML'} preset ({error})") from None
    if not isinstance(tables, dict):
        raise GenretError(f"{path}: holds a {type(tables).__name__}, expected a table of settings for each section")
    return tables


def settings_dict(settings: Any) -> dict[str, Any]:
    """The JSON form of a settings dataclass, for manifests."""
    return dict(json.loads(json.dumps(dataclasses.asdict(settings))))


def check_range(
    name: str, value: float, least: float, most: float = math.inf, *, above: bool = False, below: bool = False
) -> None:
    """A GenretError unless `value` is a finite number from `least` (`above`: greater) to `most` (`below`: less)."""
    fits = (least < value if above else least <= value) and (value < most if below else value <= most)
    if math.isfinite(value) and fits:
        return
    limits = [] if least == -math.inf else [f"{'above' if above else 'of at least'} {least:g}"]
    limits += [] if most == math.inf else [f"{'below' if below else 'at most'} {most:g}"]
    raise GenretError(
        f"{name}={value:g}; expected a {'' if limits else 'finite '}number {' and '.join(limits)}".rstrip()
    )


def check_ranges(
    settings: Any,
    names: str,
    least: float,
    most: float = math.inf,
    *,
    above: bool = False,
    below: bool = False,
    section: str = "",
) -> None:
    """`check_range` for several fields of settings: `names` with spaces between, of a preset's `section`."""
    for name in names.split():
        told = f"{section} {name}".strip()
        check_range(told, getattr(settings, name), least, most, above=above, below=below)


def _fitted(name: str, value: Any, hint: Any) -> Any:
    """`value` as the field's type wants it, or a GenretError.

    A lone value fills a tuple, a whole number a float, and a list of numbers a text, as if written with commas.
    """
    options = [option for option in _options(hint) if option is not type(None)]
    for option in options:
        base = get_origin(option) or option
        if base is tuple:
            parts = value if isinstance(value, list | tuple) else [value]
            return tuple(_fitted(name, part, get_args(option)[0]) for part in parts)
        if base is Literal and value in get_args(option):
            return value
        if base is str and _numbers(value):
            return ",".join(map(str, value))
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


def _numbers(value: Any) -> bool:
    """Whether `value` is a list of numbers: how `8,4,2,1` arrives from a flag or a preset."""
    listed = isinstance(value, list | tuple) and len(value) > 0
    return listed and all(isinstance(part, int | float) and not isinstance(part, bool) for part in value)


def _options(hint: Any) -> tuple[Any, ...]:
    """The alternatives of a union, or the hint alone."""
    return get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)


def _parse_toml(text: str) -> dict[str, Any]:
    try:
        import tomllib
    except ImportError:  # Python 3.10
        import tomli as tomllib  # type: ignore[no-redef,import-not-found,unused-ignore]
    return tomllib.loads(text)
