"""How wide a beam must be, by the scale of the decoder's values: what a beam finds of the model's own best products.

    python eval/query_scale.py runs/mine      # table and JSON to eval/results/query-scale/NAME

The RUN's model must be untrained (`train.max_steps = 0`), so that a product's score is the inner product of the query
with the product's own vector, and the best products are known without a beam. Nothing is judged: what is measured is
the beam, not the embedding. Processor milliseconds are medians of one query at a time on one thread.
"""

from __future__ import annotations

import platform
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from scale_stages import of_own_best
from script import RESULTS, numbers, run_script, whole_numbers, write_rows

from genret.ground.errors import GenretError
from genret.ground.hardware import one_thread
from genret.model.values import PrefixValues
from genret.pipeline.folder import RunFolder
from genret.pipeline.retriever import Retriever
from genret.search.beam import BeamSettings

K, WARM_UP = 10, 5


def reached(retriever: Retriever, texts: Sequence[str], width: int) -> dict[str, Any]:
    """Of the model's own best 10 products, and of as many as the beam is wide, the shares that a beam finds."""
    found, took = [], []
    with one_thread():
        for text in [*texts[:WARM_UP], *texts]:
            used = time.process_time()
            (batch,) = retriever.search_positions([text], BeamSettings(width, width))
            took.append(time.process_time() - used)
            found.append(batch.result.positions)
    positions = np.concatenate(found[WARM_UP:])
    best, all_found = (round(of_own_best(retriever, texts, positions[:, :k]), 3) for k in (K, width))
    shares = {f"of own top {K}": best, "of own top, as wide as the beam": all_found}
    return {**shares, "cpu ms": round(1e3 * statistics.median(took[WARM_UP:]), 2)}


def measure(retriever: Retriever, texts: Sequence[str], scales: Sequence[float], widths: Sequence[int]) -> list[Any]:
    """A row for each scale and beam width."""
    scale, correction = retriever.model.decoder.value_scale, retriever.model.decoder.correction
    if scale is None or correction is None or not isinstance(retriever.model.decoder.prefixes, PrefixValues):
        raise GenretError("the model has no prefix values; build it with model.start=dense and model.lookahead=2")
    if correction.weight.any():
        raise GenretError("the model is trained, so that its own best products are not known; use train.max_steps=0")
    rows = []
    for one in scales:
        with torch.no_grad():
            scale.fill_(float(np.log(one)))
        for width in widths:
            rows.append({"scale": one, "beam": width, **reached(retriever, texts, width)})
            click.echo(rows[-1], err=True)
    return rows


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--scales", type=numbers, default="24,32,40,50,64", show_default=True)
@click.option("--widths", type=whole_numbers, default="10,50,100", show_default=True)
@click.option("--queries", default=100, show_default=True, help="Distinct ones, of the test split.")
@click.option("--out", type=click.Path(path_type=Path), help="[default: eval/results/query-scale/NAME]")
def main(run: Path, scales: list[float], widths: list[int], queries: int, out: Path | None) -> None:
    """What beams of the RUN's untrained model find of its own best products, by scale and width."""
    texts = list(dict.fromkeys(query.text for query in RunFolder.existing(run).dataset().split_queries("test")))[
        :queries
    ]
    retriever = Retriever.load(run, device="cpu")
    rows = measure(retriever, texts, scales, widths)
    known = retriever.model.decoder.prefixes
    assert isinstance(known, PrefixValues), "measured"
    head = (
        f"{len(retriever.index):,} products, {known.leaves.shape[1]} wide; {len(texts)} queries of the test split; "
        f"{known.look_below} prefixes looked below (float32, torch {torch.__version__} on {platform.machine()})."
    )
    figures = {"products": len(retriever.index), "queries": len(texts), "look_below": known.look_below}
    out = out or RESULTS / "query-scale" / run.resolve().name
    write_rows(out, "query_scale", head, figures, rows)


if __name__ == "__main__":
    run_script(main)
