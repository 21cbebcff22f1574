"""Cost: every system gets a row, sizes are the bytes of what is held, a fusion holds what its parts hold, once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from genret.data import load_dataset
from genret.eval.evaluation import answerable
from genret.eval.reports.plots import Point, scatter
from genret.eval.result import Grading
from genret.eval.studies.cost import Cost, CostSettings, measure_cost
from genret.eval.systems.bench import Bench, SystemSettings
from genret.ground.errors import GenretError
from genret.index.index import Index
from genret.pipeline.folder import RunFolder

NAMES = ("bm25", "dense", "generative", "generative-mixed", "bm25+dense", "dense+generative-mixed")


@pytest.fixture(scope="module")
def cost(built_run: Path) -> Cost:
    dataset, _ = load_dataset(built_run / "data")
    grading = Grading(dataset.split_judgements("test"), dataset.relevant_at, dataset.irrelevant_grade)
    queries = answerable(dataset.split_queries("test"), grading)
    bench = Bench(dataset, queries, SystemSettings(k=20, beam_width=20), RunFolder(built_run))
    return measure_cost(bench, grading, "test", NAMES, CostSettings(queries=4, batch=2, repeats=1))


def test_every_system_has_a_row_with_recall_times_and_bytes(cost: Cost) -> None:
    assert tuple(row.system for row in cost.rows) == NAMES
    for row in cost.rows:
        assert 0 < row.recall_10 <= row.recall_100 <= 1
        assert 0 < row.ms <= row.ms_95
        assert row.ms_batched > 0
        assert row.size == sum(row.parts.values()) > 0


def test_sizes_are_those_of_the_files(cost: Cost, built_run: Path) -> None:
    rows = {row.system: row for row in cost.rows}
    vectors = np.load(built_run / "embeddings" / "embeddings.npy", mmap_mode="r")
    assert rows["dense"].parts["vectors"] == vectors.nbytes
    trie = Index.open(built_run / "index").artifact.path / "trie"
    files = [file for name in ("model", trie) for file in (built_run / name).rglob("*") if file.is_file()]
    assert rows["generative"].size == sum(file.stat().st_size for file in files)
    assert rows["bm25+dense"].size == rows["bm25"].size + rows["dense"].size
    # The vectors that rescore and those that are searched are the same ones, held once.
    assert rows["dense+generative-mixed"].size - rows["generative-mixed"].size < 1000


def test_table_and_plot_name_every_system(cost: Cost) -> None:
    text, picture = cost.markdown(), cost.plot()
    assert all(f"| {name} |" in text for name in NAMES)
    assert all(name in picture for name in NAMES)
    assert picture.startswith("<svg")


def test_the_plot_repeats_byte_for_byte() -> None:
    points = [Point("a", 1.0, 0.5, 10.0), Point("b", 20.0, 0.6, 100.0, strong=True)]
    assert scatter(points, "x", "y", "A plot") == scatter(points, "x", "y", "A plot")


def test_nothing_timed_is_an_error() -> None:
    with pytest.raises(GenretError, match="queries=0"):
        CostSettings(queries=0)
