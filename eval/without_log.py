"""A catalogue without a query log: what BM25, the beam and hybrid search find, by BM25's weight in the fusion.

    python eval/without_log.py runs/grocery --split dev      # table and JSON to eval/results/without-log/NAME-SPLIT

The RUN's data without its train queries is built anew by the defaults, in --work; a RUN that never had any is taken as
it is. Queries are read as `search` reads them by default, unknown words as known ones nearby, for all systems alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
from script import RESULTS, numbers, run_script, write_results

from genret.data.records import Dataset
from genret.eval.compare import PerQuery, compare
from genret.eval.evaluation import own_queries
from genret.eval.measures import evaluate
from genret.eval.result import TESTED, Grading, format_comparison, table
from genret.eval.runs import RankedList
from genret.ground.types import SPLITS, Query, Split
from genret.pipeline.build import build_run
from genret.pipeline.finding import Found, by_words, fused, reordered
from genret.pipeline.folder import RunFolder
from genret.pipeline.options import LIKELIHOOD_WEIGHT
from genret.pipeline.retriever import Retriever
from genret.search.beam import BeamSettings

DEEPEST = 100


def without_log(dataset: Dataset) -> Dataset:
    """The data set as it would be if nobody had searched yet, but for the queries that test it."""
    asked: dict[Split, Sequence[Query]] = {split: dataset.split_queries(split) for split in ("dev", "test")}
    judged = [one for split in asked for one in dataset.split_judgements(split)]
    return replace(dataset, queries=asked, judgements=judged, sessions=())


def searched(retriever: Retriever, texts: Sequence[str], weights: Sequence[float]) -> dict[str, list[list[str]]]:
    """System -> the ids of products found for each query, best first."""
    index = retriever.index.snapshot()
    texts = [index.text.speller.read(text).text for text in texts]
    batches = list(retriever.search_positions(texts, BeamSettings(DEEPEST, DEEPEST)))
    positions, scores = (
        np.concatenate([getattr(batch.result, name) for batch in batches]) for name in ("positions", "scores")
    )
    beam = Found(positions, scores, np.zeros(len(texts), np.bool_))
    vectors, words = retriever.embedder.encode(texts), by_words(texts, DEEPEST, index, None)
    own = reordered(beam, vectors, LIKELIHOOD_WEIGHT, index)
    found = {"bm25": words, "generative": beam}
    for weight in weights:
        found[f"hybrid, BM25 weighs {weight:g}"] = fused(own, texts, vectors, weight, index, None)
    return {
        name: [[product.id for product in index.products(row[row >= 0])][:DEEPEST] for row in one.positions]
        for name, one in found.items()
    }


def measured(queries: Sequence[Query], found: Sequence[Sequence[str]], grading: Grading) -> PerQuery:
    """Measure -> query id -> value."""
    ranks = {
        query.id: RankedList(tuple(ids), tuple(float(-rank) for rank in range(len(ids))))
        for query, ids in zip(queries, found, strict=True)
    }
    per_query = evaluate(ranks, grading.judgements, grading.relevant_at, grading.irrelevant_grade).per_query
    return {name: per_query[name] for name in TESTED}


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--split", type=click.Choice(SPLITS), default="dev", show_default=True)
@click.option(
    "--weights",
    type=numbers,
    default="1,2,3,5,8,12",
    show_default=True,
    help="Of BM25, beside 1 for the beam's order.",
)
@click.option("--work", type=click.Path(path_type=Path), help="[default: runs/without-log/NAME]")
@click.option("--out", type=click.Path(path_type=Path), help="[default: eval/results/without-log/NAME-SPLIT]")
def main(run: Path, split: Split, weights: list[float], work: Path | None, out: Path | None) -> None:
    """What is found in the RUN's catalogue where nobody has searched yet."""
    dataset, name = RunFolder.existing(run).dataset(), run.resolve().name
    retriever = (
        build_run(work or Path("runs/without-log") / name, without_log(dataset))
        if dataset.split_queries("train")
        else Retriever.load(run, device="cpu")
    )
    queries, grading = own_queries(dataset, split)
    lists = searched(retriever, [query.text for query in queries], weights)
    systems = {system: measured(queries, found, grading) for system, found in lists.items()}
    compared = compare(systems, "bm25", TESTED)
    tests = {(one.system, one.measure): format_comparison(one) for one in compared}
    means = {
        system: {measure: float(np.mean(list(values.values()))) for measure, values in found.items()}
        for system, found in systems.items()
    }
    rows = [
        [system, *(f"{means[system][measure]:.3f}" for measure in TESTED), tests.get((system, TESTED[0]), "")]
        for system in systems
    ]
    head = (
        f"{dataset.name}, {split} split: {len(queries)} queries over {len(dataset.catalogue):,} products, no query "
        f"log; beam {DEEPEST}. Beside each, {TESTED[0]} less BM25's: 95 % interval, and p, Holm-corrected for "
        f"{len(rows) - 1} systems."
    )
    text = f"{head}\n\n{table(['system', *TESTED, 'less BM25'], rows)}"
    figures = {
        "split": split,
        "queries": len(queries),
        "means": means,
        "comparisons": [one._asdict() for one in compared],
    }
    write_results(out or RESULTS / "without-log" / f"{name}-{split}", "without_log", figures, text)


if __name__ == "__main__":
    run_script(main)
