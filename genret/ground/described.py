"""What every setting is: name, type, default and meaning, read from the settings' dataclasses, for people.

`described(TokenizerSettings)` gives one `Setting` per field; `genret settings` prints them and the documentation's
reference is made of them, so that neither can differ from the code.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import textwrap
from typing import Any, NamedTuple

from genret.ground.errors import GenretError


class Setting(NamedTuple):
    """One setting of a component."""

    name: str
    type: str
    default: Any
    meaning: str
    """Empty where the name says it all."""


def described(kind: type[Any]) -> list[Setting]:
    """The settings of a frozen dataclass, in the order of the file. Raises GenretError for anything else."""
    if not (isinstance(kind, type) and dataclasses.is_dataclass(kind)):
        raise GenretError(f"{kind!r}: expected a settings dataclass")
    meanings = _meanings(kind)
    return [Setting(f.name, str(f.type), _default(f), meanings.get(f.name, "")) for f in dataclasses.fields(kind)]


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return None if field.default is dataclasses.MISSING else field.default


def _meanings(kind: type[Any]) -> dict[str, str]:
    """Name of each field -> the string that stands below it in the class, on one line."""
    body = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0]
    assert isinstance(body, ast.ClassDef)
    found: dict[str, str] = {}
    for field, below in zip(body.body, body.body[1:], strict=False):
        if not (isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)):
            continue
        if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant) and isinstance(below.value.value, str):
            found[field.target.id] = " ".join(below.value.value.split())
    return found
