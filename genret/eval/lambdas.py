"""Two runs that differ in λ alone: do substitutes share more codes, and meet in one beam more often? JSON-able.

Knows run folders over one catalogue; what is measured, and how, is said in `substitutes`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from genret.data.records import Dataset, load_dataset
from genret.errors import GenretError
from genret.eval.evaluation import answerable, beams, exact_answers
from genret.eval.result import Grading
from genret.eval.substitutes import Paired, compare_agreement, compare_same_beam, pair_rows, verdict
from genret.types import Query, Split

WIDTHS = (10, 20, 50)


def compare_lambdas(
    before: str | Path, after: str | Path, *, split: Split = "test", widths: Sequence[int] = WIDTHS, seed: int = 0
) -> dict[str, Any]:
    """Agreement of substitutes by depth, and their same-beam shares by beam width, of run `before` against `after`.

    Both folders hold data, tokenizer, model and index over the same catalogue. An *exact* answer is one graded as
    relevant. Returns what the report prints; a data set without substitutes gives {}.
    """
    dataset, artifact = load_dataset(Path(after) / "data")
    other = load_dataset(Path(before) / "data")[1]
    if other.fingerprint != artifact.fingerprint:
        raise GenretError(f"{before} and {after} were built on different data; build both on the same")
    pairs = pair_rows(dataset.substitutes, dataset.catalogue.ids)
    if not len(pairs):
        return {}
    (codes_before, name_before), (codes_after, name_after) = _codes(before), _codes(after)
    agreed = compare_agreement(codes_before, codes_after, pairs, seed)
    shares = _beam_rows(dataset, before, after, split, widths, seed)
    return {
        "before": name_before,
        "after": name_after,
        "pairs": len(pairs),
        "agreement": [_row(row) for row in agreed],
        "verdict": verdict(agreed, name_before, name_after),
        "beams": [{"width": width, "rows": [_row(row) for row in rows]} for width, rows in shares],
        "beam_verdicts": [f"Beam {width}: {verdict(rows, name_before, name_after)}" for width, rows in shares],
    }


def _beam_rows(
    dataset: Dataset, before: str | Path, after: str | Path, split: Split, widths: Sequence[int], seed: int
) -> list[tuple[int, list[Paired]]]:
    from genret.retriever import Retriever  # brings torch

    grading = Grading(dataset.split_judgements(split), dataset.relevant_at, dataset.irrelevant_grade)
    exact = exact_answers(grading.judgements, dataset.relevant_at)
    partnered = {product for pair in dataset.substitutes for product in pair}
    queries: list[Query] = [q for q in answerable(dataset.split_queries(split), grading) if exact[q.id] & partnered]
    if not queries:
        return []
    exact = {query.id: exact[query.id] for query in queries}
    first, second = Retriever.load(before), Retriever.load(after)
    return [
        (
            width,
            compare_same_beam(
                beams(first, queries, width), beams(second, queries, width), exact, dataset.substitutes, seed
            ),
        )
        for width in widths
    ]


def _codes(run: str | Path) -> tuple[Any, str]:
    from genret.tokenizer import load_tokenizer

    tokenizer, codes, _ = load_tokenizer(Path(run) / "tokenizer")
    return codes, f"λ = {tokenizer.settings.lam:g}"


def _row(row: Paired) -> dict[str, Any]:
    named = {name: getattr(row, name)._asdict() for name in ("before", "after", "difference")}
    return {"name": row.name, **named, "within_noise": row.within_noise}
