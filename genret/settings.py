"""Settings of a component: a frozen dataclass; defaults < preset file < flags. Knows dataclasses, TOML and JSON."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from genret.errors import GenretError

T = TypeVar("T")


def make_settings(kind: type[T], *layers: Mapping[str, Any]) -> T:
    """A `kind` (frozen dataclass) from its defaults overlaid with `layers`, later ones winning; None means unset.

    Unknown names raise a GenretError that lists the known ones; the dataclass checks its values itself.
    """
    known = {field.name: field for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    merged: dict[str, Any] = {}
    for layer in layers:
        for name, value in layer.items():
            if name not in known:
                raise GenretError(f"unknown setting {name!r} for {kind.__name__}; known: {', '.join(sorted(known))}")
            if value is not None:
                merged[name] = tuple(value) if isinstance(value, list) else value
    try:
        return kind(**merged)
    except TypeError as error:
        raise GenretError(f"settings for {kind.__name__}: {error}") from None


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


def _parse_toml(text: str) -> dict[str, Any]:
    try:
        import tomllib
    except ImportError:  # Python 3.10
        import tomli as tomllib  # type: ignore[no-redef,import-not-found,unused-ignore]
    return tomllib.loads(text)
