"""Two runs over one catalogue, λ = 0 and λ > 0: do substitutes share codes, and meet in one beam?

The question that the design stands on, answered with paired 95 % intervals by `genret.eval.studies.substitutes`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from genret.data.records import Dataset
from genret.eval.evaluation import beams, exact_answers
from genret.eval.result import format_difference, format_interval, table
from genret.eval.studies.substitutes import Paired, compare_agreement, compare_same_beam, pair_rows, verdict
from genret.ground.artifacts import check_lineage
from genret.ground.errors import GenretError
from genret.ground.types import Split
from genret.pipeline.folder import RunFolder
from genret.pipeline.retriever import Retriever

WIDTHS = (10, 20, 50)


class Contrast(NamedTuple):
    """Substitutes under two tokenizers: agreement by depth, and same-beam shares by beam width."""

    lam_before: float
    lam_after: float
    pairs: int
    agreement: list[Paired]
    same_beam: dict[int, list[Paired]]
    """Beam width -> the share given the product was found, and the share of both found."""

    @property
    def verdicts(self) -> list[str]:
        """Plain sentences computed from the rows: on shared codes, and on shared beams."""
        names = f"λ = {self.lam_before:g}", f"λ = {self.lam_after:g}"
        found = [verdict(self.agreement, *names)]
        for width, rows in self.same_beam.items():
            found.append(f"Beam of {width}: " + verdict(rows, *names))
        return found

    def to_json(self) -> dict[str, Any]:
        """Plain lists and numbers; intervals as value, low, high."""
        return {
            "lam_before": self.lam_before,
            "lam_after": self.lam_after,
            "pairs": self.pairs,
            "agreement": [_row(row) for row in self.agreement],
            "same_beam": {str(width): [_row(row) for row in rows] for width, rows in self.same_beam.items()},
            "verdicts": self.verdicts,
        }

    def markdown(self) -> str:
        """The substitutes table, and what it says."""
        head = ["true substitutes", f"λ = {self.lam_before:g}", f"λ = {self.lam_after:g}", "difference"]
        rows = [[f"agree on {row.name}", *_cells(row)] for row in self.agreement]
        for width, found in self.same_beam.items():
            rows += [[f"beam of {width}: {row.name}", *_cells(row)] for row in found]
        said = "\n".join(f"- {sentence}" for sentence in self.verdicts)
        return f"{self.pairs} true substitute pairs, 95 % bootstrap intervals.\n\n{table(head, rows)}\n\n{said}"


def check_contrast(before: str | Path, after: str | Path) -> None:
    """A GenretError, before anything is computed, for what `contrast_runs` would refuse."""
    if not Path(before).is_dir():
        raise GenretError(f"{before}: no such run folder; give one that was built with λ = 0 over the same data")
    runs = RunFolder(before), RunFolder(after)
    _with_substitutes(runs[1])
    for run in runs:
        check_lineage(run.artifact("tokenizer"), "dataset", runs[1].artifact("data"))
        run.artifact("model")
        run.artifact("index")


def contrast_runs(
    before: str | Path, after: str | Path, split: Split = "test", widths: Sequence[int] = WIDTHS, seed: int = 0
) -> Contrast:
    """The substitutes check of two run folders over the same data: `before` with λ = 0, `after` with λ > 0.

    Raises GenretError if the data differ, or if the data set knows no true substitutes.
    """
    runs = RunFolder(before), RunFolder(after)
    dataset = _with_substitutes(runs[1])
    (first, codes_before, artifact), (second, codes_after, _) = (run.tokenizer() for run in runs)
    check_lineage(artifact, "dataset", runs[1].artifact("data"))
    pairs = pair_rows(dataset.substitutes, dataset.catalogue.ids)
    retrievers = Retriever.load(before), Retriever.load(after)
    return Contrast(
        first.settings.lam,
        second.settings.lam,
        len(pairs),
        compare_agreement(codes_before, codes_after, pairs, seed),
        {width: _same_beam(*retrievers, dataset, split, width, seed) for width in widths},
    )


def _with_substitutes(run: RunFolder) -> Dataset:
    dataset = run.dataset()
    if not dataset.substitutes:
        raise GenretError(
            f"{run.path}: the data set {dataset.name!r} names no substitute pairs, so there is nothing to check"
        )
    return dataset


def _same_beam(
    before: Retriever, after: Retriever, dataset: Dataset, split: Split, width: int, seed: int
) -> list[Paired]:
    """Same-beam shares over the split's queries that have an answer of the top grade."""
    judgements = dataset.split_judgements(split)
    top = max((judgement.grade for judgement in judgements), default=0.0)
    exact = exact_answers(judgements, top)
    queries = [query for query in dataset.split_queries(split) if query.id in exact]
    found = [beams(retriever, queries, width) for retriever in (before, after)]
    return compare_same_beam(found[0], found[1], exact, dataset.substitutes, seed)


def _row(row: Paired) -> dict[str, Any]:
    return {
        "name": row.name,
        "before": list(row.before),
        "after": list(row.after),
        "difference": list(row.difference),
        "within_noise": row.within_noise,
    }


def _cells(row: Paired) -> list[str]:
    return [format_interval(row.before), format_interval(row.after), format_difference(row.difference)]
