"""Files and folders that appear whole or not at all: filled under a temporary name beside the final one, then renamed.

Writers say `with whole_file(path) as temporary:` and fill `temporary`; readers see the old content or the new.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt


@contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """A name to write to; when the block ends without error, the file takes the place of that at `path`.

    The ending stays the same, for writers that go by it. Folders above are made.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    _sweep(path)
    temporary = path.with_name(f".{path.stem}.tmp-{os.getpid()}{path.suffix}")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def runs(process: int) -> bool:
    """Whether a process of this number runs on this machine."""
    if os.name != "posix":  # where signal 0 is a real one
        return True
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True


def _sweep(path: Path) -> None:
    """Remove what killed writers of the file have left."""
    head, tail = f".{path.stem}.tmp-", path.suffix
    for left in path.parent.iterdir():
        process = left.name[len(head) : len(left.name) - len(tail)]
        if left.name == f"{head}{process}{tail}" and process.isdecimal() and not runs(int(process)):
            left.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: str | Path) -> Iterator[Path]:
    """An empty folder to fill; when the block ends without error, it takes the place of the one at `path`.

    A folder can't replace a full one in one step: for what is cut off in between, `path` is missing, never half.
    """
    path = Path(path)
    temporary = path.with_name(f"{path.name}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    yield temporary
    old = path.with_name(f"{path.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if path.exists():
        path.rename(old)  # before it is deleted: a kill in the middle of that must not leave half of it at `path`
    temporary.rename(path)
    shutil.rmtree(old, ignore_errors=True)


def write_npy(path: str | Path, parts: Iterable[npt.NDArray[Any]], shape: tuple[int, ...], dtype: Any) -> None:
    """An array as `np.save` writes it, from consecutive parts, of which one is held at a time."""
    with open(path, "wb") as file:
        described = {"descr": np.lib.format.dtype_to_descr(np.dtype(dtype)), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, described)
        for part in parts:
            np.ascontiguousarray(part, dtype).tofile(file)


def write_text(path: str | Path, text: str) -> None:
    """Write a text file in UTF-8, whole or not at all; line ends as they are."""
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="")


def folder_bytes(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
