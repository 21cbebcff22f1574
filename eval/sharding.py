"""A run in shards beside the same run whole: are the answers equal, and how many shards does a query ask?

    python eval/sharding.py                  # 20,000 products in 16 shards, to eval/results/sharding
    python eval/sharding.py --products 2000 --shards 4 --queries 50 --steps 0

The grocery catalogue is built with `lsa` embeddings below `--work` and its index cut by L1 range. Test queries then go
to both: plain, filtered, exact and hybrid. Two answers are equal if their products, their certificates and what was
read are, and their scores up to 1e-4; products whose scores differ by less may change places, which is counted apart.
A shard counts as asked if it was asked for products: by the beam, by BM25, or by both. Beside that stands in how many
shards lie the products that make an answer: its hits and, where two lists are fused, all of both lists, since every
product of either is scored by both. Fewer can't be asked.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np
from scale_stages import BUILD, STAGES, Plan, perform
from script import rows_table, run_script, write_results

from genret.ground.hardware import prepare_threads, record
from genret.ground.settings import settings_dict
from genret.ground.types import SearchResult
from genret.pipeline.folder import RunFolder
from genret.pipeline.retriever import Retriever
from genret.pipeline.sharded import ShardedRetriever
from genret.pipeline.split import split

RESULTS = Path(__file__).parent / "results" / "sharding"
WHERE = "price < 5 and available"
KINDS: Mapping[str, Mapping[str, Any]] = {
    "plain": {"hybrid": False},
    "filtered": {"hybrid": False, "where": WHERE},
    "exact": {"hybrid": False, "exact": True},
    "hybrid": {"hybrid": True},
}
ROUNDING = 1e-4
"""By how much the scores of one product may differ."""


class Compared(NamedTuple):
    """One query's two answers."""

    equal: bool
    swapped: bool
    """Whether they are equal but for products of one score that changed places."""


def built(run: Path, plan: Plan) -> RunFolder:
    """The run, whose stages are made if its index is not there."""
    folder = RunFolder(run)
    if not folder.has("index"):
        for name in BUILD:
            perform(name, STAGES[name], folder, plan)
    return folder


def compared(found: SearchResult, wanted: SearchResult) -> Compared:
    """Whether two answers to a query are equal."""
    said = [(one.query, one.corrected, one.unknown, one.exact, len(one)) for one in (found, wanted)]
    scores = [np.array([hit.score for hit in one], np.float32) for one in (found, wanted)]
    if said[0] != said[1] or not np.allclose(scores[0], scores[1], rtol=0, atol=ROUNDING):
        return Compared(False, False)
    ids = [[(hit.product.id, hit.semantic_id) for hit in one] for one in (found, wanted)]
    moved = [place for place, pair in enumerate(zip(*ids, strict=True)) if pair[0] != pair[1]]
    tied = all((np.abs(scores[1] - scores[1][place]) < ROUNDING).sum() > 1 for place in moved)
    return Compared(tied, bool(moved) and tied)


def measured(whole: Retriever, shards: ShardedRetriever, queries: list[str], options: Mapping[str, Any]) -> Any:
    """What one kind of search comes to, as a row of the table."""
    before, started = shards.share, time.process_time()
    found = shards.search(queries, **options)
    seconds, after, started = time.process_time() - started, shards.share, time.process_time()
    wanted = whole.search(queries, **options)
    alone = time.process_time() - started
    pairs = [compared(*pair) for pair in zip(found, wanted, strict=True)]
    return {
        "queries": len(queries),
        "equal": sum(one.equal for one in pairs),
        "ties swapped": sum(one.swapped for one in pairs),
        "certified": sum(one.exact for one in found),
        "shards asked": round((after.asked - before.asked) / len(queries), 2),
        "hold its products": round(float(np.mean(holding(whole, shards, queries, options))), 2),
        "of": after.of,
        "cpu ms, shards": round(1e3 * seconds / len(queries), 1),
        "cpu ms, whole": round(1e3 * alone / len(queries), 1),
    }


def holding(whole: Retriever, shards: ShardedRetriever, queries: list[str], options: Mapping[str, Any]) -> list[int]:
    """In how many shards the products lie of which each answer is made."""
    lists = [whole.search(queries, **options)]
    if options["hybrid"]:
        width = options["beam_width"]  # each list is as long as the beam is wide
        lists = [whole.search(queries, width, beam_width=width, **one) for one in ({"hybrid": False}, {"by": "bm25"})]
    owners = shards.about.owners
    return [
        len({int(owners[hit.semantic_id[0]]) for found in some for hit in found}) for some in zip(*lists, strict=True)
    ]


def report(rows: list[dict[str, Any]], settings: Mapping[str, Any], machine: Mapping[str, Any]) -> str:
    """The results as a page."""
    command = " ".join(["python eval/sharding.py", *sys.argv[1:]])
    said = ", ".join(f"{name} {value}" for name, value in settings.items())
    text = [
        "# A run in shards beside the same run whole",
        f"`{command}`; {said}; filter `{WHERE}`.",
        f"{machine['processor']} ({machine['instructions']}), {machine['precision']}, {machine['threads']} threads; "
        "processor seconds of searches in one process, all queries at once.",
        rows_table(rows),
    ]
    return "\n\n".join(text) + "\n"


@click.command()
@click.option("--products", default=20_000, show_default=True)
@click.option("--shards", "count", default=16, show_default=True)
@click.option("--queries", default=1000, show_default=True, help="Of the test split.")
@click.option("--beam-width", default=50, show_default=True)
@click.option("--steps", default=200, show_default=True, help="Of the model's training; 0: its dense start.")
@click.option("--seed", default=0, show_default=True)
@click.option("--work", type=click.Path(path_type=Path), default="runs/sharding", show_default=True)
@click.option("--out", type=click.Path(path_type=Path), default=RESULTS, help="[default: eval/results/sharding]")
def main(products: int, count: int, queries: int, beam_width: int, work: Path, out: Path, **rest: Any) -> None:
    """Compare the answers of a run in shards with those of the run whole."""
    prepare_threads()
    plan = Plan(products, rest["seed"], "lsa", max_steps=rest["steps"], beam_width=beam_width)
    folder = built(work / f"{products}-{plan.max_steps}-{plan.seed}", plan)
    split(folder.path, work / f"{folder.path.name}-in-{count}", count)
    whole = Retriever.load(folder.path, device="cpu")
    shards = ShardedRetriever.load(work / f"{folder.path.name}-in-{count}", device="cpu")
    texts = [query.text for query in folder.dataset().split_queries("test")][:queries]
    rows = []
    for kind, options in KINDS.items():
        rows.append({"search": kind, **measured(whole, shards, texts, {**options, "beam_width": beam_width})})
        click.echo(str(rows[-1]), err=True)
    settings, machine = {**settings_dict(plan), "shards": count}, record()
    figures = {"settings": settings, "where": WHERE, "machine": machine, "rows": rows}
    write_results(out, "sharding", figures, report(rows, settings, machine))


if __name__ == "__main__":
    run_script(main)
