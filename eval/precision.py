"""What lower precision gains and costs on a trained run: fp32, int8 weights, and bf16 where the hardware multiplies it.

    python eval/precision.py --run runs/demo        # table and JSON to eval/results/precision

int8 is torch's dynamic quantization of the decoder's linear layers. All systems take turns on the same queries; a gain
is the median over turns of fp32's time by the other's.
"""

from __future__ import annotations

import copy
import statistics
import time
import warnings
from pathlib import Path
from typing import Any, TypeAlias

import click
import numpy as np
import torch
from script import RESULTS, rows_table, run_script, write_results

from genret.eval.measures import evaluate
from genret.eval.runs import RankedList, ranked
from genret.ground.hardware import multiplies_bf16
from genret.model.plain import SearchModel
from genret.model.seq2seq import GenretForConditionalGeneration
from genret.pipeline.folder import RunFolder
from genret.pipeline.retriever import Retriever
from genret.search.beam import BeamSettings, beam_search

Model: TypeAlias = "SearchModel | GenretForConditionalGeneration"
BATCH = 16


def variants(model: Model) -> dict[str, Model]:
    """The model in the precisions that this machine has."""
    found = {"fp32": model, "int8": copy.deepcopy(model)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.ao is to move to torchao
        found["int8"].decoder = torch.ao.quantization.quantize_dynamic(
            found["int8"].decoder, {torch.nn.Linear}, dtype=torch.qint8
        )
    if multiplies_bf16():
        found["bf16"] = copy.deepcopy(model).to(torch.bfloat16)
    return found


def search(model: Model, retriever: Retriever, texts: list[str], settings: BeamSettings) -> tuple[np.ndarray, float]:
    """(Q, k) positions, and the seconds that all queries took."""
    start, found = time.perf_counter(), []
    for first in range(0, len(texts), BATCH):
        decoder = model.decoder_for(*retriever.tokens(texts[first : first + BATCH]))
        found.append(beam_search(decoder, retriever.index.trie, settings).positions)
    return np.concatenate(found), time.perf_counter() - start


def measure(folder: Path, beams: int, turns: int) -> dict[str, Any]:
    retriever, dataset = Retriever.load(folder), RunFolder(folder).dataset()
    queries = dataset.split_queries("test")
    texts, settings = [query.text for query in queries], BeamSettings(k=10, beam_width=beams)
    models = variants(retriever.model)
    answers = {name: search(model, retriever, texts, settings)[0] for name, model in models.items()}
    times: dict[str, list[float]] = {name: [] for name in models}
    for _ in range(turns):
        for name, model in models.items():
            times[name].append(search(model, retriever, texts, settings)[1])
    judged = dataset.split_judgements("test")
    rows = []
    for name, positions in answers.items():
        run: dict[str, RankedList] = {}
        for query, found in zip(queries, positions, strict=True):
            products = [product.id for product in retriever.index.products(found[found >= 0])]
            run[query.id] = ranked(products, range(len(products), 0, -1))
        same = [
            len(set(a) & set(b)) / len(a) for a, b in zip(positions.tolist(), answers["fp32"].tolist(), strict=True)
        ]
        means = evaluate(run, judged, relevant_at=dataset.relevant_at).means
        rows.append(
            {
                "precision": name,
                "ms a query": round(statistics.median(times[name]) / len(texts) * 1e3, 3),
                "gain": round(statistics.median(a / b for a, b in zip(times["fp32"], times[name], strict=True)), 3),
                "top 10 shared with fp32": round(float(np.mean(same)), 4),
                "recall@10": round(means["recall@10"], 4),
            }
        )
    return {"run": folder.name, "queries": len(texts), "beams": beams, "threads": torch.get_num_threads(), "rows": rows}


@click.command()
@click.option("--run", "folder", type=click.Path(path_type=Path), required=True, help="A run folder with a model.")
@click.option("--beams", default=50, show_default=True)
@click.option("--turns", default=5, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="Default: eval/results/precision.")
def main(folder: Path, beams: int, turns: int, out: Path | None) -> None:
    """Measure precisions on a trained run."""
    results = measure(folder, beams, turns)
    head = ", ".join(f"{name} {value}" for name, value in results.items() if name != "rows")
    text = f"# Precision: {head}\n\n{rows_table(results['rows'])}"
    write_results(out or RESULTS / "precision", "precision", results, text)


if __name__ == "__main__":
    run_script(main)
