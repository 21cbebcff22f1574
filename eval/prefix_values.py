"""What the right value of a prefix is worth: an untrained beam beside exact nearest neighbours over the same embedding.

    python eval/prefix_values.py runs/demo --split dev      # table and JSON to eval/results/prefix-values/NAME-SPLIT
    python eval/prefix_values.py runs/demo --scales 24,32,40 --below 1024 --out runs/scales     # other scales

For each look-ahead of the decoder (`genret.model.values`; 0 is a prefix's mean) a model of the RUN's own settings is
made with no training, and its beams of several widths search the RUN's index: beam and bucket order alone.
"""

from __future__ import annotations

import platform
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

import click
import numpy as np
import torch
from script import RESULTS, numbers, run_script, whole_numbers, write_results

from genret.data.records import Dataset, load_dataset
from genret.embed.catalogue import load_embedder, load_embeddings
from genret.eval.evaluation import own_queries
from genret.eval.measures import RECALL_CUTOFFS, evaluate
from genret.eval.result import Grading, table
from genret.eval.runs import RankedList
from genret.eval.systems.dense import Dense
from genret.ground.artifacts import read_artifact
from genret.ground.settings import make_settings
from genret.ground.types import SPLITS, Query, Split
from genret.index.index import Index
from genret.pipeline.retriever import Retriever
from genret.pipeline.stages import trained
from genret.search.beam import BeamSettings
from genret.training.settings import ModelSettings, TrainSettings

DEEPEST = max(RECALL_CUTOFFS)
Variant: TypeAlias = tuple[Literal[0, 1, 2], float, int]
"""Look-ahead, query scale and prefixes looked below."""
ROWS: tuple[Variant, ...] = (
    (0, 16.0, 256),
    (1, 16.0, 256),
    (2, 16.0, 256),
    (2, 24.0, 64),
    (2, 24.0, 256),
    (2, 24.0, 1024),
)


def searched(retriever: Retriever, queries: Sequence[Query], width: int) -> tuple[dict[str, RankedList], float]:
    """The run of a beam, as deep as the beam is wide but 100 at most, and the share of top 10s proven exact."""
    found: dict[str, RankedList] = {}
    texts, proven = [query.text for query in queries], []
    for batch in retriever.search_positions(texts, BeamSettings(min(width, DEEPEST), width)):
        for positions in batch.result.positions:
            products = tuple(product.id for product in batch.index.products(positions[positions >= 0]))
            found[queries[len(found)].id] = RankedList(products, tuple(float(-rank) for rank in range(len(products))))
    for batch in retriever.search_positions(texts, BeamSettings(10, max(width, 10))):
        proven += batch.result.proven.tolist()
    return found, float(np.mean(proven))


def recalls(run: dict[str, RankedList], grading: Grading) -> list[float]:
    """At each of the cutoffs."""
    means = evaluate(run, grading.judgements, grading.relevant_at, grading.irrelevant_grade).means
    return [round(means[f"recall@{k}"], 4) for k in RECALL_CUTOFFS]


class Asked(NamedTuple):
    """What is measured."""

    dataset: Dataset
    queries: Sequence[Query]
    grading: Grading
    widths: Sequence[int]
    variants: Sequence[Variant]


def measure(folder: Path, asked: Asked) -> list[dict[str, Any]]:
    """A row for exact nearest neighbours, and one for each variant and width."""
    dataset, queries, grading, widths, variants = asked
    vectors, _ = load_embeddings(folder / "embeddings")
    embedded = load_embedder(folder / "embeddings").encode([query.text for query in queries])
    dense = Dense(np.asarray(vectors, np.float32), dataset.catalogue.ids)
    rows: list[dict[str, Any]] = [
        {
            "system": "exact nearest neighbours",
            "recall": recalls(dense.search([q.id for q in queries], embedded), grading),
        }
    ]
    settings = make_settings(ModelSettings, read_artifact(folder / "model", "model", verify=False).settings["model"])
    index = Index.open(folder / "index")
    for lookahead, scale, below in variants:
        model = replace(settings, lookahead=lookahead, query_scale=scale, look_below=below)
        with tempfile.TemporaryDirectory() as scratch:
            made = trained(folder, model, TrainSettings(max_steps=0), Path(scratch))
        retriever = Retriever(made.model, made.text_tokenizer, index)
        for width in widths:
            run, proven = searched(retriever, queries, width)
            row: dict[str, Any] = {"system": "beam", "lookahead": lookahead, "query_scale": scale}
            row |= {"look_below": below if lookahead == 2 else 0, "beam_width": width}
            rows.append(row | {"recall": recalls(run, grading), "proven": proven})
            click.echo(rows[-1], err=True)
    return rows


def markdown(head: str, rows: Sequence[dict[str, Any]]) -> str:
    """The table."""
    columns = ["system", "look-ahead", "scale", "looks below", "B", *(f"recall@{k}" for k in RECALL_CUTOFFS), "proven"]
    names = ("lookahead", "query_scale", "look_below", "beam_width")
    lines = [
        [
            row["system"],
            *(f"{row[name]:g}" if name in row else "" for name in names),
            *(f"{value:.3f}" for value in row["recall"]),
            f"{row['proven']:.1%}" if "proven" in row else "",
        ]
        for row in rows
    ]
    return f"{head}\n\n{table(columns, lines)}"


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--split", type=click.Choice(SPLITS), default="dev", show_default=True)
@click.option("--widths", type=whole_numbers, default="10,20,50,100,400", show_default=True)
@click.option(
    "--scales",
    type=numbers,
    default="",
    help="In place of the look-aheads, two steps with each of these query scales.",
)
@click.option("--below", default=256, show_default=True, help="Prefixes that --scales look below.")
@click.option("--out", type=click.Path(path_type=Path), help="[default: eval/results/prefix-values/NAME-SPLIT]")
def main(run: Path, split: Split, widths: list[int], scales: list[float], below: int, out: Path | None) -> None:
    """Recall of untrained beams over the RUN's IDs, by look-ahead and width."""
    dataset, _ = load_dataset(run / "data")
    queries, grading = own_queries(dataset, split)
    variants: list[Variant] = [(2, one, below) for one in scales] or list(ROWS)
    rows = measure(run, Asked(dataset, queries, grading, widths, variants))
    head = (
        f"{dataset.name}, {split} split: {len(queries)} queries over {len(dataset.catalogue)} products, no training "
        f"(seed {TrainSettings.seed}, float32, torch {torch.__version__} on {platform.machine()}, "
        f"{torch.get_num_threads()} threads). Proven: of top 10s."
    )
    figures = {"dataset": dataset.name, "split": split, "queries": len(queries), "rows": rows}
    out = out or RESULTS / "prefix-values" / f"{run.resolve().name}-{split}"
    write_results(out, "prefix_values", figures, markdown(head, rows))


if __name__ == "__main__":
    run_script(main)
