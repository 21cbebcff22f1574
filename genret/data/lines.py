"""The bytes of a text file -> its lines, and which encoding and delimiter they are written in.

`sniff_encoding` reads up to `SNIFF_BYTES` and never guesses between two readings that it cannot tell apart: what is
neither UTF-8, UTF-16 nor Western European is refused with `--encoding` as the way out.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import re
import zlib
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Any, cast

from genret.ground.errors import GenretError

SNIFF_BYTES = 64 << 20
MAX_LINE = 16 << 20
"""Characters in a line: a longer one is no line of a table, and would fill the memory."""
DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}
"""Delimiters that are recognised -> what they are called in messages."""
NUL = "\ud800"  # stands in for a NUL byte, which the csv module of Python 3.10 refuses; no UTF-8 decodes to it
BROKEN = re.compile("[\ud800-\udfff]")
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_HIGH = re.compile(rb"[\x80-\xff]+")
_NOT_CP1252 = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")
_PLAIN = {"utf-8-sig": "UTF-8", "utf-8": "UTF-8", "cp1252": "Windows-1252 (Western European)", "latin-1": "Latin-1"}


@contextmanager
def readable(name: str) -> Iterator[None]:
    """What can go wrong with a file below its rows, as one clear error."""
    try:
        yield
    except gzip.BadGzipFile:
        raise GenretError(f"{name}: named .gz, but it is not gzip; rename it, or compress it again") from None
    except (EOFError, zlib.error) as error:
        raise GenretError(f"{name}: its gzip data is cut short or damaged ({error}); fetch the file again") from None
    except UnicodeError as error:
        raise GenretError(f"{name}: not text in this encoding ({error}); pass another one with --encoding") from None
    except OSError as error:
        raise GenretError(f"{name}: can't be read ({error.strerror or error})") from None


def open_bytes(name: str) -> IO[bytes]:
    """The file's bytes, decompressed where it is gzip, whatever its name says."""
    file = open(name, "rb")  # noqa: SIM115 (closed by whoever reads it)
    if file.peek(2)[:2] == b"\x1f\x8b" or name.lower().endswith(".gz"):
        return cast(IO[bytes], gzip.GzipFile(fileobj=file))
    return file


def known_encoding(name: str) -> str:
    """The codec of that name; a GenretError if Python has none that decodes text."""
    try:
        codec = codecs.lookup(name.strip())
    except (LookupError, UnicodeError, ValueError):
        codec = None
    if codec is None or not getattr(codec, "_is_text_encoding", True):
        raise GenretError(
            f"encoding={name!r}, expected one that Python knows, such as utf-8, cp1252, latin-1 or utf-16"
        )
    return codec.name


def encoding_said(encoding: str) -> str:
    """The encoding as people call it."""
    return _PLAIN.get(encoding, encoding)


def sniff_encoding(name: str) -> str:
    """The encoding of a text file: by its byte order mark, else UTF-8 where the bytes are that, else Windows-1252 where
    they read as Western European text. A GenretError where neither fits."""
    with readable(name), open_bytes(name) as file:
        head = file.read(1 << 16)
        for mark, encoding in _BOMS:
            if head.startswith(mark):
                return encoding
        if half := _half_nul(head):
            return half
        return _by_content(name, head, file)


def _half_nul(head: bytes) -> str | None:
    """UTF-16 without a mark: ASCII text in it has a NUL at every second byte."""
    half = max(len(head[:4096]) // 2, 1)
    for encoding, nuls in (("utf-16-le", head[1:4096:2]), ("utf-16-be", head[0:4096:2])):
        if len(head) > 3 and nuls.count(0) > 0.6 * half and head[:4096].count(0) < 1.2 * half:
            return encoding
    return None


def _by_content(name: str, head: bytes, file: IO[bytes]) -> str:
    """utf-8 or a Western European encoding, by the bytes above 0x7F."""
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    good, bad, sample, seen = 0, 0, b"", 0
    block = head
    while block and seen < SNIFF_BYTES:
        seen += len(block)
        if not block.isascii():
            text = decoder.decode(block)
            broken = len(BROKEN.findall(text))
            good += len(text) - len(text.encode("ascii", "ignore")) - broken
            bad += broken
            if broken and len(sample) < 1 << 20:
                sample += block
        block = file.read(1 << 20)
    if bad == 0 or good >= bad:
        return "utf-8"  # a broken byte in a file of UTF-8 makes a bad row, not another encoding
    if b"\0" in sample:
        return "utf-8"  # not text at all: the header will say so
    runs = [len(run) for run in _HIGH.findall(sample)]
    if sum(length > 2 for length in runs) > 0.1 * len(runs) or sum(runs) > 0.25 * len(sample):
        raise GenretError(
            f"{name}: not UTF-8, and not Western European text either; name its encoding with --encoding, "
            "for example cp1251 or shift_jis, or save it as UTF-8"
        )
    return "latin-1" if _NOT_CP1252.search(sample) else "cp1252"


class Lines(Iterator[str]):
    """The lines of a text file, line ends kept, with room to put lines back; `number` is that of the last one given.

    Bytes that the encoding does not decode come as lone surrogates, and a NUL as `NUL`: `BROKEN` finds both.
    """

    def __init__(self, name: str, encoding: str) -> None:
        self.name, self.encoding = name, encoding
        self.number = 0
        self.given: list[str] = []  # since the last `mark`
        self._next: deque[str] = deque()
        encoding = "utf-8-sig" if codecs.lookup(encoding).name == "utf-8" else encoding
        with readable(name):
            raw = cast(Any, open_bytes(name))
            self._text = io.TextIOWrapper(raw, encoding=encoding, errors="surrogateescape", newline="")

    def __next__(self) -> str:
        if not self._next:
            self._read()
        line = self._next.popleft()
        self.number += 1
        self.given.append(line)
        return line

    def _read(self) -> None:
        """Read some more lines; StopIteration if there are none."""
        lines: list[str] = []
        size = 0
        with readable(self.name):
            while not self._text.closed and size < 1 << 16 and (line := self._text.readline(MAX_LINE)):
                if len(line) >= MAX_LINE:
                    raise GenretError(
                        f"{self.name}: a line of more than {MAX_LINE:,} characters after line "
                        f"{self.number + len(lines)}; is it a table, and in this format?"
                    )
                lines.append(line)
                size += len(line)
        if not lines:
            self._text.close()
            raise StopIteration
        self._next.extend([line.replace("\0", NUL) if "\0" in line else line for line in lines])

    def peek(self, count: int) -> list[str]:
        """The next lines, as many as are in hand up to `count`, which stay to be read."""
        if not self._next:
            try:
                self._read()
            except StopIteration:
                return []
        return [line for line, _ in zip(self._next, range(count), strict=False)]

    def mark(self) -> int:
        """Start a new row: forget what was given, and return the number of the line that comes next."""
        self.given.clear()
        return self.number + 1

    def rewind(self) -> None:
        """Put back every line given since the mark but the first."""
        self._next.extendleft(reversed(self.given[1:]))
        self.number -= len(self.given) - 1
        del self.given[1:]

    @property
    def raw(self) -> str:
        return self.given[0] if len(self.given) == 1 else "".join(self.given)


def sniff_delimiter(lines: Sequence[str], default: str) -> str:
    """What stands between the columns of these first lines: the candidate that gives the header the most columns,
    among those that give the rows as many; `default` where none does better."""
    filled = [line for line in lines if line.strip()]
    scores = {candidate: _columns(filled, candidate) for candidate in (default, *DELIMITERS)}
    best = max(scores.values(), default=1)
    return default if scores[default] == best else next(one for one, score in scores.items() if score == best)


def _columns(lines: Sequence[str], delimiter: str) -> int:
    """Columns of the header at this delimiter; 1 if most rows disagree with it."""
    try:
        rows = [len(row) for row in csv.reader(lines, delimiter=delimiter) if row]
    except csv.Error:
        return 1
    if not rows:
        return 1
    agree = sum(length == rows[0] for length in rows)
    return rows[0] if 2 * agree > len(rows) else 1


def named_delimiter(given: str) -> str:
    """The delimiter that was named: one character, `\\t`, or a name such as tab."""
    names = {said: sign for sign, said in DELIMITERS.items()} | {"\\t": "\t"}
    found = names.get(given.strip().lower(), given)
    if len(found) != 1 or found in '"\r\n' or found.isalnum():
        raise GenretError(
            f"delimiter={given!r}, expected one character that stands between columns, or one of "
            f"{', '.join(DELIMITERS.values())}"
        )
    return found


def delimiter_said(delimiter: str) -> str:
    """The delimiter as messages name it."""
    return DELIMITERS.get(delimiter, repr(delimiter))
