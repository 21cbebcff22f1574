"""What the model's thread does: a batch of texts that share a key, answered by the run's retriever.

The key holds all that decides what can be decoded together.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from genret.ground.clock import timing
from genret.ground.errors import GenretError
from genret.ground.types import SearchResult
from genret.pipeline.unfold import Ask, Unfolding, WhyNot, unfold, why_not
from genret.server.metrics import Metrics
from genret.server.runs import Runs, Served
from genret.server.shard_runs import ShardRuns, ShardServed

System = Literal["auto", "genret", "hybrid", "bm25", "dense"]
"""What finds and orders products; auto: as the run would have it."""


HYBRID: dict[System, bool] = {"genret": False, "hybrid": True}


class Key(NamedTuple):
    """What texts must have in common to be decoded together."""

    run: str | None
    k: int
    beam_width: int | None
    where: str | None
    exact: bool = False
    max_per_prefix: int | None = None
    rescore: bool | float = False
    system: System = "auto"
    explain: bool = False
    why_not: str | None = None
    """A product's id: what became of it, rather than what was found."""


class Found(NamedTuple):
    """One text's answer, and how it came about."""

    result: SearchResult | None
    unfolding: Unfolding | None
    why: WhyNot | None
    run: str
    generation: int
    seconds: dict[str, float]


class Engine:
    """Answers batches, and tells the metrics how long each stage took."""

    def __init__(self, runs: Runs | ShardRuns, metrics: Metrics) -> None:
        self._runs, self._metrics = runs, metrics

    def __call__(self, key: Key, texts: list[str]) -> list[Found]:
        """One answer for each text. A GenretError if the request itself is at fault."""
        served = self._runs.get(key.run)
        with timing() as seconds:
            found = [self._one(served, key, text) for text in texts] if _alone(key) else _together(served, key, texts)
        generation = served.generation
        self._metrics.stages(seconds)
        for result, _, _ in found:
            if result is not None:
                self._metrics.answered(result.exact)
        return [Found(*answer, served.name, generation, seconds) for answer in found]

    def _one(
        self, served: Served | ShardServed, key: Key, text: str
    ) -> tuple[SearchResult | None, Unfolding | None, WhyNot | None]:
        if isinstance(served, ShardServed):
            raise GenretError("explain: a beam over shards is not drawn; leave explain out, or ask a run that is whole")
        ask = Ask(text, key.k, key.beam_width, key.where)
        if key.why_not is not None:
            return None, None, why_not(served.retriever, ask, key.why_not)
        ((result, _, _),) = _together(served, key, [text])
        read = text if result is None or result.corrected is None else result.corrected
        return result, unfold(served.retriever, ask._replace(query=read)), None


def _alone(key: Key) -> bool:
    return key.explain or key.why_not is not None


def _together(
    served: Served | ShardServed, key: Key, texts: list[str]
) -> list[tuple[SearchResult | None, Unfolding | None, WhyNot | None]]:
    results = served.retriever.search(
        texts,
        key.k,
        beam_width=key.beam_width,
        exact=key.exact,
        where=key.where,
        max_per_prefix=key.max_per_prefix,
        rescore=key.rescore,
        hybrid=HYBRID.get(key.system),
        by=key.system if key.system in ("bm25", "dense") else "beam",
    )
    return [(result, None, None) for result in results]


def check(key: Key) -> None:
    """A GenretError where the key asks for the beam of a search that has none."""
    if key.explain and key.system in ("bm25", "dense"):
        raise GenretError(f"system={key.system!r} has no beam to explain; leave explain out")
