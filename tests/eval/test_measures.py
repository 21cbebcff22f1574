"""Measures against hand-worked tables, against the library run over TREC files, and against brute force."""

from __future__ import annotations

import math
import subprocess
import sys
import tracemalloc
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genret.eval.measures import MEASURES, evaluate, id_level_recall, mean_by_group, recall_at
from genret.eval.runs import Run, ranked, read_qrels, read_trec_run, write_qrels, write_trec_run
from genret.ground.errors import GenretError
from genret.ground.types import Judgement


def run_of(**rankings: str) -> Run:
    """run_of(q="a b c") ranks a, b, c."""
    return {q: ranked(text.split(), [-float(i) for i in range(len(text.split()))]) for q, text in rankings.items()}


def test_hand_worked_table() -> None:
    # q1: relevant a, b (grades 3, 2); ranking x a y b. Recall@10 = 2/2; first relevant at 2 -> RR 1/2.
    # DCG = 3/log2(3) + 2/log2(5); ideal = 3/log2(2) + 2/log2(3), the irrelevant grade being 0.
    judgements = [Judgement("q1", "a", 3), Judgement("q1", "b", 2), Judgement("q1", "x", 0)]
    scores = evaluate(run_of(q1="x a y b"), judgements, relevant_at=2)
    dcg = 3 / math.log2(3) + 2 / math.log2(5)
    ideal = 3 + 2 / math.log2(3)
    assert scores.means == pytest.approx(
        {"recall@10": 1.0, "recall@50": 1.0, "recall@100": 1.0, "nDCG@10": dcg / ideal, "MRR@10": 0.5}
    )


def test_home_depot_grades_with_fractions() -> None:
    # Gains above the irrelevant grade of 1: 2.67 -> 1.67, 2.33 -> 1.33. Only 2.67 and up is relevant.
    judgements = [Judgement("q", "a", 2.67), Judgement("q", "b", 2.33), Judgement("q", "c", 1.0)]
    scores = evaluate(run_of(q="b a c"), judgements, relevant_at=2.67, irrelevant_grade=1.0)
    expected = (1.33 + 1.67 / math.log2(3)) / (1.67 + 1.33 / math.log2(3))
    assert scores.means["nDCG@10"] == pytest.approx(expected, abs=1e-6)
    assert scores.means["MRR@10"] == 0.5
    assert scores.means["recall@10"] == 1.0


def test_a_query_missing_from_the_run_scores_zero_and_counts() -> None:
    judgements = [Judgement("q1", "a", 1), Judgement("q2", "a", 1)]
    scores = evaluate(run_of(q1="a"), judgements)
    assert scores.queries == ["q1", "q2"]
    assert all(scores.means[name] == 0.5 for name in MEASURES)
    assert scores.per_query["recall@10"]["q2"] == 0.0


def test_queries_with_nothing_relevant_are_left_out_and_counted() -> None:
    judgements = [Judgement("q1", "a", 1), Judgement("q2", "a", 0), Judgement("q3", "b", 0.5)]
    scores = evaluate(run_of(q1="a", q2="a", q3="b"), judgements)
    assert scores.left_out == 2
    assert scores.queries == ["q1"]


def test_nothing_to_measure_is_defined() -> None:
    scores = evaluate({}, [])
    assert scores.means == dict.fromkeys(MEASURES, 0.0)
    assert scores.left_out == 0


def test_recall_cutoffs_and_mrr_cutoff() -> None:
    products = [f"p{i}" for i in range(120)]
    run = {"q": ranked(products, [-float(i) for i in range(120)])}
    judgements = [Judgement("q", f"p{i}", 1) for i in (10, 49, 50, 99, 100)]  # ranks 11, 50, 51, 100, 101
    means = evaluate(run, judgements).means
    assert (means["recall@10"], means["recall@50"], means["recall@100"]) == pytest.approx((0.0, 0.4, 0.8))
    assert means["MRR@10"] == 0.0


def test_the_runs_own_order_counts_when_scores_tie() -> None:
    run = {"q": ranked(["a", "z"], [1.0, 1.0])}  # trec_eval alone would put z first
    assert evaluate(run, [Judgement("q", "a", 1)]).means["MRR@10"] == 1.0


def test_a_repeated_product_is_refused() -> None:
    from genret.eval.runs import RankedList

    with pytest.raises(GenretError, match="ranks a product twice"):
        evaluate({"q": RankedList(("a", "a"), (1.0, 0.5))}, [Judgement("q", "a", 1)])


def test_threshold_must_lie_above_the_irrelevant_grade() -> None:
    with pytest.raises(GenretError, match="must lie above"):
        evaluate({}, [], relevant_at=1.0, irrelevant_grade=1.0)


RANKINGS = st.dictionaries(
    st.sampled_from("qrstu"), st.permutations([f"p{i}" for i in range(14)]).map(lambda p: p[:12]), min_size=1
)
JUDGED = st.dictionaries(
    st.tuples(st.sampled_from("qrstu"), st.sampled_from([f"p{i}" for i in range(16)])), st.integers(0, 3), min_size=1
)


@given(RANKINGS, JUDGED)
def test_equals_brute_force(rankings: dict[str, list[str]], judged: dict[tuple[str, str], int]) -> None:
    judgements = [Judgement(q, p, float(g)) for (q, p), g in judged.items()]
    run = {q: ranked(ps, [-float(i) for i in range(len(ps))]) for q, ps in rankings.items()}
    scores = evaluate(run, judgements, relevant_at=2, irrelevant_grade=0)
    for query in scores.queries:
        grades = {p: g for (q, p), g in judged.items() if q == query}
        relevant = {p for p, g in grades.items() if g >= 2}
        top = rankings.get(query, [])[:10]
        assert scores.per_query["recall@10"][query] == pytest.approx(len(relevant & set(top)) / len(relevant))
        first = next((1 / r for r, p in enumerate(top, 1) if p in relevant), 0.0)
        assert scores.per_query["MRR@10"][query] == pytest.approx(first)
        dcg = sum(grades.get(p, 0) / math.log2(r + 1) for r, p in enumerate(top, 1))
        ideal = sum(g / math.log2(r + 1) for r, g in enumerate(sorted(grades.values(), reverse=True)[:10], 1))
        assert scores.per_query["nDCG@10"][query] == pytest.approx(dcg / ideal)


def test_equals_the_library_over_the_written_files(tmp_path: Path) -> None:
    ir = pytest.importorskip("ir_measures")
    judgements = [Judgement("q 1", "a b", 3.0), Judgement("q 1", "c", 2.0), Judgement("q2", "d%", 3.0)]
    run = {"q 1": ranked(["c", "a b", "e"], [3.0, 3.0, 1.0]), "q2": ranked(["x", "y", "d%"], [0.5, 0.5, 0.5])}
    write_trec_run(tmp_path / "r", run)
    write_qrels(tmp_path / "q", judgements)
    ours = evaluate(read_trec_run(tmp_path / "r"), read_qrels(tmp_path / "q"), relevant_at=3).means
    theirs = ir.calc_aggregate(
        [ir.R(rel=3) @ 10, ir.nDCG @ 10, ir.RR(rel=3)],
        list(ir.read_trec_qrels(str(tmp_path / "q"))),
        list(ir.read_trec_run(str(tmp_path / "r"))),
    )
    assert ours["recall@10"] == pytest.approx(theirs[ir.R(rel=3) @ 10])
    assert ours["nDCG@10"] == pytest.approx(theirs[ir.nDCG @ 10])
    assert ours["MRR@10"] == pytest.approx(theirs[ir.RR(rel=3)])


LETTERS = "abcdefghijklmnop"
ROUNDING = Fraction(1, 10**14)
"""Of the sum of ten gains: so near to float64's largest number, either answer is right."""
GRADES = st.just(0.0) | st.floats(1e-290, allow_nan=False, allow_infinity=False)


@given(st.dictionaries(st.sampled_from(LETTERS), GRADES, min_size=1), st.permutations(LETTERS))
def test_ndcg_of_any_finite_grades_is_the_float64_answer_or_refused(grades: dict[str, float], order: list[str]) -> None:
    gains = {product: Fraction(grade) for product, grade in grades.items()}  # no rounding, no overflow
    weights = [Fraction(1 / math.log2(rank + 1)) for rank in range(1, 11)]
    found = sum(weight * gains.get(product, 0) for weight, product in zip(weights, order, strict=False))
    best = sum(weight * gain for weight, gain in zip(weights, sorted(gains.values(), reverse=True), strict=False))
    judgements = [Judgement("q", product, grade) for product, grade in grades.items()]
    run = {"q": ranked(order, range(0, -16, -1))}
    most = Fraction(sys.float_info.max)
    if best >= most * (1 + ROUNDING):
        with pytest.raises(GenretError, match="more than a float64"):
            evaluate(run, judgements, relevant_at=5e-324)
        return
    try:
        scores = evaluate(run, judgements, relevant_at=5e-324)
    except GenretError:
        if best > most * (1 - ROUNDING):
            return
        raise
    if best:
        assert scores.means["nDCG@10"] == pytest.approx(float(found / best), rel=1e-12, abs=1e-300)
    else:
        assert scores.left_out == 1


@pytest.mark.parametrize("scale", [1e-300, 1e-6, 1.0, 1e5, 5e6, 1e300])
def test_ndcg_does_not_depend_on_the_unit_of_the_grades(scale: float) -> None:
    judgements = [Judgement("q", "a", 5 * scale), Judgement("q", "b", scale), Judgement("q", "c", 0.0)]
    found = evaluate(run_of(q="b c a"), judgements, relevant_at=scale).means["nDCG@10"]
    assert found == pytest.approx((1 + 5 / 2) / (5 + 1 / math.log2(3)), rel=1e-12)


def test_memory_does_not_grow_with_the_grade() -> None:
    judgements = [Judgement("q", "a", 1e15), Judgement("q", "b", 1.0)]
    tracemalloc.start()
    evaluate(run_of(q="b a"), judgements)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1 << 20


@pytest.mark.parametrize(
    ("grades", "words"),
    [((1.7e308, 1.7e308), "float64"), ((math.nan, 1.0), "finite"), ((math.inf, 1.0), "finite")],
)
def test_overflow_and_what_is_no_number_are_refused(grades: tuple[float, float], words: str) -> None:
    with pytest.raises(GenretError, match=words):
        evaluate(run_of(q="a b"), [Judgement("q", p, grade) for p, grade in zip("ab", grades, strict=True)])


@given(RANKINGS, JUDGED, st.integers(1, 20))
def test_recall_at_any_k_equals_brute_force(
    rankings: dict[str, list[str]], judged: dict[tuple[str, str], int], k: int
) -> None:
    judgements = [Judgement(q, p, float(g)) for (q, p), g in judged.items()]
    run = {q: ranked(ps, [0.0] * len(ps)) for q, ps in rankings.items()}
    found = recall_at(run, judgements, k, relevant_at=2)
    for query in {q for (q, _), g in judged.items() if g >= 2}:
        relevant = {p for (q, p), g in judged.items() if q == query and g >= 2}
        assert found[query] == len(relevant & set(rankings.get(query, [])[:k])) / len(relevant)


def test_id_level_recall_flatters_a_tokenizer_that_collides() -> None:
    # Products 0..19 share one ID; only p19, at rank 20, is relevant. On IDs it is found at rank 1.
    run = {"q": ranked([f"p{i}" for i in range(20)], [-float(i) for i in range(20)])}
    judgements = [Judgement("q", "p19", 1)]
    assert evaluate(run, judgements).means["recall@10"] == 0.0
    assert id_level_recall(run, judgements, {f"p{i}": (1, 2) for i in range(20)})["recall@10"] == 1.0


def test_id_level_recall_equals_item_level_without_collisions() -> None:
    run = run_of(q="a b c d")
    judgements = [Judgement("q", "c", 1), Judgement("q", "e", 1)]
    ids = {p: (i,) for i, p in enumerate("abcde")}
    assert id_level_recall(run, judgements, ids)["recall@10"] == evaluate(run, judgements).means["recall@10"] == 0.5


def test_id_level_counts_an_id_relevant_if_any_of_its_products_is() -> None:
    run = run_of(q="b")
    judgements = [Judgement("q", "a", 1), Judgement("q", "b", 0)]
    assert id_level_recall(run, judgements, {"a": (1,), "b": (1,)})["recall@10"] == 1.0


def test_mean_by_group() -> None:
    groups = {"1": "head", "2": "tail", "3": "head"}
    assert mean_by_group({"1": 1.0, "2": 0.25, "3": 0.0}, groups) == {"head": (0.5, 2), "tail": (0.25, 1)}


def test_measures_import_no_torch() -> None:
    code = "import sys, genret.eval.measures, genret.eval.runs; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "False"
