"""What a manifest must look like before anything in it is believed, and what to say of an artifact that belies its own.

A manifest may have been written by anyone: `check_manifest` looks at its types and at where its files lie, and
`as_described` turns what a reader trips over further in into one clear line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, Concatenate, ParamSpec, TypeVar

from genret.ground.checks import shown
from genret.ground.errors import GenretError

P = ParamSpec("P")
R = TypeVar("R")
AGAIN = "make the artifact again"
KEYS: Mapping[str, type] = {
    "kind": str,
    "format": int,
    "settings": dict,
    "inputs": dict,
    "files": dict,
    "fingerprint": str,
}


def check_manifest(path: Path, manifest: Any) -> None:
    """A GenretError, naming what is wrong, unless the value read from `path` has the form of a manifest."""
    if not isinstance(manifest, dict):
        raise GenretError(f"{path}: not a genret manifest (it holds a {type(manifest).__name__}); {AGAIN}")
    for key, kind in KEYS.items():
        if type(manifest.get(key)) is not kind:
            got = shown(manifest[key]) if key in manifest else "nothing"
            raise GenretError(f"{path}: not a genret manifest ({key} is {got}, not {_NAMES[kind]}); {AGAIN}")
    if type(manifest.get("hardware", {})) is not dict or not all(
        isinstance(x, str) for x in manifest["inputs"].values()
    ):
        raise GenretError(f"{path}: not a genret manifest (its inputs or hardware are of another type); {AGAIN}")
    for name, described in manifest["files"].items():
        if not _inside(name):
            raise GenretError(f"{path}: names the file {shown(name)}, which is not inside the artifact; {AGAIN}")
        size, digest = (described.get(key) if isinstance(described, dict) else None for key in ("bytes", "sha256"))
        if type(size) is not int or not isinstance(digest, str):
            raise GenretError(f"{path}: does not give the bytes and the sha256 of {shown(name)}; {AGAIN}")


def described(load: Callable[Concatenate[str | Path, P], R]) -> Callable[Concatenate[str | Path, P], R]:
    """A reader of the artifact at its first argument, with `as_described` around it."""

    @wraps(load)
    def loaded(path: str | Path, /, *args: P.args, **kwargs: P.kwargs) -> R:
        with as_described(path):
            return load(path, *args, **kwargs)

    return loaded


@contextmanager
def as_described(path: str | Path) -> Iterator[None]:
    """For reading the artifact at `path`: what a reader trips over, the manifest being sound, is one GenretError."""
    try:
        yield
    except GenretError:
        raise
    except OSError as error:
        raise GenretError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        what = f"{type(error).__name__}: {shown(str(error))}"
        raise GenretError(f"{path}: what it holds is not what its manifest describes ({what}); {AGAIN}") from error


_NAMES = {str: "text", int: "a whole number", dict: "a table"}


def _inside(name: str) -> bool:
    """Whether the file of this name lies below the folder, on any system."""
    paths = PurePosixPath(name), PureWindowsPath(name)
    plain = bool(name) and "\0" not in name and not any(one.is_absolute() or one.drive for one in paths)
    return plain and not any(".." in one.parts for one in paths)
