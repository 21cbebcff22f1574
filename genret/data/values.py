"""The values that shops write, one rule per kind: null, text, id, number, price, flag, names, category path, date.

Each takes the field's name and the value as found (text in CSV, typed in JSONL and Parquet) and raises `BadField` with
what was expected. What decides how a whole column is read (its decimal sign, its separators) is passed in.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from datetime import date as Date
from decimal import Decimal
from typing import Any, Literal, TypeAlias

from genret.data.clean import NEEDS_WORK, clean_text, strip_tags
from genret.data.validate import UNREADABLE, BadField
from genret.ground.types import CategoryPath

DecimalSign: TypeAlias = Literal["point", "comma", "mixed"]
"""How a column writes 1.5: `1.5`, `1,5`, or both, where `1.500` can't be told from fifteen hundred."""

MAX_FIELD = 100_000
"""Characters a field may hold. Longer ones are nearly always a quote that is never closed."""
MAX_ID = 1_000
MAX_NUMBER = 64
MAX_EXACT = 2**53
"""From here on a float no longer holds every integer: an id stored as one has lost digits."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_LIST = re.compile(r"""\s*\[\s*["'\]]""")
_NULLS = {"nan", "null", "none", "n/a", "#n/a", "<na>", "nat"}
_NO_NUMBER = _NULLS | {"na", "-", "--", "–", "—", "?", "."}
_TRUE = {"true", "yes", "y", "t", "on", "instock", "available", "limitedavailability", "preorder", "backorder", "ja"}
_TRUE |= {"lowstock", "limitedstock", "onlineonly", "instoreonly", "si", "sí", "oui"}
_FALSE = {"false", "no", "n", "f", "off", "outofstock", "unavailable", "soldout", "discontinued", "notavailable"}
_FALSE |= {"oos", "notinstock", "nein", "non"}
_SYMBOLS = "$¢£¤¥฿₠₡₢₣₤₥₦₧₨₩₪₫€₭₮₯₰₱₲₳₴₵₸₹₺₻₼₽₾₿﷼＄￡￥￦"
_WORDS = (
    "USD EUR GBP JPY CNY RMB INR AUD CAD CHF SEK NOK DKK PLN CZK HUF RON BGN RUB UAH TRY BRL MXN ARS CLP COP PEN ZAR "
    "NGN KES EGP ILS SAR AED QAR KWD PKR BDT LKR NPR THB VND IDR MYR SGD PHP HKD TWD KRW NZD ISK Rs kr zł zl Kč Ft lei "
    "TL R руб р лв din"
)
_WORD = "|".join(sorted(_WORDS.split(), key=len, reverse=True))
MONEY = rf"(?:(?:US|AU|A|CA|C|NZ|HK|SG|S|R|MX|NT|CN|JP)?[{_SYMBOLS}]|(?:{_WORD})(?![^\W\d_])\.?)"
"""A currency, before or after a number."""
_PRICE = re.compile(
    rf"(?P<sign>[-+−]?)\s*(?P<before>{MONEY})?\s*(?P<inner>[-+−]?)(?P<body>\d[\d.,'’ \u00a0\u2009\u202f]*?|[.,]\d+)"
    rf"(?:[.,][-–—]+)?\s*(?P<after>{MONEY})?",
    re.IGNORECASE,
)
_GROUP_SPACE = re.compile(r"(?<=\d)['’ \u00a0\u2009\u202f](?=\d{3}(?!\d))")
_SCIENTIFIC = re.compile(r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)[eE][-+]?\d{1,3}")
_SPREADSHEET_ID = re.compile(r"\d(?:[.,]\d+)?[eE]\+\d{2,3}")
_DATE = re.compile(
    r"(?:\d{4}-\d{1,2}-\d{1,2}|\d{4}/\d{1,2}/\d{1,2}|\d{1,2}[./-]\d{1,2}[./-]\d{4}|\d{1,2} [A-Za-z]{3,9},? \d{4}"
    r"|[A-Za-z]{3,9} \d{1,2},? \d{4})"
    r"(?:[T ,]+\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?\s*(?:[AaPp][Mm])?\s*(?:Z|UTC|GMT|[-+]\d{2}:?\d{2})*)?"
)


def is_null(value: object) -> bool:
    """Whether nothing is said: None, NaN (as tools write null), blank text, or a word for it such as `NaN` or `N/A`."""
    if value is None:
        return True
    if isinstance(value, str):
        return (not value or value.isspace()) or (len(value) < 8 and value.strip().lower() in _NULLS)
    if isinstance(value, (float, Decimal)):
        return value != value
    return isinstance(value, (list, dict)) and not value


def text(field: str, value: object, *, clean: bool = True) -> str:
    """The value as text, "" for None and NaN; a number or boolean as JSON would print it."""
    if value is None or value != value:
        return ""
    if not isinstance(value, str):
        return _scalar(field, value)
    if len(value) <= MAX_FIELD and not NEEDS_WORK.search(value):
        return value
    if len(value) > MAX_FIELD:
        raise BadField(field, value, f"at most {MAX_FIELD:,} characters, not {len(value):,}")
    if UNREADABLE.search(value):
        raise BadField(field, value, "text without NUL or broken characters")
    return clean_text(value) if clean else value.strip()


def name(field: str, value: object, *, clean: bool = True) -> str:
    """The value as a name that may be absent, such as a brand: "" for every way of saying nothing."""
    return "" if is_null(value) else text(field, value, clean=clean)


def prose(field: str, value: object, *, clean: bool = True) -> str:
    """The value as running text: HTML tags gone, lists joined by ", ", objects as `name value`; "" for null.

    Lists and objects may be JSON in text, or what Ruby prints.
    """
    if is_null(value):
        return ""
    if isinstance(value, str):
        structure = _structure(value) if clean and value[:1] in "[{" else None
        if structure is not None:
            return prose(field, structure)
        return text(field, strip_tags(value) if clean else value, clean=clean)
    if isinstance(value, list):
        return ", ".join(filter(None, (prose(field, item, clean=clean) for item in value)))
    if isinstance(value, dict):
        if value.keys() == {"key", "value"}:
            return f"{prose(field, value['key'], clean=clean)} {prose(field, value['value'], clean=clean)}".strip()
        said = {str(name): prose(field, member, clean=clean) for name, member in value.items()}
        return ", ".join(f"{text(field, name, clean=clean)} {member}" for name, member in said.items() if member)
    return text(field, value, clean=clean)


def identifier(field: str, value: object) -> str:
    """The value as an id: as written but for spaces around it, never empty, no control characters.

    A whole number that a tool stored as a float keeps its digits up to 2^53; beyond, and where a spreadsheet wrote
    1.4E+17, digits are lost, and it is no id.
    """
    if isinstance(value, float) and math.isfinite(value) and abs(value) >= MAX_EXACT:
        raise BadField(field, value, "an id stored as text or as an integer: as a float of this size it lost digits")
    if isinstance(value, bytes):
        value = value.decode("utf-8", "surrogateescape")
    found = text(field, value, clean=False)
    if not found:
        raise BadField(field, value, "an id")
    if _SPREADSHEET_ID.fullmatch(found):
        raise BadField(field, value, "an id as it was: a spreadsheet rounded this one, and its digits are lost")
    if len(found) > MAX_ID or _CONTROL.search(found) or isinstance(value, bool):
        raise BadField(field, value, f"an id of at most {MAX_ID:,} characters, none of them a control character")
    return found


def number(
    field: str, value: object, *, lowest: float | None = None, money: bool = False, decimal: DecimalSign = "point"
) -> float | None:
    """The value as a finite number, None for null. `money`: with a currency before or after it.

    `1,299.00`, `1.299,00`, `1 299` and `1'299` are read by their own signs; what has one sign and three digits behind
    it (`1,299`) by the column's `decimal` sign, and is refused where the column is `mixed`.
    """
    expected = ("a price" if money else "a number") + ("" if lowest is None else f" of at least {lowest:g}")
    if is_null(value):
        return None
    if isinstance(value, str):
        stripped = value.strip()
        if stripped.lower() in _NO_NUMBER:
            return None
        found = _of_text(field, stripped, money, decimal)
    else:
        found = math.nan if isinstance(value, (bool, list, dict)) else _float(value)
    if not math.isfinite(found) or (lowest is not None and found < lowest):
        raise BadField(field, value, expected)
    return found


def decimal_evidence(value: object) -> DecimalSign | None:
    """What a number says of its column's decimal sign: point, comma, mixed (`1,299`: either), or None (nothing)."""
    match = _price(value) if isinstance(value, str) else None
    if match is None:
        return None
    body = _GROUP_SPACE.sub("", match["body"])
    points, commas = body.count("."), body.count(",")
    if points and commas:
        return "point" if body.rfind(".") > body.rfind(",") else "comma"
    if points + commas != 1:
        return None if not points + commas else "comma" if points else "point"  # 1.299.000 groups with points
    before, sign, after = body.partition("." if points else ",")
    if len(after) != 3 or len(before) > 3 or before in ("", "0"):
        return "point" if sign == "." else "comma"
    return "mixed"


def currency(value: object) -> str | None:
    """The currency that a price is written with, as written, in capitals where it is a word."""
    match = _price(value) if isinstance(value, str) else None
    found = match and (match["before"] or match["after"])
    return found.rstrip(".").upper() if found else None


def flag(field: str, value: object) -> bool:
    """Whether a product can be had: true/false, yes/no, `in stock`, or a count in stock, which must be above 0.

    True for null or empty: where the catalogue says nothing of stock, the product counts as available.
    """
    if is_null(value) or isinstance(value, bool):
        return True if is_null(value) else bool(value)
    word = re.sub(r"[\s_-]+|^https?://schema.org/", "", value.strip().lower()) if isinstance(value, str) else ""
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    try:
        count = number(field, value)
    except BadField:
        count = None
    if count is None:
        raise BadField(field, value, "true or false, in stock or out of stock, or a count")
    return count > 0


def path(field: str, value: object, *, separators: Sequence[str] = (), clean: bool = True) -> CategoryPath:
    """The value as a category path, root first: `Pantry > Pasta Sauces`, or a list; () for null.

    separators: what stands between levels, besides `>` and its like, in this column. With "," among them, a value may
    hold several paths (`A > B, C > D`), of which the first is taken. Empty levels are left out.
    """
    if is_null(value):
        return ()
    if isinstance(value, str) and not _LIST.match(value):
        parts: Sequence[str] = _split(text(field, value, clean=clean), separators)
    else:
        listed = _list(field, value, "a path such as 'Pantry > Pasta Sauces', or a list of names", clean)
        parts = _split(listed[0], separators) if len(listed) == 1 else listed
    return tuple(part for part in parts if part and not is_null(part))


def names(field: str, value: object, *, clean: bool = True) -> tuple[str, ...]:
    """The value as names: `a|b` or `a;b`, or a list; () for null or empty."""
    if is_null(value):
        return ()
    if isinstance(value, str) and not _LIST.match(value):
        parts = re.split(r"\s*[|;]\s*", text(field, value, clean=clean))
        return tuple(part for part in parts if part and not is_null(part))
    return _list(field, value if isinstance(value, (str, list)) else [value], "names such as 'a|b', or a list", clean)


def mapping(field: str, value: object) -> Mapping[str, Any]:
    """The value as an object: a mapping, Parquet's list of pairs, or a JSON object in text; {} for null or empty."""
    if is_null(value):
        return {}
    if isinstance(value, str):
        value = _structure(value.strip())
    if isinstance(value, list) and all(isinstance(pair, tuple) and len(pair) == 2 for pair in value):
        value = dict(value)
    if not isinstance(value, Mapping):
        raise BadField(field, value, "a JSON object")
    return {str(key): member for key, member in value.items()}


def is_date(value: object) -> bool:
    """Whether the value is a date, or a date and a time."""
    return isinstance(value, Date) or (isinstance(value, str) and bool(_DATE.fullmatch(value.strip())))


def _price(value: str) -> re.Match[str] | None:
    return _PRICE.fullmatch(value.strip()) if len(value) <= MAX_NUMBER else None


def _of_text(field: str, value: str, money: bool, decimal: DecimalSign) -> float:
    """A number as written, NaN if it is none."""
    if _SCIENTIFIC.fullmatch(value):
        return float(value)
    match = _price(value)
    if match is None or (not money and (match["before"] or match["after"])):
        return math.nan
    body = _GROUP_SPACE.sub("", match["body"])
    if re.search(r"['’\s]", body):
        return math.nan
    sign = decimal_evidence(value)
    if sign == "mixed":
        if decimal == "mixed":
            raise BadField(
                field, value, "a number that reads in one way only; say which sign is the decimal's with --decimal"
            )
        sign = decimal
    if sign == "comma":
        body = body.replace(",", "\0").replace(".", ",").replace("\0", ".")
    whole, _, fraction = body.partition(".")
    if "." in fraction or "," in fraction or not re.fullmatch(r"\d*|\d{1,3}(,\d{2,3})*,\d{3}", whole):
        return math.nan
    found = _float(whole.replace(",", "") + "." + (fraction or "0"))
    return -found if "-" in (minus := match["sign"] + match["inner"]) or "−" in minus else found


def _structure(value: str) -> list[Any] | dict[str, Any] | None:
    """The list or object that a text spells, if it does."""
    if len(value) > MAX_FIELD or value.rstrip()[-1:] not in "]}":
        return None
    for spelled in (value, value.replace("=>", ": ")):
        try:
            found = json.loads(spelled)
        except (ValueError, RecursionError):
            continue
        return found if isinstance(found, (list, dict)) else None
    return None


def _split(value: str, separators: Sequence[str]) -> list[str]:
    ours = [sign for sign in separators if sign.strip("> ")]
    if "," in ours:  # several paths, as shop systems export them
        ours.remove(",")
        several = value.split(",")
        value = several[0] if all(any(sign in part for sign in (">", *ours)) for part in several) else value
    pattern = "|".join([r"\s*-?>+\s*", r"\s*[›»→]\s*", *(rf"\s*{re.escape(sign.strip())}+\s*" for sign in ours)])
    return [part.strip() for part in re.split(pattern, value)]


def _scalar(field: str, value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if not math.isfinite(value):
            raise BadField(field, value, "text or a finite number")
        return str(int(value)) if value.is_integer() and abs(value) < MAX_EXACT else repr(value)
    if isinstance(value, bytes):
        try:
            return text(field, value.decode("utf-8"))
        except UnicodeDecodeError:
            raise BadField(field, value, "text") from None
    if isinstance(value, (list, dict)):
        raise BadField(field, value, "text")
    return str(value)


def _float(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def _list(field: str, value: object, expected: str, clean: bool) -> tuple[str, ...]:
    if isinstance(value, str):
        value = _json(field, value, expected)
    if not isinstance(value, list) or not all(isinstance(item, (str, int, float)) or item is None for item in value):
        raise BadField(field, value, expected)
    return tuple(filter(None, (name(field, item, clean=clean) for item in value)))


def _json(field: str, value: str, expected: str) -> Any:
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        raise BadField(field, value, expected) from None
