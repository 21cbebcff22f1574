"""One query at a time on one thread: the beam at several widths beside its own embedder and faiss, and where time goes.

    python eval/latency.py runs/demo                # table and JSON to eval/results/latency/NAME
    python eval/latency.py runs/demo --profile 10   # the functions that take most of a search with a beam of 10

The systems take turns query by query, so that what disturbs the machine disturbs them alike. Wall time is what a
shopper waits for; processor time is what is left of it on a machine that does other things as well.
"""

from __future__ import annotations

import cProfile
import pstats
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click
import faiss
import numpy as np
import torch
from script import RESULTS, run_script, whole_numbers, write_rows

from genret.embed.embedder import Embedder
from genret.eval.evaluation import own_queries
from genret.eval.measures import evaluate
from genret.eval.result import Grading
from genret.eval.runs import RankedList
from genret.eval.studies.cost import one_thread
from genret.ground.types import SPLITS, Query, Split
from genret.pipeline.folder import RunFolder
from genret.pipeline.retriever import Retriever

K = 10
WARM_UP = 10
System = Callable[[str], Sequence[str]]
"""A query's text -> the ids of the products found, best first."""


def beams(retriever: Retriever, widths: Sequence[int]) -> dict[str, System]:
    """The run's own search, by width."""

    def search(text: str, width: int) -> list[str]:
        return [hit.product.id for hit in retriever.search(text, K, beam_width=width).hits]

    return {f"beam {width}": lambda text, width=width: search(text, width) for width in widths}  # type: ignore[misc]


def neighbours(embedder: Embedder, vectors: Any, ids: Sequence[str]) -> dict[str, System]:
    """The run's own embedder, alone and in front of faiss."""
    flat = faiss.IndexFlatIP(vectors.shape[1])
    hnsw = faiss.IndexHNSWFlat(vectors.shape[1], 32, faiss.METRIC_INNER_PRODUCT)
    hnsw.hnsw.efConstruction, hnsw.hnsw.efSearch = 200, 64
    lists = max(1, round(4 * len(vectors) ** 0.5))
    ivf = faiss.IndexIVFFlat(faiss.IndexFlatIP(vectors.shape[1]), vectors.shape[1], lists, faiss.METRIC_INNER_PRODUCT)
    ivf.train(vectors)
    ivf.nprobe = 32
    for index in (flat, hnsw, ivf):
        index.add(vectors)

    def search(text: str, index: Any) -> list[str]:
        return [ids[row] for row in index.search(embedder.encode([text]), K)[1][0] if row >= 0]

    def embed(text: str) -> list[str]:
        embedder.encode([text])
        return []

    found: dict[str, System] = {"embedder alone": embed}
    for name, index in (("flat", flat), ("HNSW 32, ef 64", hnsw), (f"IVF {lists}, 32 probes", ivf)):
        found[f"embedder + {name}"] = lambda text, index=index: search(text, index)  # type: ignore[misc]
    return found


def measure(systems: dict[str, System], queries: Sequence[Query], grading: Grading) -> list[dict[str, Any]]:
    """A row per system: milliseconds, wall and processor, and recall@10."""
    wall: dict[str, list[float]] = {name: [] for name in systems}
    processor: dict[str, list[float]] = {name: [] for name in systems}
    runs: dict[str, dict[str, RankedList]] = {name: {} for name in systems}
    for place, query in enumerate([*queries[:WARM_UP], *queries]):
        for name, search in systems.items():
            start, used = time.perf_counter(), time.process_time()
            ids = search(query.text)
            times = time.perf_counter() - start, time.process_time() - used
            if place >= WARM_UP:
                wall[name].append(1000 * times[0])
                processor[name].append(1000 * times[1])
            runs[name][query.id] = RankedList(tuple(ids), tuple(float(-rank) for rank in range(len(ids))))
    asked = {query.id for query in queries}
    judged = [one for one in grading.judgements if one.query_id in asked]
    return [
        {
            "system": name,
            "ms, median": round(float(np.median(wall[name])), 2),
            "ms, 95 %": round(float(np.quantile(wall[name], 0.95)), 2),
            "processor ms, median": round(float(np.median(processor[name])), 2),
            "recall@10": round(evaluate(runs[name], judged, grading.relevant_at).means["recall@10"], 4),
        }
        for name in systems
    ]


def profile(search: System, queries: Sequence[Query]) -> None:
    """Print the functions that take most of the processor's time."""
    for query in queries[:WARM_UP]:
        search(query.text)
    profiler = cProfile.Profile(time.process_time)
    with profiler:
        for query in queries:
            search(query.text)
    pstats.Stats(profiler).sort_stats("tottime").print_stats(40)


@click.command()
@click.argument("run", type=click.Path(exists=True, path_type=Path))
@click.option("--split", type=click.Choice(SPLITS), default="test", show_default=True)
@click.option("--queries", "count", default=300, show_default=True)
@click.option("--widths", type=whole_numbers, default="10,20,50", show_default=True)
@click.option("--profile", "profiled", type=int, help="Of this width alone: where the time goes. Writes nothing.")
@click.option("--out", type=click.Path(path_type=Path), help="[default: eval/results/latency/NAME]")
def main(run: Path, split: Split, count: int, widths: list[int], profiled: int | None, out: Path | None) -> None:
    """Latency of single queries over the RUN."""
    folder, retriever = RunFolder(run), Retriever.load(run)
    dataset = folder.dataset()
    queries, grading = own_queries(dataset, split)
    queries = queries[:count]
    with one_thread():
        if profiled:
            return profile(beams(retriever, [profiled])[f"beam {profiled}"], queries)
        vectors = np.ascontiguousarray(folder.vectors()[0], np.float32)
        systems = neighbours(retriever.embedder, vectors, dataset.catalogue.ids)
        systems |= beams(retriever, widths)
        rows = measure(systems, queries, grading)
    name = run.resolve().name
    shape = f"{len(queries)} queries one at a time on one thread, float32, torch {torch.__version__}"
    head = f"{name}, {split} split: {shape}."
    figures = {"run": name, "split": split, "queries": len(queries)}
    write_rows(out or RESULTS / "latency" / name, "latency", head, figures, rows)


if __name__ == "__main__":
    run_script(main)
