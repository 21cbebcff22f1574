"""Any table file -> rows: CSV, TSV, JSONL, JSON, Parquet and TREC qrels, plain or gzip.

A row that can't be read (bad UTF-8, a NUL byte, a wrong column count, a quote never closed, invalid JSON) goes to
`BadRows` with its first physical line, and reading goes on with the next one.
"""

from __future__ import annotations

import csv
import gzip
import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq

from genret.data.documents import json_records
from genret.data.lines import (
    BROKEN,
    NUL,
    Lines,
    delimiter_said,
    encoding_said,
    known_encoding,
    named_delimiter,
    open_bytes,
    readable,
    sniff_delimiter,
    sniff_encoding,
)
from genret.data.trec import qrels_fields
from genret.data.validate import BadField, BadRows, Place
from genret.ground.errors import GenretError

Format: TypeAlias = Literal["csv", "tsv", "jsonl", "json", "parquet", "trec"]
FORMATS: tuple[Format, ...] = ("csv", "tsv", "jsonl", "json", "parquet", "trec")

_SUFFIXES: dict[str, Format] = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".qrels": "trec",
    ".trec": "trec",
}
WHOLE_ROW = "(whole row)"
SNIFFED_LINES = 50
_TREC_COLUMNS = ("query_id", "iteration", "product_id", "grade")


@dataclass(frozen=True)
class Layout:
    """How text files are written: what stands between columns, and the encoding. Found out where it is not given."""

    delimiter: str | None = None
    """One character, or comma, semicolon, tab or pipe. None: found in the first lines."""
    encoding: str | None = None
    """None: by the byte order mark, else UTF-8, else Windows-1252."""
    strict: bool = True
    """False takes CSV as pandas does: text after a closing quote is kept instead of being a bad row."""

    def __post_init__(self) -> None:
        if self.delimiter is not None:
            object.__setattr__(self, "delimiter", named_delimiter(self.delimiter))
        if self.encoding is not None:
            object.__setattr__(self, "encoding", known_encoding(self.encoding))

    def check_used(self, formats: Iterable[Format]) -> None:
        """Raise a GenretError if the delimiter or the encoding has no use for files of these formats."""
        kinds = set(formats)
        if self.delimiter is not None and not kinds & {"csv", "tsv"}:
            raise GenretError(f"--delimiter has no use for {', '.join(sorted(kinds))} files; leave it out")
        if self.encoding is not None and kinds == {"parquet"}:
            raise GenretError("--encoding has no use for Parquet files; leave it out")


class Row(NamedTuple):
    """One row: column -> value as found (text in CSV, typed in JSON and Parquet), and where it stands."""

    values: dict[str, Any]
    place: Place


class Table(NamedTuple):
    """An open file. `columns` is its header, or None where each row names its own (JSON)."""

    file: str
    columns: tuple[str, ...] | None
    rows: Iterator[Row]
    delimiter: str | None = None
    """What stands between the columns of CSV and TSV."""


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


def open_table(file: str | Path, bad: BadRows, format: str | None = None, *, layout: Layout | None = None) -> Table:
    """The rows of `file`, read as they are asked for; bad ones go to `bad`.

    Raises GenretError if the file is missing, empty, not the format or not the compression that it claims.
    """
    layout = layout or Layout()
    kind = format_of(file, format)
    name = str(file)
    bad.reading(name)
    if not Path(file).is_file():
        raise GenretError(f"{name}: {'a folder, expected a file' if Path(file).is_dir() else 'no such file'}")
    if kind == "parquet":
        bad.reading(name, "Parquet")
        return _parquet(name, bad)
    encoding = layout.encoding or sniff_encoding(name)
    if kind == "json":
        bad.reading(name, f"JSON, {encoding_said(encoding)}")
        return Table(name, None, _counted(name, _document_rows(name, encoding, bad), bad))
    lines = Lines(name, encoding)
    if kind in ("csv", "tsv"):
        return _delimited(lines, layout.delimiter or ("," if kind == "csv" else "\t"), bad, layout)
    bad.reading(name, f"{'JSON lines' if kind == 'jsonl' else 'TREC'}, {encoding_said(encoding)}")
    if kind == "jsonl":
        return Table(name, None, _counted(name, _json_rows(name, lines, bad), bad))
    return Table(name, _TREC_COLUMNS, _counted(name, _trec_rows(name, lines, bad), bad))


def _counted(name: str, rows: Iterator[Row | None], bad: BadRows) -> Iterator[Row]:
    """The rows that are there; every one, bad (None) or not, is counted."""
    bad.seen(name, 0)
    for row in rows:
        bad.seen(name, 1)
        if row is not None:
            yield row


def _broken(line: str) -> BadField | None:
    """What is wrong with a line's bytes, if anything."""
    if line.isascii() or not (found := BROKEN.search(line)):
        return None
    got = "a NUL byte" if found.group() == NUL else f"byte 0x{ord(found.group()) - 0xDC00:02X}"
    return BadField(WHOLE_ROW, _Said(f"{got} after {line[max(0, found.start() - 20) : found.start()]!r}"), "UTF-8 text")


class _Said(str):
    """A description of a value rather than the value: shown without quotes."""

    def __repr__(self) -> str:
        return str(self)


# Lines -> rows.


def _delimited(lines: Lines, delimiter: str, bad: BadRows, layout: Layout) -> Table:
    if layout.delimiter is None:
        delimiter = sniff_delimiter(lines.peek(SNIFFED_LINES), delimiter)
    name = lines.name
    bad.reading(name, f"{delimiter_said(delimiter)} between columns, {encoding_said(lines.encoding)}")
    reader = csv.reader(lines, delimiter=delimiter, strict=layout.strict)
    header = _header(name, reader, lines)
    columns = tuple(filter(None, header))
    return Table(name, columns, _counted(name, _csv_rows(name, header, reader, lines, bad), bad), delimiter)


def _header(name: str, reader: Iterator[list[str]], lines: Lines) -> list[str]:
    try:
        header = [column.strip() for column in next(row for row in reader if any(map(str.strip, row)))]
    except StopIteration:
        raise GenretError(f"{name}: empty, expected a header line with the names of its columns") from None
    except csv.Error as error:
        raise GenretError(f"{name}, line 1: not a header line ({error}); is the format right?") from None
    if BROKEN.search("".join(header)):
        raise GenretError(
            f"{name}, line {lines.number}: the header is not {encoding_said(lines.encoding)} text; is it a CSV or TSV "
            "file? If so, name its encoding with --encoding"
        )
    _check_distinct(name, header)
    return header


def _check_distinct(name: str, columns: Sequence[str]) -> None:
    twice = [column for column, count in Counter(columns).items() if column and count > 1]
    if twice:
        raise GenretError(f"{name}: column {twice[0]!r} stands twice in the header; rename one")


def _csv_rows(
    name: str, header: Sequence[str], reader: Iterator[list[str]], lines: Lines, bad: BadRows
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


def _unparsed(name: str, start: int, lines: Lines, error: csv.Error, bad: BadRows) -> None:
    """Reject the row that starts at `start`; the lines that an open quote swallowed are read again on their own."""
    message = str(error)
    if "unexpected end of data" in message or "field larger" in message:
        message = "a quote that is opened here and never closed, or a field that is too long"
    lines.rewind()
    bad.reject(Place(name, start, lines.raw), BadField(WHOLE_ROW, _Said(message), "a row of CSV"))


def _json_rows(name: str, lines: Lines, bad: BadRows) -> Iterator[Row | None]:
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


def _document_rows(name: str, encoding: str, bad: BadRows) -> Iterator[Row | None]:
    for number, record in enumerate(json_records(name, encoding), 1):
        place = Place(name, number, record, "record")
        try:
            if isinstance(record, str):
                if problem := _broken(record):
                    raise problem
                record = _object(record)
            yield Row(record, place)
        except BadField as problem:
            bad.reject(place, problem)
            yield None


def _object(line: str) -> dict[str, Any]:
    try:
        value = json.loads(line)  # NaN and Infinity as Python and pandas write them: each field's rule decides
    except (ValueError, RecursionError) as error:
        what = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
        raise BadField(WHOLE_ROW, line.strip(), f"one JSON object ({what})") from None
    if not isinstance(value, dict):
        raise BadField(WHOLE_ROW, line.strip(), f"one JSON object, not a {type(value).__name__}")
    return value


def _trec_rows(name: str, lines: Lines, bad: BadRows) -> Iterator[Row | None]:
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
    with readable(name):
        source: Any = open_bytes(name)
        if isinstance(source, gzip.GzipFile):  # Parquet is read from its end: on disk, not in memory
            plain = tempfile.TemporaryFile()  # noqa: SIM115 (the reader closes it)
            with source:
                shutil.copyfileobj(source, plain, 1 << 20)
            source = plain
    try:
        table = pq.ParquetFile(source)
        columns = tuple(table.schema_arrow.names)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
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
        yield from map(_plain, table.iter_batches(batch_size=8192))
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise GenretError(f"{name}: damaged Parquet ({error}); fetch or write it again") from None


def _plain(batch: Any) -> Any:
    """The batch with points in time as text: Python's own hold neither nanoseconds nor every year."""
    return pa.record_batch([_timeless(column) for column in batch.columns], names=batch.schema.names)


def _timeless(column: Any) -> Any:
    if not pa.types.is_temporal(column.type):
        return column
    try:
        return column.cast(pa.string())
    except pa.ArrowException:  # durations, and zones that this machine does not know
        return pa.array([None if value is None else str(value) for value in column.to_numpy(zero_copy_only=False)])


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
