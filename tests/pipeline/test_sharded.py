"""A run in shards answers as it does whole: every kind of search, and where a shard does not answer."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_run import SMALL

from genret.data.grocery import GrocerySettings, make_grocery
from genret.embed.settings import EmbedSettings
from genret.ground.artifacts import MANIFEST
from genret.ground.errors import GenretError
from genret.ground.types import SearchResult
from genret.pipeline.folder import RunFolder
from genret.pipeline.retriever import Retriever
from genret.pipeline.shard import Shard, ShardDown
from genret.pipeline.sharded import ShardedRetriever
from genret.pipeline.split import split
from genret.pipeline.stages import data_stage, embed_stage, index_stage, tokenize_stage, train_stage
from genret.pipeline.stock import Stock
from genret.tokenizer.settings import TokenizerSettings
from genret.training.settings import ModelSettings, TrainSettings

SEARCHES: dict[str, dict[str, Any]] = {
    "plain": {"hybrid": False},
    "narrow": {"hybrid": False, "k": 3, "beam_width": 4},
    "filtered": {"hybrid": False, "where": "price < 5 and available"},
    "rare": {"hybrid": False, "where": "price < 1", "k": 20},
    "exact": {"hybrid": False, "exact": True, "k": 5, "beam_width": 5},
    "hybrid": {"hybrid": True},
    "hybrid, filtered and capped": {"hybrid": True, "where": "price < 8", "max_per_prefix": 2},
    "rescored": {"rescore": 0.05, "beam_width": 20},
    "dense": {"by": "dense"},
    "words": {"by": "bm25", "where": "available"},
}


class Whole:
    """A run, whole and in shards."""

    def __init__(self, run: Path, out: Path, count: int = 4) -> None:
        split(run, out, count)
        self.out, self.run = out, Retriever.load(run)
        self.shards = ShardedRetriever.load(out)
        self.queries = [query.text for query in RunFolder(run).dataset().split_queries("test")]


@pytest.fixture(scope="module")
def whole(built_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    return Whole(built_run, tmp_path_factory.mktemp("sharded") / "out")


def assert_same(found: Sequence[SearchResult], run: Retriever, **options: Any) -> Sequence[SearchResult]:
    """The answers of the whole, which are those found but for products whose scores differ by rounding alone."""
    wanted = run.search([result.query for result in found], **options)
    for one, other in zip(found, wanted, strict=True):
        assert (one.query, one.corrected, one.unknown, one.exact) == (
            other.query,
            other.corrected,
            other.unknown,
            other.exact,
        )
        assert [hit.score for hit in one] == pytest.approx([hit.score for hit in other], abs=1e-4)
        ids, others = ([hit.product.id for hit in answer] for answer in (one, other))
        moved = [place for place, (id, wanted_id) in enumerate(zip(ids, others, strict=True)) if id != wanted_id]
        scores = [hit.score for hit in other]
        for place in moved:
            if sum(abs(scores[place] - score) < 1e-4 for score in scores) == 1:  # what it ties with is not shown
                wider = {**options, "k": len(others) + 5, "beam_width": options.get("beam_width", 50) + 5}
                known = {hit.product.id: hit.score for hit in run.search(other.query, **wider)}
                assert known.get(ids[place]) == pytest.approx(scores[place], abs=1e-4), f"{one.query}: {ids} {others}"
        for hit, wanted_hit in zip(one, other, strict=True):
            assert hit.semantic_id == wanted_hit.semantic_id or hit.product.id != wanted_hit.product.id
    return wanted


@pytest.mark.parametrize("kind", list(SEARCHES))
def test_a_run_in_shards_answers_as_it_does_whole(whole: Whole, kind: str) -> None:
    options = SEARCHES[kind]
    wanted = assert_same(whole.shards.search(whole.queries, **options), whole.run, **options)
    assert any(len(result) for result in wanted)


def test_a_capped_search_is_the_same_where_both_are_certified(whole: Whole) -> None:
    options: dict[str, Any] = {"hybrid": False, "max_per_prefix": 2, "k": 10}
    found, wanted = whole.shards.search(whole.queries, **options), whole.run.search(whole.queries, **options)
    for one, other in zip(found, wanted, strict=True):
        assert len(one) == len(other)
        assert all(hit.score >= least.score - 1e-4 for hit, least in zip(one, other, strict=True))


@pytest.mark.parametrize("options", [{"hybrid": False}, {"by": "bm25"}], ids=["beam", "words"])
def test_shards_that_cannot_matter_are_not_asked(whole: Whole, options: dict[str, Any]) -> None:
    before = whole.shards.share
    whole.shards.search(whole.queries, k=1, beam_width=50, **options)
    after = whole.shards.share
    assert after.queries == before.queries + len(whole.queries)
    assert 0 < after.asked - before.asked < 4 * len(whole.queries)


def test_what_is_asked_wrongly_is_one_clear_error_as_it_is_of_the_whole(whole: Whole) -> None:
    for where, match in (("price <", "column 8"), ('brand = "Nobody"', "Nobody"), ("colour = 'red'", "colour")):
        with pytest.raises(GenretError, match=match):
            whole.run.search("oat milk", where=where)
        with pytest.raises(GenretError, match=match):
            whole.shards.search("oat milk", where=where)
    products = [whole.run.index.product(place) for place in (0, len(whole.run.index) - 1)]
    apart = " and ".join(f'brand = "{one.brand}"' for one in products)
    assert whole.shards.search("milk", where=apart) == whole.run.search("milk", where=apart), "each shard lacks a brand"
    (bad, good) = whole.shards.search(["", "oat milk"], errors="return")
    assert bad.error
    assert len(good) == 10


class Dying:
    """A shard that answers so many times, and then no more."""

    def __init__(self, shard: Shard, answers: int) -> None:
        self.shard, self.answers = shard, answers

    def __getattr__(self, name: str) -> Any:
        if name != "name":
            if not self.answers:
                raise ShardDown(f"{self.shard.name} does not answer")
            self.answers -= 1
        return getattr(self.shard, name)


@pytest.mark.parametrize("answers", [0, 1, 2])
@pytest.mark.parametrize("kind", ["plain", "hybrid", "words"])
def test_a_shard_that_dies_leaves_a_partial_answer_that_says_so_or_an_error(
    whole: Whole, kind: str, answers: int
) -> None:
    options = SEARCHES[kind]
    wanted = whole.run.search(whole.queries, **options)
    crew = list(whole.shards.crew.shards)
    down = max(range(4), key=lambda one: sum(_owner(whole, hit) == one for result in wanted for hit in result))
    shards = [Dying(shard, answers) if number == down else shard for number, shard in enumerate(crew)]
    partial = ShardedRetriever(whole.shards.head, shards, whole.shards.about, "partial")
    found = partial.search(whole.queries, **options)
    for one, other in zip(found, wanted, strict=True):
        left = {hit.product.id for hit in one}
        if one.missing:
            assert one.missing == (crew[down].name,)
            assert not one.exact
        else:
            assert [hit.product.id for hit in one] == [hit.product.id for hit in other], "nothing is lacking"
        gone = {hit.product.id for hit in other if _owner(whole, hit) == down}
        assert not gone & left
        assert one.missing or not gone
    shards = [Dying(shard, answers) if number == down else shard for number, shard in enumerate(crew)]
    with pytest.raises(ShardDown, match="does not answer"):
        ShardedRetriever(whole.shards.head, shards, whole.shards.about).search(whole.queries, **options)


def _owner(whole: Whole, hit: Any) -> int:
    return int(whole.shards.about.owners[hit.semantic_id[0]])


def test_a_shard_of_another_generation_or_with_changes_of_its_own_is_refused(built_run: Path, tmp_path: Path) -> None:
    about = split(built_run, tmp_path / "out", 2)
    index = RunFolder(about.folder(about.shards[1])).index()
    index.delete([index.product(0).id])
    with pytest.raises(GenretError, match="changes were made to this shard"):
        ShardedRetriever.load(tmp_path / "out")
    other = split(built_run, tmp_path / "other", 3)
    manifest = tmp_path / "out" / "shards" / MANIFEST
    manifest.write_bytes((other.path / "shards" / MANIFEST).read_bytes())
    with pytest.raises(GenretError, match="another version than the shards' manifest says"):
        ShardedRetriever.load(tmp_path / "out")


@pytest.fixture(scope="module")
def sixteen(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """4,000 products below 256 first codes, in 16 shards, and 1,000 queries."""
    folder = tmp_path_factory.mktemp("sixteen")
    run, grocery = folder / "run", GrocerySettings(products=4000, train_queries=600, dev_queries=10, test_queries=1000)
    data_stage(run, lambda: make_grocery(grocery), {"format": "grocery"})
    embed_stage(run, EmbedSettings(model="lsa", dim=64), progress=False)
    tokenize_stage(run, TokenizerSettings(**SMALL["tokenizer"] | {"codebook_sizes": (256,) * 4}), progress=False)
    train_stage(run, ModelSettings(**SMALL["model"]), TrainSettings(**SMALL["train"]))
    index_stage(run)
    return Whole(run, folder / "out", 16)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["plain", "filtered", "exact", "hybrid"])
def test_a_thousand_queries_at_sixteen_shards(kind: str, sixteen: Whole) -> None:
    before = sixteen.shards.share
    options = {"hybrid": False, "exact": True} if kind == "exact" else SEARCHES[kind]
    queries = sixteen.queries[:1000]
    assert_same(sixteen.shards.search(queries, **options), sixteen.run, **options)
    after = sixteen.shards.share
    if kind == "plain":
        assert (after.asked - before.asked) / len(queries) <= 8, "of sixteen shards, at beam 50"


def test_products_that_came_after_training_are_known_to_every_shard(built_run: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(built_run, run)
    some = RunFolder(run).index().products(range(0, 600, 15))
    titles = [f"{one.title} {other.title}" for one, other in zip(some, reversed(some), strict=True)]
    Stock(run).put([one._replace(id=f"new{i}", title=titles[i]) for i, one in enumerate(some)])
    RunFolder(run).index().compact()
    came = Whole(run, tmp_path / "out", 3)
    index, prefixes = came.run.index.snapshot(), came.run.model.decoder.prefixes
    assert prefixes is not None
    codes = torch.from_numpy(index.trie.id_of(np.arange(index.trie.num_products)))
    assert not prefixes.knows(codes).all(), "some have IDs that no product had before"
    head = came.shards.head.model.decoder.prefixes
    assert head is not None
    assert head.knows(codes).all()
    assert_same(came.shards.search(titles, hybrid=False), came.run, hybrid=False)
