"""The measuring scripts of eval/, each on something small: they run, and what they must find they find."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


def run(script: str, out: Path, *arguments: str) -> None:
    command = [sys.executable, str(ROOT / "eval" / script), "--out", str(out), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=out.parent, check=False)
    assert done.returncode == 0, done.stderr


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


@pytest.mark.slow
def test_live_changes_are_measured(tmp_path: Path) -> None:
    run("changes.py", tmp_path / "out", "--products", "3000", "--turns", "1", "--seconds", "0.2")
    found = json.loads((tmp_path / "out" / "changes.json").read_text())
    assert [row["batch"] for row in found["puts"]] == [1, 100, 1000, 10_000]
    assert all(row["put"] >= row["batch"] for row in found["puts"])
    assert all(row["ratio"] > 0 for row in found["search"])


def test_the_speed_benchmark_compares_like_with_like() -> None:
    """On one small cell: the scores are those of transformers.generate over a dict trie, and every system is timed."""
    code = """
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
