"""Audit, and the verbs over a run folder of the embedded catalogue, from the package and from the command line."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from genret.cli import main
from genret.cli.tokenizer import GRID
from genret.cli.tokenizer_reports import audit_report, bench_report, coverage_note, health_report, tune_report
from genret.data.grocery import GrocerySettings, make_grocery
from genret.data.records import Catalogue, Dataset, load_dataset, save_dataset
from genret.embed.catalogue import embed_catalogue, load_embeddings
from genret.embed.settings import EmbedSettings
from genret.ground.errors import GenretError
from genret.pipeline.folder import RunFolder
from genret.tokenizer.assign import assign_ids
from genret.tokenizer.judging.audit import AuditScore, audit, judge_audit
from genret.tokenizer.judging.tune import LAMBDAS, TuneSettings
from genret.tokenizer.learning.train import train_tokenizer
from genret.tokenizer.settings import TokenizerSettings
from genret.tokenizer.tokenizer import load_product_ids, load_tokenizer, save_tokenizer

SMALL = TokenizerSettings(codebook_sizes=(16, 16, 16), latent_dim=16, hidden=16, steps=40, batch_size=128)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder up to the tokenizer: 800 products of the embedded catalogue."""
    folder = tmp_path_factory.mktemp("run")
    dataset = make_grocery(GrocerySettings(products=800, misfiled=0.08))
    data = save_dataset(dataset, folder / "data", {})
    settings = EmbedSettings("lsa", dim=24)
    embed_catalogue(dataset, settings, folder / "embeddings", {"dataset": data.fingerprint}, progress=False)
    vectors, embeddings = load_embeddings(folder / "embeddings")
    tokenizer = train_tokenizer(vectors, dataset.catalogue.categories, SMALL, progress=False)
    inputs = {"dataset": data.fingerprint, "embeddings": embeddings.fingerprint}
    save_tokenizer(tokenizer, tokenizer.encode(vectors), dataset.catalogue.ids, folder / "tokenizer", inputs)
    return folder


def test_health_report_and_its_plots(run: Path, tmp_path: Path) -> None:
    report = health_report(run, plots=tmp_path / "health.png")
    assert "pairs that part at" in report.text
    assert "over random pairs" in report.text
    assert report.value["policy"]["policy"] == "reassign"
    assert json.loads(json.dumps(report.value))["products"] == 800
    assert (tmp_path / "health.png").read_bytes().startswith(b"\x89PNG")


def test_audit_report_is_better_than_chance(run: Path) -> None:
    report = audit_report(run, at=0.3)
    score = report.value["score"]
    share = score["misfiled"] / 800
    assert score["precision"] > 1.5 * share
    assert report.value["by_codes"]["flagged"] > 0
    assert "against the truth" in report.text
    scores = [row["score"] for row in report.value["suspicions"]]
    assert scores == sorted(scores, reverse=True)


def test_bench_report_displaces_more_the_worse_the_text(run: Path) -> None:
    lines: list[str] = []
    report = bench_report(run, lam=0.1, share=0.2, seeds=2, echo=lines.append)
    assert lines == [f"lambda {lam}, seed {seed}" for seed in (0, 1) for lam in ("0", "0.1")]
    value = report.value
    assert set(value["displaced"]) == {"0", "0.1"}
    for lam, kinds in value["displaced"].items():
        assert kinds["swapped"][0] > kinds["none"][0]
        assert all(0 <= share <= 1 for shares in kinds.values() for share in shares)
        first, second = value["by_seed"][lam]["swapped"]
        assert first != second  # trained anew
        assert kinds["swapped"] == pytest.approx(np.mean([first, second], axis=0))
    swapped = [value["by_seed"][lam]["swapped"] for lam in ("0.1", "0")]
    for depth, change in enumerate(value["difference"]["swapped"]):
        by_seed = [a[depth] - b[depth] for a, b in zip(*swapped, strict=True)]
        assert (change["low"], change["high"]) == (min(by_seed), max(by_seed))
    assert "range of 2 seeds" in report.text
    assert all(change["verdict"] in report.text for change in value["overall"])
    json.dumps(value)


def test_tune_report_starts_from_the_runs_tokenizer(run: Path, tmp_path: Path) -> None:
    lines: list[str] = []
    report = tune_report(run, search=TuneSettings((0.1, 1.0)), plots=tmp_path / "tune.png", echo=lines.append)
    assert [trial["lam"] for trial in report.value["trials"]] == [0.0, 0.1, 1.0]
    assert report.value["settings"]["codebook_sizes"] == [16, 16, 16]
    assert report.value["settings"]["steps"] == 40
    assert report.value["recommended"] in (0.0, 0.1, 1.0)
    assert "substitute pairs" in report.value["judged_on"]
    assert len(lines) == 6
    assert lines[1].startswith("lambda 0, seed 1: error ")
    assert report.value["why"] in report.text
    assert (tmp_path / "tune.png").read_bytes().startswith(b"\x89PNG")
    json.dumps(report.value, allow_nan=False)


def command(capfd: pytest.CaptureFixture[str], *arguments: object) -> tuple[object, str, str]:
    """(exit code, standard output, standard error) of `genret tokenizer ...`."""
    with pytest.raises(SystemExit) as exit_:
        main(["tokenizer", *map(str, arguments)])
    out, err = capfd.readouterr()
    return exit_.value.code, out, err


def test_tune_from_the_command_line(run: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    asked = ("--lam", "0.05,0.5", "--seeds", "2", "--budget", "0.5", "--set", "tokenizer.supervision=pairs")
    code, out, err = command(capfd, "tune", run / "tokenizer", *asked, "--json")
    assert code == 0
    assert f"settings: those of {run / 'tokenizer'}" in err
    value = json.loads(out)
    assert (value["budget"], value["seeds"], value["settings"]["supervision"]) == (0.5, 2, "pairs")
    assert [trial["lam"] for trial in value["trials"]] == [0, 0.05, 0.5]
    assert value["why"] in err
    assert "verdict: lambda" in err
    assert all(len(trial["error"]) == 2 for trial in value["trials"])


def test_the_grid_of_the_command_line_is_that_of_the_package() -> None:
    assert tuple(map(float, GRID.split(","))) == LAMBDAS


def test_bench_takes_co_engagement_pairs(run: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "run"
    shutil.copytree(run, folder)
    tokenizer, codes, artifact = load_tokenizer(run / "tokenizer")
    tokenizer.settings = replace(tokenizer.settings, supervision="pairs")
    ids = load_product_ids(artifact)
    save_tokenizer(tokenizer, codes, ids, folder / "tokenizer", artifact.inputs)
    code, out, _ = command(capfd, "bench", folder, "--lam", "0.1", "--seeds", "2")
    assert code == 0
    assert "range of 2 seeds" in out


BAD = [
    ("tune", ["--seeds", "1"], "seeds=1|at least 2"),
    ("tune", ["--budget", "nan"], "budget=nan|at least 0"),
    ("tune", ["--budget", "-1"], "budget=-1"),
    ("tune", ["--lam", "0,x"], "--lam '0,x'|numbers"),
    ("tune", ["--lam", "0"], "no lambda above 0"),
    ("tune", ["--lam", "0,nan"], "lam=nan"),
    ("tune", ["--lam", "-1"], "lam=-1"),
    ("tune", ["--lam", "inf"], "lam=inf"),
    ("tune", ["--set", "tokenizer.lam=0.1"], "tokenizer.lam|--lam"),
    ("tune", ["--set", "tokenizer.objective=clip"], "objective='clip'|rqvae"),
    ("tune", ["--set", "tokenizer.steps=0"], "steps=0"),
    ("bench", ["--share", "2"], "share=2|at most 1"),
    ("bench", ["--share", "0"], "share=0|above 0"),
    ("bench", ["--share", "nan"], "share=nan"),
    ("bench", ["--seeds", "0"], "seeds=0|at least 2"),
    ("bench", ["--seeds", "x"], "--seeds"),
    ("bench", ["--lam", "0"], "lam=0|above 0"),
    ("bench", ["--lam", "nan"], "lam=nan"),
    ("audit", ["--at", "nan"], "at=nan"),
    ("audit", ["--at", "1.5"], "at=1.5|at most 1"),
    ("audit", ["--limit", "-1"], "limit=-1"),
    ("health", ["--plots", "."], "--plots|directory"),
]


@pytest.mark.parametrize(("verb", "options", "says"), BAD, ids=lambda value: str(value)[:40])
def test_impossible_options_are_one_line_and_exit_code_2(
    run: Path, capfd: pytest.CaptureFixture[str], verb: str, options: list[str], says: str
) -> None:
    one_line(command(capfd, verb, run, *options), says)


@pytest.mark.parametrize("verb", ["health", "audit", "tune", "bench"])
def test_what_is_no_run_is_one_line(run: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], verb: str) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "other").mkdir()
    one_line(command(capfd, verb, tmp_path / "missing"), "missing|no such run folder")
    one_line(command(capfd, verb, tmp_path / "file"), "file|no such run folder")
    one_line(command(capfd, verb, tmp_path / "other"), "other|dataset")


def one_line(done: tuple[object, str, str], says: str) -> None:
    code, _, err = done
    lines = [line for line in err.splitlines() if line.startswith("genret: error: ")]
    assert code == 2
    assert len(lines) == 1
    assert "Traceback" not in err
    for words in says.split("|"):
        assert words in lines[0]


def test_bench_needs_categories(run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    dataset, _ = load_dataset(run / "data")
    bare = Catalogue.from_products(product._replace(category=()) for product in dataset.catalogue)
    data = save_dataset(Dataset("bare", bare), folder / "data", {})
    inputs = {"dataset": data.fingerprint}
    embeddings = embed_catalogue(
        Dataset("bare", bare), EmbedSettings("lsa", dim=24), folder / "embeddings", inputs, progress=False
    )
    tokenizer, codes, _ = load_tokenizer(run / "tokenizer")
    save_tokenizer(tokenizer, codes, bare.ids, folder / "tokenizer", {**inputs, "embeddings": embeddings.fingerprint})
    with pytest.raises(GenretError, match="no product has a category"):
        bench_report(folder)
    with pytest.raises(GenretError, match="no pairs to judge agreement by"):
        tune_report(folder)


def test_a_training_of_less_than_an_epoch_is_told(run: Path, tmp_path: Path) -> None:
    assert coverage_note(run) is None  # 40 steps x 64 in focus, 800 products
    folder = tmp_path / "run"
    shutil.copytree(run, folder)
    tokenizer, codes, artifact = load_tokenizer(run / "tokenizer")
    ids = load_product_ids(artifact)
    for changed, told in ({"steps": 12}, True), ({"steps": 13}, False), ({"objective": "pq", "steps": 1}, False):
        tokenizer.settings = replace(SMALL, **changed)
        save_tokenizer(tokenizer, codes, ids, folder / "tokenizer", artifact.inputs)
        note = coverage_note(folder)
        assert (note is not None) == told
        assert note is None or "13 steps" in note


def test_tokenize_warns_once_of_a_training_that_leaves_products_out(
    run: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(run, folder)
    wanted = ("codebook_sizes=8,8,8", "steps=5", "batch_size=64", "schedule=4,2,1")
    options = [part for setting in wanted for part in ("--set", f"tokenizer.{setting}")]
    with pytest.raises(SystemExit) as exit_:
        main(["tokenize", str(folder), *options])
    assert exit_.value.code == 0
    assert capfd.readouterr().err.count("cover less than one epoch of 800 products (25 steps)") == 1
    assert load_tokenizer(folder / "tokenizer")[0].settings.schedule == "4,2,1"


def test_a_run_of_mixed_lineage_is_refused(run: Path, tmp_path: Path) -> None:
    shutil.copytree(run, tmp_path / "mixed")
    dataset, data = load_dataset(run / "data")
    embed_catalogue(
        dataset,
        EmbedSettings("lsa", dim=20),
        tmp_path / "mixed" / "embeddings",
        {"dataset": data.fingerprint},
        progress=False,
    )
    with pytest.raises(GenretError, match="another embeddings"):
        RunFolder(tmp_path / "mixed").tokenized()


def test_audit_finds_a_planted_mistake() -> None:
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(6, 10)) * 3
    leaf = np.arange(240) % 6
    vectors = (centres[leaf] + rng.normal(size=(240, 10))).astype(np.float32)
    true = [("shop", str(number)) for number in leaf]
    filed = list(true)
    for row in (5, 77, 130):
        filed[row] = ("shop", str((leaf[row] + 1) % 6))
    found = audit(vectors, filed)
    assert {suspicion.row for suspicion in found[:3]} == {5, 77, 130}
    assert judge_audit(found[:3], filed, true) == AuditScore(3, 3, 1.0, 1.0, 1.0)
    assert found[0].filed == filed[found[0].row]


def test_audit_is_defined_where_nothing_can_be_compared() -> None:
    vectors = np.eye(4, dtype=np.float32)
    assert audit(vectors, [()] * 4) == []
    assert audit(vectors, [("a",)] * 4) == []
    assert audit(vectors, [("a",), ("b",), ("c",), ("d",)]) == []
    assert judge_audit([], [("a",)], [("a",)]) == AuditScore(0, 0, 0.0, 0.0, 0.0)


def test_embedded_catalogue_at_reduced_size_passes_the_gates(run: Path) -> None:
    """Every level used, none of L1 and L2 dead, and no collision left under `reassign`."""
    dataset, _ = load_dataset(run / "data")
    vectors, _ = load_embeddings(run / "embeddings")
    settings = replace(SMALL, codebook_sizes=(16, 16, 32, 64), steps=100)
    tokenizer = train_tokenizer(vectors, dataset.catalogue.categories, settings, progress=False)
    codes = tokenizer.encode(vectors)
    usage = [len(np.unique(codes[:, level])) / size for level, size in enumerate(settings.codebook_sizes)]
    assert usage[:2] == [1.0, 1.0]
    assert min(usage) >= 0.95
    assert assign_ids(tokenizer, vectors, "reassign").report["collisions_after"] == 0.0
