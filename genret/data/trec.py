"""TREC lines, written and read: judgements (qrels) and ranked lists (runs).

    query 0 product grade                     `qrels_line` writes what `qrels_fields` reads
    query Q0 product rank score tag           `run_lines` writes what `run_fields` reads

TREC files are split at white space, so ids are written with white space, control characters and `%` percent-encoded
(`a b` -> `a%20b`), and only what would be written so is decoded: `50%25` is `50%`, and `50%` and `%41` are themselves.
A grade is written as it is: a whole number without a point, any other with the digits that give it back exactly.

Tools that read runs sort by score, in single precision, and put ties into an order of their own. A list whose scores
do not fall strictly in single precision is therefore written with scores nudged down by the smallest step that makes
them, so that every tool sees the ranking as it was; the score itself then stands in the tag, `NAME;score=-2.5`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple
from urllib.parse import quote, unquote

import numpy as np

from genret.ground.errors import GenretError

_ENCODED = re.compile(r"[\s%\x00-\x1f\x7f-\x9f\ufeff\ud800-\udfff]")
_CODES = re.compile(r"(?:%[0-9A-F]{2})+")
_TAG_SCORE = ";score="


class RunFields(NamedTuple):
    """One line of a run."""

    query: str
    product: str
    rank: int
    written: float
    """What the list is sorted by."""
    score: float
    """The score itself."""


def encode_id(text: str) -> str:
    """An id without white space, `%` or control characters; `decode_id` gives it back. An empty one is refused."""
    if not text:
        raise GenretError("a TREC file cannot hold an empty id; give every query and product an id")
    return _ENCODED.sub(lambda match: quote(match[0], safe="", errors="surrogatepass"), text)


def decode_id(text: str) -> str:
    """The id that `encode_id` wrote so; text that it would not have written is returned as it is."""
    if "%" not in text:
        return text
    return _CODES.sub(lambda match: _decoded(match[0]), text)


def format_grade(grade: float) -> str:
    """The shortest text that reads back as the same number: `3`, `2.33`. A GenretError unless it is finite."""
    if not math.isfinite(grade):
        raise GenretError(f"grade {grade!r} cannot be written; expected a finite number")
    whole = float(grade).is_integer() and abs(grade) < 1e15
    return str(int(grade)) if whole else repr(float(grade))


def qrels_line(query: str, product: str, grade: float) -> str:
    """`query 0 product grade`, with its line end."""
    return f"{encode_id(query)} 0 {encode_id(product)} {format_grade(grade)}\n"


def qrels_fields(line: str) -> tuple[str, str, str, str]:
    """(query, iteration, product, grade as written) of a line; a ValueError unless it has four fields."""
    query, iteration, product, grade = line.split()
    return decode_id(query), iteration, decode_id(product), grade


def run_lines(query: str, products: Sequence[str], scores: Sequence[float], tag: str) -> Iterator[str]:
    """`query Q0 product rank score tag` for each product, ranks from 1. `scores` must not rise."""
    query, tag = encode_id(query), encode_id(tag.replace(";", ","))
    for rank, (product, score, written) in enumerate(zip(products, scores, falling(scores), strict=True), 1):
        own = tag if written == score else f"{tag}{_TAG_SCORE}{float(score)!r}"
        yield f"{query} Q0 {encode_id(product)} {rank} {written!r} {own}\n"


def run_fields(line: str) -> RunFields:
    """What a line of a run says; a ValueError unless it has six fields, numbers where numbers stand."""
    query, _, product, rank, written, tag = line.split()
    _, kept, score = tag.partition(_TAG_SCORE)
    sorted_by, own = float(written), float(score if kept else written)
    if math.isnan(sorted_by) or math.isnan(own):
        raise ValueError("a score that is not a number")
    return RunFields(decode_id(query), decode_id(product), int(rank), sorted_by, own)


def falling(scores: Sequence[float]) -> list[float]:
    """The scores if they fall strictly in single precision; else nudged until they do, or -rank where none would."""
    with np.errstate(over="ignore"):
        single = [np.float32(score) for score in scores]
    if all(np.isfinite(single)) and all(a > b for a, b in pairwise(single)):
        return [float(score) for score in scores]
    nudged: list[np.float32] = []
    for score in single:
        floor = nudged[-1] if nudged else np.float32(np.inf)
        nudged.append(score if score < floor else np.nextafter(floor, np.float32(-np.inf)))
    if not all(np.isfinite(nudged)):
        return [-float(rank) for rank in range(1, len(scores) + 1)]
    return [float(score) for score in nudged]


def _decoded(codes: str) -> str:
    """A run of codes such as `%20%25`, decoded if `encode_id` would have written it."""
    try:
        found = unquote(codes, errors="surrogatepass")
    except UnicodeDecodeError:
        return codes
    return found if encode_id(found) == codes else codes
