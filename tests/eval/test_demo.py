"""The demo: what it says of a build that fails, and the whole of it, small."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from genret.eval.demo import _Build, _failure, _last_line

BAR = "train:  37%|###       | 221/600 [00:41<01:09,  5.44it/s]"
SMALL = {
    "grocery.products": 400,
    "grocery.train_queries": 300,
    "grocery.dev_queries": 30,
    "grocery.test_queries": 40,
    "embed.steps": 20,
    "embed.dim": 32,
    "tokenizer.codebook_sizes": "16,16,16,16",
    "tokenizer.steps": 60,
    "tokenizer.max_collisions": 1.0,
    "tokenizer.max_dead": 1.0,
    "model.d_model": 32,
    "model.ffn": 32,
    "train.max_steps": 20,
    "train.batch_size": 64,
}


def failure(tmp_path: Path, log: str) -> str:
    build = _Build("x", tmp_path, ())
    build.log.write_text(log, encoding="utf-8")
    return str(_failure(build))


def test_a_failed_build_is_told_by_its_error_and_not_by_its_progress_bar(tmp_path: Path) -> None:
    error = "genret: error: the loss is nan at step 3; lower train.lr=1e+30"
    for log in (f"data done\n{BAR}\r{BAR}\r\n{error}\n", f"{error}\n{BAR}\r\x1b[A\n", f"{BAR}\r{error}\r\n{BAR}"):
        assert failure(tmp_path, log).startswith(
            f"building {tmp_path} failed: the loss is nan at step 3; lower train.lr=1e+30 (whole log: "
        )


def test_a_build_that_broke_is_told_by_the_end_of_its_traceback(tmp_path: Path) -> None:
    log = f'{BAR}\r\nTraceback (most recent call last):\n  File "x.py"\ntorch.OutOfMemoryError: no memory\n{BAR}\r\n'
    assert "failed: torch.OutOfMemoryError: no memory (whole log" in failure(tmp_path, log)
    assert "failed: it said nothing (whole log" in failure(tmp_path, "")
    assert _last_line(tmp_path / "build.log") == "starting"


def demo(out: Path, **changes: object) -> subprocess.CompletedProcess[str]:
    flags = [part for name, value in {**SMALL, **changes}.items() for part in ("--set", f"{name}={value}")]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "GENRET_THREADS": "1"}
    command = [sys.executable, "-m", "genret", "demo", "--out", str(out), *flags]
    return subprocess.run(command, capture_output=True, text=True, env=environment)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_demo_ends_with_the_error_of_the_build_that_failed(tmp_path: Path) -> None:
    done = demo(tmp_path / "demo", **{"model.encoder": "/no/such/folder"})
    assert done.returncode == 2
    assert "failed: cannot load the " in done.stderr.splitlines()[-1]
    assert "%|" not in done.stderr.splitlines()[-1]


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_small_demo_passes_in_either_precision(
    precision: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENRET_PRECISION", precision)
    done = demo(tmp_path / "demo")
    assert done.returncode == 0, done.stderr[-2000:]
    assert f"training in {precision}" in done.stdout
    summary = json.loads((tmp_path / "demo" / "summary.json").read_text())
    assert summary["settings"]["model"]["train"]["precision"] == precision
    assert (tmp_path / "demo" / "report.html").is_file()
