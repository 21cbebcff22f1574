"""The result of an evaluation: scores, intervals and paired tests of several systems, as JSON and as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from genret.eval.compare import Comparison, Interval, compare, mean_intervals
from genret.eval.measures import MEASURES, evaluate, mean_by_group
from genret.eval.runs import Run, write_qrels, write_trec_run
from genret.ground.artifacts import write_json
from genret.ground.files import write_text
from genret.ground.types import Judgement, Query


class Grading(NamedTuple):
    """What a data set's grades mean, and what was judged."""

    judgements: Sequence[Judgement]
    relevant_at: float
    irrelevant_grade: float
    queries_are_products: bool = False
    """As of a `Dataset`: the judgements hold no query's own product, and no run may."""


TESTED = ("recall@10", "recall@50", "recall@100", "nDCG@10")
"""The measures on which systems are tested against each other."""


@dataclass(frozen=True)
class SystemResult:
    """One system's measures over the queries: means with 95 % bootstrap intervals, and what they are made of."""

    name: str
    measures: Mapping[str, Interval]
    settings: Mapping[str, Any] = field(default_factory=dict)
    by_kind: Mapping[str, tuple[float, int]] = field(default_factory=dict)
    """Kind of query -> mean recall@10 and number of queries."""
    id_level: Mapping[str, float] = field(default_factory=dict)
    """The inflated recall that counts semantic IDs instead of products; empty for systems without IDs."""


@dataclass(frozen=True)
class EvalResult:
    """Everything that one evaluation found. `seconds` is kept out of the JSON, which repeats byte for byte."""

    dataset: str
    split: str
    products: int
    queries: int
    """Queries that count: judged, with at least one relevant product."""
    left_out: int
    """Judged queries without a relevant product."""
    unknown_products: int
    """Judgements of products that the catalogue lacks; relevant ones count as misses."""
    relevant_at: float
    irrelevant_grade: float
    leaked: int
    """Queries that count although their text is one of the train split's."""
    baselines: tuple[str, ...]
    """The systems that every other one is tested against."""
    systems: tuple[SystemResult, ...]
    comparisons: tuple[Comparison, ...]
    details: Mapping[str, Any] = field(default_factory=dict)
    """Invalid IDs, collisions and the like, JSON-able."""
    seconds: Mapping[str, float] = field(default_factory=dict)
    """System -> wall time of searching all queries, loading and indexing apart."""

    def system(self, name: str) -> SystemResult:
        """The system of that name; a KeyError if there is none."""
        return {system.name: system for system in self.systems}[name]

    def mean(self, system: str, measure: str) -> float:
        """One figure: `result.mean("generative", "recall@10")`."""
        return self.system(system).measures[measure].value

    def to_json(self) -> dict[str, Any]:
        """Plain values, `seconds` left out; named tuples become objects."""
        value = asdict(self)
        value.pop("seconds")
        value["systems"] = [
            {**asdict(s), "measures": {name: interval._asdict() for name, interval in s.measures.items()}}
            for s in self.systems
        ]
        value["comparisons"] = [{**c._asdict(), "difference": c.difference._asdict()} for c in self.comparisons]
        return value

    def markdown(self) -> str:
        """A table of means with intervals, the paired tests against the baseline, and what they stand on."""
        return "\n\n".join(part for part in (self._means(), self._tests(), self._id_level(), self._kinds()) if part)

    def _means(self) -> str:
        head = (
            f"{self.dataset}, {self.split} split: {self.queries} queries over {self.products} products, relevant from "
            f"grade {self.relevant_at:g}; {self.left_out} judged queries without a relevant product are left out. "
            "Means over queries with 95 % bootstrap intervals, counted on products."
        )
        if self.leaked:
            head += f" {self.leaked} of the queries have the text of one that the run was trained on."
        rows = [[s.name, *(format_interval(s.measures[m]) for m in MEASURES)] for s in self.systems]
        return head + "\n\n" + table(["system", *MEASURES], rows)

    def _tests(self) -> str:
        parts = [self._tests_against(baseline) for baseline in self.baselines]
        return "\n\n".join(part for part in parts if part)

    def _tests_against(self, baseline: str) -> str:
        """One table per baseline: a row per system, a column per measure."""
        found = {(c.system, c.measure): c for c in self.comparisons if c.baseline == baseline}
        if not found:
            return ""
        systems, measures = dict.fromkeys(s for s, _ in found), dict.fromkeys(m for _, m in found)
        rows = [[system, *(format_comparison(found[system, m]) for m in measures)] for system in systems]
        head = (
            f"Difference from {baseline}, paired by query: mean, 95 % bootstrap interval, and p of a two-sided "
            "randomization test, Holm-corrected over the systems of a column."
        )
        return head + "\n\n" + table(["system", *measures], rows)

    def _id_level(self) -> str:
        rows = [
            [s.name, name, f"{s.measures[name].value:.3f}", f"{value:.3f}"]
            for s in self.systems
            for name, value in s.id_level.items()
        ]
        head = "Counted on semantic IDs instead of products, which flatters a tokenizer that collides:"
        return head + "\n\n" + table(["system", "measure", "on products", "on IDs"], rows) if rows else ""

    def _kinds(self) -> str:
        kinds = sorted({kind for s in self.systems for kind in s.by_kind if kind})
        if not kinds:
            return ""
        counts = {kind: next(s.by_kind[kind][1] for s in self.systems if kind in s.by_kind) for kind in kinds}
        rows = [
            [s.name, *(f"{s.by_kind[kind][0]:.3f}" if kind in s.by_kind else "" for kind in kinds)]
            for s in self.systems
        ]
        return "recall@10 by kind of query:\n\n" + table(["system", *(f"{k} ({counts[k]})" for k in kinds)], rows)


class Scored(NamedTuple):
    """What `score_runs` found: see `EvalResult`."""

    systems: tuple[SystemResult, ...]
    comparisons: tuple[Comparison, ...]
    queries: int
    left_out: int


def score_runs(
    runs: Mapping[str, Run],
    grading: Grading,
    *,
    baselines: Sequence[str],
    queries: Sequence[Query],
    measures: Sequence[str] = TESTED,
    seed: int = 0,
) -> Scored:
    """Each run's measures, and the comparisons on `measures` with those of the `baselines` that are among the runs."""
    asked = {query.id for query in queries}
    kinds = {query.id: query.kind for query in queries}
    judged = [j for j in grading.judgements if j.query_id in asked]
    scores = {name: evaluate(run, judged, grading.relevant_at, grading.irrelevant_grade) for name, run in runs.items()}
    values = np.array([list(found.per_query[m].values()) for found in scores.values() for m in MEASURES])  # (S * M, Q)
    intervals = iter(mean_intervals(values, seed))
    systems = tuple(
        SystemResult(
            name,
            {m: next(intervals) for m in MEASURES},
            by_kind=mean_by_group(found.per_query["recall@10"], kinds) if any(kinds.values()) else {},
        )
        for name, found in scores.items()
    )
    comparisons: list[Comparison] = []
    for baseline in baselines:
        if baseline in scores:
            comparisons += compare({name: s.per_query for name, s in scores.items()}, baseline, measures, seed)
    first = next(iter(scores.values()))  # the queries that count are the same for every system
    return Scored(systems, tuple(comparisons), len(first.queries), first.left_out)


def write_result(folder: str | Path, result: EvalResult, runs: Mapping[str, Run], grading: Grading) -> None:
    """Write `<system>.run`, `qrels.txt`, `results.json`, `results.md` and `timings.json` into `folder`."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name, run in runs.items():
        write_trec_run(folder / f"{name}.run", run, name)
    write_qrels(folder / "qrels.txt", grading.judgements)
    write_json(folder / "results.json", result.to_json())
    write_json(folder / "timings.json", dict(result.seconds))
    write_text(folder / "results.md", result.markdown() + "\n")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table: the first column left, the others right."""
    lines = ["| " + " | ".join(head) + " |", "|---|" + "---:|" * (len(head) - 1)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def format_interval(interval: Interval) -> str:
    """`.456 [.421, .490]`."""
    return f"{_short(interval.value)} [{_short(interval.low)}, {_short(interval.high)}]"


def format_difference(interval: Interval) -> str:
    """`+.012 [-.003, +.027]`."""
    return "{} [{}, {}]".format(*(("+" if x >= 0 else "-") + _short(abs(x)) for x in interval))


def format_comparison(comparison: Comparison) -> str:
    """`+.012 [-.003, +.027] p=.312`."""
    p = format_p(comparison.p_holm)
    return f"{format_difference(comparison.difference)} p{p if p.startswith('<') else '=' + p}"


def format_p(p: float) -> str:
    """Four decimals; below that, the bound."""
    return "<.001" if p < 0.001 else _short(p)


def _short(value: float) -> str:
    """Three decimals without a leading zero."""
    text = f"{value:.3f}"
    return text.replace("0.", ".", 1) if abs(value) < 0.9995 else text
