"""This tree against another one, in turns within one run, so that what disturbs the machine disturbs both alike.

    python eval/against.py latency TREE OLD_RUN runs/demo   # single queries on one thread, beams of both
    python eval/against.py startup TREE OLD_RUN runs/demo   # `genret search` of one query, from the first import on

TREE is a folder that holds another version of `genret/`; OLD_RUN is a run that it can search (the same run, where it
can). Ratios are of medians, of wall time and of the processor's. Figures go to eval/results/against/NAME.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np
from script import RESULTS, rows_table, run_script, whole_numbers, write_results

from genret.eval.compare import compare
from genret.eval.evaluation import own_queries
from genret.eval.measures import evaluate
from genret.eval.result import format_difference
from genret.eval.runs import RankedList
from genret.ground.errors import GenretError
from genret.ground.hardware import processor
from genret.ground.types import SPLITS, Query, Split
from genret.pipeline.folder import RunFolder

HERE = Path(__file__).resolve().parents[1]
K, WARM_UP = 10, 10
QUERY = "oat milk"
WORKER = """
import json, sys, time
import torch
from genret import Retriever
torch.set_num_threads(1)
retriever = Retriever.load(sys.argv[1])
for line in sys.stdin:
    text, k, width = json.loads(line)
    wall, used = time.perf_counter(), time.process_time()
    hits = retriever.search(text, k, beam_width=width).hits
    times = time.perf_counter() - wall, time.process_time() - used
    print(json.dumps([[hit.product.id for hit in hits], times]), flush=True)
"""
"""What a tree runs: a query a line in, ids and seconds out."""


class System(NamedTuple):
    """A tree with a run, and how wide it searches; None: as wide as it does by itself."""

    tree: Path
    run: Path
    width: int | None

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": str(self.tree), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


class Worker:
    """A process that searches with one system's tree."""

    def __init__(self, system: System) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", WORKER, str(system.run.resolve())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=tempfile.gettempdir(),
            env=system.environment,
        )

    def search(self, text: str, width: int | None) -> tuple[list[str], tuple[float, float]]:
        """The ids of the products found, and the seconds that it took: wall, and the processor's."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([text, K, width]) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise GenretError("a tree's process ended; try `python -c 'from genret import Retriever'` in that tree")
        ids, times = json.loads(line)
        return ids, tuple(times)

    def close(self) -> None:
        self._process.communicate()


def measure_latency(
    systems: Mapping[str, System], queries: Sequence[Query]
) -> tuple[dict[str, dict[str, RankedList]], dict[str, np.ndarray]]:
    """Per system its run, and the (Q, 2) seconds of each query."""
    workers = {place: Worker(System(*place, None)) for place in {(one.tree, one.run) for one in systems.values()}}
    runs: dict[str, dict[str, RankedList]] = {name: {} for name in systems}
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in systems}
    for place, query in enumerate([*queries[:WARM_UP], *queries]):
        for name, system in systems.items():
            ids, seconds = workers[system.tree, system.run].search(query.text, system.width)
            if place >= WARM_UP:
                times[name].append(seconds)
            runs[name][query.id] = RankedList(tuple(ids), tuple(float(-rank) for rank in range(len(ids))))
    for worker in workers.values():
        worker.close()
    return runs, {name: np.array(found) for name, found in times.items()}


def measure_startup(systems: Mapping[str, System], turns: int) -> dict[str, np.ndarray]:
    """Per system the (turns, 2) seconds of `genret search` of one query: wall, and the processor's."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in systems}
    for turn in range(turns + 1):  # the first warms the disk's cache
        for name, system in systems.items():
            before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
            command = [sys.executable, "-m", "genret", "search", QUERY, "--run", str(system.run.resolve())]
            subprocess.run(
                command, env=system.environment, cwd=tempfile.gettempdir(), check=True, stdout=subprocess.DEVNULL
            )
            wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
            used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            if turn:
                times[name].append((wall, used))
    return {name: np.array(found) for name, found in times.items()}


def rows_of(times: Mapping[str, np.ndarray], unit: float, baseline: str) -> list[dict[str, Any]]:
    """A row per system: medians, and their ratio to the baseline's."""
    medians = {name: np.median(found, axis=0) * unit for name, found in times.items()}
    return [
        {
            "system": name,
            "wall, median": round(float(wall), 2),
            "processor, median": round(float(used), 2),
            "wall ratio": round(float(wall / medians[baseline][0]), 3),
            "processor ratio": round(float(used / medians[baseline][1]), 3),
        }
        for name, (wall, used) in medians.items()
    ]


def report(
    name: str, head: str, rows: Sequence[Mapping[str, Any]], out: Path | None, notes: Sequence[str] = ()
) -> None:
    """Print the table, and write it with its figures."""
    text = "\n\n".join([f"{head} {processor()}.", rows_table(rows), *notes])
    figures = {"what": head, "processor": processor(), "rows": list(rows), "notes": list(notes)}
    write_results(out or RESULTS / "against" / name, name, figures, text)


@click.group()
def main() -> None:
    """This tree against another one, in turns."""


@main.command()
@click.argument("tree", type=click.Path(exists=True, path_type=Path))
@click.argument("old_run", type=click.Path(exists=True, path_type=Path))
@click.argument("run", type=click.Path(exists=True, path_type=Path))
@click.option("--split", type=click.Choice(SPLITS), default="dev", show_default=True)
@click.option("--queries", "count", default=300, show_default=True)
@click.option("--width", "old_width", default=50, show_default=True, help="Of the other tree's beam.")
@click.option("--widths", type=whole_numbers, default="10,20,50", show_default=True, help="Of this tree's beams.")
@click.option("--out", type=click.Path(path_type=Path))
def latency(
    tree: Path, old_run: Path, run: Path, split: Split, count: int, old_width: int, widths: list[int], out: Path | None
) -> None:
    """Single queries on one thread: TREE over OLD_RUN against this tree over RUN, with recall@10."""
    dataset = RunFolder(run).dataset()
    queries, grading = own_queries(dataset, split)
    queries = queries[:count]
    baseline = f"other tree, beam {old_width}"
    systems = {baseline: System(tree.resolve(), old_run, old_width)}
    systems |= {f"this tree, beam {width}": System(HERE, run, width) for width in widths}
    runs, times = measure_latency(systems, queries)
    asked = {query.id for query in queries}
    judged = [one for one in grading.judgements if one.query_id in asked]
    scores = {name: evaluate(found, judged, grading.relevant_at) for name, found in runs.items()}
    rows = rows_of(times, 1000, baseline)
    for row in rows:
        row["recall@10"] = round(scores[row["system"]].means["recall@10"], 4)
    compared = compare({name: found.per_query for name, found in scores.items()}, baseline, ["recall@10"])
    notes = [
        f"{one.system} - {baseline}: recall@10 {format_difference(one.difference)}, p = {one.p:.4f}" for one in compared
    ]
    head = f"{len(queries)} queries of {split} one at a time, milliseconds on one thread, k = {K}."
    report("latency", head, rows, out, notes)


@main.command()
@click.argument("tree", type=click.Path(exists=True, path_type=Path))
@click.argument("old_run", type=click.Path(exists=True, path_type=Path))
@click.argument("run", type=click.Path(exists=True, path_type=Path))
@click.option("--turns", default=7, show_default=True)
@click.option("--out", type=click.Path(path_type=Path))
def startup(tree: Path, old_run: Path, run: Path, turns: int, out: Path | None) -> None:
    """`genret search` of one query in a new process: TREE over OLD_RUN against this tree over RUN."""
    systems = {"other tree": System(tree.resolve(), old_run, None), "this tree": System(HERE, run, None)}
    rows = rows_of(measure_startup(systems, turns), 1, "other tree")
    report("startup", f"`genret search {QUERY!r}` in a new process, {turns} turns, seconds on one thread.", rows, out)


if __name__ == "__main__":
    run_script(main)
