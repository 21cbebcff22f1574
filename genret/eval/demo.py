"""The demo: the whole pipeline on the embedded catalogue, for λ = 0.01 and λ = 0, judged and reported.

Two runs side by side, one per core: `OUT` and `OUT/lambda0`. They share data and embeddings and differ in λ alone, so
that the substitutes table compares like with like.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any, NamedTuple

from genret.data.grocery import GrocerySettings, make_grocery
from genret.embed.settings import EmbedSettings
from genret.eval.systems.bench import parts_of
from genret.ground.artifacts import write_json
from genret.ground.errors import GenretError
from genret.ground.hardware import THREADS, cores
from genret.ground.settings import settings_dict
from genret.pipeline.folder import KINDS, RunFolder
from genret.pipeline.stages import StageResult, data_stage, embed_stage

if TYPE_CHECKING:
    from genret.pipeline.retriever import Retriever

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
    flags: tuple[str, ...]

    @property
    def log(self) -> Path:
        return self.run / "build.log"

    @property
    def command(self) -> list[str]:
        return ["build", "--format", "grocery", "--out", str(self.run), *self.flags]


def build_demo(out: Path, grocery: GrocerySettings, embed: EmbedSettings, flags: Sequence[str], say: Say) -> None:
    """OUT and OUT/lambda0 with every artifact, finished ones reused. `flags` are `genret build`'s, for both runs.

    `say` is told of every stage, and while they run, of how far they are.
    """
    say("data        making the embedded grocery catalogue")
    record = {"format": "grocery", **settings_dict(grocery)}
    say(f"data        {_ended(data_stage(out, lambda: make_grocery(grocery), record))}")
    say(f"embed       {embed.model}, {embed.dim} dimensions")
    say(f"embed       {_ended(embed_stage(out, embed))}")
    RunFolder(out).fork(out / BASELINE)
    # The same embedding in so many words, so that both builds find it made.
    embedded = [f"embed.{name}={json.dumps(value)}" for name, value in settings_dict(embed).items()]
    flags = [*flags, *(part for text in embedded for part in ("--set", text))]
    say("tokenize, train, index: λ = 0.01 and λ = 0 side by side")
    _build_side_by_side(
        [
            _Build("λ=0.01", out, tuple(flags)),
            _Build("λ=0", out / BASELINE, (*flags, "--set", "tokenizer.lam=0")),
        ],
        say,
    )


def judge_demo(out: Path, say: Say, clock: Callable[[], float]) -> dict[str, Any]:
    """Evaluate OUT and OUT/lambda0; write OUT/summary.json and OUT/report.html, and return the summary.

    The summary is one object: settings, seed, seconds per stage, measures per system with 95 % intervals, invalid IDs
    with the trie and without, collisions, substitutes by λ, codebook health by λ, recall by kind of query, and one
    beam.
    """
    from genret.eval.evaluation import EvalPlan, evaluate_run
    from genret.eval.reports.report import write_report
    from genret.eval.studies.contrast import contrast_runs
    from genret.pipeline.retriever import Retriever

    run, plain_run = RunFolder(out), RunFolder(out / BASELINE)
    say("eval        generative, BM25, dense and fused, on the test split")
    plan = EvalPlan(baselines=("bm25", "bm25-tuned", "bm25-tuned~dense"))
    result = evaluate_run(out, plan=plan, out=run.eval, progress=lambda line: say(f"  {line}"))
    say("eval        the same with λ = 0, and the substitutes of both")
    plain = evaluate_run(
        out / BASELINE, systems=("generative",), plan=EvalPlan(baselines=("generative",), free_decode=False)
    )
    contrast = contrast_runs(out / BASELINE, out)
    summary = {
        "settings": {part: dict(run.artifact(part).settings) for part in KINDS},
        "seed": run.artifact("tokenizer").settings["seed"],
        "seconds": {**run.timings(), "lambda0": plain_run.timings(), "total": round(clock(), 1)},
        "milliseconds": milliseconds(result.seconds, result.queries),
        **result.to_json(),
        "lambda0": plain.to_json()["systems"],
        "substitutes": contrast.to_json(),
        "health": {
            f"{contrast.lam_after:g}": run.health().to_json(),
            f"{contrast.lam_before:g}": plain_run.health().to_json(),
        },
        "beam": _beam(Retriever.load(out)),
        "explore": f"genret serve {out}",
        "next": _next(out),
    }
    write_json(out / "summary.json", summary)
    write_report(summary, out / "report.html")
    return summary


def milliseconds(seconds: Mapping[str, float], queries: int) -> dict[str, float]:
    """Per query, by system; a fusion's are those of its parts and of the fusing. Left out where a part was not run."""
    parts = {name: [name] if len(parts_of(name)) == 1 else [name, *parts_of(name)] for name in seconds}
    whole = {name: needed for name, needed in parts.items() if all(part in seconds for part in needed)}
    return {name: round(1000 * sum(seconds[one] for one in needed) / queries, 3) for name, needed in whole.items()}


def _beam(retriever: Retriever) -> dict[str, Any]:
    """The answer to `QUERY` and the beam behind it, as plain values."""
    from genret.pipeline.explain import beam_tree, tree_json

    answer, trace = retriever.explain(QUERY)
    return {
        "query": QUERY,
        "exact": answer.exact,
        "tree": tree_json(beam_tree(trace, retriever.index, width=8)),
        "hits": [
            {"rank": h.rank, "score": h.score, "title": h.product.title, "semantic_id": h.semantic_id}
            for h in answer.hits
        ],
    }


def _next(out: Path) -> list[str]:
    return [
        f"genret serve {out}",
        f'genret search "{QUERY}" --run {out} --explain',
        f'genret search "oat milk" --run {out} -k 20 --exact --where "price < 5"',
        f"genret tokenizer health {out}/tokenizer",
        "genret build products.parquet --queries queries.csv --judgements judgements.csv --out runs/mine",
    ]


def _build_side_by_side(builds: Sequence[_Build], say: Say) -> None:
    """Run `genret build` for each, the cores shared out among them; a GenretError with its error if one fails."""
    threads = os.environ.get(THREADS) or str(max(1, cores() // len(builds)))
    environment = {**os.environ, THREADS: threads, "TOKENIZERS_PARALLELISM": "false"}
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
                raise _failure(build)
        sleep(0.5)
        if monotonic() - told > TICK:
            told = monotonic()
            for build in builds:
                say(f"  {build.label:7s} {_last_line(build.log)}")
    for build, process in zip(builds, processes, strict=True):
        if process.returncode:
            raise _failure(build)
        for line in build.log.read_text(encoding="utf-8").splitlines():
            if re.match(r"(tokenize|train|index) ", line):
                say(f"  {build.label:7s} {line}")


def _failure(build: _Build) -> GenretError:
    """The child's own error: its "genret: error:" line, or the last line of its traceback; never a progress bar."""
    lines = _lines(build.log)
    said = [line.partition("error: ")[2] for line in lines if re.match(r"genret( \(rank \d+\))?: error: ", line)]
    raised = [line for line in lines if re.match(r"[\w.]+(Error|Exception|Interrupt|Exit)\b", line)]
    why = said[-1] if said else raised[-1] if raised else lines[-1] if lines else "it said nothing"
    return GenretError(f"building {build.run} failed: {why} (whole log: {build.log})")


def _last_line(log: Path) -> str:
    """The last thing that a process said; a progress bar redraws its line, so carriage returns end lines too."""
    return next(reversed(_lines(log)), "starting")[:160]


def _lines(log: Path) -> list[str]:
    lines = [line.strip() for line in re.split(r"[\r\n]+", log.read_text(encoding="utf-8", errors="replace"))]
    return [line for line in lines if line]


def _ended(result: StageResult) -> str:
    return "up to date, reused" if result.reused else f"done in {result.seconds:.1f} s"
