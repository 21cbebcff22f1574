"""What becomes of a row, or a field of it, that can't be read.

`BadRows` is the policy of one read. `error` stops at the first thing that is wrong. `repair`, the default, leaves empty
a field that can't be read and leaves out a row that has no id or no title, as long as such rows are few; `skip` leaves
them out however many they are. Both count what they did, and keep the rows as they were in a rejects file.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Literal, NamedTuple, TypeAlias, get_args

from genret.ground.errors import GenretError

OnBadRow: TypeAlias = Literal["repair", "skip", "error"]

FEW = 0.05
"""The share of a file's rows that `repair` leaves out; with more of them bad, it is not the file it was taken for."""
MAX_RAW = 10_000
"""Characters of a row that the rejects file keeps."""
UNREADABLE = re.compile("[\x00\ud800-\udfff]")


class ReadReport(NamedTuple):
    """What reading one file came to. `reasons` counts rows not used and fields left empty, by field and reason."""

    file: str
    rows: int
    """Rows read, bad ones included; header and blank lines not."""
    skipped: int
    """Bad rows, left out."""
    left_out: int
    """Sound rows of no use here, such as a judgement on a product that the catalogue lacks."""
    reasons: Mapping[str, int]
    repaired: int = 0
    """Fields that could not be read, left empty."""
    how: str = ""
    """How the file is written: its format, delimiter and encoding."""


class BadField(ValueError):
    """One field is not what it must be: raised by the rules of `values.py`, turned into a bad row by `BadRows`."""

    def __init__(self, field: str, got: object, expected: str) -> None:
        super().__init__(field, got, expected)
        self.field, self.got, self.expected = field, got, expected


class Place(NamedTuple):
    """Where a row stands: its file, its first physical line (its row in Parquet, its record in JSON), and its text."""

    file: str
    line: int
    raw: object
    unit: Literal["line", "row", "record"] = "line"


class BadRows:
    """The policy of one read, over however many files it takes; `reports` says what became of each.

    rejects: a JSONL file that gets file, line, field, reason, what it cost (field or row) and raw text of each.
    """

    def __init__(self, on_bad_row: OnBadRow = "repair", rejects: str | Path | None = None) -> None:
        if on_bad_row not in get_args(OnBadRow):
            raise GenretError(f"on_bad_row={on_bad_row!r}, expected {', '.join(map(repr, get_args(OnBadRow)))}")
        if rejects is not None and on_bad_row == "error":
            raise GenretError(f"rejects={str(rejects)!r} has no use with on_bad_row='error'; pass --on-bad-row skip")
        self.on_bad_row = on_bad_row
        self.rejects = None if rejects is None else Path(rejects)
        self._rows: Counter[str] = Counter()
        self._sink: IO[str] | None = None
        self._bad: Counter[str] = Counter()
        self._repaired: Counter[str] = Counter()
        self._first: dict[str, str] = {}
        self._how: dict[str, str] = {}
        self._reasons: dict[str, Counter[str]] = {}

    def reading(self, file: str, how: str = "") -> None:
        """Note that `file` is about to be read; before the first one, the rejects of an earlier read are cleared."""
        self._how[file] = how
        if self.rejects is None:
            return
        if self.rejects.exists() and Path(file).exists() and self.rejects.samefile(file):
            raise GenretError(f"{file}: is to be read and to hold the rejects; give another path for the rejects")
        if self._sink is None and self.rejects.exists():
            self._open()

    def seen(self, file: str, rows: int) -> None:
        """Note that `rows` more rows of `file` were read."""
        self._rows[file] += rows

    def reject(self, place: Place, bad: BadField) -> None:
        """Raise the GenretError that names the row, or leave the row out: count it and write it to the rejects."""
        message = f"{place.file}, {place.unit} {place.line}, field {bad.field}: {_reason(bad)}; "
        if self.on_bad_row == "error":
            raise GenretError(message + "correct the row, or pass --on-bad-row skip to leave such rows out")
        self._first.setdefault(place.file, message)
        self._bad[place.file] += 1
        self._note(place, bad, "row")
        if self.on_bad_row == "repair" and self._bad[place.file] > max(1000, self._rows[place.file] / 2):
            self._too_many(place.file)

    def repair(self, place: Place, bad: BadField) -> None:
        """Raise the GenretError that names the row, or leave the field empty: count it and write it to the rejects."""
        if self.on_bad_row == "error":
            self.reject(place, bad)
        self._repaired[place.file] += 1
        self._note(place, bad, "field")

    def leave_out(self, file: str, reason: str) -> None:
        """Count a row of `file` that is sound but of no use here (a product outside the catalogue, say)."""
        self._count(file, reason)

    def check_any_left(self, file: str, kept: int) -> None:
        """Raise a GenretError if every row of `file` was bad, or more than a few: it is not what it was taken for."""
        if not kept and self._bad[file] and self.on_bad_row == "skip":
            reason, count = self._reasons[file].most_common(1)[0]
            raise GenretError(
                f"{file}: all {self._rows[file]} rows are bad ({count} times {reason}); "
                "check the file and its format, or name its columns with --column FIELD=COLUMN"
            )
        if self.on_bad_row == "repair" and self._bad[file] > FEW * self._rows[file]:
            self._too_many(file)

    @property
    def reports(self) -> list[ReadReport]:
        """One report per file, in the order read."""
        return [self._report(file, rows) for file, rows in self._rows.items()]

    def _report(self, file: str, rows: int) -> ReadReport:
        reasons = self._reasons.get(file, Counter())
        bad, repaired = self._bad[file], self._repaired[file]
        left_out = reasons.total() - bad - repaired
        return ReadReport(file, rows, bad, left_out, dict(reasons), repaired, self._how.get(file, ""))

    def _too_many(self, file: str) -> None:
        bad = self._bad[file]
        count = "" if bad == 1 else f"{bad:,} of {max(bad, self._rows[file]):,} rows are bad, this one first; "
        raise GenretError(
            f"{self._first[file]}{count}correct the rows, or pass --on-bad-row skip to leave such rows out"
        )

    def _note(self, place: Place, bad: BadField, cost: Literal["row", "field"]) -> None:
        self._count(place.file, f"{bad.field}: expected {bad.expected.partition(' (')[0]}")
        if self.rejects is None:
            return
        raw = place.raw if isinstance(place.raw, str) else json.dumps(place.raw, ensure_ascii=False, default=str)
        record = {
            "file": place.file,
            "line": place.line,
            "field": bad.field,
            "reason": _reason(bad),
            "cost": cost,
            "raw": raw[:MAX_RAW].rstrip("\r\n"),
        }
        sink = self._sink or self._open()
        sink.write(json.dumps(record, ensure_ascii=False) + "\n")

    def _count(self, file: str, reason: str) -> None:
        self._reasons.setdefault(file, Counter())[reason] += 1

    def _open(self) -> IO[str]:
        """The rejects file, begun anew."""
        path = self.rejects
        if path is None:
            raise AssertionError("no rejects file was asked for")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            sink = open(path, "w", encoding="utf-8", errors="backslashreplace", buffering=1)  # noqa: SIM115 (for all rows)
        except OSError as error:
            raise GenretError(f"{path}: can't write the rejects file ({error.strerror}); give another path") from None
        self._sink = sink
        return sink


def _reason(bad: BadField) -> str:
    return f"got {_short(bad.got)}, expected {bad.expected}"


def _short(value: object) -> str:
    if value is None:
        return "nothing"
    shown = ascii(value) if isinstance(value, str) and UNREADABLE.search(value) else repr(value)
    return shown if len(shown) <= 80 else f"{shown[:60]}... ({len(shown):,} characters)"
