"""The speed benchmark: constrained beam search against what people use today, in one process, by one command.

    python eval/speed.py                       # the grid; table and JSON to eval/results/speed/
    python eval/speed.py --quick --json FILE   # Q = 16, B = 50, N = 100,000 in under a minute

The systems answer the same queries with the same model on the same threads, in turns, and a ratio is the median over
turns of the quotient of one turn's two times:

    constrained     genret: encoder and beam search over the trie, top 10, as a search does it for one query or several
    dict            transformers.generate, prefix_allowed_tokens_fn over nested Python dicts
    marisa          the same over a marisa trie as GENRE does it: one chr per token, keys() of the whole subtree
    unconstrained   transformers.generate alone
    floor           the decoder's layers and heads, in torch, over as many (row, step) positions, and nothing else: no
                    encoder, no softmax, no reordering, no search

The model has the shape that `genret train` makes (dense start, prefix table) and random weights. What depends on the
weights, how often a beam is certified exact and what filters cost, is measured by eval/exactness.py on a trained run.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import platform
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
import transformers
from script import RESULTS, rows_table, run_script, write_results
from speed_systems import SIZES, Catalogue, Cell, Shape, Systems, make_model, skewed_codes
from transformers import GenerationConfig, PrefixConstrainedLogitsProcessor

from genret.eval.result import table
from genret.ground.artifacts import write_json
from genret.ground.hardware import use_threads
from genret.model.seq2seq import GenretForConditionalGeneration
from genret.search.logits import TrieLogitsProcessor
from genret.search.trie import Allowed, Trie
from genret.search.vocab import START, Vocab

Times = dict[str, list[float]]
"""System -> seconds, turn by turn; fewer turns for slow systems."""

MASK_ROWS = 400
KNOWN = 1_000_000
"""Up to so many IDs the model has a prefix table; the vectors of ten million would take 5 GB."""


def take_turns(systems: Mapping[str, Callable[[], Any]], turns: Mapping[str, int]) -> Times:
    """Each system's times; systems take turns, so that what disturbs the machine disturbs them alike."""
    times: Times = {name: [] for name in systems}
    for turn in range(max(turns.values())):
        for name, run in systems.items():
            if turn < turns[name]:
                start = time.perf_counter()
                run()
                times[name].append(time.perf_counter() - start)
    return times


def ratio(times: Times, above: str, below: str) -> float | None:
    """The median over turns of one system's time by another's; None where one was not run."""
    pairs = list(zip(times.get(above, []), times.get(below, []), strict=False))
    return round(statistics.median(a / b for a, b in pairs), 3) if pairs else None


def measure_cell(
    model: GenretForConditionalGeneration, catalogue: Catalogue, cell: Cell, turns: Mapping[str, int]
) -> dict[str, Any]:
    """One row of the table."""
    systems = Systems(model, catalogue, cell)
    chosen = {name: getattr(systems, name) for name in turns if turns[name]}
    for name in chosen:  # the first call builds tries and warms caches
        if name == "marisa":
            systems.catalogue.marisa.get([START])
        else:
            chosen[name]()
    times = take_turns(chosen, turns)
    same = None
    if "dict" in chosen:
        distinct = catalogue.trie.num_ids == catalogue.trie.num_products  # else ours lists products, theirs IDs
        same = bool(np.allclose(systems.constrained(), systems.dict(), atol=1e-4)) if distinct else None
    return {
        **asdict(cell),
        "turns": {name: len(values) for name, values in times.items()},
        "seconds": {name: round(statistics.median(values), 4) for name, values in times.items()},
        "vs_dict": ratio(times, "dict", "constrained"),
        "vs_marisa": ratio(times, "marisa", "constrained"),
        "vs_unconstrained": ratio(times, "unconstrained", "constrained"),
        "vs_floor": ratio(times, "constrained", "floor"),
        "queries_per_second": round(cell.queries / statistics.median(times["constrained"]), 1),
        "same_scores_as_dict": same,
    }


def measure_mask(catalogue: Catalogue, turns: int, with_dict: bool) -> dict[str, Any]:
    """The mask step alone for 400 rows below random products: mean over levels 2 to 4 of the median over turns."""
    trie, rng = catalogue.trie, np.random.default_rng(2)
    codes = catalogue.codes[rng.integers(0, len(catalogue.codes), MASK_ROWS)]
    allowed = Allowed.from_positions(trie, rng.random(trie.num_products) < 0.1)
    scores = torch.zeros(MASK_ROWS, len(Vocab(SIZES)))
    ours = TrieLogitsProcessor(trie, Vocab(SIZES), GenerationConfig())
    theirs = PrefixConstrainedLogitsProcessor(catalogue.dict_children, 50)
    medians: dict[str, list[float]] = {"mask": [], "filtered": [], "child": [], "processor": [], "dict": []}
    for level in range(1, len(SIZES)):
        nodes = np.zeros(MASK_ROWS, np.int64)
        for above in range(level):
            nodes = trie.child(above, nodes, codes[:, above])
        tokens = torch.full((MASK_ROWS, level + 1), START)
        tokens[:, 1:] = torch.from_numpy(Vocab(SIZES).encode(codes[:, :level]))
        runs: dict[str, Callable[[], Any]] = {
            "mask": partial(trie.children_mask, level, nodes),
            "filtered": partial(trie.children_mask, level, nodes, allowed),
            "child": partial(trie.child, level, nodes, codes[:, level]),
            "processor": partial(ours, tokens, scores),
            "dict": partial(theirs, tokens, scores),
        }
        if not with_dict:
            del runs["dict"]
        times = take_turns(runs, {name: max(3, turns // 5) if name == "dict" else turns for name in runs})
        for name, values in times.items():
            medians[name].append(statistics.median(values))
    mean = {name: statistics.mean(values) * 1e3 for name, values in medians.items() if values}
    return {
        "ids": trie.num_products,
        "mask_ms": round(mean["mask"], 4),
        "mask_ms_by_level": [round(value * 1e3, 4) for value in medians["mask"]],
        "filtered_mask_ms": round(mean["filtered"], 4),
        "child_ms": round(mean["child"], 4),
        "processor_ms": round(mean["processor"], 4),
        "mask_vs_dict": round(mean["dict"] / mean["mask"], 1) if "dict" in mean else None,
        "processor_vs_dict": round(mean["dict"] / mean["processor"], 1) if "dict" in mean else None,
    }


def measure_index(count: int) -> dict[str, Any]:
    """Build time, bytes per ID, opening time, and the peak memory of a process that builds it and nothing else."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        return dict(pool.apply(_index_numbers, (count,)))


def _index_numbers(count: int) -> dict[str, Any]:
    codes = skewed_codes(count, 0).astype(np.uint8)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    trie = Trie.build(codes, SIZES).trie
    built = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with tempfile.TemporaryDirectory() as folder:
        trie.save(folder)
        size = sum(file.stat().st_size for file in Path(folder).iterdir())
        start = time.perf_counter()
        Trie.open(folder)
        opened = time.perf_counter() - start
    return {
        "ids": trie.num_ids,
        "build_s": round(built, 3),
        "bytes_per_id_disk": round(size / trie.num_ids, 2),
        "bytes_per_id_memory": round(trie.nbytes / trie.num_ids, 2),
        "open_ms": round(opened * 1e3, 2),
        "peak_memory_mb": round(peak / 1024),
        "peak_memory_before_building_mb": round(before / 1024),
    }


def measure_latency(model: GenretForConditionalGeneration, catalogue: Catalogue, turns: int) -> dict[str, float]:
    """Milliseconds of a single query at B = 50, encoder included."""
    run = Systems(model, catalogue, Cell(1, 50, len(catalogue.codes))).constrained
    run()
    times = [seconds * 1e3 for seconds in take_turns({"one": run}, {"one": turns})["one"]]
    return {"p50_ms": round(float(np.percentile(times, 50)), 2), "p95_ms": round(float(np.percentile(times, 95)), 2)}


def environment() -> dict[str, Any]:
    return {
        "cpu": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "dtype": "float32",
    }


def quick(shape: Shape, turns: int) -> dict[str, Any]:
    """One cell, in under a minute; beside it a model that is not told which codes follow which prefix."""
    catalogue, cell = Catalogue(100_000), Cell(16, 50, 100_000)
    model = make_model(shape, catalogue.codes)
    often = {"constrained": 5 * turns, "floor": 5 * turns, "unconstrained": 2 * turns, "dict": turns}
    row = measure_cell(model, catalogue, cell, {**often, "marisa": 3})
    plain = measure_cell(make_model(shape), catalogue, cell, {**often, "marisa": 3})
    kept = ("seconds", "vs_dict", "vs_marisa", "vs_unconstrained", "vs_floor")
    return {
        **row,
        **measure_mask(catalogue, turns * 10, with_dict=True),
        "latency": measure_latency(model, catalogue, turns * 5),
        "without_prefix_table": {name: plain[name] for name in kept},
        "model": asdict(shape),
        "environment": environment(),
    }


def grid(shape: Shape, counts: Sequence[int], turns: int) -> dict[str, Any]:
    """All cells; slow systems get fewer turns, or none where one call would take minutes (see `turns_for`)."""
    results: dict[str, Any] = {"model": asdict(shape), "environment": environment(), "cells": [], "mask": []}
    results["index"] = [measure_index(count) for count in counts]
    results["latency"] = []
    for count in counts:
        catalogue = Catalogue(count)
        model = make_model(shape, catalogue.codes if count <= KNOWN else None)
        with_dict = count <= 1_000_000  # ten million would take some 10 GB of Python dicts
        results["mask"].append(measure_mask(catalogue, turns * 10, with_dict))
        results["latency"].append({"ids": count, **measure_latency(model, catalogue, 20)})
        for cell in (Cell(queries, beams, count) for queries in (1, 16, 64) for beams in (10, 50, 200)):
            results["cells"].append(measure_cell(model, catalogue, cell, turns_for(cell, turns, with_dict)))
            click.echo(" | ".join(cell_row(results["cells"][-1])))
    return results


def turns_for(cell: Cell, turns: int, with_dict: bool) -> dict[str, int]:
    """Turns per system. GENRE's trie reads N / 256 keys per row at level 2, 0.5 µs each; left out above a minute."""
    rows = cell.queries * cell.beams
    marisa_seconds = rows * cell.ids / 100 * 0.5e-6
    slow = 1 if rows > 3_000 else max(1, turns // 2) if rows > 800 else turns
    return {
        "constrained": turns,
        "floor": turns,
        "unconstrained": slow,
        "dict": slow if with_dict else 0,
        "marisa": int(marisa_seconds < 60),
    }


HEAD = ("Q", "B", "N", "constrained ms", "floor ms", "× floor", "vs dict", "vs marisa", "vs unconstrained", "q/s")


def cell_row(cell: Mapping[str, Any]) -> list[str]:
    seconds = cell["seconds"]
    values = (
        cell["queries"],
        cell["beams"],
        f"{cell['ids']:,}",
        f"{seconds['constrained'] * 1e3:.1f}",
        f"{seconds['floor'] * 1e3:.1f}",
        cell["vs_floor"],
        *(cell[name] if cell[name] is not None else "–" for name in ("vs_dict", "vs_marisa", "vs_unconstrained")),
        cell["queries_per_second"],
    )
    return list(map(str, values))


def report(results: Mapping[str, Any], command: str) -> str:
    lines = [
        "# Speed",
        "",
        f"`{command}`; model {results['model']}, {results['environment']}.",
        "",
        "Times are medians; ratios are medians over paired turns: `× floor` is ours by the floor (lower is better), "
        "the others say how many times faster ours is. At 10,000,000 IDs the model has no prefix table. "
        "– : not run, one call would take minutes or gigabytes.",
        "",
        table(HEAD, map(cell_row, results["cells"])),
        "",
        "## Mask step, 400 rows",
        "",
        rows_table(results["mask"]),
        "",
        "## Index",
        "",
        rows_table(results["index"]),
        "",
        "## One query at B = 50",
        "",
        rows_table(results["latency"]),
    ]
    return "\n".join(lines) + "\n"


@click.command()
@click.option("--quick", "is_quick", is_flag=True, help="One cell in under a minute: Q = 16, B = 50, N = 100,000.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write the figures to this file.")
@click.option("--turns", default=5, show_default=True, help="Turns of each system that is not slow.")
@click.option("--threads", type=int, help="Of torch; default: what torch takes.")
@click.option("--max-ids", default=10_000_000, show_default=True, help="Leave out larger catalogues.")
@click.option("--d-model", default=Shape.d_model, show_default=True)
@click.option("--layers", default=Shape.layers, show_default=True)
@click.option("--ffn", default=Shape.ffn, show_default=True)
def main(
    is_quick: bool,
    json_file: Path | None,
    turns: int,
    threads: int | None,
    max_ids: int,
    d_model: int,
    layers: int,
    ffn: int,
) -> None:
    """Measure constrained beam search against its alternatives."""
    if threads:
        use_threads(threads)
    shape = Shape(d_model, layers, Shape.heads, ffn)
    if is_quick:
        results = quick(shape, turns)
        click.echo(json.dumps(results, indent=2))
    else:
        counts = [count for count in (10_000, 100_000, 1_000_000, 10_000_000) if count <= max_ids]
        results = grid(shape, counts, turns)
        text = report(results, f"python eval/speed.py --turns {turns} --max-ids {max_ids}")
        write_results(RESULTS / "speed", "speed", results, text)
    if json_file:
        write_json(json_file, results)


if __name__ == "__main__":
    run_script(main)
