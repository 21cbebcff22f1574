"""How wide a beam must be, by the scale of the decoder's values and by how many prefixes a query looks below: what a
beam finds of the model's own best products.

    python eval/query_scale.py runs/mine      # table and JSON to eval/results/query-scale/NAME
    python eval/query_scale.py runs/mine --scales 39.6 --widths 50 --below 128,256,320,512

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


def prefixes_of(retriever: Retriever) -> PrefixValues:
    """What the retriever's model knows of prefixes; a GenretError where that is not all that it scores by."""
    decoder = retriever.model.decoder
    if decoder.correction is None or not isinstance(decoder.prefixes, PrefixValues):
        raise GenretError("the model has no prefix values; build it with model.start=dense and model.lookahead=2")
    if decoder.correction.weight.any():
        raise GenretError("the model is trained, so that its own best products are not known; use train.max_steps=0")
    return decoder.prefixes


def measure(retriever: Retriever, texts: Sequence[str], scales: Sequence[float], widths: Sequence[int]) -> list[Any]:
    """A row for each scale and beam width."""
    scale, rows = retriever.model.decoder.value_scale, []
    assert scale is not None, "prefix values are scaled"
    for one in scales:
        with torch.no_grad():
            scale.fill_(float(np.log(one)))
        for width in widths:
            row = {"scale": one, "look_below": prefixes_of(retriever).look_below, "beam": width}
            rows.append({**row, **reached(retriever, texts, width)})
            click.echo(rows[-1], err=True)
    return rows


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--scales", type=numbers, default="24,32,40,50,64", show_default=True)
@click.option("--widths", type=whole_numbers, default="10,50,100", show_default=True)
@click.option("--below", type=whole_numbers, help="Prefixes that a query looks below. [default: the model's own]")
@click.option("--queries", default=100, show_default=True, help="Distinct ones, of the test split.")
@click.option("--out", type=click.Path(path_type=Path), help="[default: eval/results/query-scale/NAME]")
def main(
    run: Path, scales: list[float], widths: list[int], below: list[int] | None, queries: int, out: Path | None
) -> None:
    """What beams of the RUN's untrained model find of its own best products, by scale and width."""
    asked = RunFolder.existing(run).dataset().split_queries("test")
    texts, rows = list(dict.fromkeys(query.text for query in asked))[:queries], []
    known = prefixes_of(Retriever.load(run, device="cpu"))
    for count in below or [known.look_below]:
        retriever = Retriever.load(run, device="cpu")  # anew: what is laid out for searches holds the number
        known = prefixes_of(retriever)
        known.look_below = count
        rows += measure(retriever, texts, scales, widths)
    head = (
        f"{len(known.leaves):,} IDs, vectors {known.leaves.shape[1]} wide; {len(texts)} queries of the test split "
        f"(float32, torch {torch.__version__} on {platform.machine()})."
    )
    figures = {"ids": len(known.leaves), "queries": len(texts)}
    out = out or RESULTS / "query-scale" / run.resolve().name
    write_rows(out, "query_scale", head, figures, rows)


if __name__ == "__main__":
    run_script(main)
