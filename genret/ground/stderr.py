"""Whole lines on stderr, whoever else writes there."""

from __future__ import annotations

import sys
from contextlib import suppress
from threading import Lock

_lock = Lock()


def write_line(line: str) -> None:
    """Write a line in one go: threads that share stderr don't tear each other's lines, as two writes of print would.

    A stderr that can't be written (a full disk, a reader that has ended) loses the line, and nothing else.
    """
    with _lock, suppress(OSError, ValueError):
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()
