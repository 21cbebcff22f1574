"""What is a bad row, and what becomes of it.

`BadRows` is the policy of one read: stop at the first bad row, or count it, keep it in a rejects file and go on.
`text`, `number`, `flag`, `path` and `names` read one field each and raise `BadField` with what was expected.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

from genret.data.clean import NEEDS_WORK, clean_text
from genret.ground.errors import GenretError
from genret.ground.types import CategoryPath

OnBadRow: TypeAlias = Literal["error", "skip"]

MAX_FIELD = 100_000
"""Characters a field may hold. Longer ones are nearly always a quote that is never closed."""
MAX_ID = 1_000

_UNREADABLE = re.compile("[\x00\ud800-\udfff]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_CATEGORY_SEPARATOR = re.compile(r"\s*[>›»]\s*")
_LIST = re.compile(r"""\s*\[\s*["'\]]""")
_MONEY = re.compile(r"[$€£¥]")
_TRUE = {"true", "1", "yes", "y", "t", "instock", "available", "limitedavailability", "preorder", "backorder"}
_FALSE = {"false", "0", "no", "n", "f", "outofstock", "unavailable", "soldout", "discontinued", "notavailable"}


class ReadReport(NamedTuple):
    """What reading one file came to. `reasons` counts both kinds of row that were not used, by field and reason."""

    file: str
    rows: int
    """Rows read, bad ones included; header and blank lines not."""
    skipped: int
    """Bad rows: those that the rejects file holds."""
    left_out: int
    """Sound rows of no use here, such as a judgement on a product that the catalogue lacks."""
    reasons: Mapping[str, int]


class BadField(ValueError):
    """One field is not what it must be: raised by the field readers, turned into a bad row by `BadRows`."""

    def __init__(self, field: str, got: object, expected: str) -> None:
        super().__init__(field, got, expected)
        self.field, self.got, self.expected = field, got, expected


class Place(NamedTuple):
    """Where a row stands: its file, its first physical line (its row in Parquet), and its text as found."""

    file: str
    line: int
    raw: object
    unit: Literal["line", "row"] = "line"


class BadRows:
    """The policy of one read, over however many files it takes; `reports` says what became of each.

    on_bad_row: "error" raises a GenretError at the first bad row; "skip" counts it and goes on.
    rejects: with "skip", a JSONL file that gets file, line, field, reason and raw text of every bad row.
    """

    def __init__(self, on_bad_row: OnBadRow = "error", rejects: str | Path | None = None) -> None:
        if on_bad_row not in ("error", "skip"):
            raise GenretError(f"on_bad_row={on_bad_row!r}, expected 'error' or 'skip'")
        if rejects is not None and on_bad_row == "error":
            raise GenretError(f"rejects={str(rejects)!r} has no use with on_bad_row='error'; pass --on-bad-row skip")
        self.on_bad_row = on_bad_row
        self.rejects = None if rejects is None else Path(rejects)
        self._rows: Counter[str] = Counter()
        self._started = False
        self._bad: Counter[str] = Counter()
        self._reasons: dict[str, Counter[str]] = {}

    def reading(self, file: str) -> None:
        """Note that `file` is about to be read; before the first one, the rejects of an earlier read are cleared."""
        if self.rejects is None:
            return
        if self.rejects.exists() and Path(file).exists() and self.rejects.samefile(file):
            raise GenretError(f"{file}: is to be read and to hold the rejects; give another path for the rejects")
        if not self._started:
            _start(self.rejects)
            self._started = True

    def seen(self, file: str, rows: int) -> None:
        """Note that `rows` more rows of `file` were read."""
        self._rows[file] += rows

    def reject(self, place: Place, bad: BadField) -> None:
        """Raise the GenretError that names the row, or count it and write it to the rejects file."""
        reason = f"got {_short(bad.got)}, expected {bad.expected}"
        if self.on_bad_row == "error":
            raise GenretError(
                f"{place.file}, {place.unit} {place.line}, field {bad.field}: {reason}; "
                "correct the row, or pass --on-bad-row skip to leave such rows out"
            )
        self._bad[place.file] += 1
        self._count(place.file, f"{bad.field}: expected {bad.expected}")
        if self.rejects is not None:
            raw = place.raw if isinstance(place.raw, str) else json.dumps(place.raw, ensure_ascii=False, default=str)
            record = {
                "file": place.file,
                "line": place.line,
                "field": bad.field,
                "reason": reason,
                "raw": raw.rstrip("\r\n"),
            }
            with open(self.rejects, "a", encoding="utf-8", errors="backslashreplace") as file:
                file.write(json.dumps(record, ensure_ascii=False) + "\n")

    def leave_out(self, file: str, reason: str) -> None:
        """Count a row of `file` that is sound but of no use here (a product outside the catalogue, say)."""
        self._count(file, reason)

    def check_any_left(self, file: str, kept: int) -> None:
        """Raise a GenretError if every row of `file` was bad: it is not the file it was taken for."""
        if not kept and self._bad[file]:
            reason, count = self._reasons[file].most_common(1)[0]
            raise GenretError(
                f"{file}: all {self._rows[file]} rows are bad ({count} times {reason}); "
                "check the file and its format, or name its columns with --column FIELD=COLUMN"
            )

    @property
    def reports(self) -> list[ReadReport]:
        """One report per file, in the order read."""
        return [self._report(file, rows) for file, rows in self._rows.items()]

    def _report(self, file: str, rows: int) -> ReadReport:
        reasons = self._reasons.get(file, Counter())
        return ReadReport(file, rows, self._bad[file], reasons.total() - self._bad[file], dict(reasons))

    def _count(self, file: str, reason: str) -> None:
        self._reasons.setdefault(file, Counter())[reason] += 1


def text(field: str, value: object, *, clean: bool = True) -> str:
    """The value as text, "" for null; a number or boolean as JSON would print it."""
    if value is None:
        return ""
    if not isinstance(value, str):
        return _scalar(field, value)
    if len(value) <= MAX_FIELD and not NEEDS_WORK.search(value):
        return value
    if len(value) > MAX_FIELD:
        raise BadField(field, value, f"at most {MAX_FIELD:,} characters, not {len(value):,}")
    if _UNREADABLE.search(value):
        raise BadField(field, value, "text without NUL or broken characters")
    return clean_text(value) if clean else value.strip()


def identifier(field: str, value: object) -> str:
    """The value as an id: as written but for spaces around it, never empty, no control characters."""
    found = text(field, value, clean=False)
    if not found:
        raise BadField(field, value, "an id")
    if len(found) > MAX_ID or _CONTROL.search(found) or isinstance(value, bool):
        raise BadField(field, value, f"an id of at most {MAX_ID:,} characters, none of them a control character")
    return found


def number(field: str, value: object, *, lowest: float | None = None, money: bool = False) -> float | None:
    """The value as a finite number (`money`: a currency sign is ignored), None for null or empty."""
    expected = "a number" if lowest is None else f"a number of at least {lowest:g}"
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if isinstance(value, str) and money:
        found = _float(_MONEY.sub("", value, count=1))
    else:
        found = math.nan if isinstance(value, bool) else _float(value)
    if not math.isfinite(found) or (lowest is not None and found < lowest):
        raise BadField(field, value, expected)
    return found


def flag(field: str, value: object) -> bool:
    """Whether a product can be had: true/false, yes/no, `in stock`, or a count in stock. True for null or empty."""
    if isinstance(value, bool):
        return value
    word = re.sub(r"[\s_-]+|^https?://schema.org/", "", str(value or "").strip().lower()) if value != 0 else "0"
    if word in _TRUE or not word:
        return True
    if word in _FALSE:
        return False
    count = _float(value)
    if not math.isfinite(count) or count < 0:
        raise BadField(field, value, "true or false, in stock or out of stock, or a count")
    return count > 0


def path(
    field: str, value: object, *, separator: re.Pattern[str] = _CATEGORY_SEPARATOR, clean: bool = True
) -> CategoryPath:
    """The value as a category path, root first: `Pantry > Pasta Sauces`, or a list; () for null or empty."""
    if value is None or value == "":
        return ()
    if isinstance(value, str) and not _LIST.match(value):
        return tuple(part for part in separator.split(text(field, value, clean=clean)) if part)
    return _list(field, value, "a path such as 'Pantry > Pasta Sauces', or a list of names", clean)


def names(field: str, value: object, *, clean: bool = True) -> tuple[str, ...]:
    """The value as names: `a|b`, or a list; () for null or empty."""
    if value is None or value == "":
        return ()
    if isinstance(value, str) and not _LIST.match(value):
        return tuple(part for part in (part.strip() for part in text(field, value, clean=clean).split("|")) if part)
    return _list(field, value if isinstance(value, (str, list)) else [value], "names such as 'a|b', or a list", clean)


def mapping(field: str, value: object) -> Mapping[str, Any]:
    """The value as an object: a mapping, Parquet's list of pairs, or a JSON object in text; {} for null or empty."""
    if value is None or value == "":
        return {}
    if isinstance(value, str):
        value = _json(field, value, "a JSON object")
    if isinstance(value, list) and all(isinstance(pair, tuple) and len(pair) == 2 for pair in value):
        value = dict(value)
    if not isinstance(value, Mapping):
        raise BadField(field, value, "a JSON object")
    return value


def attribute(name: str, value: object, *, clean: bool = True) -> str:
    """The value of a free attribute as text: lists joined by ", ", objects as JSON, "" for null or NaN."""
    if isinstance(value, str):
        return text(name, value, clean=clean)
    if isinstance(value, list):
        return ", ".join(filter(None, (attribute(name, item, clean=clean) for item in value)))
    if isinstance(value, float) and math.isnan(value):  # how some writers of Parquet say null
        return ""
    if isinstance(value, dict):
        return text(name, json.dumps(value, ensure_ascii=False, default=str), clean=clean) if value else ""
    return text(name, value, clean=clean)


def _scalar(field: str, value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if not math.isfinite(value):
            raise BadField(field, value, "text or a finite number")
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, (list, dict, bytes)):
        raise BadField(field, value, "text")
    return str(value)


def _float(value: object) -> float:
    if isinstance(value, str) and "_" in value:  # Python reads 1_000; a data file that holds it means something else
        return math.nan
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return math.nan


def _list(field: str, value: object, expected: str, clean: bool) -> tuple[str, ...]:
    if isinstance(value, str):
        value = _json(field, value, expected)
    if not isinstance(value, list) or not all(isinstance(item, (str, int, float)) or item is None for item in value):
        raise BadField(field, value, expected)
    return tuple(filter(None, (text(field, item, clean=clean) for item in value)))


def _json(field: str, value: str, expected: str) -> Any:
    try:
        return json.loads(value)
    except (json.JSONDecodeError, RecursionError):
        raise BadField(field, value, expected) from None


def _short(value: object) -> str:
    if value is None:
        return "nothing"
    shown = ascii(value) if isinstance(value, str) and _UNREADABLE.search(value) else repr(value)
    return shown if len(shown) <= 80 else f"{shown[:60]}... ({len(shown):,} characters)"


def _start(rejects: Path) -> None:
    try:
        rejects.parent.mkdir(parents=True, exist_ok=True)
        rejects.write_text("", encoding="utf-8")
    except OSError as error:
        raise GenretError(f"{rejects}: can't write the rejects file ({error.strerror}); give another path") from None
