"""The one exception users see, and the sentence they get when an extra is missing."""

from __future__ import annotations

import errno
import importlib
import re
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType


class GenretError(ValueError):
    """Something the user can put right. The message says what, got, expected and remedy, in one line.

    The command line prints the message and exits with code 2; any other exception is a defect.
    """

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))


EXTRAS: Mapping[str, tuple[str, ...]] = {
    "train": ("accelerate", "tensorboard"),
    "embed": ("sentence_transformers",),
    "eval": ("faiss",),
    "report": ("matplotlib", "jinja2"),
    "ray": ("ray",),
}
"""Extra -> the packages that it brings and that genret imports."""


def require(module: str, extra: str) -> ModuleType:
    """The imported `module`, or a GenretError that gives the install command of the extra it belongs to."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise GenretError(
            f"this needs the package {package!r}, which is not installed ({error}); run: {install_line(extra)}"
        ) from error


def require_extras(*extras: str) -> None:
    """A GenretError that names every package of these extras that is missing. Imports none, so it answers at once."""
    missing = {extra: [name for name in EXTRAS[extra] if find_spec(name) is None] for extra in extras}
    wanted = [extra for extra in extras if missing[extra]]
    if wanted:
        names = ", ".join(name for extra in wanted for name in missing[extra])
        raise GenretError(f"this needs packages that are not installed: {names}; run: {install_line(*wanted)}")


def install_line(*extras: str) -> str:
    """The command that installs extras: into a checkout's environment if genret runs from one, else from an index."""
    checkout = Path(__file__).resolve().parents[2]
    names = ",".join(extras)
    if (checkout / "pyproject.toml").is_file():
        return f"pip install -e '{checkout}[{names}]'"
    return f"pip install 'genret[{names}]'"


def failed_write(error: BaseException) -> str | None:
    """Why a disk would not take what was written, or None for any other error.

    The libraries below say it in their own ways: torch with a RuntimeError, numpy and safetensors without an errno.
    """
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return str(error.strerror)
    return "no space left on the device, or not allowed to write so much" if _FULL.search(str(error)) else None


_FULL = re.compile(
    r"No space left on device|StorageFull|Disk quota exceeded|File too large|FileTooLarge|disk is full"
    r"|PytorchStreamWriter failed|unexpected pos|\d+ requested and \d+ written"
)
