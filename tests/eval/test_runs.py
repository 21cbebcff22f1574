"""Runs and their TREC files: what is written is what is read, whatever the ids hold and however scores tie."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genret.data.trec import decode_id, encode_id, falling
from genret.eval.runs import (
    RankedList,
    ranked,
    read_qrels,
    read_trec_run,
    run_of_results,
    write_qrels,
    write_trec_run,
)
from genret.ground.errors import GenretError
from genret.ground.types import Hit, Judgement, Product, SearchResult

IDS = st.text(min_size=1, max_size=12)
"""Any text: white space, `%`, control characters, lone surrogates."""
GRADES = st.floats(allow_nan=False, allow_infinity=False)


@settings(max_examples=100, deadline=None)
@given(
    rankings=st.dictionaries(IDS, st.lists(IDS, unique=True, min_size=1, max_size=12), max_size=4),
    scores=st.lists(st.one_of(st.floats(allow_nan=False), st.sampled_from([0.0, 1.0, 1e-9])), min_size=12, max_size=12),
    tag=IDS,
)
def test_a_written_run_is_read_back_the_same(
    tmp_path_factory: pytest.TempPathFactory, rankings: dict[str, list[str]], scores: list[float], tag: str
) -> None:
    path = tmp_path_factory.mktemp("trec") / "a.run"
    run = {query: ranked(found, sorted(scores, reverse=True)[: len(found)]) for query, found in rankings.items()}
    write_trec_run(path, run, tag)
    assert read_trec_run(path) == run


@settings(max_examples=100, deadline=None)
@given(st.lists(st.builds(Judgement, IDS, IDS, GRADES), max_size=8))
def test_written_judgements_are_read_back_the_same(
    tmp_path_factory: pytest.TempPathFactory, judgements: list[Judgement]
) -> None:
    path = tmp_path_factory.mktemp("trec") / "qrels"
    write_qrels(path, judgements)
    assert read_qrels(path) == judgements


@given(st.lists(st.floats(allow_nan=False), max_size=10).map(lambda scores: sorted(scores, reverse=True)))
def test_written_scores_fall_strictly_in_single_precision(scores: list[float]) -> None:
    found = [np.float32(score) for score in falling(scores)]
    assert all(a > b for a, b in pairwise(found))


@given(st.text("%2041AFe ", max_size=12))
def test_decoding_text_of_others_never_fails_and_changes_only_what_would_be_written_so(text: str) -> None:
    found = decode_id(text)
    assert found == text or encode_id(found) == text or "%" in text


@pytest.mark.parametrize("text", ["50%", "%41", "a%2", "%zz", "100%25off"[:4], "%e4"])
def test_an_id_of_others_with_a_percent_sign_is_itself(text: str) -> None:
    assert decode_id(text) == text


def test_ties_are_written_strictly_falling_in_single_precision(tmp_path: Path) -> None:
    path = tmp_path / "a.run"
    write_trec_run(path, {"q": ranked(["z", "a", "m"], [1.0, 1.0, 1.0])})
    scores = [np.float32(line.split()[4]) for line in path.read_text().splitlines()]
    assert scores[0] > scores[1] > scores[2]
    assert read_trec_run(path)["q"].products == ("z", "a", "m")


def test_a_library_reads_the_written_run_in_our_order(tmp_path: Path) -> None:
    ir = pytest.importorskip("ir_measures")
    write_trec_run(tmp_path / "a.run", {"q 1": ranked(["b b", "a", "c"], [2.0, 2.0, 2.0])})
    write_qrels(tmp_path / "qrels", [Judgement("q 1", "b b", 3.0), Judgement("q 1", "c", 0.0)])
    run = list(ir.read_trec_run(str(tmp_path / "a.run")))
    qrels = list(ir.read_trec_qrels(str(tmp_path / "qrels")))
    assert [row.doc_id for row in run] == ["b%20b", "a", "c"]
    assert ir.calc_aggregate([ir.RR], qrels, run)[ir.RR] == 1.0


def test_qrels_hold_the_grades_as_they_are(tmp_path: Path) -> None:
    write_qrels(tmp_path / "q", [Judgement("1", "a b", 2.67), Judgement("1%", "b", 1.0), Judgement("1", "c", 1e-9)])
    assert (tmp_path / "q").read_text() == "1 0 a%20b 2.67\n1%25 0 b 1\n1 0 c 1e-09\n"


@pytest.mark.parametrize("line", ["q 0 b", "q 0 b x", "q 0 b nan", "q 0 b inf", "q 0 b 1 2"])
def test_a_bad_judgement_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "q").write_text(f"q 0 a 1\n\n{line}\n")
    with pytest.raises(GenretError, match="line 3"):
        read_qrels(tmp_path / "q")


@pytest.mark.parametrize("grade", [float("nan"), float("inf"), float("-inf")])
def test_a_grade_that_is_not_finite_is_refused(tmp_path: Path, grade: float) -> None:
    with pytest.raises(GenretError, match="finite"):
        write_qrels(tmp_path / "q", [Judgement("1", "a", grade)])
    assert list(tmp_path.iterdir()) == []


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
def test_bad_ranked_lists_are_refused(products: list[str], scores: list[float], words: str) -> None:
    with pytest.raises(GenretError, match=words):
        ranked(products, scores)


def test_an_empty_id_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GenretError, match="empty id"):
        write_trec_run(tmp_path / "a.run", {"": ranked(["a"], [1.0])})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("line", ["q Q0 a 1 0.5", "q Q0 a one 0.5 t", "q Q0 a 1 x t", "q Q0 a 1 nan t"])
def test_a_bad_line_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "a.run").write_text(f"q Q0 b 1 0.9 t\n{line}\n")
    with pytest.raises(GenretError, match="line 2"):
        read_trec_run(tmp_path / "a.run")


def test_a_product_ranked_twice_is_named_with_its_query(tmp_path: Path) -> None:
    (tmp_path / "a.run").write_text("q Q0 b 1 0.9 t\nq Q0 b 2 0.1 t\n")
    with pytest.raises(GenretError, match=r"query 'q'.*'b' twice"):
        read_trec_run(tmp_path / "a.run")


def test_missing_run_file(tmp_path: Path) -> None:
    with pytest.raises(GenretError, match="cannot read"):
        read_trec_run(tmp_path / "none.run")


def test_run_of_results_keeps_the_retrievers_order_even_if_rescored() -> None:
    def result(*scores: float) -> SearchResult:
        hits = tuple(Hit(Product(f"p{i}", "t"), score, i + 1, (0,)) for i, score in enumerate(scores))
        return SearchResult("x", hits, True)

    run = run_of_results(["1", "2"], [result(-1.0, -2.0), result(-3.0, -2.0)])
    assert run["1"] == RankedList(("p0", "p1"), (-1.0, -2.0))
    assert run["2"].products == ("p0", "p1")
    assert run["2"].scores == (-1.0, -2.0)
    with pytest.raises(GenretError, match="1 results for 2 queries"):
        run_of_results(["1", "2"], [result(1.0)])
