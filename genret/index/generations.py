"""The numbered folders of an index, `gen-0000001` and on: who has one open, and which may go.

A generation never changes. Whoever reads it holds a shared lock on its folder; it is removed by whoever gets the lock
alone, and only if it is not the current one. Where the system has no such locks, no generation is removed that a
system would let be removed under its readers.
"""

from __future__ import annotations

import os
import re
import shutil
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from genret.ground.errors import GenretError

LOCK = "lock"
"""The file that whoever writes a generation has locked."""
NAME = re.compile(r"gen-(\d{7,})")
WAIT_SECONDS = 600.0


def folder_of(index: Path, number: int) -> Path:
    return index / f"gen-{number:07d}"


def numbers(index: Path) -> list[int]:
    """The generations that lie in an index's folder, ascending."""
    if not index.is_dir():
        return []
    return sorted(int(match[1]) for name in os.listdir(index) if (match := NAME.fullmatch(name)))


class Hold:
    """A generation kept from being removed, for as long as this object lives."""

    def __init__(self, handle: int | None) -> None:
        """Use `hold`."""
        if handle is not None:
            weakref.finalize(self, os.close, handle)


def hold(folder: Path) -> Hold | None:
    """The generation, held; None where it is being removed or is not there. A GenretError if the disk refuses."""
    try:
        import fcntl
    except ImportError:  # Windows, which does not remove open files
        return Hold(None) if folder.is_dir() else None
    try:
        handle = os.open(folder, os.O_RDONLY)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise GenretError(f"{folder}: cannot be opened ({error.strerror})") from None
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    except OSError as error:
        os.close(handle)
        raise GenretError(f"{folder}: cannot be locked ({error.strerror})") from None
    return Hold(handle)


def remove_unused(index: Path, current: int) -> None:
    """Remove the generations before the current one that nobody reads, and what was left of removals cut off."""
    for number in numbers(index):
        if number < current:
            remove(folder_of(index, number))


def remove(folder: Path) -> bool:
    """Remove a generation that is not current, unless someone reads it; whether it is gone."""
    try:
        import fcntl
    except ImportError:
        with suppress(OSError):
            os.rename(folder, folder.with_name(f".{folder.name}.gone"))  # refused where a file in it is open
            shutil.rmtree(folder.with_name(f".{folder.name}.gone"), ignore_errors=True)
        return not folder.exists()
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return not folder.exists()
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
    except OSError:
        return False
    finally:
        os.close(handle)
    return not folder.exists()


def sweep(index: Path, current: int) -> None:
    """What writers cut off have left: for whoever writes alone."""
    for number in numbers(index):
        if number != current:
            remove(folder_of(index, number))
    for left in index.glob(".gen-*"):
        shutil.rmtree(left, ignore_errors=True)


@contextmanager
def written_alone(index: Path, *, wait: bool) -> Iterator[bool]:
    """Whether this process alone may write generations of the index; freed when the block, or the process, ends.

    Without `wait` it is False where another process is writing one. With it, a GenretError if that one does not end.
    """
    try:
        import fcntl
    except ImportError:  # numbers are given out once, so that two writers only do the work twice
        yield True
        return
    try:
        handle = os.open(index / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise GenretError(f"{index / LOCK}: cannot be opened ({error.strerror}); nothing was changed") from None
    try:
        deadline = time.monotonic() + (WAIT_SECONDS if wait else 0)
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                if not wait:
                    yield False
                    return
                if time.monotonic() > deadline:
                    raise GenretError(
                        f"{index}: another process has been writing this index for {WAIT_SECONDS:.0f} s; try again"
                    ) from None
                time.sleep(0.05)
        yield True
    finally:
        os.close(handle)
