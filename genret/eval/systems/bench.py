"""The systems that an evaluation sets side by side, each a small function behind a name.

A system is prepared (loading, indexing, tuning) and then searches queries, so that the time of the search can be taken
alone. A name with `+` in it is the reciprocal rank fusion of its parts, `bm25-tuned+dense`; one with `~` in it the
weighted sum of their scaled scores, `bm25-tuned~dense`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from genret.data.records import Dataset
from genret.embed.embedder import Embedder
from genret.eval.runs import RankedList, run_of_results, without_own
from genret.eval.systems.bm25 import BM25
from genret.eval.systems.dense import Dense
from genret.eval.systems.fusion import reciprocal_rank_fusion, score_fusion
from genret.ground.errors import GenretError
from genret.ground.files import folder_bytes
from genret.ground.pretrained import model_folder
from genret.ground.settings import check_ranges, settings_dict
from genret.ground.typed import typed_fields
from genret.ground.types import Query, Split
from genret.index.lexical import BM25Settings
from genret.index.tuning import GRIDS, MEASURE, Tuned, tune
from genret.pipeline.folder import RunFolder

if TYPE_CHECKING:
    from genret.pipeline.retriever import Retriever


@dataclass(frozen=True)
@typed_fields
class SystemSettings:
    """How deep and how wide the systems search, and how BM25 is tuned."""

    k: int = 100
    beam_width: int = 100
    tune_split: Split = "train"
    tune_grid: Literal["none", "quick", "full"] = "quick"
    tune_queries: int = 300
    fusion_depth: int = 100
    lexical_weight: float = 1.0
    """The weight of BM25 in a fusion; any other system has 1."""
    likelihood_weight: float = 0.02
    """The weight of the log-probability beside the cosine in `generative-mixed`."""
    seed: int = 0

    def __post_init__(self) -> None:
        if self.tune_grid not in GRIDS:
            raise GenretError(f"tune_grid={self.tune_grid!r}: expected one of {', '.join(GRIDS)}")
        check_ranges(self, "k beam_width tune_queries fusion_depth", 1)
        check_ranges(self, "lexical_weight likelihood_weight", 0, above=True)


class Answered(NamedTuple):
    """A system's run, the settings that made it and the seconds that searching took."""

    run: dict[str, RankedList]
    settings: dict[str, Any]
    seconds: float


Search: TypeAlias = Callable[[Sequence[Query]], dict[str, RankedList]]


class Prepared(NamedTuple):
    """A system ready to search."""

    search: Search
    settings: dict[str, Any]
    parts: Mapping[str, int] = {}
    """What it holds to search by, name -> bytes on disk; two systems that share a part name it alike."""


System: TypeAlias = "Callable[[Bench], Prepared]"


@dataclass
class Bench:
    """One data set, one list of queries, and the systems that answer them; what is expensive is made once."""

    dataset: Dataset
    queries: Sequence[Query]
    settings: SystemSettings = field(default_factory=SystemSettings)
    folder: RunFolder | None = None
    """For the systems that need a run."""
    systems: Mapping[str, System] = field(default_factory=dict)
    """Systems of the caller's own, by name, beside those of this module."""
    progress: Callable[[str], None] = lambda line: None
    queries_are_products: bool | None = None
    """Whether a query's own product is left out of its list; None: as the data set says."""
    _answers: dict[str, Answered] = field(default_factory=dict)
    _prepared: dict[str, Prepared] = field(default_factory=dict)

    def prepared(self, name: str) -> Prepared:
        """The system of that name, ready to search any queries; each is prepared once."""
        if name not in self._prepared:
            check_systems([name], self.systems)
            known = {**SYSTEMS, **self.systems}
            if name in known:
                made = known[name](self)
                self._prepared[name] = made._replace(search=self._without_own(made.search))
            else:
                self._prepared[name] = _fused(self, parts_of(name), "~" in name)
        return self._prepared[name]

    def answer(self, name: str) -> Answered:
        """What the system of that name answers to the bench's queries; each is run once.

        A fusion takes its parts' answers, and its seconds are those of the fusing alone.
        """
        if name not in self._answers:
            prepared = self.prepared(name)
            fused = prepared.settings.get("fused", ())
            lists = [self.answer(part).run for part in fused]
            started = perf_counter()
            run = _fuse(self, fused, "~" in name, lists) if fused else prepared.search(self.queries)
            self._answers[name] = Answered(run, prepared.settings, perf_counter() - started)
            self.progress(f"{name}: {len(self.queries)} queries in {self._answers[name].seconds:.1f} s")
        return self._answers[name]

    @property
    def own_left_out(self) -> bool:
        """Whether a query's own product is left out of its list."""
        given = self.queries_are_products
        return self.dataset.queries_are_products if given is None else given

    @property
    def depth(self) -> int:
        """How many products a system fetches: one more than k where a query's own may be among them."""
        return self.settings.k + self.own_left_out

    def _without_own(self, search: Search) -> Search:
        if not self.own_left_out:
            return search
        return lambda queries: without_own(search(queries), self.settings.k)

    @property
    def texts(self) -> list[str]:
        return [query.text for query in self.queries]

    @property
    def ids(self) -> list[str]:
        return [query.id for query in self.queries]

    @cached_property
    def tuned(self) -> Tuned:
        """BM25's settings, tuned on the tuning split, or on dev where that has no judgements."""
        options = self.settings
        splits: tuple[Split, Split] = (options.tune_split, "dev")
        judged = {judgement.query_id for judgement in self.dataset.judgements}
        split = next((s for s in splits if any(q.id in judged for q in self.dataset.queries.get(s, ()))), splits[0])
        return tune(
            self.dataset,
            split,
            GRIDS[options.tune_grid],
            options.tune_queries,
            seed=options.seed,
            progress=self.progress,
        )

    @cached_property
    def retriever(self) -> Retriever:
        """The run's retriever."""
        from genret.pipeline.retriever import Retriever  # brings torch, which the lexical systems do without

        return Retriever.load(self.run.path)

    @property
    def run(self) -> RunFolder:
        """The run folder; a GenretError if the bench has none."""
        if self.folder is None:
            raise GenretError("this system needs a run folder; give one")
        return self.folder


def bm25(bench: Bench) -> Prepared:
    """BM25 with the usual untuned parameters."""
    return _bm25(bench, BM25Settings(), {})


def bm25_tuned(bench: Bench) -> Prepared:
    """BM25, tuned on the tuning split. Where that has nothing to tune on it stays untuned, and its settings say so."""
    try:
        tuned = bench.tuned
    except GenretError as error:
        return _bm25(bench, BM25Settings(), {"untuned": str(error)})
    return _bm25(bench, tuned.settings, {"tuned for": MEASURE, "trials": len(tuned.trials)})


def bm25_system(settings: BM25Settings, note: Mapping[str, Any] | None = None) -> System:
    """BM25 with the given settings; `note` is recorded beside them."""
    return lambda bench: _bm25(bench, settings, note or {})


def dense(bench: Bench) -> Prepared:
    """Exact nearest neighbours over the run's own embeddings, queries embedded by the same embedder."""
    vectors, artifact = bench.run.vectors()
    embedder = bench.run.embedder()
    index = Dense(vectors, bench.dataset.catalogue.ids)
    settings = {name: artifact.settings[name] for name in ("model", "dim", "fields") if name in artifact.settings}

    return Prepared(
        dense_search(index, embedder, bench.depth), settings, {"vectors": vectors.nbytes, **_embedder_parts(bench)}
    )


def dense_search(index: Dense, embedder: Embedder, k: int) -> Search:
    """The search of a `Prepared` over an index of vectors, whose queries `embedder` embeds."""

    def search(queries: Sequence[Query]) -> dict[str, RankedList]:
        return index.search([query.id for query in queries], embedder.encode([query.text for query in queries]), k)

    return search


def generative(bench: Bench) -> Prepared:
    """genret alone: the constrained beam and the order inside a bucket."""
    return _generative(bench, rescore=False)


def generative_rescored(bench: Bench) -> Prepared:
    """genret, the beam's products put in the order of their embeddings' cosine with the query's."""
    return _generative(bench, rescore=True)


def generative_mixed(bench: Bench) -> Prepared:
    """genret, the beam's products in the order of cosine + weight * log-probability: what both scores know."""
    return _generative(bench, rescore=bench.settings.likelihood_weight)


def generative_spelled(bench: Bench) -> Prepared:
    """genret alone, unknown words read as known ones: what a search finds where nothing else is asked."""
    return _generative(bench, spell=True)


def hybrid(bench: Bench) -> Prepared:
    """What `search(hybrid=True)` finds: the beam's and BM25's products in one list, each scored by both."""
    return _generative(bench, hybrid=True)


def hybrid_spelled(bench: Bench) -> Prepared:
    """The same, unknown words read as known ones."""
    return _generative(bench, hybrid=True, spell=True)


WITHOUT_A_RUN: Mapping[str, System] = {"bm25": bm25, "bm25-tuned": bm25_tuned}
"""Systems that need the data set alone."""
SYSTEMS: Mapping[str, System] = {
    **WITHOUT_A_RUN,
    "dense": dense,
    "generative": generative,
    "generative-rescored": generative_rescored,
    "generative-mixed": generative_mixed,
    "generative-spelled": generative_spelled,
    "hybrid": hybrid,
    "hybrid-spelled": hybrid_spelled,
}


def check_systems(names: Sequence[str], own: Mapping[str, System] | None = None) -> None:
    """A GenretError for a name that is none of the systems', the caller's `own` ones included, nor a fusion of them."""
    known = {**SYSTEMS, **(own or {})}
    for name in names:
        if name not in known and not known.keys() >= set(re.split("[~+]", name)):
            raise GenretError(f"no system {name!r}; known: {', '.join(known)}, and fusions of them, a+b and a~b")


STANDARD = (
    "bm25",
    "bm25-tuned",
    "dense",
    "bm25-tuned+dense",
    "generative",
    "generative-rescored",
    "generative-mixed",
    "bm25-tuned+generative",
    "bm25-tuned+generative-mixed",
    "bm25-tuned~dense",
    "bm25-tuned~generative-mixed",
    "generative-spelled",
    "hybrid",
    "hybrid-spelled",
)
"""What `genret eval` runs."""


def _bm25(bench: Bench, settings: BM25Settings, note: Mapping[str, Any]) -> Prepared:
    index = BM25(bench.dataset.catalogue, settings)
    parts = {f"BM25 index {settings}": index.nbytes}
    return Prepared(lambda queries: index.search(queries, bench.depth), {**settings_dict(settings), **note}, parts)


def _generative(bench: Bench, rescore: bool | float = False, hybrid: bool = False, spell: bool = False) -> Prepared:
    """The speller is off unless asked for, so that all systems read the same words."""
    retriever, k, width = bench.retriever, bench.depth, max(bench.depth, bench.settings.beam_width)

    def search(queries: Sequence[Query]) -> dict[str, RankedList]:
        texts = [query.text for query in queries]
        found = retriever.search(texts, k, beam_width=width, rescore=rescore, hybrid=hybrid, spell=spell)
        return run_of_results([query.id for query in queries], found)

    index = retriever.index.artifact.path
    parts = {"model": folder_bytes(bench.run.folder("model")), "trie": folder_bytes(index / "trie")}
    if hybrid:
        parts |= {"words": folder_bytes(index / "text")}
    if hybrid or rescore is not False:
        parts |= {"vectors": (index / "embeddings.npy").stat().st_size, **_embedder_parts(bench)}
    return Prepared(
        search, {"k": k, "beam_width": width, "rescored": rescore, "hybrid": hybrid, "spelled": spell}, parts
    )


def _embedder_parts(bench: Bench) -> dict[str, int]:
    """The run's embedder: the files of its artifact that are not the vectors, and the model that these name."""
    artifact = bench.run.artifact("embeddings")
    own = sum(int(file["bytes"]) for name, file in artifact.files.items() if name != "embeddings.npy")
    model = Path(model_folder(artifact.settings["model"]))
    return {"embedder": own + (folder_bytes(model) if model.is_dir() else 0)}


def _fused(bench: Bench, names: Sequence[str], by_scores: bool) -> Prepared:
    systems = [bench.prepared(name) for name in names]
    settings = {
        "fused": list(names),
        "by": "scores" if by_scores else "reciprocal ranks",
        "depth": bench.settings.fusion_depth,
        "weights": [_weight(bench, name) for name in names],
    }

    def search(queries: Sequence[Query]) -> dict[str, RankedList]:
        return _fuse(bench, names, by_scores, [system.search(queries) for system in systems])

    return Prepared(search, settings, {part: size for system in systems for part, size in system.parts.items()})


def _fuse(
    bench: Bench, names: Sequence[str], by_scores: bool, runs: Sequence[dict[str, RankedList]]
) -> dict[str, RankedList]:
    weights = [_weight(bench, name) for name in names]
    fusion = score_fusion if by_scores else reciprocal_rank_fusion
    return fusion(runs, bench.settings.fusion_depth, weights=weights)


def parts_of(name: str) -> list[str]:
    """The systems that a fusion's name names; the name alone if it is none."""
    return name.split("~" if "~" in name else "+")


def _weight(bench: Bench, name: str) -> float:
    return bench.settings.lexical_weight if name.startswith("bm25") else 1.0
