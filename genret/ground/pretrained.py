"""Names of pretrained models -> what the libraries load."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from genret.ground.errors import GenretError

PACKAGE = "package:"


def model_folder(name: str) -> str:
    """A model's name as the libraries take it: `package:PKG/sub` is the folder `sub` of an installed Python package."""
    if not name.startswith(PACKAGE):
        return name
    package, _, below = name.removeprefix(PACKAGE).partition("/")
    spec = find_spec(package)
    folder = Path(spec.origin).parent / below if spec and spec.origin else None
    if folder is None or not folder.is_dir():
        raise GenretError(
            f"model {name!r}: no installed package {package!r} with a folder {below!r}; "
            f"run: pip install {package.replace('_', '-')}"
        )
    return str(folder)
