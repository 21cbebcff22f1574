"""Recall@k, nDCG@10 and MRR@10 of a run, by `ir-measures`. Imports no torch.

Every measure is taken on products. `id_level_recall` gives the flattering figure that counts semantic IDs instead, so
that both can be printed side by side.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from genret.eval.runs import RankedList, Run, gain
from genret.ground.errors import GenretError, require
from genret.ground.types import Judgement

RECALL_CUTOFFS = (10, 50, 100)
MEASURES = (*(f"recall@{k}" for k in RECALL_CUTOFFS), "nDCG@10", "MRR@10")


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


def evaluate(
    run: Run, judgements: Iterable[Judgement], relevant_at: float = 1.0, irrelevant_grade: float = 0.0
) -> Scores:
    """Scores of `run` over every judged query with a relevant product; a query that the run lacks scores 0.

    Relevant for recall and MRR: grade >= `relevant_at`. nDCG's gain is linear, max(0, grade - irrelevant_grade), its
    ideal taken over all of a query's judgements. Unjudged products count as not relevant. The order is the run's own,
    whatever ties its scores hold.
    """
    if relevant_at <= irrelevant_grade:
        raise GenretError(f"relevant_at={relevant_at} must lie above irrelevant_grade={irrelevant_grade}")
    grades = _grades(judgements)
    answered = {query: rows for query, rows in grades.items() if max(rows.values()) >= relevant_at}
    relevant = {q: {p: int(grade >= relevant_at) for p, grade in rows.items()} for q, rows in answered.items()}
    gains = {q: {p: gain(grade, irrelevant_grade) for p, grade in rows.items()} for q, rows in answered.items()}
    per_query = _by_library(run, relevant, gains)
    means = {name: sum(values.values()) / len(values) if values else 0.0 for name, values in per_query.items()}
    return Scores(means, per_query, len(grades) - len(answered))


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
        rows = grades.setdefault(query, {})
        rows[product] = max(grade, rows.get(product, grade))
    return grades


def _by_library(
    run: Run, relevant: Mapping[str, Mapping[str, int]], gains: Mapping[str, Mapping[str, int]]
) -> dict[str, dict[str, float]]:
    ir = require("ir_measures", "eval")
    require("pytrec_eval", "eval")
    full = _scored(run, relevant, None)
    names = {ir.R(rel=1) @ k: f"recall@{k}" for k in RECALL_CUTOFFS}
    values = {name: dict.fromkeys(relevant, 0.0) for name in MEASURES}
    _collect(ir, names, relevant, full, values)
    _collect(ir, {ir.nDCG @ 10: "nDCG@10"}, gains, full, values)
    # pytrec_eval has no cut-off for reciprocal rank: cut the run instead, which is the same thing.
    _collect(ir, {ir.RR(rel=1): "MRR@10"}, relevant, _scored(run, relevant, 10), values)
    return values


def _scored(run: Run, queries: Iterable[str], cutoff: int | None) -> dict[str, dict[str, float]]:
    """The run with -rank for a score, since the library would put ties into an order of its own."""
    scored = {}
    for query in queries:
        products: Sequence[str] = run[query].products[:cutoff] if query in run else ()
        if len(set(products)) != len(products):
            raise GenretError(f"query {query!r}: the run ranks a product twice; rank each product once")
        if products:
            scored[query] = {product: -float(rank) for rank, product in enumerate(products, 1)}
    return scored


def _collect(ir: Any, names: Mapping[Any, str], qrels: Any, run: Any, values: dict[str, dict[str, float]]) -> None:
    if not qrels or not run:
        return
    for metric in ir.pytrec_eval.iter_calc(list(names), qrels, run):
        values[names[metric.measure]][metric.query_id] = float(metric.value)
