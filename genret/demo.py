"""The demo: the whole pipeline on the embedded catalogue, for λ = 0.01 and λ = 0, judged and reported.

Two runs side by side, one a core: `OUT` and `OUT/lambda0`. They share data and embeddings and differ in λ alone, so
that the substitutes table compares like with like.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic, sleep
from typing import NamedTuple

from genret.data.grocery import GrocerySettings, make_grocery
from genret.embed import EmbedSettings
from genret.errors import GenretError
from genret.pipeline import StageResult, data_stage, embed_stage, fork_run
from genret.settings import settings_dict

BASELINE = "lambda0"
"""Folder, below the demo's, of the run with λ = 0."""
QUERY = "marinara sauce"
"""Whose beam the report draws."""
TICK = 15.0
"""Seconds between two lines of progress where there is no terminal to redraw."""

Say = Callable[[str], None]


class _Build(NamedTuple):
    """One of the runs that are built side by side."""

    label: str
    run: Path
    overrides: tuple[str, ...]

    @property
    def log(self) -> Path:
        return self.run / "build.log"

    @property
    def command(self) -> list[str]:
        sets = [part for text in self.overrides for part in ("--set", text)]
        return ["build", "--format", "grocery", "--out", str(self.run), *sets]


def build_demo(out: Path, grocery: GrocerySettings, embed: EmbedSettings, overrides: Sequence[str], say: Say) -> None:
    """OUT and OUT/lambda0 with every artifact, finished ones reused. `overrides` are SECTION.NAME=VALUE for both runs.

    `say` is told of every stage, and while they run, of how far they are.
    """
    say("data        making the embedded grocery catalogue")
    record = {"format": "grocery", **settings_dict(grocery)}
    say(f"data        {_ended(data_stage(out, lambda: make_grocery(grocery), record))}")
    say("embed       latent semantic analysis of the product texts")
    say(f"embed       {_ended(embed_stage(out, embed, progress=False))}")
    fork_run(out, out / BASELINE)
    say("tokenize, train, index: λ = 0.01 and λ = 0 side by side")
    _build_side_by_side(
        [
            _Build("λ=0.01", out, tuple(overrides)),
            _Build("λ=0", out / BASELINE, (*overrides, "tokenizer.lam=0")),
        ],
        say,
    )


def _build_side_by_side(builds: Sequence[_Build], say: Say) -> None:
    """Run `genret build` for each, the cores shared out among them; a GenretError with its last line if one fails."""
    threads = str(max(1, _cores() // len(builds)))
    environment = {**os.environ, "OMP_NUM_THREADS": threads, "TOKENIZERS_PARALLELISM": "false"}
    processes = []
    for build in builds:
        with build.log.open("w", encoding="utf-8") as log:
            command = [sys.executable, "-m", "genret", *build.command]
            processes.append(subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=environment))
    try:
        _wait(builds, processes, say)
    finally:
        for process in processes:
            if process.poll() is None:
                process.terminate()
                process.wait()


def _wait(builds: Sequence[_Build], processes: Sequence[subprocess.Popen[bytes]], say: Say) -> None:
    told = monotonic()
    while any(process.poll() is None for process in processes):
        for build, process in zip(builds, processes, strict=True):
            if process.poll():
                raise GenretError(f"building {build.run} failed: {_last_line(build.log)} (whole log: {build.log})")
        sleep(0.5)
        if monotonic() - told > TICK:
            told = monotonic()
            for build in builds:
                say(f"  {build.label:7s} {_last_line(build.log)}")
    for build, process in zip(builds, processes, strict=True):
        if process.returncode:
            raise GenretError(f"building {build.run} failed: {_last_line(build.log)} (whole log: {build.log})")
        for line in build.log.read_text(encoding="utf-8").splitlines():
            if re.match(r"(tokenize|train|index) ", line):
                say(f"  {build.label:7s} {line}")


def _last_line(log: Path) -> str:
    """The last thing that a process said; a progress bar redraws its line, so carriage returns end lines too."""
    lines = [line.strip() for line in re.split(r"[\r\n]+", log.read_text(encoding="utf-8", errors="replace"))]
    return next((line for line in reversed(lines) if line), "starting")[:160]


def _ended(result: StageResult) -> str:
    return "up to date, reused" if result.reused else f"done in {result.seconds:.1f} s"


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
