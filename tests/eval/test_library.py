"""Every measure against `ir_measures`: every system, on runs with ties, missing queries and empty lists."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from genret.data import load_dataset
from genret.eval.evaluation import answerable
from genret.eval.measures import MEASURES, RECALL_CUTOFFS, evaluate, recall_at
from genret.eval.result import Grading, score_runs
from genret.eval.runs import RankedList, Run
from genret.eval.systems.bench import STANDARD, Bench, SystemSettings
from genret.ground.types import Judgement, Query
from genret.pipeline.folder import RunFolder

ir = pytest.importorskip("ir_measures")


def by_library(run: Run, judgements: list[Judgement], relevant_at: float) -> Mapping[str, Mapping[str, float]]:
    """Measure -> query -> value, by the library, which wants whole grades and scores without ties."""
    answered = {j.query_id for j in judgements if j.grade >= relevant_at}
    gains = [ir.Qrel(q, p, int(grade)) for q, p, grade in judgements if q in answered]
    relevant = [row._replace(relevance=int(row.relevance >= relevant_at)) for row in gains]
    docs = [ir.ScoredDoc(q, p, -float(rank)) for q, found in run.items() for rank, p in enumerate(found.products)]
    first = [doc for doc in docs if doc.score > -10]  # its provider has no cut-off for the reciprocal rank
    values = {name: dict.fromkeys(sorted(answered), 0.0) for name in MEASURES}
    asked = [
        *((ir.R @ k, f"recall@{k}", relevant, docs) for k in RECALL_CUTOFFS),
        (ir.nDCG @ 10, "nDCG@10", gains, docs),
        (ir.RR, "MRR@10", relevant, first),
    ]
    for measure, name, qrels, scored in asked:
        for found in ir.iter_calc([measure], qrels, scored):
            values[name][found.query_id] = found.value
    return values


def broken(run: Run) -> dict[str, RankedList]:
    """The run with its scores all tied for every third query, an empty list for another, and one query missing."""
    found: dict[str, RankedList] = {}
    for number, (query, ranking) in enumerate(run.items()):
        if number % 7 == 3:
            continue
        tied = RankedList(ranking.products, (1.0,) * len(ranking.products)) if number % 3 == 0 else ranking
        found[query] = RankedList((), ()) if number % 7 == 5 else tied
    return found


@pytest.fixture(scope="module")
def judged(built_run: Path) -> tuple[Bench, Grading]:
    dataset, _ = load_dataset(built_run / "data")
    grading = Grading(dataset.split_judgements("test"), dataset.relevant_at, dataset.irrelevant_grade)
    queries = answerable(dataset.split_queries("test"), grading)[:40]
    asked = {query.id for query in queries}
    grading = grading._replace(judgements=[j for j in grading.judgements if j.query_id in asked])
    return Bench(dataset, queries, SystemSettings(tune_queries=20), RunFolder(built_run)), grading


@pytest.mark.parametrize("system", STANDARD)
def test_every_measure_of_every_system_is_the_librarys(judged: tuple[Bench, Grading], system: str) -> None:
    bench, grading = judged
    for run in (bench.answer(system).run, broken(bench.answer(system).run)):
        expected = by_library(run, list(grading.judgements), grading.relevant_at)
        found = evaluate(run, grading.judgements, grading.relevant_at, grading.irrelevant_grade)
        assert set(found.queries) == set(expected["recall@10"])
        for name in MEASURES:
            assert found.per_query[name] == pytest.approx(expected[name], abs=1e-12), name
        for k in RECALL_CUTOFFS:
            again = recall_at(run, grading.judgements, k, grading.relevant_at)
            assert again == pytest.approx(expected[f"recall@{k}"], abs=1e-12)
        scored = score_runs({system: run}, grading, baselines=(), queries=bench.queries)
        mean = sum(expected["nDCG@10"].values()) / len(expected["nDCG@10"])
        assert scored.systems[0].measures["nDCG@10"].value == pytest.approx(mean, abs=1e-9)


def test_a_run_that_lacks_every_query_scores_nothing() -> None:
    judgements = [Judgement("q", "a", 1.0)]
    assert set(evaluate({}, judgements).means.values()) == {0.0}
    scored = score_runs({"x": {}}, Grading(judgements, 1.0, 0.0), baselines=(), queries=[Query("q", "a")])
    assert scored.queries == 1
