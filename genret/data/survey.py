"""What the columns of a product file hold: a first pass over its rows, which decides what each is taken for.

`survey` returns an `Understanding`: the column of each field, which columns are attributes, which of those are numbers,
which are left out and why, each column's decimal sign, and what separates the levels of a category. It is stored with
the run, so that rows which come later are read as the first ones were.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, TypeAlias

from genret.data import values as rules
from genret.data.columns import PRODUCT_ALIASES, Columns, key_of, words_of
from genret.data.rows import Table
from genret.data.seen import ENOUGH, Seen
from genret.data.validate import BadField, BadRows, Place
from genret.data.values import DecimalSign
from genret.data.variants import offered
from genret.ground.errors import GenretError

Decimal: TypeAlias = Literal["auto", "point", "comma"]

SURVEYED = 100_000
"""Rows looked at, the first ones of the file."""
_LINKS = {"url", "urls", "uri", "link", "links", "href", "permalink", "slug", "page"}
_IMAGES = {"image", "images", "img", "imgs", "photo", "photos", "picture", "pictures", "thumbnail", "thumb", "icon"}
_CODES = {"id", "ids", "code", "codes", "sku", "ean", "upc", "gtin", "gtin13", "barcode", "isbn", "mpn", "asin", "uid"}
_CODES |= {"pid", "uuid", "guid", "index", "unnamed", "no", "nr", "number", "uniq", "handle", "hash", "key", "row"}
_KEYS = {"id", "ids", "sku", "ean", "upc", "gtin", "barcode", "uuid", "guid", "hash", "uid", "pid", "asin"}
"""Words of columns whose single tokens with digits name something, however often each occurs."""
_TIMES = {"timestamp", "created", "updated", "modified", "scraped", "crawl", "crawled", "date", "time", "at"}


@dataclass(frozen=True)
class Reading:
    """How a product file is read, where that is not to be found out from the file itself."""

    decimal: Decimal = "auto"
    """The sign before decimals, in all columns."""
    separator: str | None = None
    """What stands between the levels of a category, instead of what is recognised."""
    ignore: tuple[str, ...] = ()
    """Columns to leave out."""
    text_fields: tuple[str, ...] = ()
    """Fields and columns whose words are embedded, besides the title; empty: all fields and text attributes. A column
    named here is read as text, whatever it holds."""

    def __post_init__(self) -> None:
        if self.decimal not in ("auto", "point", "comma"):
            raise GenretError(f"decimal={self.decimal!r}, expected 'auto', 'point' or 'comma'")
        if self.separator is not None and not self.separator.strip():
            raise GenretError("separator='', expected what stands between the levels of a category, such as '>'")


@dataclass(frozen=True)
class Understanding:
    """What each column of a product file is taken for."""

    fields: Mapping[str, str]
    """Field -> its column."""
    levels: tuple[str, ...] = ()
    """Columns with the levels of a category below the first."""
    texts: tuple[str, ...] = ()
    """Attributes that are text."""
    numbers: tuple[str, ...] = ()
    """Attributes that are numbers: compared in filters, not embedded."""
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Column -> why."""
    decimals: Mapping[str, DecimalSign] = field(default_factory=dict)
    """Column -> its decimal sign, where that is not the point."""
    separators: tuple[str, ...] = ()
    """What stands between the levels of a category; `>` and its like do in any case."""
    currencies: Mapping[str, int] = field(default_factory=dict)
    """How often each currency is written in the price column."""
    examples: Mapping[str, str] = field(default_factory=dict)
    """Column -> the first value that it holds."""
    variants: bool = False
    """Whether a row without a title is a further variant of the product above it, whose id it has."""

    def to_json(self) -> dict[str, Any]:
        """As JSON; mappings as lists of pairs, since manifests sort the names of objects."""
        return {name: list(value.items()) if isinstance(value, dict) else value for name, value in asdict(self).items()}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Understanding:
        """What `to_json` gave, also after it was stored as JSON."""
        lists = ("levels", "texts", "numbers", "separators")
        whole: dict[str, Any] = {
            n: tuple(found) if n in lists else dict(found) for n, found in value.items() if n != "variants"
        }
        return cls(**whole, variants=bool(value.get("variants", False)))

    def sign_of(self, name: str) -> DecimalSign:
        """The decimal sign of a field's column."""
        return self.decimals.get(self.fields.get(name, ""), "point")

    @property
    def roles(self) -> dict[str, str]:
        """Column -> `text`, `number`, or why it is left out, for those that no field has."""
        return {**dict.fromkeys(self.texts, "text"), **dict.fromkeys(self.numbers, "number"), **self.left_out}

    def as_before(self, before: Understanding) -> Understanding:
        """This file's columns, those that an earlier file had too taken for what they were there."""
        known = before.roles
        fields = {name: column for name, column in self.fields.items() if column not in known}
        free = {**self.roles, **{column: "" for column in self.fields.values() if column not in fields.values()}}
        roles = {column: known.get(column, role) for column, role in free.items()}
        return replace(
            self,
            fields=fields,
            **_by_role(roles),
            decimals={**before.decimals, **self.decimals},
            separators=tuple(dict.fromkeys((*before.separators, *self.separators))),
        )


class _Enough(Exception):
    """As many rows as are surveyed were read."""


class Looking(BadRows):
    """Bad rows of a survey: passed over, and counted among those that it reads."""

    def __init__(self) -> None:
        super().__init__("skip")

    def seen(self, file: str, rows: int) -> None:
        super().seen(file, rows)
        if self._rows[file] > SURVEYED:
            raise _Enough

    def reject(self, place: Place, bad: BadField) -> None:
        super().reject(place, bad)
        if self._bad[place.file] > max(1000, self._rows[place.file] / 2):
            raise _Enough  # no file of products: reading it will say so


def survey(table: Table, columns: Columns, reading: Reading) -> Understanding:
    """What the columns of the table are taken for, by their names and by what the first `SURVEYED` rows hold. The
    table is one opened with `Looking`.

    `columns` are the names that were given and known; what they claim is kept, except a price, stock or popularity
    that holds nothing of the kind, which becomes an attribute.
    """
    seen: dict[str, Seen] = {column: Seen() for column in table.columns or ()}
    paths: dict[str, Counter[str]] = {}
    rows = 0
    with suppress(_Enough):
        for row in table.rows:
            rows += 1
            values = flat(row.values, columns)
            title = values.get(columns.plan(values).fields.get("title", ""))
            for column, value in values.items():
                one = seen.setdefault(column, Seen())
                one.look(value)
                one.repeats += value == title and not rules.is_null(value)
                if isinstance(value, str) and len(value) < 500:
                    paths.setdefault(column, Counter())[value] += 1
    plan = columns.plan(tuple(seen))
    fields = _sane_fields(dict(plan.fields), seen, columns, rows)
    variants = _variant_rows(fields, seen, columns, rows)
    free = [column for column in seen if column not in fields.values() and column not in plan.levels]
    products = seen[fields["title"]].filled if variants else rows
    roles = {column: _role(column, seen[column], products, reading) for column in free}
    sorted_out = _by_role(roles)
    counted = [
        *sorted_out["numbers"],
        *(fields[name] for name in ("price", "popularity", "available") if name in fields),
    ]
    signs = {column: _sign(seen[column].signs, reading.decimal, table.delimiter) for column in counted}
    levels = [paths.get(column, Counter()) for column in (fields.get("category", ""), *plan.levels)]
    return Understanding(
        fields,
        plan.levels if "category" in fields else (),
        **sorted_out,
        decimals={column: sign for column, sign in signs.items() if sign != "point"},
        separators=(reading.separator.strip(),) if reading.separator else _separators(levels),
        currencies=dict(seen[fields["price"]].currencies) if "price" in fields else {},
        examples={column: one.example for column, one in seen.items() if one.filled},
        variants=variants,
    )


def _by_role(roles: Mapping[str, str]) -> dict[str, Any]:
    """Column -> role, as the fields of an `Understanding`."""
    return {
        "texts": tuple(column for column, role in roles.items() if role == "text"),
        "numbers": tuple(column for column, role in roles.items() if role == "number"),
        "left_out": {column: role for column, role in roles.items() if role not in ("text", "number")},
    }


def flat(values: Mapping[str, Any], columns: Columns) -> dict[str, Any]:
    """The row with the members of its `attributes` object, and what its variants cost, as columns of their own.

    Where two have one name, the row's other columns win.
    """
    values = {**offered(values), **values}
    holder = columns.plan(values).fields.get("attributes")
    if holder is None:
        return values
    try:
        members = rules.mapping(holder, values[holder])
    except BadField:
        return values
    return {**members, **{column: value for column, value in values.items() if column != holder}}


def _sane_fields(fields: dict[str, str], seen: Mapping[str, Seen], columns: Columns, rows: int) -> dict[str, str]:
    """The fields without those whose column holds something else, and an id whose values differ, if there is one."""
    for name, kind in (("price", "number"), ("popularity", "number"), ("available", "flag")):
        column = fields.get(name)
        if column and name not in columns.chosen and seen[column].filled >= ENOUGH and seen[column].share(kind) < 0.5:
            del fields[name]
    for name in {"price", "category"} - columns.chosen.keys():
        _better(name, fields, seen)
    if "attributes" in fields and seen[fields["attributes"]].filled > 0.5 * rows:
        del fields["attributes"]  # `flat` took apart those that are objects
    unique = fields.get("id")
    if unique and "id" not in columns.chosen and not _is_key(seen[unique], rows):
        known = {key_of(name): rank for rank, name in enumerate(PRODUCT_ALIASES["id"])}
        others = [column for column in seen if key_of(column) in known and _is_key(seen[column], rows)]
        if others:
            fields["id"] = min(others, key=lambda column: known[key_of(column)])
    return fields


def _better(name: str, fields: dict[str, str], seen: Mapping[str, Seen]) -> None:
    """Give a field another column of a known name where the best-named one will not do: a price that is mostly blank
    (a sale's), a category of numbers."""
    ranks = {key_of(alias): rank for rank, alias in enumerate(PRODUCT_ALIASES[name])}
    others = [c for c in seen if key_of(c) in ranks and (c == fields.get(name) or c not in fields.values())]
    if name == "price":
        fit = [c for c in others if seen[c].share("number") >= 0.5]
        most = max((seen[c].filled for c in fit), default=0)
        fit = [c for c in fit if seen[c].filled >= 0.9 * most]
    else:
        fit = [c for c in others if seen[c].filled and seen[c].share("number") < 0.9]
    if fit and fields.get(name) not in fit:
        fields[name] = min(fit, key=lambda column: ranks[key_of(column)])


def _variant_rows(fields: dict[str, str], seen: Mapping[str, Seen], columns: Columns, rows: int) -> bool:
    """Whether rows without a title are further variants of the product above them: a column named as ids are has as
    many values as there are titled rows. That column becomes the id."""
    titled = seen[fields["title"]].filled if "title" in fields else rows
    if "id" in columns.chosen or rows < ENOUGH or not 0 < titled < 0.98 * rows:
        return False
    known = {key_of(name): rank for rank, name in enumerate(PRODUCT_ALIASES["id"])}
    free = [c for c in seen if key_of(c) in known and (c == fields.get("id") or c not in fields.values())]
    groups = [c for c in free if seen[c].filled == rows and abs(len(seen[c].distinct) - titled) <= 0.02 * titled]
    if groups:
        fields["id"] = min(groups, key=lambda column: known[key_of(column)])
    return bool(groups)


def _is_key(column: Seen, rows: int) -> bool:
    """Whether nearly every row has a value of its own."""
    return rows < ENOUGH or len(column.distinct) > 0.98 * rows


def _role(column: str, seen: Seen, rows: int, reading: Reading) -> str:
    """text, number, or why the column is left out."""
    words = set(words_of(column))
    single = seen.share("one") > 0.8
    if column in reading.ignore:
        return "as told"
    if column in reading.text_fields:
        return "text"
    if not seen.filled:
        return "empty"
    if seen.kinds["bytes"]:
        return "bytes"
    if seen.share("record") > 0.5:
        return "nested records"
    if seen.share("image") > 0.5 or (words & _IMAGES and (single or seen.share("url") > 0.5)):
        return "images"
    if seen.share("url") > 0.5 or (single and (words & _LINKS or seen.share("path") > 0.8)):
        return "URLs"
    if seen.share("hash") > 0.9:
        return "hashes"
    if seen.share("date") > 0.9 or (words & _TIMES and seen.share("number") > 0.9 and seen.lowest > 1e8):
        return "timestamps"
    if rows >= ENOUGH and len(seen.distinct) == 1 and seen.filled > 0.95 * rows:
        return "constant"
    if seen.filled >= ENOUGH and seen.repeats > 0.9 * seen.filled:
        return "repeats the title"
    if seen.share("number") >= 0.98 and not seen.kinds["zeros"]:
        return "nearly unique codes" if _is_code(words, seen) else "number"
    if seen.share("money") > 0.8:
        return "prices in words"
    if seen.near_unique and seen.share("one") > 0.9:
        return "nearly unique codes"
    if words & _KEYS and seen.share("one") > 0.9 and seen.share("digit") > 0.9:
        return "codes"
    if seen.filled >= ENOUGH and words & _CODES and single and len(seen.distinct) > 0.5 * seen.filled:
        return "nearly unique codes"
    return "text"


def _is_code(words: set[str], seen: Seen) -> bool:
    """Whether whole numbers name the row rather than measure it."""
    if not seen.near_unique or seen.share("whole") < 1:
        return False
    row_number = seen.lowest in (0, 1) and seen.highest - seen.lowest + 1 <= 1.05 * len(seen.distinct)
    return bool(words & _CODES) or row_number or seen.lowest >= 1e7


def _sign(signs: Counter[str], told: Decimal, delimiter: str | None) -> DecimalSign:
    """The decimal sign of a column, by the numbers that show it; else by how the file separates its columns."""
    if told != "auto":
        return told
    points, commas = signs["point"], signs["comma"]
    if points > 19 * commas or commas > 19 * points:
        return "point" if points > commas else "comma"
    if points and commas:
        return "mixed"
    return "comma" if delimiter == ";" else "point"


def _separators(columns: Sequence[Counter[str]]) -> tuple[str, ...]:
    """What stands between levels in these columns' values: `>`, `>>`, `|` and `;` where they occur, and `/` where it
    shows a hierarchy rather than a name such as `Salt/Pepper`."""
    found: list[str] = []
    for counts in columns:
        clean = [rules.text("category", value) for value in counts if len(value) < rules.MAX_FIELD]
        found += [">>"] if any(">>" in value for value in clean) else []
        found += [">"] if any(">" in value.replace(">>", "") for value in clean) else []
        found += [sign for sign in ("|", ";") if any(sign in value for value in clean)]
        found += [","] if any(_several_paths(clean, sign) for sign in (">", "/", "|")) else []
        slashed = [value for value in clean if "/" in value]
        if slashed and _is_hierarchy(slashed, clean):
            found.append("/")
    return tuple(dict.fromkeys(found))


def _several_paths(values: Sequence[str], sign: str) -> bool:
    """Whether commas separate whole paths (`A > B, C > D`): most that could be such begin as other paths do."""
    roots = {value.partition(sign)[0].strip() for value in values}
    lists = [value.split(",") for value in values if "," in value and sign in value]
    lists = [parts for parts in lists if all(sign in part for part in parts)]
    met = sum(all(part.partition(sign)[0].strip() in roots for part in parts[1:]) for parts in lists)
    return len(lists) > 0 and 2 * met > len(lists)


def _is_hierarchy(slashed: Sequence[str], all_values: Sequence[str]) -> bool:
    """Whether `/` separates levels: paths begin with it, most have three levels, first levels recur, or the same path
    is written with another separator too."""
    paths = [tuple(part.strip() for part in value.strip("/ ").split("/")) for value in slashed]
    if all(value.startswith("/") for value in slashed) or sum(len(path) > 2 for path in paths) > 0.5 * len(paths):
        return True
    others = {tuple(re.split(r"\s*[>|;]+\s*", value)) for value in all_values if "/" not in value}
    if any(path in others for path in paths):
        return True
    often = len(slashed) > 0.3 * len(all_values)
    return often and len(slashed) >= 4 and len({path[0] for path in paths}) <= len(slashed) / 2
