"""Is a model that learned on from a newer query log better than the one before? Asked on both logs, paired by query.

`hold_out(...)` keeps some of the newer log back; `judge_candidate(run, ...)` searches with both models over one index
and gives a `Verdict`, which says whether to take the newer one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from genret.data.judged import same_text, split_queries
from genret.data.overlaps import trained_on
from genret.eval.compare import Comparison
from genret.eval.evaluation import GradedQueries, answerable, own_grading
from genret.eval.result import Grading, Scored, format_comparison, score_runs, table
from genret.eval.runs import run_of_results
from genret.eval.studies.known_item import known_items
from genret.ground.errors import GenretError
from genret.ground.types import SPLITS, Query, Split
from genret.pipeline.folder import RunFolder
from genret.pipeline.learn_on import CANDIDATE, NewerLog
from genret.pipeline.retriever import Retriever
from genret.training.saved import load_model

MEASURE = "nDCG@10"
"""What decides."""
SHOWN = ("recall@10", MEASURE)
LEVEL = 0.05
"""Of the test: a difference with a p below this is one."""
HELD_OUT = 0.2
"""Share of the newer log's texts that are kept back to judge on."""
DEPTH = 100


class HeldOut(NamedTuple):
    """A newer log, cut in two by its texts."""

    learned: NewerLog
    judged: GradedQueries


class OnOneLog(NamedTuple):
    """Both models on the queries of one log."""

    name: str
    scored: Scored

    @property
    def deciding(self) -> Comparison:
        return next(c for c in self.scored.comparisons if c.measure == MEASURE)

    @property
    def better(self) -> bool:
        return self.deciding.difference.value > 0 and self.deciding.p < LEVEL

    @property
    def worse(self) -> bool:
        return self.deciding.difference.value < 0 and self.deciding.p < LEVEL


@dataclass(frozen=True)
class Verdict:
    """The newer model against the one before, on the newer log and on the older."""

    newer: OnOneLog
    older: OnOneLog

    @property
    def take(self) -> bool:
        """Whether the newer model is to be searched: better on the newer log, and not worse on the older."""
        return self.newer.better and not self.older.worse

    @property
    def reason(self) -> str:
        """One sentence."""
        if self.take:
            return f"better on the newer log in {MEASURE}, and not worse on the older"
        if self.older.worse:
            return f"worse on the older log in {MEASURE}"
        return f"not told apart from the one before on the newer log in {MEASURE} (p = {self.newer.deciding.p:.3f})"

    def markdown(self) -> str:
        """Means of both models on both logs, and their differences, paired by query."""
        rows = []
        for log in (self.newer, self.older):
            means = {system.name: system.measures for system in log.scored.systems}
            for measure in SHOWN:
                found = next(c for c in log.scored.comparisons if c.measure == measure)
                values = (f"{means[name][measure].value:.3f}" for name in ("before", "after"))
                rows.append([f"{log.name} ({log.scored.queries} queries)", measure, *values, format_comparison(found)])
        return table(["log", "measure", "before", "after", "difference, paired"], rows)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        logs = {"newer": self.newer, "older": self.older}
        told = {
            key: {
                "queries": log.scored.queries,
                "comparisons": [{**c._asdict(), "difference": c.difference._asdict()} for c in log.scored.comparisons],
            }
            for key, log in logs.items()
        }
        return {"take": self.take, "reason": self.reason, "measure": MEASURE, **told}


def hold_out(
    queries: Sequence[Query], grading: Grading, replay: float, splits: Mapping[str, Split] | None = None, seed: int = 0
) -> HeldOut:
    """What of the newer log is judged on, and what is learned from. A GenretError if either has none.

    splits: query id -> split, of the queries whose rows name one: test and dev are judged on, and the rest is learned
        from, but for texts that are judged on. Where no row names a split, a fifth of the texts is drawn to judge on.
    """
    fit = answerable(queries, grading)
    if splits:
        judged = [query for query in fit if splits.get(query.id, "train") != "train"]
        kept_back = {same_text(query.text) for query in judged}
        split: Mapping[Split, list[Query]] = {
            "train": [query for query in fit if same_text(query.text) not in kept_back],
            "test": judged,
        }
    else:
        split = split_queries(fit, seed, dev=0.0, test=HELD_OUT)
    if not split["train"] or not split["test"]:
        raise GenretError(
            f"the newer log has {len(split['train'])} queries to learn from and {len(split['test'])} to judge on, with "
            f"a product graded at least {grading.relevant_at:g}; give at least one of each: at least two without a "
            "column split, one of split train and one of split test with it"
        )
    of = {query.id for query in split["train"]}
    judgements = [judgement for judgement in grading.judgements if judgement.query_id in of]
    log = NewerLog(split["train"], judgements, grading.relevant_at, grading.irrelevant_grade, replay)
    return HeldOut(log, GradedQueries(split["test"], grading))


def judge_candidate(run: RunFolder, held: HeldOut) -> Verdict:
    """The candidate that lies beside RUN/model against it, on what was held out and on the run's own queries.

    The run's own are those of test, or of dev; a run without any is asked for known items. Queries whose text the
    newer log taught are left out.
    """
    model, text_tokenizer, index, width = run.searchable()
    newer, newer_texts, _ = load_model(run.path / CANDIDATE)
    two = {
        "before": Retriever(model, text_tokenizer, index, run, width),
        "after": Retriever(newer, newer_texts, index, run, width),
    }
    name, asked = _own(run, held.learned)
    return Verdict(_on(two, "newer log, held out", held.judged), _on(two, name, asked))


def _own(run: RunFolder, learned: NewerLog) -> tuple[str, GradedQueries]:
    dataset = run.dataset()
    taught = learned.over(dataset)
    for split in reversed(SPLITS[1:]):
        grading = own_grading(dataset, split)
        queries = answerable(dataset.queries.get(split, ()), grading)
        seen = {query.id for query in trained_on(taught, queries)}
        queries = [query for query in queries if query.id not in seen]
        if queries:
            return f"older log, {split}", GradedQueries(queries, grading)
    return "known items, no older log", GradedQueries(*known_items(dataset))


def _on(two: dict[str, Retriever], name: str, asked: GradedQueries) -> OnOneLog:
    texts, ids = [query.text for query in asked.queries], [query.id for query in asked.queries]
    runs = {
        system: run_of_results(ids, retriever.search(texts, DEPTH, beam_width=DEPTH, hybrid=False, spell=False))
        for system, retriever in two.items()
    }
    scored = score_runs(runs, asked.grading, baselines=("before",), queries=asked.queries, measures=SHOWN)
    return OnOneLog(name, scored)
