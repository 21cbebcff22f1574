"""Inputs that once went wrong (tests/cases), through the command line to the figures: each states the right value."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest

from genret.cli import main
from genret.data import load_dataset, read_dataset, read_files_dataset
from genret.data.overlaps import leaks, queries_are_products, without_leaks
from genret.data.records import Catalogue, Dataset
from genret.eval.evaluation import EvalPlan, evaluate_run
from genret.eval.measures import evaluate
from genret.eval.runs import RankedList, ranked, read_qrels, read_trec_run
from genret.eval.systems.bench import STANDARD, Bench, SystemSettings
from genret.ground.errors import GenretError
from genret.ground.types import Judgement, Product, Query
from genret.pipeline.folder import RunFolder

CASES = Path(__file__).resolve().parents[1] / "cases"


def run_cli(*arguments: object) -> None:
    with pytest.raises(SystemExit) as exit_:
        main([str(argument) for argument in arguments])
    assert exit_.value.code == 0


def made(folder: Path, queries: str = "queries.csv", judgements: str = "judgements.csv", *options: str) -> Path:
    files = ("--queries", CASES / queries, "--judgements", CASES / judgements)
    run_cli("data", CASES / "products.csv", *files, "--out", folder, *options)
    return folder


def results(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "results.json").read_text())
    return found


def test_eval_reads_back_the_qrels_and_runs_that_it_wrote(tmp_path: Path) -> None:
    run = made(tmp_path / "run")
    search = ("--systems", "bm25", "--beam-width", "10")
    run_cli("eval", run, *search, "--out", tmp_path / "first")
    grades = {("q 1%", "1"): 2.33, ("q 1%", "2"): 0.33, ("q2", "6"): 1, ("q2", "7"): 2.33, ("q3", "11"): 1}
    written = read_qrels(tmp_path / "first" / "qrels.txt")
    assert {(q, p): grade for q, p, grade in written} == {**grades, ("q3", "10"): 0.33}
    again = ("--judgements", tmp_path / "first" / "qrels.txt", "--format", "trec", "--queries", CASES / "queries.csv")
    run_cli("eval", run, *search, *again, "--out", tmp_path / "second")
    for name in ("bm25.run", "qrels.txt"):
        assert (tmp_path / "second" / name).read_bytes() == (tmp_path / "first" / name).read_bytes()
    first, second = results(tmp_path / "first"), results(tmp_path / "second")
    assert first["systems"] == second["systems"]
    measured = evaluate(read_trec_run(tmp_path / "first" / "bm25.run"), written).means
    for name, interval in first["systems"][0]["measures"].items():
        assert interval["value"] == round(measured[name], 10)


def test_grades_that_are_clicks_give_the_float64_answer(tmp_path: Path) -> None:
    run = made(tmp_path / "run", judgements="click_judgements.csv")
    data, _ = load_dataset(run / "data")
    assert {j.grade for j in data.judgements} == {5_000_000.0, 10.0, 3.0, 1.0}
    ranking = {"q 1%": ranked(["2", "1"], [2, 1]), "q2": ranked(["6", "7"], [2, 1]), "q3": ranked(["1"], [1])}
    found = evaluate(ranking, data.judgements).per_query["nDCG@10"]
    second = 1 / math.log2(3)
    assert found["q 1%"] == pytest.approx((10 + 5e6 * second) / (5e6 + 10 * second), rel=1e-14)
    assert (found["q2"], found["q3"]) == (1.0, 0.0)
    run_cli("eval", run, "--systems", "bm25", "--beam-width", "10", "--out", tmp_path / "out")
    assert results(tmp_path / "out")["systems"][0]["measures"]["nDCG@10"]["value"] > 0.5


def test_a_judgement_belongs_to_the_id_that_it_names(tmp_path: Path) -> None:
    run = made(tmp_path / "run", "same_text_queries.csv", "same_text_judgements.csv")
    data, _ = load_dataset(run / "data")
    assert data.judgements == [Judgement("1", "1", 3.0), Judgement("2", "1", 1.0), Judgement("2", "2", 1.0)]


def _files(folder: Path, queries: str, judgements: str) -> Dataset:
    (folder / "q.csv").write_text(queries)
    (folder / "j.csv").write_text(judgements)
    return read_files_dataset(CASES / "products.csv", folder / "q.csv", folder / "j.csv")


def test_text_decides_only_where_there_is_no_id(tmp_path: Path) -> None:
    queries = "id,text,split\n7,milk,test\n8,tea,test\n"
    data = _files(tmp_path, queries, "query_id,query,product_id,grade\n,milk,1,1\n8,milk,6,1\n")
    assert data.judgements == [Judgement("7", "1", 1.0), Judgement("8", "6", 1.0)]
    with pytest.raises(GenretError, match="query_id"):
        _files(tmp_path, queries, "query_id,query,product_id,grade\n9,milk,1,1\n")


def test_queries_without_ids_are_found_by_their_text(tmp_path: Path) -> None:
    data = _files(tmp_path, "text,split\nmilk,test\n", "query_id,query,product_id,grade\n9,milk,1,1\n")
    assert [(j.query_id, j.product_id) for j in data.judgements] == [(data.queries["test"][0].id, "1")]


def test_a_text_of_two_queries_names_neither(tmp_path: Path) -> None:
    with pytest.raises(GenretError, match=r"line 2, field query.*'1' and '2'"):
        _files(tmp_path, "id,text,split\n1,milk,test\n2,milk,test\n", "query,product_id,grade\nmilk,1,1\n")


LEAKY = "id,text,split\n1,Milk,train\n2,milk,test\n3,tea,train\n4,soap,dev\n5,soap ,test\n"
LEAKY_GRADES = "query_id,product_id,grade\n1,1,1\n2,1,1\n3,6,1\n4,10,1\n5,10,1\n"


def test_one_text_in_train_and_test_is_reported_and_dropped_if_asked(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "q.csv").write_text(LEAKY)
    (tmp_path / "j.csv").write_text(LEAKY_GRADES)
    read = ("data", CASES / "products.csv", "--queries", tmp_path / "q.csv", "--judgements", tmp_path / "j.csv")
    run_cli(*read, "--out", tmp_path / "run")
    told = capfd.readouterr().err
    assert "1 queries of train have a text that dev or test has too, such as 'Milk'" in told
    assert "1 queries of dev have a text that test has too, such as 'soap'" in told
    assert "--drop-leaks" in told
    search = ("--systems", "bm25", "--beam-width", "10")
    run_cli("eval", tmp_path / "run", *search, "--out", tmp_path / "all")
    assert (results(tmp_path / "all")["leaked"], results(tmp_path / "all")["queries"]) == (1, 2)
    assert "--drop-leaks" in capfd.readouterr().err
    run_cli("eval", tmp_path / "run", *search, "--drop-leaks", "--out", tmp_path / "fewer")
    assert (results(tmp_path / "fewer")["leaked"], results(tmp_path / "fewer")["queries"]) == (0, 1)
    run_cli(*read, "--out", tmp_path / "run", "--drop-leaks")
    data, _ = load_dataset(tmp_path / "run" / "data")
    assert {split: [q.id for q in queries] for split, queries in data.queries.items()} == {
        "train": ["3"],
        "dev": [],
        "test": ["2", "5"],
    }
    assert [j.query_id for j in data.judgements] == ["2", "3", "5"]
    assert leaks(data.queries) == {}
    assert without_leaks(data) is data


@pytest.fixture(scope="module")
def own_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole run over documents that are also the queries."""
    run = tmp_path_factory.mktemp("own") / "run"
    small = ("embed.model=lsa", "embed.dim=8", "tokenizer.codebook_sizes=4,4,4,4", "tokenizer.steps=20")
    tiny = ("model.d_model=32", "model.ffn=32", "train.max_steps=5", "train.batch_size=16")
    settings = [part for one in (*small, *tiny) for part in ("--set", one)]
    run_cli("build", CASES / "beir_self", "--format", "beir", "--out", run, *settings)
    return run


def test_a_querys_own_document_is_left_out_by_every_system(own_run: Path, tmp_path: Path) -> None:
    data, _ = load_dataset(own_run / "data")
    assert data.queries_are_products
    systems = (*STANDARD, "generative~dense")
    found = evaluate_run(
        own_run, systems=systems, settings=SystemSettings(k=11), plan=EvalPlan(free_decode=False), out=tmp_path
    )
    for system in systems:
        run = read_trec_run(tmp_path / f"{system}.run")
        assert all(query not in ranking.products for query, ranking in run.items()), system
        if "bm25" not in system:  # it lists products that share a word with the query
            assert {len(ranking.products) for ranking in run.values()} == {11}, system
    for system in ("bm25", "dense"):  # with its own document first in the list, no query had 1
        assert found.mean(system, "MRR@10") > 0
    bench = Bench(data, data.split_queries("test"), SystemSettings(k=3), RunFolder(own_run))
    for system in STANDARD:
        searched = bench.prepared(system).search(bench.queries)
        assert all(query not in ranking.products for query, ranking in searched.items()), system
        assert all(len(ranking.products) <= 100 for ranking in searched.values())
    assert all(len(ranking.products) == 3 for ranking in bench.answer("dense").run.values())


def test_judgements_of_a_querys_own_document_do_not_count(tmp_path: Path) -> None:
    shutil.copytree(CASES / "beir_self", tmp_path / "set")
    with open(tmp_path / "set" / "qrels" / "test.tsv", "a") as file:
        file.write("d3\td3\t1\n")
    data = read_dataset("beir", tmp_path / "set")
    assert data.queries_are_products
    assert [(j.query_id, j.product_id) for j in data.judgements] == [
        ("d0", "d1"),
        ("d1", "d2"),
        ("d2", "d3"),
        ("d3", "d0"),
    ]


def test_ids_alone_do_not_make_queries_products() -> None:
    catalogue = Catalogue.from_products([Product("1", "Oat milk"), Product("2", "Tea", description="Green tea")])
    assert not queries_are_products([Query("1", "soap"), Query("2", "tea")], catalogue)
    assert not queries_are_products([Query("9", "oat milk")], catalogue)
    assert queries_are_products([Query("1", "oat  MILK"), Query("2", "green tea"), Query("q", "soap")], catalogue)


def test_an_evaluation_against_a_run_that_is_not_there_is_refused_first(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run = made(tmp_path / "run")
    with pytest.raises(SystemExit) as exit_:
        main(["eval", str(run), "--against", str(tmp_path / "none"), "--systems", "bm25", "--beam-width", "10"])
    out, err = capfd.readouterr()
    assert exit_.value.code == 2
    assert "none: no such run folder" in err
    assert "bm25" not in out + err
    assert not (run / "eval").exists()


def test_lists_with_a_querys_own_product_are_cut_to_k() -> None:
    from genret.eval.runs import without_own

    run = {"a": RankedList(("b", "a", "c"), (3.0, 2.0, 1.0)), "z": RankedList(("b", "a", "c"), (3.0, 2.0, 1.0))}
    assert without_own(run, 2) == {"a": RankedList(("b", "c"), (3.0, 1.0)), "z": RankedList(("b", "a"), (3.0, 2.0))}
