"""A JSON document -> its records: an array of objects, or an object that holds one such array somewhere.

An array is read record by record, so that its size does not matter; an object has to be read whole, and is bounded.
"""

from __future__ import annotations

import codecs
import io
import json
import re
from collections.abc import Iterator
from typing import Any, cast

from genret.data.lines import MAX_LINE, encoding_said, open_bytes, readable
from genret.ground.errors import GenretError

BLOCK = 1 << 16
"""Characters that are read at a time."""
MAX_OBJECT = 32 << 20
"""Characters of a document that is one object."""
_GAP = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder()


def json_records(name: str, encoding: str) -> Iterator[str | Any]:
    """The records of the document, in order: the text of each if it is an array's, else its value.

    Raises GenretError if the document is not JSON, holds no array of objects, or several to choose from.
    """
    text = _Text(name, encoding)
    first = text.peek()
    if first == "[":
        yield from _of_array(text)
    elif first == "{":
        yield from _of_object(text)
    else:
        raise GenretError(
            f"{name}: not JSON (it begins with {first!r}), expected an array of objects; is the format right?"
        )


class _Text:
    """The characters of a file, of which those between `place` and the end of `held` are in memory."""

    def __init__(self, name: str, encoding: str) -> None:
        self.name = name
        encoding = "utf-8-sig" if codecs.lookup(encoding).name == "utf-8" else encoding
        self.said = encoding_said(encoding)
        self.held, self.place, self.lines = "", 0, 1
        with readable(name):
            raw = cast(Any, open_bytes(name))
            self._file = io.TextIOWrapper(raw, encoding=encoding, errors="surrogateescape")

    def more(self, size: int) -> bool:
        """Read up to `size` characters more; whether there were any."""
        if self._file.closed:
            return False
        with readable(self.name):
            block = self._file.read(size)
        if not block:
            self._file.close()
        self.lines += self.held.count("\n", 0, self.place)
        self.held, self.place = self.held[self.place :] + block, 0
        return bool(block)

    def peek(self) -> str:
        """The next character that is no white space, at `place`; empty at the end."""
        while True:
            self.place = cast(re.Match[str], _GAP.match(self.held, self.place)).end()
            if self.place < len(self.held) or not self.more(BLOCK):
                return self.held[self.place : self.place + 1]

    def line(self, place: int) -> int:
        """The number of the line that holds this place of `held`."""
        return self.lines + self.held.count("\n", 0, place)

    def broken(self, what: str, place: int) -> GenretError:
        """What the file is refused with."""
        return GenretError(f"{self.name}, line {self.line(place)}: not JSON ({what}); mend it, or write it again")


def _of_array(text: _Text) -> Iterator[str]:
    text.place += 1
    if text.peek() == "]":
        return
    while True:
        yield _element(text)
        match text.peek():
            case "]":
                return
            case ",":
                text.place += 1
            case "":
                raise text.broken("the array is cut short", text.place)
            case other:
                raise text.broken(f"expected a comma or a closing bracket, not {other!r}", text.place)


def _element(text: _Text) -> str:
    """The text of the value that comes next."""
    text.peek()
    while True:
        whole, problem, at = False, "the array is cut short", text.place
        try:
            _, end = _DECODER.raw_decode(text.held, text.place)
            whole = end < len(text.held)  # what ends with the block may go on in the next one
        except json.JSONDecodeError as error:
            problem, at = error.msg, error.pos
        except RecursionError:
            raise text.broken("it is nested too deeply", text.place) from None
        if whole:
            found, text.place = text.held[text.place : end], end
            return found
        if len(text.held) - text.place > MAX_LINE or not text.more(max(BLOCK, len(text.held) - text.place)):
            raise text.broken(problem, at)


def _of_object(text: _Text) -> Iterator[Any]:
    while len(text.held) <= MAX_OBJECT and text.more(BLOCK):
        pass
    if len(text.held) > MAX_OBJECT:
        raise GenretError(
            f"{text.name}: one JSON object of more than {MAX_OBJECT:,} characters; write one record per line "
            "(jq -c '.products[]', say) and name the file .jsonl"
        )
    try:
        document = json.loads(text.held)
    except json.JSONDecodeError as error:
        raise text.broken(error.msg, error.pos) from None
    except RecursionError:
        raise text.broken("it is nested too deeply", 0) from None
    found = dict(_arrays(document, ""))
    named = [path for path in found if path.rpartition(".")[2].lower() == "products"]
    if len(found) == 1 or len(named) == 1:
        yield from found[named[0] if named else next(iter(found))]
    elif not found:
        raise GenretError(f"{text.name}: holds no array of objects, expected one object per product in an array")
    else:
        raise GenretError(
            f"{text.name}: holds {len(found)} arrays of objects ({', '.join(list(found)[:5])}); keep the one with the "
            f"products (jq '.{next(iter(found))}')"
        )


def _arrays(value: dict[str, Any], path: str) -> Iterator[tuple[str, list[Any]]]:
    """(path, array) of every array of objects that is not inside another one."""
    for name, member in value.items():
        here = f"{path}.{name}" if path else name
        if isinstance(member, dict):
            yield from _arrays(member, here)
        elif isinstance(member, list) and member and all(isinstance(one, dict) for one in member):
            yield here, member
