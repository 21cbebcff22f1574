"""Judgement rows -> queries, splits and substitute pairs of a data set."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

from genret.data.files import JudgementRow
from genret.data.validate import BadRows
from genret.ground.types import Judgement, Query, Split

PAIRS_PER_QUERY = 10
"""Substitute pairs taken from one query: with all of them, a query with many relevant products would drown the rest."""


class Judged(NamedTuple):
    """The judged part of a data set: its queries by split, and the judgements on them."""

    queries: dict[Split, list[Query]]
    judgements: list[Judgement]


def gather(
    rows: Mapping[Split, Sequence[JudgementRow]],
    products: Container[object],
    bad: BadRows,
    queries: Mapping[str, Query] | None = None,
) -> Judged:
    """Queries in order of their first judgement and the judgements on products of the catalogue, split by split.

    queries: id -> query, where texts stand in a file of their own; else the rows must hold them.
    What points outside (a product that the catalogue lacks, a query without text) is left out and counted in `bad`. A
    query that is in two splits stays in the one that is judged on: test before dev before train.
    """
    found: dict[Split, dict[str, Query]] = {"train": {}, "dev": {}, "test": {}}
    kept: dict[Split, list[Judgement]] = {"train": [], "dev": [], "test": []}
    owner: dict[str, Split] = {}
    for split in ("test", "dev", "train"):
        for row in rows.get(split, ()):
            query_id, product_id, _ = row.judgement
            query = Query(query_id, row.text) if queries is None else queries.get(query_id)
            if product_id not in products:
                bad.leave_out(row.place.file, "product_id: not in the catalogue")
            elif query is None or not query.text:
                bad.leave_out(row.place.file, "query_id: no query of that id")
            elif owner.setdefault(query_id, split) != split:
                bad.leave_out(row.place.file, f"query: also in the {owner[query_id]} split")
            else:
                found[split].setdefault(query_id, query)
                kept[split].append(row.judgement)
    return Judged(
        {split: list(found[split].values()) for split in found},
        [judgement for split in kept for judgement in kept[split]],
    )


def split_queries(queries: Iterable[Query], seed: int, dev: float = 0.1, test: float = 0.1) -> dict[Split, list[Query]]:
    """The queries cut into train, dev and test by a seeded hash of their text, so equal texts stay together.

    The cut depends on the texts and the seed, not on their order. From three texts on no split is empty; of two, one
    is for test; a single one is for train.
    """
    queries = list(queries)
    texts = sorted({same_text(query.text) for query in queries}, key=lambda text: _hash(text, seed))
    n_test = max(round(len(texts) * test), 1 if test and len(texts) > 1 else 0)
    n_dev = max(round(len(texts) * dev), 1 if dev and len(texts) > 2 else 0)
    n_of: dict[Split, int] = {"test": n_test, "dev": n_dev, "train": len(texts) - n_test - n_dev}
    names = [split for split, n in n_of.items() for _ in range(n)]
    split_of: dict[str, Split] = dict(zip(texts, names, strict=True))
    found: dict[Split, list[Query]] = {"train": [], "dev": [], "test": []}
    for query in queries:
        found[split_of[same_text(query.text)]].append(query)
    return found


def split_if_whole(judged: Judged, seed: int) -> Judged:
    """The queries as they are split; all drawn where none is for test, dev drawn from train where none is for dev."""
    queries = dict(judged.queries)
    if not queries["test"]:
        queries = split_queries(queries["train"], seed)
    elif not queries["dev"]:
        queries |= split_queries(queries["train"], seed, test=0.0)
        queries["test"] = judged.queries["test"]
    return Judged(queries, judged.judgements)


def substitute_pairs(
    judgements: Iterable[Judgement],
    substitutes: Callable[[float, float], bool],
    limit: int = PAIRS_PER_QUERY,
) -> list[tuple[str, str]]:
    """Pairs of products judged for one query whose two grades make them substitutes, each pair once, ids in order.

    At most `limit` pairs per query: neighbours in the query's list first, so that the pairs spread over its products.
    """
    judged: dict[str, list[tuple[str, float]]] = {}
    for query_id, product_id, grade in judgements:
        judged.setdefault(query_id, []).append((product_id, grade))
    pairs: dict[tuple[str, str], None] = {}
    for products in judged.values():
        near = sorted(combinations(range(len(products)), 2), key=lambda pair: pair[1] - pair[0])
        taken = 0
        for i, j in near:
            (a, grade_a), (b, grade_b) = products[i], products[j]
            if a != b and substitutes(grade_a, grade_b):
                pairs[min(a, b), max(a, b)] = None
                taken += 1
                if taken == limit:
                    break
    return list(pairs)


def same_text(text: str) -> str:
    """What two texts that are one query have in common: letter case and white space aside."""
    return " ".join(text.casefold().split())


def _hash(text: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}\n{text}".encode()).digest()
