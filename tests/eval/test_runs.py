"""Runs and their TREC files: what is written is what is read, whatever the ids hold and however scores tie."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genret.eval.runs import RankedList, ranked, read_trec_run, run_of_results, top_rows, write_qrels, write_trec_run
from genret.ground.errors import GenretError
from genret.ground.types import Hit, Judgement, Product, SearchResult

IDS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), min_size=1, max_size=12)


@settings(max_examples=40)
@given(
    products=st.lists(IDS, unique=True, min_size=1, max_size=12),
    scores=st.lists(st.floats(-50, 50, width=32), min_size=12, max_size=12),
    query=IDS,
)
def test_trec_round_trip_keeps_ids_and_order(tmp_path_factory, products, scores, query):
    path = tmp_path_factory.mktemp("trec") / "a.run"
    scores = sorted(scores, reverse=True)[: len(products)]
    write_trec_run(path, {query: ranked(products, scores)})
    back = read_trec_run(path)
    assert list(back) == [query]
    assert back[query].products == tuple(products)
    assert back[query].scores == pytest.approx(scores, abs=1e-3)


def test_ties_are_written_strictly_falling_in_single_precision(tmp_path):
    path = tmp_path / "a.run"
    write_trec_run(path, {"q": ranked(["z", "a", "m"], [1.0, 1.0, 1.0])})
    scores = [np.float32(line.split()[4]) for line in path.read_text().splitlines()]
    assert scores[0] > scores[1] > scores[2]
    assert read_trec_run(path)["q"].products == ("z", "a", "m")


def test_a_library_reads_the_written_run_in_our_order(tmp_path):
    ir = pytest.importorskip("ir_measures")
    write_trec_run(tmp_path / "a.run", {"q 1": ranked(["b b", "a", "c"], [2.0, 2.0, 2.0])})
    write_qrels(tmp_path / "qrels", [Judgement("q 1", "b b", 3.0), Judgement("q 1", "c", 0.0)])
    run = list(ir.read_trec_run(str(tmp_path / "a.run")))
    qrels = list(ir.read_trec_qrels(str(tmp_path / "qrels")))
    assert [row.doc_id for row in run] == ["b%20b", "a", "c"]
    assert ir.calc_aggregate([ir.RR], qrels, run)[ir.RR] == 1.0


def test_qrels_hold_scaled_integer_gains(tmp_path):
    write_qrels(tmp_path / "q", [Judgement("1", "a", 2.67), Judgement("1", "b", 1.0), Judgement("1", "c", 0.5)], 1.0)
    assert (tmp_path / "q").read_text() == "1 0 a 1670\n1 0 b 0\n1 0 c 0\n"


@pytest.mark.parametrize(
    ("products", "scores", "words"),
    [
        (["a", "a"], [2, 1], "'a' twice"),
        (["a"], [2, 1], "got 1 and 2"),
        (["a", "b"], [1, 2], "must not rise"),
        (["a", "b"], [float("nan"), 2], "must not rise"),
        (["a"], [float("nan")], "must not rise"),
    ],
)
def test_bad_ranked_lists_are_refused(products, scores, words):
    with pytest.raises(GenretError, match=words):
        ranked(products, scores)


def test_an_empty_id_is_refused(tmp_path):
    with pytest.raises(GenretError, match="empty id"):
        write_trec_run(tmp_path / "a.run", {"": ranked(["a"], [1.0])})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("line", ["q Q0 a 1 0.5", "q Q0 a one 0.5 t", "q Q0 a 1 x t"])
def test_a_bad_line_is_named(tmp_path, line):
    (tmp_path / "a.run").write_text(f"q Q0 b 1 0.9 t\n{line}\n")
    with pytest.raises(GenretError, match="line 2"):
        read_trec_run(tmp_path / "a.run")


def test_missing_run_file(tmp_path):
    with pytest.raises(GenretError, match="cannot read"):
        read_trec_run(tmp_path / "none.run")


@given(st.lists(st.integers(0, 5), min_size=1, max_size=40), st.integers(1, 45))
def test_top_rows_equals_a_full_sort(values, k):
    scores = np.array(values, np.float32)
    expected = sorted(range(len(values)), key=lambda row: (-values[row], row))[:k]
    assert top_rows(scores, k).tolist() == expected


def test_run_of_results_keeps_the_retrievers_order_even_if_rescored():
    def result(*scores: float) -> SearchResult:
        hits = tuple(Hit(Product(f"p{i}", "t"), score, i + 1, (0,)) for i, score in enumerate(scores))
        return SearchResult("x", hits, True)

    run = run_of_results(["1", "2"], [result(-1.0, -2.0), result(-3.0, -2.0)])
    assert run["1"] == RankedList(("p0", "p1"), (-1.0, -2.0))
    assert run["2"].products == ("p0", "p1")
    assert run["2"].scores == (-1.0, -2.0)
    with pytest.raises(GenretError, match="1 results for 2 queries"):
        run_of_results(["1", "2"], [result(1.0)])
