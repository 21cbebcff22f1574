"""What is printed, on a stdout of any encoding: text for people loses what it cannot show, JSON escapes it."""

from __future__ import annotations

import codecs
import io
import json
import os
import sys
from typing import Any


def open_missing() -> None:
    """Give a process that was started without stdin, stdout or stderr (`>&-`) one that holds nothing.

    Else the first file that is opened would stand in its place, and get what is printed.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115  # to the end


def accept_any_text() -> None:
    """Have stdout take every letter: what its encoding does not hold becomes `?`.

    ASCII is what a process without a locale is given, not what a terminal asks for: it becomes UTF-8, as in click.
    """
    if isinstance(sys.stdout, io.TextIOWrapper) and not _is_utf(sys.stdout.encoding):
        ascii_only = codecs.lookup(sys.stdout.encoding).name == "ascii"
        sys.stdout.reconfigure(encoding="utf-8" if ascii_only else None, errors="replace")


def json_text(value: Any, indent: int | None = None) -> str:
    """JSON that stdout can take: letters as they are where it is Unicode, escaped elsewhere and where they are none."""
    if not _is_utf(getattr(sys.stdout, "encoding", None)):
        return json.dumps(value, indent=indent, default=str)
    return (
        json.dumps(value, indent=indent, default=str, ensure_ascii=False).encode("utf-8", "backslashreplace").decode()
    )


def _is_utf(encoding: str | None) -> bool:
    return (encoding or "utf-8").lower().startswith("utf")
