"""Small text files of lines: queries, ids, presets."""

from __future__ import annotations

import codecs
import sys
from pathlib import Path

from genret.ground.errors import GenretError


def read_text_file(path: str | Path, encoding: str | None = None, remedy: str = "save it as UTF-8") -> str:
    """The text of a file, `-` for standard input, without a byte order mark: UTF-8, UTF-16 if marked, or `encoding`.

    A GenretError, with the line, where the bytes are not that encoding, and with `remedy` as the way out.
    """
    path = Path(path)
    try:
        data = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
    except OSError as error:
        raise GenretError(f"{path}: can't be read ({error.strerror or error})") from None
    marked = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    chosen = encoding or ("utf-16" if marked else "utf-8-sig")
    try:
        return data.decode(chosen).removeprefix("\ufeff")
    except LookupError:
        raise GenretError(f"encoding={chosen!r}, expected one that Python knows, such as utf-8 or cp1252") from None
    except UnicodeError as error:
        line = data[: getattr(error, "start", 0)].count(b"\n") + 1
        said = "UTF-8" if chosen == "utf-8-sig" else chosen
        raise GenretError(f"{path}, line {line}: not {said} text; {remedy}") from None


def read_lines(path: str | Path, encoding: str | None = None, remedy: str = "save it as UTF-8") -> list[str]:
    """The lines of a text file that hold something, without the space around them. Errors as `read_text_file`."""
    lines = read_text_file(path, encoding, remedy).split("\n")
    return [line for line in (line.strip() for line in lines) if line]
