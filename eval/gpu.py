"""What a GPU gives: the same catalogue built and searched on the processor, on the GPU, and there in bf16.

    python eval/gpu.py --work runs/gpu     # table and JSON to eval/results/gpu

Every build is a process of its own with another environment and the same seeds, on the embedded grocery catalogue with
MiniLM as its embedder; the processor uses all its cores. Rates are medians of `TURNS` runs after a first one that is
not counted: texts are embedded and queries searched in this process, with the run's own settings. The processor's run
is the reference for IDs and answers. Needs a CUDA device.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click
from machines import ENCODER, build, judged, shared
from script import RESULTS, run_script, write_rows

from genret.ground.hardware import DEVICE, PRECISION, THREADS, choose_device, record
from genret.pipeline.folder import RunFolder
from genret.pipeline.retriever import Retriever
from genret.search.beam import BeamSettings

BUILDS: dict[str, dict[str, str]] = {
    "processor": {DEVICE: "cpu"},
    "GPU": {DEVICE: "cuda"},
    "GPU, bf16": {DEVICE: "cuda", PRECISION: "bf16"},
}
Row = dict[str, Any]
TURNS = 3
BEAM = BeamSettings(k=10, beam_width=50)


def seconds(work: Callable[[], Any]) -> float:
    """The median time of `TURNS` runs after a first one."""
    times = []
    for _ in range(TURNS + 1):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return statistics.median(times[1:])


def found_by(retriever: Retriever, texts: Sequence[str]) -> list[list[str]]:
    """Each query's products by the beam alone, all queries together."""
    rows: list[list[str]] = []
    for batch in retriever.search_positions(texts, BEAM):
        rows += [batch.index.base.ids_at(row[row >= 0].tolist()) for row in batch.result.positions]
    return rows


def measured(name: str, folder: RunFolder, reference: tuple[Any, list[list[str]]] | None) -> tuple[Row, Any]:
    """The row of a build, and its IDs and answers; `reference`: those to compare with, None for its own."""
    dataset, codes, took = folder.dataset(), folder.tokenizer()[1], folder.timings()
    titles, embedder = [product.title for product in dataset.catalogue], folder.embedder()
    asked, retriever = [query.text for query in dataset.split_queries("test")], Retriever.load(folder.path)
    found = found_by(retriever, asked)
    own = (codes, found)
    codes_before, found_before = reference or own
    row = {
        "build": name,
        **{f"{stage} s": round(took[stage], 1) for stage in ("embeddings", "tokenizer", "model")},
        "texts/s": round(len(titles) / seconds(lambda: embedder.encode(titles))),
        "queries/s": round(len(asked) / seconds(lambda: found_by(retriever, asked))),
        "one query, ms": round(seconds(lambda: [found_by(retriever, [text]) for text in asked[:50]]) * 20, 2),
        "same ID": round(float((codes == codes_before).all(1).mean()), 4),
        "top 10 shared": round(shared(found, found_before), 4),
        "recall@10": round(judged(dataset, found)["recall@10"], 4),
    }
    return row, own


def measure(work: Path, settings: dict[str, Any]) -> list[Row]:
    """One row for each build, the processor's first."""
    rows: list[Row] = []
    reference = None
    for name, environment in BUILDS.items():
        folder = RunFolder(work / name.replace(", ", "-"))
        build(folder.path, {THREADS: "", **environment}, settings)
        os.environ.update({PRECISION: "", **environment})
        row, own = measured(name, folder, reference)
        reference = reference or own
        rows.append(row)
        click.echo(row)
    return rows


@click.command()
@click.option("--work", type=click.Path(path_type=Path), default=Path("runs/gpu"), show_default=True)
@click.option("--products", default=20_000, show_default=True)
@click.option("--tokenizer-steps", default=400, show_default=True)
@click.option("--steps", default=400, show_default=True, help="Of the model's training.")
@click.option("--batch-size", default=256, show_default=True, help="Texts that are embedded together.")
@click.option("--out", type=click.Path(path_type=Path), default=RESULTS / "gpu", help="Default: eval/results/gpu.")
def main(work: Path, products: int, tokenizer_steps: int, steps: int, batch_size: int, out: Path) -> None:
    """Build and search one catalogue on the processor and on the GPU."""
    device = choose_device("cuda")
    settings = {
        "grocery.products": products,
        "grocery.test_queries": 1000,
        "embed.batch_size": batch_size,
        "tokenizer.steps": tokenizer_steps,
        "train.max_steps": steps,
    }
    rows = measure(work, settings)
    here = {**record(device), "seed": 0, "embedder": ENCODER, "beam_width": BEAM.beam_width, **settings}
    head = f"# A GPU beside the processor: {', '.join(f'{name} {value}' for name, value in here.items())}"
    write_rows(out, "gpu", head, here, rows)


if __name__ == "__main__":
    run_script(main)
