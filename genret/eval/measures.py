"""Recall@k, nDCG@10 and MRR@10 of a run, in float64. Imports no torch.

Every measure is taken on products. `id_level_recall` gives the flattering figure that counts semantic IDs instead, so
that both can be printed side by side. Grades may be any finite numbers: nothing is rounded, scaled or held by grade.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import NamedTuple

from genret.eval.runs import RankedList, Run
from genret.ground.errors import GenretError
from genret.ground.typed import typed
from genret.ground.types import Judgement

RECALL_CUTOFFS = (10, 50, 100)
CUTOFF = 10
"""Of nDCG and MRR."""
MEASURES = (*(f"recall@{k}" for k in RECALL_CUTOFFS), f"nDCG@{CUTOFF}", f"MRR@{CUTOFF}")


class Scores(NamedTuple):
    """Measures of one run: `per_query[measure][query_id]`, each in 0..1, and their means over the queries."""

    means: dict[str, float]
    per_query: dict[str, dict[str, float]]
    left_out: int
    """Judged queries without a single relevant product: no measure is defined for them."""

    @property
    def queries(self) -> list[str]:
        """The ids of the queries that count, in the order of the judgements."""
        return list(self.per_query[MEASURES[0]])


@typed
def evaluate(
    run: Run, judgements: Iterable[Judgement], relevant_at: float = 1.0, irrelevant_grade: float = 0.0
) -> Scores:
    """Scores of `run` over every judged query with a relevant product; a query that the run lacks scores 0.

    Relevant for recall and MRR: grade >= `relevant_at`. nDCG's gain is linear, max(0, grade - irrelevant_grade), its
    ideal taken over all of a query's judgements. Unjudged products count as not relevant. The order is the run's own,
    whatever ties its scores hold.
    """
    if not irrelevant_grade < relevant_at < math.inf:
        raise GenretError(
            f"relevant_at={relevant_at} must lie above irrelevant_grade={irrelevant_grade}, and be finite"
        )
    grades = _grades(judgements)
    answered = {query: rows for query, rows in grades.items() if max(rows.values()) >= relevant_at}
    per_query: dict[str, dict[str, float]] = {name: {} for name in MEASURES}
    for query, rows in answered.items():
        products = _products(run, query)
        relevant = {product for product, grade in rows.items() if grade >= relevant_at}
        for k in RECALL_CUTOFFS:
            per_query[f"recall@{k}"][query] = recall(products, relevant, k)
        per_query[f"nDCG@{CUTOFF}"][query] = _ndcg(query, products, rows, irrelevant_grade)
        per_query[f"MRR@{CUTOFF}"][query] = reciprocal_rank(products, relevant)
    means = {name: sum(values.values()) / len(values) if values else 0.0 for name, values in per_query.items()}
    return Scores(means, per_query, len(grades) - len(answered))


def recall(products: Sequence[str], relevant: set[str], k: int) -> float:
    """The share of the `relevant` products, of which there is at least one, among the first k."""
    return len(relevant.intersection(products[:k])) / len(relevant)


def reciprocal_rank(products: Sequence[str], relevant: set[str], k: int = CUTOFF) -> float:
    """1 / the rank of the first relevant product, 0 if none is among the first k."""
    return next((1 / rank for rank, product in enumerate(products[:k], 1) if product in relevant), 0.0)


@typed
def recall_at(run: Run, judgements: Iterable[Judgement], k: int, relevant_at: float = 1.0) -> dict[str, float]:
    """Query -> recall@k, of any k, for every judged query with a relevant product."""
    found: dict[str, set[str]] = {}
    for query, product, grade in judgements:
        if grade >= relevant_at:
            found.setdefault(query, set()).add(product)
    return {query: recall(_products(run, query), relevant, k) for query, relevant in found.items()}


def id_level_recall(
    run: Run, judgements: Iterable[Judgement], id_of: Mapping[str, Hashable], relevant_at: float = 1.0
) -> dict[str, float]:
    """Recall@k counted on semantic IDs: the share of relevant IDs among the first k *distinct* IDs of each ranking.

    It rewards a tokenizer whose products collide, and stands beside the item-level figure only to show by how much.
    Products without an ID in `id_of` count as IDs of their own.
    """

    def key(product: str) -> str:
        return repr(id_of[product]) if product in id_of else f"no ID: {product}"

    ids: dict[str, RankedList] = {}
    for query, ranking in run.items():
        distinct = dict.fromkeys(key(product) for product in ranking.products)
        ids[query] = RankedList(tuple(distinct), tuple(-float(i) for i in range(len(distinct))))
    best: dict[tuple[str, str], float] = {}
    for judgement in judgements:
        place = (judgement.query_id, key(judgement.product_id))
        best[place] = max(judgement.grade, best.get(place, judgement.grade))
    rows = [Judgement(query, name, float(grade >= relevant_at)) for (query, name), grade in best.items()]
    means = evaluate(ids, rows).means
    return {f"recall@{k}": means[f"recall@{k}"] for k in RECALL_CUTOFFS}


def mean_by_group(values: Mapping[str, float], groups: Mapping[str, str]) -> dict[str, tuple[float, int]]:
    """Mean and count of per-query values for each group (a query's kind, say), groups in sorted order."""
    collected: dict[str, list[float]] = {}
    for query, value in values.items():
        collected.setdefault(groups.get(query, ""), []).append(value)
    return {name: (sum(group) / len(group), len(group)) for name, group in sorted(collected.items())}


def _grades(judgements: Iterable[Judgement]) -> dict[str, dict[str, float]]:
    """query -> product -> grade; the highest where a pair was judged twice."""
    grades: dict[str, dict[str, float]] = {}
    for query, product, grade in judgements:
        if not math.isfinite(grade):
            raise GenretError(f"query {query!r}, product {product!r}: grade {grade}; expected a finite number")
        rows = grades.setdefault(query, {})
        rows[product] = max(grade, rows.get(product, grade))
    return grades


def _products(run: Run, query: str) -> tuple[str, ...]:
    """What the run ranks for a query, none if it lacks the query."""
    products = run[query].products if query in run else ()
    if len(set(products)) != len(products):
        raise GenretError(f"query {query!r}: the run ranks a product twice; rank each product once")
    return products


def _ndcg(query: str, products: Sequence[str], grades: Mapping[str, float], irrelevant_grade: float) -> float:
    """DCG of the first CUTOFF products over that of the best order; gain = max(0, grade - irrelevant_grade).

    Refused where the best order's DCG is more than a float64 holds, which rounding decides within 1e-14 of that.
    """
    gains = {product: max(0.0, grade - irrelevant_grade) for product, grade in grades.items()}
    ideal = _dcg(sorted(gains.values(), reverse=True))
    if ideal == math.inf:
        raise GenretError(
            f"query {query!r}: the gains of its grades add up to more than a float64 holds; scale the grades down"
        )
    return _dcg([gains.get(product, 0.0) for product in products]) / ideal


def _dcg(gains: Sequence[float]) -> float:
    return sum(gain / math.log2(rank + 1) for rank, gain in enumerate(gains[:CUTOFF], 1))
