"""Any table file -> rows: CSV, TSV, JSONL, Parquet and TREC qrels, plain or gzip.

A row that can't be read (bad UTF-8, a NUL byte, a wrong column count, a quote never closed, invalid JSON) goes to
`BadRows` with its first physical line, and reading goes on with the next one.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import zlib
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Literal, NamedTuple, NoReturn, TypeAlias, cast

import pyarrow as pa
import pyarrow.parquet as pq

from genret.data.trec import qrels_fields
from genret.data.validate import BadField, BadRows, Place
from genret.ground.errors import GenretError

Format: TypeAlias = Literal["csv", "tsv", "jsonl", "parquet", "trec"]
FORMATS: tuple[Format, ...] = ("csv", "tsv", "jsonl", "parquet", "trec")

_SUFFIXES: dict[str, Format] = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".qrels": "trec",
    ".trec": "trec",
}
WHOLE_ROW = "(whole row)"
_BROKEN = re.compile("[\ud800-\udfff]")
_NUL = "\ud800"  # stands in for a NUL byte, which the csv module of Python 3.10 refuses; no UTF-8 decodes to it
_TREC_COLUMNS = ("query_id", "iteration", "product_id", "grade")


class Row(NamedTuple):
    """One row: column -> value as found (text in CSV, typed in JSONL and Parquet), and where it stands."""

    values: dict[str, Any]
    place: Place


class Table(NamedTuple):
    """An open file. `columns` is its header, or None where each row names its own (JSONL)."""

    file: str
    columns: tuple[str, ...] | None
    rows: Iterator[Row]


def format_of(file: str | Path, format: str | None = None) -> Format:
    """The format asked for, or the one that the file's extension names (a final .gz aside)."""
    if format is not None:
        if format not in FORMATS:
            raise GenretError(f"format={format!r}, expected one of {', '.join(FORMATS)}")
        return format
    suffixes = [suffix.lower() for suffix in Path(file).suffixes]
    suffix = ([""] + [suffix for suffix in suffixes if suffix != ".gz"])[-1]
    if suffix not in _SUFFIXES:
        raise GenretError(
            f"{file}: unknown extension {suffix!r}, expected one of {', '.join(_SUFFIXES)} (or those with .gz); "
            f"rename it, or name its format with --format {'|'.join(FORMATS)}"
        )
    return _SUFFIXES[suffix]


def open_table(file: str | Path, bad: BadRows, format: str | None = None, *, strict: bool = True) -> Table:
    """The rows of `file`, read as they are asked for; bad ones go to `bad`.

    strict=False takes CSV as pandas does: text after a closing quote is kept instead of being a bad row.
    Raises GenretError if the file is missing, empty, not the format or not the compression that it claims.
    """
    kind = format_of(file, format)
    name = str(file)
    bad.reading(name)
    if not Path(file).is_file():
        raise GenretError(f"{name}: {'a folder, expected a file' if Path(file).is_dir() else 'no such file'}")
    if kind == "parquet":
        return _parquet(name, bad)
    if kind == "jsonl":
        return Table(name, None, _counted(name, _json_rows(name, _Lines(name), bad), bad))
    if kind == "trec":
        return Table(name, _TREC_COLUMNS, _counted(name, _trec_rows(name, _Lines(name), bad), bad))
    return _delimited(name, "," if kind == "csv" else "\t", bad, strict)


def _counted(name: str, rows: Iterator[Row | None], bad: BadRows) -> Iterator[Row]:
    """The rows that are there; every one, bad (None) or not, is counted."""
    bad.seen(name, 0)
    for row in rows:
        bad.seen(name, 1)
        if row is not None:
            yield row


# Bytes -> lines.


@contextmanager
def _readable(name: str) -> Iterator[None]:
    """What can go wrong with a file below its rows, as one clear error."""
    try:
        yield
    except gzip.BadGzipFile:
        raise GenretError(f"{name}: named .gz, but it is not gzip; rename it, or compress it again") from None
    except (EOFError, zlib.error) as error:
        raise GenretError(f"{name}: its gzip data is cut short or damaged ({error}); fetch the file again") from None
    except OSError as error:
        raise GenretError(f"{name}: can't be read ({error.strerror or error})") from None


def _open(name: str) -> IO[bytes]:
    file = open(name, "rb")  # noqa: SIM115 (closed by whoever reads it)
    magic = file.peek(2)[:2]
    if magic in (b"\xff\xfe", b"\xfe\xff"):
        file.close()
        raise GenretError(f"{name}: UTF-16, expected UTF-8; save it as UTF-8")
    if magic == b"\x1f\x8b" or name.lower().endswith(".gz"):
        return cast(IO[bytes], gzip.GzipFile(fileobj=file))
    return file


class _Lines(Iterator[str]):
    """The lines of a text file, line ends kept, with room to put lines back; `number` is that of the last one given.

    Bytes that are not UTF-8 come as lone surrogates, and a NUL as `_NUL`: `_BROKEN` finds both.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.number = 0
        self.given: list[str] = []  # since the last `mark`
        self._next: deque[str] = deque()
        with _readable(name):
            self._text = io.TextIOWrapper(
                cast(Any, _open(name)), encoding="utf-8-sig", errors="surrogateescape", newline=""
            )

    def __next__(self) -> str:
        if not self._next:
            self._read()
        line = self._next.popleft()
        self.number += 1
        self.given.append(line)
        return line

    def _read(self) -> None:
        """Read some more lines; StopIteration if there are none."""
        with _readable(self.name):
            lines = [] if self._text.closed else self._text.readlines(1 << 16)
        if not lines:
            self._text.close()
            raise StopIteration
        self._next.extend([line.replace("\0", _NUL) if "\0" in line else line for line in lines])

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


def _broken(line: str) -> BadField | None:
    """What is wrong with a line's bytes, if anything."""
    if line.isascii() or not (found := _BROKEN.search(line)):
        return None
    got = "a NUL byte" if found.group() == _NUL else f"byte 0x{ord(found.group()) - 0xDC00:02X}"
    return BadField(WHOLE_ROW, _Said(f"{got} after {line[max(0, found.start() - 20) : found.start()]!r}"), "UTF-8 text")


class _Said(str):
    """A description of a value rather than the value: shown without quotes."""

    def __repr__(self) -> str:
        return str(self)


# Lines -> rows.


def _delimited(name: str, delimiter: str, bad: BadRows, strict: bool) -> Table:
    lines = _Lines(name)
    reader = csv.reader(lines, delimiter=delimiter, strict=strict)
    header = _header(name, reader, lines, delimiter)
    return Table(name, tuple(filter(None, header)), _counted(name, _csv_rows(name, header, reader, lines, bad), bad))


def _header(name: str, reader: Iterator[list[str]], lines: _Lines, delimiter: str) -> list[str]:
    try:
        header = [column.strip() for column in next(row for row in reader if any(map(str.strip, row)))]
    except StopIteration:
        raise GenretError(f"{name}: empty, expected a header line with the names of its columns") from None
    except csv.Error as error:
        raise GenretError(f"{name}, line 1: not a header line ({error}); is the format right?") from None
    if _BROKEN.search("".join(header)):
        raise GenretError(f"{name}, line {lines.number}: the header is not UTF-8 text; is it a CSV or TSV file?")
    _check_distinct(name, header)
    other = "\t" if delimiter == "," else ","
    if len(header) == 1 and other in header[0]:
        wanted = "tsv" if other == "\t" else "csv"
        raise GenretError(f"{name}: one column {header[0][:60]!r}, which looks like {wanted}; pass --format {wanted}")
    return header


def _check_distinct(name: str, columns: Sequence[str]) -> None:
    twice = [column for column, count in Counter(columns).items() if column and count > 1]
    if twice:
        raise GenretError(f"{name}: column {twice[0]!r} stands twice in the header; rename one")


def _csv_rows(
    name: str, header: Sequence[str], reader: Iterator[list[str]], lines: _Lines, bad: BadRows
) -> Iterator[Row | None]:
    unnamed = "" in header  # an index column, as pandas writes it: no name, no use
    while True:
        start = lines.mark()
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            _unparsed(name, start, lines, error, bad)
            yield None
            continue
        if not fields:
            continue
        raw = lines.raw
        place = Place(name, start, raw)
        if problem := _csv_problem(header, fields, raw):
            bad.reject(place, problem)
            yield None
            continue
        values: dict[str, Any] = dict(zip(header, fields, strict=True))
        if unnamed:
            values.pop("", None)
        yield Row(values, place)


def _csv_problem(header: Sequence[str], fields: list[str], raw: str) -> BadField | None:
    if len(fields) != len(header):
        return BadField(WHOLE_ROW, _Said(f"{len(fields)} columns"), f"{len(header)} as in the header")
    problem = _broken(raw)
    if problem is not None:
        problem.field = next(
            (column for column, value in zip(header, fields, strict=True) if _broken(value)), WHOLE_ROW
        )
    return problem


def _unparsed(name: str, start: int, lines: _Lines, error: csv.Error, bad: BadRows) -> None:
    """Reject the row that starts at `start`; the lines that an open quote swallowed are read again on their own."""
    message = str(error)
    if "unexpected end of data" in message or "field larger" in message:
        message = "a quote that is opened here and never closed, or a field that is too long"
    lines.rewind()
    bad.reject(Place(name, start, lines.raw), BadField(WHOLE_ROW, _Said(message), "a row of CSV"))


def _json_rows(name: str, lines: _Lines, bad: BadRows) -> Iterator[Row | None]:
    while True:
        number = lines.mark()
        line = next(lines, None)
        if line is None:
            return
        if not line.strip():
            continue
        place = Place(name, number, line)
        try:
            if problem := _broken(line):
                raise problem
            yield Row(_object(line), place)
        except BadField as problem:
            bad.reject(place, problem)
            yield None


def _object(line: str) -> dict[str, Any]:
    try:
        value = json.loads(line, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        what = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
        raise BadField(WHOLE_ROW, line.strip(), f"one JSON object ({what})") from None
    if not isinstance(value, dict):
        raise BadField(WHOLE_ROW, line.strip(), f"one JSON object a line, not a {type(value).__name__}")
    return value


def _no_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _trec_rows(name: str, lines: _Lines, bad: BadRows) -> Iterator[Row | None]:
    while True:
        number = lines.mark()
        line = next(lines, None)
        if line is None:
            return
        fields = line.split()
        if not fields:
            continue
        place = Place(name, number, line)
        problem = _broken(line)
        if problem is None and len(fields) != len(_TREC_COLUMNS):
            problem = BadField(WHOLE_ROW, _Said(f"{len(fields)} columns"), "4: query, 0, product, grade")
        if problem is not None:
            bad.reject(place, problem)
        yield None if problem else Row(dict(zip(_TREC_COLUMNS, qrels_fields(line), strict=True)), place)


def _parquet(name: str, bad: BadRows) -> Table:
    with _readable(name):
        file: Any = _open(name)
        source: Any = name
        if isinstance(file, gzip.GzipFile):
            source = pa.BufferReader(file.read())
        file.close()
    try:
        table = pq.ParquetFile(source)
        columns = tuple(table.schema_arrow.names)
    except (pa.ArrowException, OSError) as error:
        raise GenretError(f"{name}: not a readable Parquet file ({error}); fetch or write it again") from None
    _check_distinct(name, columns)
    return Table(name, columns, _counted(name, _parquet_rows(name, table, bad), bad))


def _parquet_rows(name: str, table: Any, bad: BadRows) -> Iterator[Row | None]:
    number = 0
    for batch in _batches(name, table):
        for values in _values(batch):
            number += 1
            place = Place(name, number, values, "row")
            if isinstance(values, BadField):
                bad.reject(place._replace(raw=""), values)
                yield None
            else:
                yield Row(values, place)


def _batches(name: str, table: Any) -> Iterator[Any]:
    try:
        yield from table.iter_batches(batch_size=8192)
    except (pa.ArrowException, OSError) as error:
        raise GenretError(f"{name}: damaged Parquet ({error}); fetch or write it again") from None


def _values(batch: Any) -> Iterator[dict[str, Any] | BadField]:
    """The batch's rows; if it holds one that Python can't take, row by row, and what is wrong in place of that one."""
    try:
        yield from batch.to_pylist()
    except (ValueError, pa.ArrowException):
        for row in range(batch.num_rows):
            try:
                yield batch.slice(row, 1).to_pylist()[0]
            except UnicodeDecodeError as error:
                yield BadField(WHOLE_ROW, _Said(f"byte 0x{error.object[error.start]:02X}"), "UTF-8 text")
            except (ValueError, pa.ArrowException) as error:
                yield BadField(WHOLE_ROW, _Said(str(error)), "values that Python can hold")
