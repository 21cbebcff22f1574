"""Queries into splits, with judgements: a noisy click log for train, the graded truth for dev and test."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from random import Random
from typing import NamedTuple

import numpy as np

from genret.data.grocery.grading import (
    COMPLEMENT,
    EXACT,
    IRRELEVANT,
    SUBSTITUTE,
    Verdict,
    complements_of,
    judge,
    sample,
)
from genret.data.grocery.intents import KINDS, Asked, Intent, Shoppers
from genret.data.grocery.settings import FULL_SIZE, GrocerySettings
from genret.data.grocery.shelf import Shelf
from genret.data.grocery.words import normalise
from genret.ground.arrays import Ints
from genret.ground.types import SPLITS, Judgement, Product, Query, Split

MOST_EXACT = 60
"""A dev or test query has at most this many Exact products at 20,000 products, in proportion above."""
MOST_SUBSTITUTES = 250
SAMPLED = 15
"""Complements, ruled-out goods and lookalikes judged a dev or test query, each; as many others at random."""
_SUBSTITUTE_APPEAL = -2.6
"""Log of how much less a Substitute is clicked than an Exact product of the same popularity."""
HEAD_AT, TORSO_AT = 50, 5
"""A query asked this often or more is a head, or a torso, query; the others are the tail."""


class QueryLog(NamedTuple):
    """Queries by split and their judgements."""

    queries: dict[Split, list[Query]]
    judgements: list[Judgement]


def frequency_band(query: Query) -> str:
    """`head`, `torso` or `tail`, by how often the query was asked."""
    return "head" if query.frequency >= HEAD_AT else "torso" if query.frequency >= TORSO_AT else "tail"


class Labels:
    """What is remembered of the products as they stream by: ids, the stores that have them, and titles by word."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.stores: list[tuple[str, ...]] = []
        self.holding: dict[str, array[int]] = {}
        """Word of a title -> rows."""
        self._same: dict[tuple[str, ...], tuple[str, ...]] = {}

    def noted(self, products: Iterable[Product]) -> Iterator[Product]:
        """The same products, remembered."""
        for row, product in enumerate(products):
            self.ids.append(product.id)
            self.stores.append(self._same.setdefault(product.stores, product.stores))
            for word in set(normalise(product.title).split()):
                self.holding.setdefault(word, array("q")).append(row)
            yield product


def write_log(shelf: Shelf, labels: Labels, settings: GrocerySettings) -> QueryLog:
    """The queries of all splits, distinct by `words.normalise` across them, and every judgement."""
    counts = {split: settings.count(f"{split}_queries") for split in SPLITS}
    asked = Shoppers(shelf, settings).ask(round(1.05 * sum(counts.values())))
    frequency = _frequencies(asked)
    splits = _split(shelf, asked, counts)
    clerk = _Clerk(shelf, labels, settings)
    log = QueryLog({}, [])
    for split in SPLITS:
        grade = clerk.clicks if split == "train" else clerk.truth
        kept = log.queries.setdefault(split, [])
        for row in splits[split]:
            query = Query(f"q{row:06d}", asked[row].text, asked[row].intent.kind, frequency[row])
            judged = grade(query, asked[row].intent)
            if judged and len(kept) < counts[split]:  # what nobody clicked leaves no trace in a click log
                kept.append(query)
                log.judgements.extend(judged)
    return log


def _frequencies(asked: list[Asked]) -> list[int]:
    """Zipf's law over the queries ranked by weight."""
    order = sorted(range(len(asked)), key=lambda row: (-asked[row].weight, row))
    frequency = [1] * len(asked)
    for rank, row in enumerate(order):
        frequency[row] = max(1, round(0.4 * len(asked) * (rank + 2) ** -0.9))
    return frequency


def _split(shelf: Shelf, asked: list[Asked], counts: dict[Split, int]) -> dict[Split, list[int]]:
    """Rows of `asked` by split, ascending. Test and dev are filled kind by kind from queries with 1 … limit Exact."""
    limit = MOST_EXACT * max(1.0, len(shelf) / FULL_SIZE)
    judged: dict[str, list[int]] = {kind: [] for kind in KINDS}
    quota = {kind: round(1.2 * share * (counts["dev"] + counts["test"])) + 2 for kind, share in KINDS.items()}
    for row, query in enumerate(asked):
        pool = judged[query.intent.kind]
        if len(pool) < quota[query.intent.kind] and 1 <= len(judge(shelf, query.intent).exact) <= limit:
            pool.append(row)
    splits: dict[Split, list[int]] = {}
    for split in ("test", "dev"):
        splits[split] = _fill(judged, counts[split])
    taken = {row for rows in splits.values() for row in rows}
    splits["train"] = [row for row in range(len(asked)) if row not in taken]
    return splits


def _fill(judged: dict[str, list[int]], count: int) -> list[int]:
    """`count` rows in the proportions of `KINDS`, taken out of `judged`; other kinds fill in where one runs dry."""
    rows: list[int] = []
    for kind, share in KINDS.items():
        take = min(len(judged[kind]), round(share * count), count - len(rows))
        rows += judged[kind][:take]
        del judged[kind][:take]
    rest = sorted(row for pool in judged.values() for row in pool)[: count - len(rows)]
    for pool in judged.values():
        pool[:] = [row for row in pool if row not in set(rest)]
    return sorted([*rows, *rest])


class _Clerk:
    """Turns intents into judgements."""

    def __init__(self, shelf: Shelf, labels: Labels, settings: GrocerySettings) -> None:
        self.shelf, self.ids, self.holding = shelf, labels.ids, labels.holding
        self.rng = Random(f"{settings.seed}/judgements")
        self.uniform = np.random.default_rng(self.rng.getrandbits(64))
        self.complements = complements_of(shelf.lexicon)
        self.log_popularity = np.log(shelf.popularity)

    def truth(self, query: Query, intent: Intent) -> list[Judgement]:
        """Every Exact, the Substitutes (at most `MOST_SUBSTITUTES`), and samples of the other two grades."""
        verdict = judge(self.shelf, intent)
        relevant = np.concatenate([verdict.exact, verdict.substitute])
        complements = np.setdiff1d(sample(self._complements(intent), SAMPLED, self.rng), relevant)
        known = {*relevant.tolist(), *complements.tolist(), *self._complements(intent).tolist()}
        return [
            *self._graded(query, verdict.exact, EXACT),
            *self._graded(query, sample(verdict.substitute, MOST_SUBSTITUTES, self.rng), SUBSTITUTE),
            *self._graded(query, complements, COMPLEMENT),
            *self._graded(query, self._irrelevant(query, verdict, known), IRRELEVANT),
        ]

    def clicks(self, query: Query, intent: Intent) -> list[Judgement]:
        """One to twelve products, popular ones first: bought is graded 3, clicked 2.

        About one in twenty is a slip on a random product; Substitutes are clicked less, and bought less, than Exact.
        """
        rng, verdict = self.rng, judge(self.shelf, intent)
        rows = np.concatenate([verdict.exact, verdict.substitute])
        exact = np.arange(len(rows)) < len(verdict.exact)
        # Gumbel's trick: the largest keys are a sample without replacement, each drawn by exp(its appeal)
        appeal = np.where(exact, 0.0, _SUBSTITUTE_APPEAL) + 0.8 * self.log_popularity[rows]
        keys = appeal - np.log(-np.log1p(-self.uniform.random(len(rows))))
        count = min(12, 1 + int(rng.expovariate(1 / (1.2 + query.frequency**0.35))))
        found = {
            int(rows[place]): EXACT if rng.random() < (0.8 if exact[place] else 0.3) else SUBSTITUTE
            for place in np.argsort(-keys, kind="stable")[:count].tolist()
        }
        if rng.random() < 0.05 * count:
            found.setdefault(rng.randrange(len(self.shelf)), rng.choice((SUBSTITUTE, SUBSTITUTE, EXACT)))
        return [Judgement(query.id, self.ids[row], grade) for row, grade in found.items()]

    def _complements(self, intent: Intent) -> Ints:
        leaves = {self.shelf.lexicon.concepts[concept].leaf for concept in intent.concepts}
        partners = sorted({other for leaf in leaves for other in self.complements[leaf]} - leaves)
        parts = [self.shelf.of_leaf[partner] for partner in partners]
        return np.concatenate(parts) if parts else np.zeros(0, np.int64)

    def _irrelevant(self, query: Query, verdict: Verdict, known: set[int]) -> Ints:
        """Goods that a hard claim rules out, goods whose title shares a word with the query, and random goods."""
        rng = self.rng
        rows = set(sample(verdict.unfit, SAMPLED, rng).tolist())
        for word in sorted(set(normalise(query.text).split())):
            holding = self.holding.get(word, ())
            rows.update(holding[rng.randrange(len(holding))] for _ in range(5 if holding else 0))
        rows.update(rng.randrange(len(self.shelf)) for _ in range(SAMPLED))
        return np.array(sorted(rows - known), np.int64)

    def _graded(self, query: Query, rows: Ints, grade: float) -> list[Judgement]:
        return [Judgement(query.id, self.ids[row], grade) for row in rows.tolist()]
