"""The measuring scripts of eval/, each on something small: they run, and what they must find they find."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
import torch
from click.testing import CliRunner
from small_run import SMALL

from genret.embed.settings import EmbedSettings
from genret.pipeline.build import BuildSettings, build_run
from genret.pipeline.folder import RunFolder
from genret.pipeline.stages import index_stage, tokenize_stage, train_stage
from genret.tokenizer.settings import TokenizerSettings
from genret.training.settings import ModelSettings, TrainSettings

ROOT = Path(__file__).resolve().parents[2]


def run(script: str, out: Path, *arguments: str) -> None:
    command = [sys.executable, str(ROOT / "eval" / script), *arguments, "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=out.parent, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The scripts' own modules can be imported."""
    monkeypatch.syspath_prepend(str(ROOT / "eval"))


def test_exactness_certifies_and_agrees_with_brute_force(built_run: Path, tmp_path: Path) -> None:
    run("exactness.py", tmp_path / "out", "--run", str(built_run), "--limit", "4")
    found: dict[str, Any] = json.loads((tmp_path / "out" / "exactness.json").read_text())
    assert [row["beam"] for row in found["beams"]] == [10, 20, 50, 100]
    for row in found["beams"]:
        assert row["exact=True: certified"] == row["equal to brute force"] == 1
        assert row["exact in fact"] >= row["certified"]
    for row in found["filters"]:
        if row["filter"] == "exact" and row["products"]:
            assert row["fill"] == row["recall of true top k"] == 1


def test_lower_precision_answers_nearly_alike(built_run: Path, tmp_path: Path) -> None:
    run("precision.py", tmp_path / "out", "--run", str(built_run), "--turns", "1", "--beams", "20")
    rows = {row["precision"]: row for row in json.loads((tmp_path / "out" / "precision.json").read_text())["rows"]}
    assert rows["fp32"]["top 10 shared with fp32"] == 1
    assert rows["int8"]["top 10 shared with fp32"] > 0.8


def test_how_wide_a_beam_must_be_by_the_scale(built_run: Path, run_copy: Path, tmp_path: Path) -> None:
    refused = subprocess.run(
        [sys.executable, str(ROOT / "eval/query_scale.py"), str(built_run)], capture_output=True, text=True, check=False
    )
    assert refused.returncode == 2
    assert "train.max_steps=0" in refused.stderr
    settings = SMALL["tokenizer"] | {"collisions": "reassign", "max_collisions": 0.0}
    tokenize_stage(run_copy, TokenizerSettings(**settings), progress=False)
    train_stage(run_copy, ModelSettings(**SMALL["model"]), TrainSettings(max_steps=0))
    index_stage(run_copy)
    run("query_scale.py", tmp_path / "out", str(run_copy), "--scales", "4,24", "--widths", "10,50", "--queries", "20")
    rows = json.loads((tmp_path / "out" / "query_scale.json").read_text())["rows"]
    found = {(row["scale"], row["beam"]): row["of own top 10"] for row in rows}
    assert found[4, 10] < found[24, 10] <= found[24, 50]
    assert found[24, 50] > 0.99
    run("query_scale.py", tmp_path / "few", str(run_copy), "--scales", "24", "--widths", "10", "--below", "1,1000")
    few, many = json.loads((tmp_path / "few" / "query_scale.json").read_text())["rows"]
    assert (few["look_below"], many["look_below"]) == (1, 1000)
    assert few["of own top 10"] < many["of own top 10"]


@pytest.mark.usefixtures("scripts")
def test_what_is_found_without_a_query_log(built_run: Path, tmp_path: Path) -> None:
    work = tmp_path / "work"
    made = BuildSettings(
        EmbedSettings(**SMALL["embed"]),
        TokenizerSettings(**SMALL["tokenizer"]),
        ModelSettings(**SMALL["model"]),
        TrainSettings(max_steps=0),
    )
    dataset = RunFolder.existing(built_run).dataset()
    left = importlib.import_module("without_log").without_log(dataset)
    assert dataset.split_queries("train")
    assert not left.split_queries("train")
    assert left.split_queries("dev") == dataset.split_queries("dev")
    retriever = build_run(work, left, made, progress=False)
    assert not retriever.index.snapshot().text.has_log
    run("without_log.py", tmp_path / "out", str(work), "--weights", "0.001,1000")
    found = json.loads((tmp_path / "out" / "without_log.json").read_text())["means"]
    at = {name: values["recall@10"] for name, values in found.items()}
    assert at["hybrid, BM25 weighs 1000"] == pytest.approx(at["bm25"], abs=0.02)
    assert at["hybrid, BM25 weighs 0.001"] != pytest.approx(at["bm25"], abs=0.02)


@pytest.mark.usefixtures("scripts")
def test_growth_is_measured_stage_by_stage_and_goes_on(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    small = ("--codes", "16", "--dim", "16", "--embed-steps", "20", "--tokenizer-steps", "10", "--queries", "10")
    arguments = ("--sizes", "300,600", "--work", str(tmp_path / "work"), *small)
    run("scale.py", tmp_path / "out", *arguments)
    found = json.loads((tmp_path / "out" / "scale.json").read_text())
    rows = {(row["stage"], row["products"]): row for row in found["rows"]}
    stages = {stage for stage, _ in rows}
    assert {"data", "read", "embed", "tokenizer", "model", "index", "latency", "evaluate", "build"} <= stages
    assert rows["read", 600]["rows"] == 2 * rows["read", 300]["rows"] == 600
    for stage in stages:
        for name in ("cpu_s", "peak_mb", "above_idle_mb"):
            assert isinstance(found["exponents"][stage][name], float), (stage, name)
    for size in (300, 600):
        assert rows["evaluate", size]["of_exact_top_10"] > 0.8
        assert rows["assign-reassign", size]["collisions_after"] == 0
        assert rows["build", size]["cpu_s"] > rows["tokenizer", size]["cpu_s"] > 0
    (tmp_path / "work" / "600" / "measured" / "evaluate.json").unlink()
    run("scale.py", tmp_path / "out", *arguments)
    again = json.loads((tmp_path / "out" / "scale.json").read_text())
    kept = [row for row in found["rows"] if row["products"] == 300]
    assert [row for row in again["rows"] if row["products"] == 300] == kept, "a finished stage was measured again"
    (tmp_path / "work" / "600" / "measured" / "model.json").unlink()
    from scale import main

    kept_only = [*arguments, "--kept", "--skip", "read", "--out", str(tmp_path / "out")]
    assert CliRunner().invoke(main, kept_only, catch_exceptions=False).exit_code == 0
    rest = {
        (row["stage"], row["products"]) for row in json.loads((tmp_path / "out" / "scale.json").read_text())["rows"]
    }
    assert rest == rows.keys() - {("read", 300), ("read", 600), ("model", 600), ("build", 600)}


def test_numbers_with_commas_between_are_read_or_refused_in_one_line(scripts: None) -> None:
    from script import numbers, whole_numbers

    assert (whole_numbers("10, 50"), numbers("0.5,2"), numbers("")) == ([10, 50], [0.5, 2.0], [])
    for read, wrong in ((whole_numbers, "10,y"), (whole_numbers, "1.5"), (numbers, "1;2")):
        with pytest.raises(click.BadParameter, match="numbers with commas between, such as"):
            read(wrong)


@pytest.mark.usefixtures("scripts")
def test_an_exponent_is_the_slope_on_both_logarithms() -> None:
    from scale_report import exponent

    assert exponent([10, 100, 1000], [2.0, 2 * 10**1.5, 2 * 10**3.0]) == pytest.approx(1.5)
    assert exponent([10], [1.0]) is None
    assert exponent([10, 100], [0.0, 1.0]) is None


@pytest.mark.usefixtures("scripts")
def test_a_plan_is_arithmetic_on_what_was_measured() -> None:
    from scale_plan import Site, core_hours, report, sizes

    rows = [
        {"products": 1000, "stage": "data", "cpu_s": 99.0, "bytes": 100_000},
        {"products": 1000, "stage": "read", "cpu_s": 3.6},
        {"products": 1000, "stage": "embed", "cpu_s": 100.0, "bytes": 128_000},
        {"products": 1000, "stage": "tokenizer", "cpu_s": 36.0},
        {"products": 1000, "stage": "index", "cpu_s": 7.2, "bytes": 178_000},
    ]
    slopes = {"data": {}, "read": {"cpu_s": 0.5}, "tokenizer": {"cpu_s": 0.1}, "index": {"cpu_s": 1.5}, "embed": {}}
    found = {
        "command": "python eval/scale.py",
        "plan": {"dim": 32},
        "machine": {"processor": "a processor"},
        "rows": rows,
        "exponents": slopes,
        "exponents_from_100000": {stage: {"cpu_s": None} for stage in slopes},
    }
    site = Site(products=4000, dim=64)
    hours = core_hours(found, site)
    assert hours["read"] == pytest.approx((1.0, 0.004)), "never less than linear"
    assert hours["tokenizer"] == pytest.approx((0.0, 0.02)), "a sample, of twice the width"
    assert hours["index"] == pytest.approx((1.5, 0.016))
    assert hours.keys() == {"read", "tokenizer", "index"}, "a GPU embeds"
    assert sizes(found, site)["index without embeddings"] == 4000 * 50
    assert sizes(found, site)["embeddings, fp32"] == 4000 * 64 * 4
    assert "A calculation, not a measurement" in report(found, site, "python eval/scale_plan.py")


def test_random_vectors_are_coded_indexed_and_found(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    small = ("--codes", "16", "--dim", "8", "--queries", "10")
    run("scale.py", tmp_path / "out", "--vectors", "400,800", "--work", str(tmp_path / "work"), *small)
    rows = json.loads((tmp_path / "out" / "scale.json").read_text())["rows"]
    assert [row["ids"] for row in rows if row["stage"] == "trie"] == [400, 800]
    assert all(row["of_exact_top_10"] > 0.8 for row in rows if row["stage"] == "search")


@pytest.mark.slow
def test_live_changes_are_measured(tmp_path: Path) -> None:
    run("changes.py", tmp_path / "out", "--products", "3000", "--turns", "1", "--seconds", "0.2")
    found = json.loads((tmp_path / "out" / "changes.json").read_text())
    assert [row["batch"] for row in found["puts"]] == [1, 100, 1000, 10_000]
    assert all(row["put"] >= row["batch"] for row in found["puts"])
    assert all(row["ratio"] > 0 for row in found["search"])
    assert [row["id"] for row in found["found"]] == ["known", "new"] * 2


def test_a_product_that_another_process_put_is_found_when_its_following_is_timed() -> None:
    code = """
from pathlib import Path
from tempfile import TemporaryDirectory
import click
import numpy as np
import changes
from genret.data.records import Catalogue
from genret.index.build import Contents, build_index
from speed_systems import SIZES, skewed_codes

codes = skewed_codes(300, 0)
with TemporaryDirectory() as folder:
    path = Path(folder) / "index"
    vectors = np.random.default_rng(0).standard_normal((300, changes.WIDTH)).astype(np.float32)
    build_index(Contents(Catalogue.from_products(changes.products(0, 300)), codes, vectors), SIZES, path)
    rows = changes.finding(path, codes, 1)
assert [(row["others"], row["id"]) for row in rows] == [(n, kind) for n in (0, 30) for kind in ("known", "new")]
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT / "eval", check=False)
    assert done.returncode == 0, done.stderr


def test_the_speed_benchmark_compares_like_with_like() -> None:
    """On one small cell: the scores are those of transformers.generate over a dict trie, and every system is timed."""
    code = """
import click
import numpy as np
import speed
from speed_systems import Catalogue, Cell, Shape, Systems, make_model
catalogue = Catalogue(2000)
catalogue.codes = np.unique(catalogue.codes, axis=0)
catalogue.trie = speed.Trie.build(catalogue.codes, speed.SIZES).trie
every = {"constrained": 1, "floor": 1, "unconstrained": 1, "dict": 1, "marisa": 1}
for codes in (None, catalogue.codes):
    row = speed.measure_cell(make_model(Shape(), codes), catalogue, Cell(2, 12, len(catalogue.codes)), every)
    assert row["same_scores_as_dict"], row
    assert all(row[f"vs_{name}"] > 0 for name in ("dict", "marisa", "unconstrained", "floor")), row
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT / "eval", check=False)
    assert done.returncode == 0, done.stderr


def test_trained_and_untrained_models_are_compared_on_dev_and_on_what_they_practised(
    built_run: Path, tmp_path: Path
) -> None:
    recipes = tmp_path / "recipes.toml"
    recipes.write_text("[recipe.gentle]\nmax_steps = 3\nlr = 1e-4\n[recipe.none]\nmax_steps = 0\n")
    work = ("--work", str(tmp_path / "work"), "--train-queries", "20", "--beam-width", "20", "--seeds", "0,1")
    run("training.py", tmp_path / "out", str(built_run), "--recipes", str(recipes), *work)
    found = json.loads((tmp_path / "out" / "training.json").read_text())
    assert found["means"]["none"] == found["means"]["untrained"]
    assert found["means"]["gentle"] != found["means"]["untrained"]
    assert found["means"]["none"]["train"]["recall@100"] > 0.1, "the other train queries do not count as misses"
    assert found["recipes"]["gentle"]["lr"] == 1e-4

    recipes.write_text("[recipe.gentle]\nmax_steps = 0\n")  # another recipe of the same name is no longer that one
    run("training.py", tmp_path / "out", str(built_run), "--recipes", str(recipes), *work)
    again = json.loads((tmp_path / "out" / "training.json").read_text())
    assert again["means"]["gentle"] == again["means"]["untrained"] == found["means"]["untrained"]


def test_a_cross_encoder_learns_grades_and_reorders_what_was_found(built_run: Path, tmp_path: Path) -> None:
    from tiny_shop import write_encoder

    base = tmp_path / "base"
    write_encoder(base, ["milk", "bread", "organic", "whole", "free", "juice", "cheese", "pasta"], 16)
    settings = [part for text in ("batch_size=16", "tokens=16", "epochs=0.1") for part in ("--setting", text)]
    arguments = [str(built_run), "--base", str(base), "--depth", "10", "--work", str(tmp_path / "work"), *settings]
    run("teacher.py", tmp_path / "out", *arguments)
    first = json.loads((tmp_path / "out" / "teacher.json").read_text())
    assert first["means"]["cross-encoder"]["recall@10"] == pytest.approx(first["means"]["hybrid"]["recall@10"])
    assert first["means"]["cross-encoder"]["nDCG@10"] != first["means"]["hybrid"]["nDCG@10"]
    run("teacher.py", tmp_path / "out", *arguments)  # the trained model is taken up again
    assert json.loads((tmp_path / "out" / "teacher.json").read_text()) == first


def test_what_a_library_could_do_it_does_alike(tmp_path: Path) -> None:
    run("libraries.py", tmp_path / "out", "--products", "1000", "--turns", "1")
    rows = json.loads((tmp_path / "out" / "libraries.json").read_text())["rows"]
    assert len(rows) == 5
    assert all(row["difference"] < 1e-3 for row in rows), rows


@pytest.mark.slow
@pytest.mark.parametrize("what", [["latency", "--queries", "5", "--widths", "10"], ["startup", "--turns", "1"]])
def test_a_tree_is_measured_against_another_one(built_run: Path, tmp_path: Path, what: list[str]) -> None:
    run("against.py", tmp_path / "out", *what[:1], str(ROOT), str(built_run), str(built_run), *what[1:])
    found = json.loads((tmp_path / "out" / f"{what[0]}.json").read_text())
    assert [row["wall ratio"] > 0 for row in found["rows"]] == [True, True]
    assert found["rows"][0]["processor ratio"] == 1


@pytest.mark.slow
def test_the_beam_is_measured_beside_faiss_at_equal_recall(tmp_path: Path) -> None:
    small = ("--sizes", "3000", "--widths", "10", "--queries", "16", "--batch", "8", "--dim", "32")
    run("cost_vectors.py", tmp_path / "out", *small, "--work", str(tmp_path / "work"))
    rows: list[dict[str, Any]] = json.loads((tmp_path / "out" / "cost.json").read_text())["rows"]
    beam = next(row for row in rows if row["system"] == "genret beam")
    assert all(row["recall@10"] >= beam["recall@10"] for row in rows)
    assert {(row["threads"], row["system"].split()[1]) for row in rows} == {
        (threads, name) for threads in (1, 2) for name in ("beam", "flat", "HNSW", "IVF")
    }


@pytest.mark.usefixtures("scripts")
def test_a_build_is_compared_with_the_one_before(built_run: Path) -> None:
    gpu = importlib.import_module("gpu")
    folder = RunFolder.existing(built_run)
    row, own = gpu.measured("processor", folder, None)
    assert (row["same ID"], row["top 10 shared"]) == (1, 1)
    assert min(row["texts/s"], row["queries/s"], row["one query, ms"]) > 0
    other = [found[::-1][:5] for found in own[1]]
    row, _ = gpu.measured("GPU", folder, (own[0] + 1, other))
    assert row["same ID"] == 0
    assert row["top 10 shared"] == 1  # each of the five is among the ten


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_without_a_gpu_nothing_is_built(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "eval/gpu.py"), "--work", str(tmp_path / "work")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "this machine has 0 CUDA devices" in done.stderr
    assert not (tmp_path / "work").exists()
