"""What the commands share: settings from defaults < preset file < --set < flags, and where output goes."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from genret.ground.errors import GenretError
from genret.ground.hardware import DEVICE, check_device
from genret.ground.settings import make_settings, read_preset

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

SECTIONS = ("grocery", "embed", "two-tower", "tokenizer", "model", "train", "bm25")

ENCODING_REMEDY = "save it as UTF-8, or name its encoding with --encoding"
run_argument = click.argument("run", type=click.Path(path_type=Path))


def settings_options(command: F) -> F:
    """Add `--preset FILE` and `--set SECTION.NAME=VALUE` to a command, which receives them as `layers`."""

    def remember(ctx: click.Context, parameter: click.Parameter, path: Path | None) -> None:
        ctx.meta["genret.preset"] = path

    def collect(ctx: click.Context, parameter: click.Parameter, values: Sequence[str]) -> Layers:
        preset: Path | None = ctx.meta["genret.preset"]
        flags = ["--preset", str(preset)] if preset else []
        flags += [part for value in values for part in ("--set", value)]
        return Layers(read_preset(preset) if preset else {}, values, tuple(flags))

    command = click.option(
        "--set",
        "layers",
        multiple=True,
        metavar="SECTION.NAME=VALUE",
        callback=collect,
        help=f"Override one setting; sections: {', '.join(SECTIONS)}. Repeatable.",
    )(command)
    preset = click.option(
        "--preset",
        type=click.Path(path_type=Path, dir_okay=False),
        is_eager=True,
        expose_value=False,
        callback=remember,
        help="TOML or JSON file with a table of settings for each section.",
    )
    return preset(command)


def device_option(command: F) -> F:
    """Add `--device`, which says what `auto` stands for, in this process and in those that it starts."""

    def decide(ctx: click.Context, parameter: click.Parameter, value: str | None) -> None:
        if value is not None:
            check_device("--device", value)
            os.environ[DEVICE] = value

    return click.option(
        "--device",
        expose_value=False,
        callback=decide,
        metavar="auto|cpu|cuda[:N]",
        help="Where encoders, training and search run; auto: a GPU, if there is one, for all but search.",
    )(command)


class Layers:
    """Settings of every section, from a preset file overlaid with `SECTION.NAME=VALUE` overrides."""

    def __init__(self, preset: Mapping[str, Any], overrides: Sequence[str], flags: tuple[str, ...] = ()) -> None:
        unknown = set(preset) - set(SECTIONS)
        if unknown:
            raise GenretError(f"unknown section {sorted(unknown)[0]!r} in the preset; known: {', '.join(SECTIONS)}")
        self._preset = preset
        self.flags = flags
        """The same as command-line flags, to be passed on to another command."""
        self._overrides: dict[str, dict[str, Any]] = {section: {} for section in SECTIONS}
        for text in overrides:
            section, name, value = _parse_override(text)
            self._overrides[section][name] = value

    def make(
        self,
        kind: type[T],
        section: str,
        flags: Mapping[str, Any] | None = None,
        defaults: Mapping[str, Any] | None = None,
    ) -> T:
        """The settings of one section; a flag that is None is unset, `defaults` stand in for the dataclass's own."""
        preset, overrides = self._preset.get(section, {}), self._overrides[section]
        return make_settings(kind, defaults or {}, preset, overrides, flags or {})

    def table(self, section: str) -> dict[str, Any]:
        """The section as given, for what makes its own settings of it."""
        return {**self._preset.get(section, {}), **self._overrides[section]}


def _parse_override(text: str) -> tuple[str, str, Any]:
    key, equals, value = text.partition("=")
    section, dot, name = key.strip().partition(".")
    if not (equals and dot and name) or section not in SECTIONS:
        raise GenretError(
            f"--set {text!r}: expected SECTION.NAME=VALUE with a section of {', '.join(SECTIONS)}, "
            "for example --set tokenizer.lam=0.1"
        )
    return section, name, _parse_value(value.strip())


def _parse_value(text: str) -> Any:
    """A JSON value, a comma-separated tuple of them, or the text itself."""
    if "," in text and not text.startswith(("[", "{", '"')):
        return tuple(_parse_value(part.strip()) for part in text.split(",") if part.strip())
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text
