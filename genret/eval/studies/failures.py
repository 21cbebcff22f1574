"""Where generative retrieval loses to a baseline: which queries, and at which level the right prefix left the beam.

Examples quote queries and titles, so they are made only on demand.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from genret.data.product_text import TEXT_FIELDS
from genret.data.records import Catalogue
from genret.eval.compare import Interval, mean_interval
from genret.eval.evaluation import BATCH, semantic_ids
from genret.eval.measures import recall_at
from genret.eval.result import Grading, format_difference, table
from genret.eval.runs import Run
from genret.eval.systems.bench import Bench
from genret.ground.errors import GenretError
from genret.ground.percent import percent
from genret.ground.types import Query, SemanticId
from genret.index.lexical import BM25Settings, product_words, word_splitter

if TYPE_CHECKING:
    from genret.pipeline.retriever import Retriever

RARE = 10
"""A word in fewer products than this is rare."""
SYSTEM, BASELINE = "generative", "bm25-tuned"
_DIMENSION = re.compile(
    r"\d+(x\d+)+|\d+(in|ft|oz|lb|lbs|gal|mm|cm|v|w|hp|amp|amps|btu|ct|pk|pc|qt|sq|st|nd|rd|th|g|kg|l|ml)"
)


class Group(NamedTuple):
    """Queries that share a trait: mean recall@k of both systems and the difference, system - baseline."""

    trait: str
    value: str
    queries: int
    system: float
    baseline: float
    difference: Interval
    lost: float
    """Recall that the system lacks on the queries of this group where it is behind, as a share of all it lacks."""


class Place(NamedTuple):
    """Relevant products that were `where` when the beam ended, by which system shows them among its first k."""

    where: str
    both: int
    system_only: int
    baseline_only: int
    neither: int


class Example(NamedTuple):
    """A product that the baseline found and the system did not."""

    where: str
    query: str
    product: str
    baseline_rank: int
    traits: tuple[str, ...]


@dataclass(frozen=True)
class Failures:
    """What the analysis found."""

    dataset: str
    split: str
    system: str
    baseline: str
    k: int
    beam_width: int
    queries: int
    ahead: int
    behind: int
    groups: tuple[Group, ...]
    places: tuple[Place, ...]
    behind_by_trait: Mapping[str, Mapping[str, int]]
    """Trait of a query -> where its products were lost -> products that the baseline alone found."""
    examples: tuple[Example, ...] = ()

    def to_json(self) -> dict[str, Any]:
        value = asdict(self)
        value["groups"] = [{**g._asdict(), "difference": g.difference._asdict()} for g in self.groups]
        value["places"] = [p._asdict() for p in self.places]
        value["examples"] = [e._asdict() for e in self.examples]
        return value

    def markdown(self) -> str:
        """The tables, and the examples if there are any."""
        return "\n\n".join(part for part in (self._head(), self._groups(), self._places(), self._examples()) if part)

    def _head(self) -> str:
        return (
            f"{self.dataset}, {self.split} split: {self.system} (beam width {self.beam_width}) against {self.baseline} "
            f"on recall@{self.k}, {self.queries} queries: ahead on {self.ahead}, behind on {self.behind}."
        )

    def _groups(self) -> str:
        head = (
            "Queries by trait. Difference: mean with 95 % bootstrap interval. Lost: of all the recall that "
            f"{self.system} lacks on the queries where it is behind, the share lacking in this group."
        )
        rows = [
            [
                f"{g.trait}: {g.value}",
                str(g.queries),
                f"{g.system:.3f}",
                f"{g.baseline:.3f}",
                format_difference(g.difference),
                percent(g.lost, 0),
            ]
            for g in self.groups
        ]
        return f"{head}\n\n{table(['queries', 'n', self.system, self.baseline, 'difference', 'lost'], rows)}"

    def _places(self) -> str:
        head = f"Every relevant product, by where {self.system} lost it and by who shows it in the first {self.k}."
        columns = ["", "both", f"{self.system} only", f"{self.baseline} only", "neither"]
        rows = [[p.where, str(p.both), str(p.system_only), str(p.baseline_only), str(p.neither)] for p in self.places]
        names = [p.where for p in self.places[1:]]
        split = [
            [trait, *(str(counts.get(name, 0)) for name in names)] for trait, counts in self.behind_by_trait.items()
        ]
        traits = f"Products that {self.baseline} alone shows, by trait of the query and where they were lost:"
        return f"{head}\n\n{table(columns, rows)}\n\n{traits}\n\n{table(['queries', *names], split)}"

    def _examples(self) -> str:
        parts = []
        for where in dict.fromkeys(e.where for e in self.examples):
            rows = [
                [e.query, e.product, str(e.baseline_rank), ", ".join(e.traits)]
                for e in self.examples
                if e.where == where
            ]
            columns = ["query", f"product that {self.baseline} found", "at rank", "traits"]
            parts.append(f"**{where}**\n\n{table(columns, rows)}")
        return "\n\n".join(parts)


def analyse(
    bench: Bench,
    grading: Grading,
    split: str,
    *,
    k: int = 10,
    system: str = SYSTEM,
    baseline: str = BASELINE,
    examples: int = 0,
) -> Failures:
    """Compare `system`, a generative one, with `baseline` on the bench's queries; `examples` of each kind."""
    if k > bench.settings.k:
        raise GenretError(f"k={k}, but the systems search {bench.settings.k} deep; search deeper, or take a smaller k")
    runs = {name: bench.answer(name).run for name in (system, baseline)}
    asked = set(bench.ids)
    judged = [j for j in grading.judgements if j.query_id in asked]
    recall = {name: recall_at(run, judged, k, grading.relevant_at) for name, run in runs.items()}
    traits = traits_of(bench.queries, bench.dataset.catalogue)
    width = max(bench.settings.k, bench.settings.beam_width)
    relevant = relevant_products(grading, bench)
    ids = semantic_ids(bench.retriever, bench.dataset)
    lost = places_lost(bench.retriever, bench.texts, [[ids[p] for p in relevant[q]] for q in bench.ids], width)
    names = [
        *(f"prefix left at L{level + 1}" for level in range(len(next(iter(ids.values()))))),
        f"kept, ranked below {k}",
    ]
    found = _Found(runs[system], runs[baseline], relevant, lost, k, names)
    behind = {q for q in bench.ids if recall[system][q] < recall[baseline][q]}
    return Failures(
        dataset=bench.dataset.name,
        split=split,
        system=system,
        baseline=baseline,
        k=k,
        beam_width=width,
        queries=len(bench.queries),
        ahead=sum(recall[system][q] > recall[baseline][q] for q in bench.ids),
        behind=len(behind),
        groups=tuple(_groups(traits, recall[system], recall[baseline])),
        places=tuple(found.places()),
        behind_by_trait=found.by_trait(traits),
        examples=tuple(found.examples(bench, traits, examples)) if examples else (),
    )


def relevant_products(grading: Grading, bench: Bench) -> dict[str, list[str]]:
    """Query -> its relevant products that the catalogue holds."""
    found: dict[str, list[str]] = {query: [] for query in bench.ids}
    known = set(bench.dataset.catalogue.ids)
    for j in grading.judgements:
        if j.grade >= grading.relevant_at and j.query_id in found and j.product_id in known:
            found[j.query_id].append(j.product_id)
    return {query: list(dict.fromkeys(products)) for query, products in found.items()}


def traits_of(queries: Sequence[Query], catalogue: Catalogue) -> dict[str, dict[str, str]]:
    """Query id -> trait -> value: kind, words, times asked, the rarest word, and whether it names a model number."""
    words = word_splitter(stem=False)
    counts: Counter[str] = Counter()
    for tokens in product_words(catalogue, BM25Settings(stem=False, fields=TEXT_FIELDS)):
        counts.update(set(tokens))
    asked = any(query.frequency != 1 for query in queries)
    found = {}
    for query in queries:
        tokens = words(query.text)
        rarest = min((counts[token] for token in tokens), default=0)
        found[query.id] = {
            **({"kind": query.kind} if query.kind else {}),
            "words": str(len(tokens)) if len(tokens) < 5 else "5 and more",
            **({"asked": _band(query.frequency, "times")} if asked else {}),
            "rarest word": "in no product" if not rarest else f"in {_band(rarest, 'products')}",
            "model number": "yes" if any(is_model_number(token) for token in tokens) else "no",
        }
    return found


def is_model_number(token: str) -> bool:
    """Whether a word looks like a part's number: letters and at least two digits, and neither a size nor an amount."""
    mixed = any(c.isalpha() for c in token) and sum(c.isdigit() for c in token) >= 2
    return len(token) >= 4 and (mixed or (token.isdigit() and len(token) >= 5)) and not _DIMENSION.fullmatch(token)


def places_lost(
    retriever: Retriever, queries: Sequence[str], wanted: Sequence[Sequence[SemanticId]], beam_width: int
) -> list[list[int]]:
    """For each query's wanted IDs the level, from 0, whose beam lacks their prefix; L where the beam held all of it."""
    import torch

    from genret.search.beam import BeamSettings, BeamTrace, beam_search

    found: list[list[int]] = []
    for start in range(0, len(queries), BATCH):
        trace = BeamTrace(max_pruned=1)
        with torch.inference_mode():
            decoder = retriever.decoder(list(queries[start : start + BATCH]))
            beam_search(decoder, retriever.index.trie, BeamSettings(k=1, beam_width=beam_width), None, trace)
        for row, ids in enumerate(wanted[start : start + BATCH]):
            kept = [
                set(map(tuple, level.kept_codes[row][level.kept_scores[row] > -np.inf].tolist()))
                for level in trace.levels
            ]
            found.append([_level_lost(kept, one) for one in ids])
    return found


def _level_lost(kept: Sequence[set[tuple[int, ...]]], one: SemanticId) -> int:
    return next((level for level, prefixes in enumerate(kept) if one[: level + 1] not in prefixes), len(kept))


class _Found:
    """Every (query, relevant product), where it was lost, and which system shows it."""

    def __init__(
        self,
        system: Run,
        baseline: Run,
        relevant: Mapping[str, Sequence[str]],
        lost: Sequence[Sequence[int]],
        k: int,
        names: Sequence[str],
    ) -> None:
        self.names, self.baseline, self.k = names, baseline, k
        self.pairs = [
            (query, product, names[level], _within(system, query, product, k), _within(baseline, query, product, k))
            for (query, products), levels in zip(relevant.items(), lost, strict=True)
            for product, level in zip(products, levels, strict=True)
        ]

    def places(self) -> Iterable[Place]:
        """First the products that the system shows, then the others by where they were lost."""
        counts = Counter((where, ours, theirs) for _, _, where, ours, theirs in self.pairs)
        both, alone = (sum(counts[where, True, theirs] for where in self.names) for theirs in (True, False))
        yield Place("shown", both, alone, 0, 0)
        for where in self.names:
            yield Place(where, 0, 0, counts[where, False, True], counts[where, False, False])

    def by_trait(self, traits: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, int]]:
        found: dict[str, dict[str, int]] = {}
        for name, value in _values(traits):
            counts = Counter(
                where
                for query, _, where, ours, theirs in self.pairs
                if theirs and not ours and traits[query].get(name) == value
            )
            found[f"{name}: {value}"] = dict(counts)
        return found

    def examples(self, bench: Bench, traits: Mapping[str, Mapping[str, str]], most: int) -> Iterable[Example]:
        """Of each kind, those that the baseline ranks best, one per query."""
        texts = dict(zip(bench.ids, bench.texts, strict=True))
        catalogue = bench.dataset.catalogue
        missed = [(q, p, w) for q, p, w, ours, theirs in self.pairs if theirs and not ours]
        ranks = {(q, p): self.baseline[q].products.index(p) + 1 for q, p, _ in missed}
        for where in self.names:
            taken: set[str] = set()
            for query, product, _ in sorted((m for m in missed if m[2] == where), key=lambda m: (ranks[m[:2]], m)):
                if query not in taken and len(taken) < most:
                    taken.add(query)
                    title = catalogue[catalogue.row(product)].title
                    described = tuple(f"{name}: {value}" for name, value in traits[query].items())
                    yield Example(where, texts[query], title, ranks[query, product], described)


def _within(run: Run, query: str, product: str, k: int) -> bool:
    return query in run and product in run[query].products[:k]


def _groups(
    traits: Mapping[str, Mapping[str, str]], system: Mapping[str, float], baseline: Mapping[str, float]
) -> Iterable[Group]:
    lacking = {query: max(0.0, baseline[query] - system[query]) for query in traits}
    total = sum(lacking.values()) or 1.0
    for name, value in _values(traits):
        queries = [query for query, own in traits.items() if own.get(name) == value]
        ours, theirs = ([values[query] for query in queries] for values in (system, baseline))
        yield Group(
            name,
            value,
            len(queries),
            float(np.mean(ours)),
            float(np.mean(theirs)),
            mean_interval(np.subtract(ours, theirs)),
            sum(lacking[query] for query in queries) / total,
        )


def _values(traits: Mapping[str, Mapping[str, str]]) -> list[tuple[str, str]]:
    """Every (trait, value) that occurs; traits in their order, values sorted."""
    names = dict.fromkeys(name for own in traits.values() for name in own)
    return [
        (name, value)
        for name in names
        for value in sorted({own[name] for own in traits.values() if name in own}, key=_natural)
    ]


def _natural(value: str) -> tuple[int, str]:
    """The key that sorts values by the first number in them; those without one come first."""
    number = re.search(r"\d+", value)
    return (int(number.group()) if number else -1, value)


def _band(count: int, what: str) -> str:
    if count < RARE:
        return f"1 to {RARE - 1} {what}" if what == "products" else ("once" if count == 1 else f"2 to 9 {what}")
    return f"10 to 99 {what}" if count < 100 else f"100 {what} and more"
