"""Audit, tune, error propagation, and the verbs over a run folder of the embedded catalogue."""

import json
from dataclasses import replace

import numpy as np
import pytest

from genret.data.grocery import GrocerySettings, make_grocery
from genret.data.records import load_dataset, save_dataset
from genret.embed import EmbedSettings, embed_catalogue, load_embeddings
from genret.errors import GenretError
from genret.tokenizer.assign import assign_ids
from genret.tokenizer.audit import AuditScore, audit, judge_audit
from genret.tokenizer.propagation import corrupt, displaced, main_prefixes
from genret.tokenizer.settings import TokenizerSettings
from genret.tokenizer.tokenizer import save_tokenizer
from genret.tokenizer.training import train_tokenizer
from genret.tokenizer.tune import Trial, format_tuning, recommend, tune
from genret.tokenizer.verbs import audit_report, bench_report, health_report, open_run, tune_report

SMALL = TokenizerSettings(codebook_sizes=(16, 16, 16), latent_dim=16, hidden=16, steps=40, batch_size=128)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run folder up to the tokenizer: 800 products of the embedded catalogue."""
    folder = tmp_path_factory.mktemp("run")
    dataset = make_grocery(GrocerySettings(products=800, misfiled=0.08))
    data = save_dataset(dataset, folder / "data", {})
    settings = EmbedSettings(dim=24)
    embed_catalogue(dataset, settings, folder / "embeddings", {"dataset": data.fingerprint}, progress=False)
    vectors, embeddings = load_embeddings(folder / "embeddings")
    tokenizer = train_tokenizer(vectors, dataset.catalogue.categories, SMALL, progress=False)
    inputs = {"dataset": data.fingerprint, "embeddings": embeddings.fingerprint}
    save_tokenizer(tokenizer, tokenizer.encode(vectors), dataset.catalogue.ids, folder / "tokenizer", inputs)
    return folder


def test_health_report_and_its_plots(run, tmp_path):
    report = health_report(run, plots=tmp_path / "health.png")
    assert "substitute pairs that agree" in report.text
    assert json.loads(json.dumps(report.value))["products"] == 800
    assert (tmp_path / "health.png").read_bytes().startswith(b"\x89PNG")


def test_audit_report_is_better_than_chance(run):
    report = audit_report(run, at=0.3)
    score = report.value["score"]
    share = score["misfiled"] / 800
    assert score["precision"] > 1.5 * share
    assert report.value["by_codes"]["flagged"] > 0
    assert "against the truth" in report.text
    scores = [row["score"] for row in report.value["suspicions"]]
    assert scores == sorted(scores, reverse=True)


def test_bench_report_displaces_more_the_worse_the_text(run):
    value = bench_report(run, lam=0.1, share=0.2, seeds=1).value["displaced"]
    assert set(value) == {"0", "0.1"}
    for kinds in value.values():
        assert kinds["swapped"][0] > kinds["none"][0]
        assert all(0 <= share <= 1 for shares in kinds.values() for share in shares)


def test_tune_report(run, tmp_path):
    lines = []
    report = tune_report(run, SMALL, lambdas=(0.0, 0.1, 1.0), plots=tmp_path / "tune.png", echo=lines.append)
    assert [trial["lam"] for trial in report.value["trials"]] == [0.0, 0.1, 1.0]
    assert report.value["recommended"] in (0.0, 0.1, 1.0)
    assert len(lines) == 3
    assert (tmp_path / "tune.png").exists()
    json.dumps(report.value)


def test_a_run_of_mixed_lineage_is_refused(run, tmp_path):
    import shutil

    shutil.copytree(run, tmp_path / "mixed")
    dataset, data = load_dataset(run / "data")
    embed_catalogue(
        dataset,
        EmbedSettings(dim=20),
        tmp_path / "mixed" / "embeddings",
        {"dataset": data.fingerprint},
        progress=False,
    )
    with pytest.raises(GenretError, match="another embeddings"):
        open_run(tmp_path / "mixed")


def test_audit_finds_a_planted_mistake():
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


def test_audit_is_defined_where_nothing_can_be_compared():
    vectors = np.eye(4, dtype=np.float32)
    assert audit(vectors, [()] * 4) == []
    assert audit(vectors, [("a",)] * 4) == []
    assert audit(vectors, [("a",), ("b",), ("c",), ("d",)]) == []
    assert judge_audit([], [("a",)], [("a",)]) == AuditScore(0, 0, 0.0, 0.0, 0.0)


def trials(*points):
    return [Trial(lam, 1 + cost, cost, coherence, 0.0) for lam, cost, coherence in points]


def test_knee_by_hand():
    found = recommend(trials((0, 0, 0.2), (0.01, 0.01, 0.5), (0.1, 0.05, 0.55), (1, 0.5, 0.9)), budget=0.1)
    assert found.recommended == 0.01
    assert "30.0 points" in found.why
    assert "<- recommended" in format_tuning(found)


def test_no_gain_recommends_zero_and_says_so():
    found = recommend(trials((0, 0, 0.5), (0.1, 0.01, 0.4)), budget=0.1)
    assert found.recommended == 0.0
    assert "no lambda" in found.why


def test_a_free_gain_is_taken_whole():
    assert recommend(trials((0, 0, 0.2), (0.1, -0.01, 0.4)), budget=0.1).recommended == 0.1


def test_trials_stopped_by_a_gate_are_reported_not_recommended():
    stopped = Trial(1.0, np.inf, np.inf, 0.0, 1.0, "mode collapse")
    found = recommend([*trials((0, 0, 0.2), (0.1, 0.02, 0.4)), stopped], budget=0.1)
    assert found.recommended == 0.1
    assert "mode collapse" in format_tuning(found)


def test_tune_without_anything_to_measure_by(clustered):
    with pytest.raises(GenretError, match="neither"):
        tune(clustered[0], [()] * 600, SMALL)


def test_corruptions():
    texts = ["Tomato Soup 12 oz", "Diet Cola", "Rice"]
    assert corrupt(texts, "truncated") == ["Tomato", "Diet", "Rice"]
    assert all(
        text.startswith(first)
        for text, first in zip(corrupt(texts, "boilerplate"), ["Tomato", "Diet", "Rice"], strict=True)
    )
    swapped = corrupt(texts, "swapped")
    assert sorted(swapped) == sorted(texts)
    assert all(a != b for a, b in zip(swapped, texts, strict=True))
    assert not set(corrupt(texts, "foreign")) & set(texts)
    assert corrupt(["alone"], "swapped") == ["alone"]


def test_main_prefixes_are_the_fewest_that_hold_most():
    leaf = np.array([0] * 10 + [1] * 4 + [-1])
    prefix = np.array([5] * 6 + [6] * 2 + [7, 8] + [5] * 4 + [9])
    assert main_prefixes(prefix, leaf) == {(0, 5), (0, 6), (1, 5)}


def test_displacement_by_hand():
    codes = np.array([[0, 0]] * 4 + [[1, 1]] * 4)
    categories = [("a",)] * 4 + [("b",)] * 4
    rows = np.array([0, 1, 4])
    moved = np.array([[0, 0], [1, 1], [1, 0]])
    assert displaced(codes, moved, rows, categories) == pytest.approx((1 / 3, 2 / 3))


def test_embedded_catalogue_at_reduced_size_passes_the_gates(run):
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
