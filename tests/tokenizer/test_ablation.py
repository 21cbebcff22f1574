"""The ablation: its grid, and kill -9 at several points followed by the same command giving the same bytes."""

import importlib.util
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "tokenizer" / "ablation" / "run.py"
PRESET = """
seeds = 1
[data]
name = "grocery"
[data.grocery]
products = 300
train_queries = 200
dev_queries = 20
test_queries = 40
[data.embed]
dim = 16
[base]
steps = 60
batch_size = 64
codebook_sizes = [8, 8, 8, 8]
checkpoint_every = 5
[downstream]
queries = 20
model = { d_model = 32, ffn = 32, text_vocab = 512 }
train = { max_steps = 4, batch_size = 16, teacher_products = 0 }
[[grid]]
lam = [0.0, 0.1]
[[grid]]
lam = 0.1
schedule = "uniform"
downstream = true
"""


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("run", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def start(preset: Path, work: Path, out: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, str(SCRIPT), str(preset), "--jobs", "1", "--work", str(work), "--out", str(out)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def kill_when(process: subprocess.Popen[bytes], reached: Callable[[], bool]) -> bool:
    """SIGKILL the process as soon as `reached()`; False if it had ended before."""
    while process.poll() is None:
        if reached():
            process.send_signal(signal.SIGKILL)
            process.wait()
            return True
        time.sleep(0.002)
    return False


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_killed_ablation_ends_with_the_same_bytes(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    preset = tmp_path / "small.toml"
    preset.write_text(PRESET)
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    process = start(preset, tmp_path / "work0", whole)
    assert process.stderr is not None
    assert process.wait() == 0, process.stderr.read().decode()[-2000:]
    work = tmp_path / "work1"
    points = {
        "before the embeddings": lambda: (work / "data").exists(),
        "while a cell trains": lambda: any(work.glob("cells/*/checkpoint/state.safetensors")),
        "between two cells": lambda: any(work.glob("cells/*/row.json")),
        "while a retriever is built": lambda: any(work.glob("cells/*/run/tokenizer/manifest.json")),
        "while the report is written": lambda: any(tmp_path.glob(".killed-*/table.csv")),
    }
    hit = [kill_when(start(preset, work, killed), reached) for reached in points.values()]
    assert all(hit), dict(zip(points, hit, strict=True))
    process = start(preset, work, killed)
    assert process.stderr is not None
    assert process.wait() == 0, process.stderr.read().decode()[-2000:]
    expected, got = files(whole), files(killed)
    assert expected.keys() == got.keys()
    assert [name for name in expected if expected[name] != got[name]] == []
    assert {"table.csv", "contrasts.csv", "report.md", "pareto.png"} <= expected.keys()


def test_lambda_zero_is_one_cell_whatever_the_schedule() -> None:
    pytest.importorskip("click")
    cells = script().expand(
        {
            "seeds": 2,
            "grid": [
                {"lam": [0.0, 0.1], "schedule": ["uniform", "linear"]},
                {"lam": 0.0, "downstream": True, "seeds": 1},
            ],
        }
    )
    assert [(cell.settings.lam, cell.settings.seed) for cell in cells].count((0.0, 0)) == 1
    assert len(cells) == 2 + 4
    assert [cell.downstream for cell in cells if cell.settings.lam == 0] == [True, False]


def test_other_embeddings_make_other_cells(tmp_path: Path) -> None:
    from genret.ground.artifacts import write_artifact

    cell = script().expand({"seeds": 1, "grid": [{"lam": 0.0}]})[0]
    folders = []
    for number in range(2):
        with write_artifact(tmp_path / str(number) / "embeddings", "embeddings", {"dim": number}, {}) as folder:
            (folder / "embeddings.npy").write_bytes(bytes([number]))
            (folder / "embedder.json").write_text("{}")
        folders.append(cell.folder(tmp_path / str(number), {}).name)
    assert folders[0] != folders[1]
