"""Every script at the top says what it does, and takes a step of it on something small."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = sorted(
    str(path.relative_to(ROOT))
    for folder in ("eval", "tokenizer")
    for path in (ROOT / folder).rglob("*.py")
    if '__name__ == "__main__"' in path.read_text(encoding="utf-8")
)


def run(*command: str, cwd: Path = ROOT) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, cwd=cwd, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_there_are_scripts_of_both_folders() -> None:
    assert {Path(script).parts[0] for script in SCRIPTS} == {"eval", "tokenizer"}


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_explains_itself(script: str) -> None:
    """The module's text gives the command; `--help` parses, in a folder of the user's own."""
    assert f"python {script}" in (ROOT / script).read_text(encoding="utf-8")
    assert "Options:" in run(str(ROOT / script), "--help")


def test_the_ablation_reports_one_small_cell(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    preset = tmp_path / "tiny.toml"
    preset.write_text(
        'seeds = 1\n[data]\nname = "grocery"\n'
        "[data.grocery]\nproducts = 200\ntrain_queries = 50\ndev_queries = 10\ntest_queries = 10\n"
        '[data.embed]\nmodel = "lsa"\ndim = 16\n'
        "[base]\nsteps = 10\nbatch_size = 64\ncodebook_sizes = [8, 8, 8, 8]\nmax_dead = 1.0\n"
        "[[grid]]\nlam = [0.0, 0.1]\n"
    )
    script = str(ROOT / "tokenizer" / "ablation" / "run.py")
    run(script, str(preset), "--jobs", "1", "--work", str(tmp_path / "work"), "--out", str(tmp_path / "out"))
    assert {"report.md", "table.csv", "contrasts.csv", "preset.json"} <= set(os.listdir(tmp_path / "out"))
    assert len((tmp_path / "out" / "table.csv").read_text().splitlines()) == 3


def test_training_speed_is_told(tmp_path: Path) -> None:
    small = ("steps=4", "codebook_sizes=[8,8]", "batch_size=64", "max_dead=1", "max_share=1", "max_collisions=1")
    options = [part for setting in small for part in ("--set", setting)]
    script = str(ROOT / "tokenizer" / "training_speed.py")
    out = run(script, "--products", "300", "--dim", "8", *options, cwd=tmp_path)
    assert "300 products x 8 dimensions" in out
    assert "products/s" in out


def test_bm25_alone_is_measured_by_a_preset(tmp_path: Path) -> None:
    preset = tmp_path / "small.toml"
    preset.write_text(
        '[benchmark]\nformat = "grocery"\nsystems = ["bm25"]\nbaselines = ["bm25"]\n'
        "[grocery]\nproducts = 200\ntrain_queries = 50\ndev_queries = 10\ntest_queries = 20\n"
    )
    out = run(str(ROOT / "eval" / "recall.py"), str(preset), "--out", str(tmp_path / "out"), cwd=tmp_path)
    assert "| bm25 |" in out
