"""The one exception users see, and the sentence they get when an extra is missing."""

from __future__ import annotations

import importlib
from types import ModuleType


class GenretError(ValueError):
    """Something the user can put right. The message says what, got, expected and remedy, in one line.

    The command line prints the message and exits with code 2; any other exception is a defect.
    """

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))


def require(module: str, extra: str) -> ModuleType:
    """The imported `module`, or a GenretError that gives the install command of the extra it belongs to."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise GenretError(
            f"this needs the package {package!r}, which is not installed ({error}); run: pip install 'genret[{extra}]'"
        ) from error
