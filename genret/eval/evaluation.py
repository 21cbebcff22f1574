"""Judge a run folder: every system on one set of queries, the IDs a free decode invents, and the result on disk."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from genret.data.overlaps import trained_on
from genret.data.records import Dataset
from genret.eval.measures import id_level_recall
from genret.eval.result import EvalResult, Grading, score_runs, write_result
from genret.eval.systems.bench import STANDARD, Bench, SystemSettings, check_systems
from genret.ground.errors import GenretError
from genret.ground.typed import typed, typed_fields
from genret.ground.types import Judgement, Query, Split
from genret.pipeline.folder import RunFolder
from genret.search.trie import Trie

if TYPE_CHECKING:
    from genret.eval.studies.unconstrained import InvalidIds
    from genret.pipeline.retriever import Retriever

BATCH = 64
"""Queries decoded without a trie at a time."""


class GradedQueries(NamedTuple):
    """Queries of the caller's own over a run's catalogue, and how their answers are graded."""

    queries: Sequence[Query]
    grading: Grading


@dataclass(frozen=True)
@typed_fields
class EvalPlan:
    """What an evaluation asks and checks beside the systems that it compares."""

    asked: GradedQueries | None = None
    """In place of a split of the run's own data."""
    baselines: tuple[str, ...] = ("bm25", "bm25-tuned")
    """The systems that every other one is tested against."""
    free_decode: bool = True
    """Count the IDs that do not exist: of those in the constrained beams (none, or a defect), and of the top 10 of
    beams that nothing holds to the catalogue."""
    drop_leaks: bool = False
    """Leave out queries whose text the train split has; they are counted either way."""


@typed
def evaluate_run(
    folder: str | Path,
    split: Split = "test",
    *,
    systems: Sequence[str] = STANDARD,
    settings: SystemSettings | None = None,
    plan: EvalPlan | None = None,
    out: str | Path | None = None,
    progress: Callable[[str], None] = lambda line: None,
) -> EvalResult:
    """Every system's measures on a split of the run's own data, or on the queries that the plan asks.

    With `out`, TREC runs, qrels, JSON and Markdown are written there. Raises GenretError where nothing can be judged.

    >>> result = evaluate_run("runs/demo", systems=("bm25",))
    >>> result.mean("bm25", "recall@10") > 0
    True
    """
    check_systems(systems)
    run, plan = RunFolder(folder), plan or EvalPlan()
    dataset = run.dataset()
    name = "judgements given" if plan.asked else split
    given, grading = plan.asked or GradedQueries(dataset.split_queries(split), own_grading(dataset, split))
    queries = answerable(given, grading)
    if plan.drop_leaks:
        leaked = {query.id for query in trained_on(dataset, queries)}
        queries = [query for query in queries if query.id not in leaked]
    if not queries:
        raise GenretError(
            f"{folder}: no query of {name!r} has a product graded at least {grading.relevant_at:g}"
            f"{' and a text that train lacks' * plan.drop_leaks}; give another split, or judgements over this catalogue"
        )
    own = grading.queries_are_products
    chosen = settings or SystemSettings()
    bench = Bench(dataset, queries, chosen, run, progress=progress, queries_are_products=own)
    return evaluate_bench(bench, grading, name, systems, plan.baselines, plan.free_decode, out)


def evaluate_bench(
    bench: Bench,
    grading: Grading,
    split: str,
    names: Sequence[str],
    baselines: Sequence[str],
    free_decode: bool = False,
    out: str | Path | None = None,
) -> EvalResult:
    """Run the systems of a bench, score and test them against the baselines; written if `out` is given."""
    check_systems(names, bench.systems)
    answers = {name: bench.answer(name) for name in dict.fromkeys(names)}
    runs = {name: answer.run for name, answer in answers.items()}
    generative = [name for name in runs if name.startswith("generative")]
    ids = semantic_ids(bench.retriever, bench.dataset) if generative else {}
    flattering = {
        name: id_level_recall(runs[name], grading.judgements, ids, grading.relevant_at) for name in generative
    }
    scored = score_runs(runs, grading, baselines=baselines, queries=bench.queries, seed=bench.settings.seed)
    systems = tuple(
        replace(one, settings=answers[one.name].settings, id_level=flattering.get(one.name, {}))
        for one in scored.systems
    )
    asked = {query.id for query in bench.queries}
    judged = {j.query_id for j in grading.judgements}
    known = set(bench.dataset.catalogue.ids)
    result = EvalResult(
        dataset=bench.dataset.name,
        split=split,
        products=len(bench.dataset.catalogue),
        queries=scored.queries,
        left_out=len(judged - asked) + scored.left_out,
        unknown_products=sum(j.product_id not in known for j in grading.judgements),
        relevant_at=grading.relevant_at,
        irrelevant_grade=grading.irrelevant_grade,
        leaked=0 if split == "train" else len(trained_on(bench.dataset, bench.queries)),
        baselines=tuple(name for name in baselines if name in runs),
        systems=systems,
        comparisons=scored.comparisons,
        details=_id_details(bench, free_decode) if generative else {},
        seconds={name: round(answer.seconds, 3) for name, answer in answers.items()},
    )
    if out is not None:
        write_result(out, result, runs, grading)
    return result


def own_grading(dataset: Dataset, split: Split) -> Grading:
    """What the data set itself judges in a split."""
    judgements = dataset.split_judgements(split)
    return Grading(judgements, dataset.relevant_at, dataset.irrelevant_grade, dataset.queries_are_products)


def own_queries(dataset: Dataset, split: Split) -> GradedQueries:
    """The answerable queries of a split, graded by what the data set itself judges."""
    grading = own_grading(dataset, split)
    return GradedQueries(answerable(dataset.split_queries(split), grading), grading)


def answerable(queries: Iterable[Query], grading: Grading) -> list[Query]:
    """The queries with at least one relevant product: for the others no measure is defined."""
    relevant = {j.query_id for j in grading.judgements if j.grade >= grading.relevant_at}
    return [query for query in queries if query.id in relevant]


def semantic_ids(retriever: Retriever, dataset: Dataset) -> dict[str, tuple[int, ...]]:
    """Product id -> semantic ID, of every product in the retriever's index."""
    positions = np.arange(retriever.index.trie.num_products)
    codes = retriever.index.trie.id_of(positions).tolist()
    products = retriever.index.products(positions)
    return {product.id: tuple(code) for product, code in zip(products, codes, strict=True)}


def constrained_invalid(retriever: Retriever, queries: Sequence[str], beam_width: int) -> InvalidIds:
    """Of all complete IDs that the constrained beams hold, those that no product has: 0, or a defect.

    What is looked at is the beam's own record of the codes it spelled, not the products that it then looked up.
    """
    import torch

    from genret.eval.studies.unconstrained import InvalidIds
    from genret.search.beam import BeamSettings, BeamTrace, beam_search

    total, trie = InvalidIds(0, 0, 0, 0), retriever.index.trie
    for start in range(0, len(queries), BATCH):
        trace = BeamTrace(max_pruned=1)
        with torch.inference_mode():
            decoder = retriever.decoder(list(queries[start : start + BATCH]))
            beam_search(decoder, trie, BeamSettings(k=1, beam_width=beam_width), None, trace)
        last = trace.levels[-1]
        held = last.kept_scores > -np.inf  # (Q, B)
        unknown = trie.find(last.kept_codes.reshape(-1, trie.levels)).reshape(held.shape) < 0
        bad = held & unknown
        total = total + InvalidIds(int(bad.sum()), int(held.sum()), len(held), int(bad.any(axis=1).sum()))
    return total


def free_invalid(retriever: Retriever, queries: Sequence[str], beam_width: int = 50, k: int = 10) -> InvalidIds:
    """Of the top k IDs that the model spells with no trie, those that no product has."""
    from genret.eval.studies.unconstrained import InvalidIds, count_invented

    total = InvalidIds(0, 0, 0, 0)
    for start in range(0, len(queries), BATCH):
        decoder = retriever.decoder(list(queries[start : start + BATCH]))
        total = total + count_invented(decoder, retriever.index.trie, beam_width, k)
    return total


def collisions(trie: Trie) -> dict[str, int]:
    """How many products share their ID with another, and how many are in the fullest bucket."""
    start, stop = trie.product_range(trie.levels, np.arange(trie.num_ids))
    sizes = np.asarray(stop - start)
    return {
        "products": trie.num_products,
        "ids": trie.num_ids,
        "products_sharing_an_id": int(sizes[sizes > 1].sum()),
        "largest_bucket": int(sizes.max(initial=0)),
    }


def _id_details(bench: Bench, check_ids: bool) -> dict[str, Any]:
    retriever, width = bench.retriever, max(bench.settings.k, bench.settings.beam_width)
    details: dict[str, Any] = {"collisions": collisions(retriever.index.trie)}
    if check_ids:
        held = constrained_invalid(retriever, bench.texts, width)
        free = free_invalid(retriever, bench.texts)
        details["invalid_ids"] = {"constrained": _invalid(held), "unconstrained": _invalid(free)}
        bench.progress(
            f"IDs that do not exist: {held.invalid} of {held.total} with the trie, "
            f"{free.invalid} of {free.total} without it"
        )
    return details


def _invalid(counts: InvalidIds) -> dict[str, float]:
    return {**counts._asdict(), "share": counts.share}


def exact_answers(judgements: Iterable[Judgement], exact_grade: float) -> dict[str, set[str]]:
    """Query -> the products graded at least `exact_grade`, for the same-beam share."""
    answers: dict[str, set[str]] = {}
    for judgement in judgements:
        if judgement.grade >= exact_grade:
            answers.setdefault(judgement.query_id, set()).add(judgement.product_id)
    return answers


def beams(retriever: Retriever, queries: Sequence[Query], width: int) -> dict[str, set[str]]:
    """Query -> the products in its beam of that width: the best `width` products that the beam's IDs hold."""
    found = retriever.search([query.text for query in queries], width, beam_width=width)
    return {query.id: {hit.product.id for hit in result.hits} for query, result in zip(queries, found, strict=True)}
