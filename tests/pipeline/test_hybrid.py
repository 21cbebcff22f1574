"""Hybrid search, BM25 and nearest neighbours alone, and unknown words, on a run that the real stages built."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from genret import GenretError, Retriever
from genret.cli.search import search
from genret.data import load_dataset
from genret.eval.systems.bm25 import BM25
from genret.ground.types import Product, Query
from genret.index.build import Contents, build_index
from genret.pipeline.options import LEXICAL_WEIGHT, LIKELIHOOD_WEIGHT
from genret.pipeline.stock import put_products, remove_products
from genret.tokenizer import load_tokenizer

QUERIES = ["marinara sauce", "oat milk", "gluten free pasta", "paper towels", "qwzx"]


def scaled(scores: dict[str, float], own: list[float]) -> dict[str, float]:
    low, high = min(own), max(scores.values())
    return {one: min(1.0, max(0.0, (score - low) / (high - low))) for one, score in scores.items()}


def test_a_hybrid_list_fuses_what_each_search_thinks_of_every_product(retriever: Retriever) -> None:
    query, wide = "gluten free pasta", 30
    beam = retriever.search(query, k=wide, beam_width=wide, rescore=LIKELIHOOD_WEIGHT)
    words = retriever.search(query, k=wide, beam_width=wide, by="bm25")
    fused = retriever.search(query, k=wide, beam_width=wide, hybrid=True)
    own = {hit.product.id: hit.score for hit in beam.hits}
    bm25 = {hit.product.id: hit.score for hit in words.hits}
    snapshot = retriever.index.snapshot()
    vector = retriever.embedder.encode([query])[0]
    cosine = {one: float(snapshot.embeddings[snapshot.position(one)] @ vector) for one in own | bm25}  # type: ignore[index]
    beside = min(score - cosine[one] for one, score in own.items())
    everything = snapshot.text.lexical.scores([snapshot.text.lexical.words(query)])[0]
    first = scaled({one: own.get(one, cosine[one] + beside) for one in cosine}, list(own.values()))
    known = {one: float(everything[snapshot.position(one)]) for one in cosine}
    least = min(bm25.values())
    second = scaled({one: max(score, least) for one, score in known.items()}, list(bm25.values()))
    expected = {one: (first[one] + LEXICAL_WEIGHT * second[one]) / (1 + LEXICAL_WEIGHT) for one in cosine}
    assert {hit.product.id for hit in fused.hits} <= own.keys() | bm25.keys()
    for hit in fused.hits:
        assert hit.score == pytest.approx(expected[hit.product.id], abs=1e-4)
    assert fused.hits[-1].score == pytest.approx(sorted(expected.values())[-wide], abs=1e-4)
    assert not fused.exact


def test_bm25_alone_is_the_evaluations(retriever: Retriever, built_run: Path) -> None:
    dataset, _ = load_dataset(built_run / "data")
    settings = retriever.index.snapshot().text.lexical.base.settings
    run = BM25(dataset.catalogue, settings).search([Query(text, text) for text in QUERIES], 20)
    for result in retriever.search(QUERIES, k=20, by="bm25", spell=False):
        mine = {hit.product.id: hit.score for hit in result.hits}
        theirs = dict(zip(*run[result.query], strict=True))
        assert sorted(mine.values()) == pytest.approx(sorted(theirs.values()), rel=1e-5)
        least = min(mine.values(), default=0.0)
        assert {one for one in mine if mine[one] > least} == {one for one in theirs if theirs[one] > least + 1e-6}


def test_dense_alone_is_brute_force(retriever: Retriever) -> None:
    vectors = retriever.embedder.encode(QUERIES)
    snapshot = retriever.index.snapshot()
    everything = vectors @ np.asarray(snapshot.embeddings[np.arange(len(snapshot))]).T  # type: ignore[index]
    for row, result in enumerate(retriever.search(QUERIES, k=10, by="dense", spell=False)):
        assert [hit.score for hit in result.hits] == pytest.approx(np.sort(everything[row])[::-1][:10], abs=1e-5)


@pytest.mark.parametrize(
    "options", [{"hybrid": True}, {"by": "bm25"}, {"by": "dense"}, {"by": "dense", "hybrid": True}]
)
def test_every_search_obeys_filters_caps_and_batches(retriever: Retriever, options: dict[str, object]) -> None:
    where = "price < 4 and available"
    many = retriever.search(QUERIES, k=8, where=where, max_per_prefix=2, **options)  # type: ignore[call-overload]
    for query, result in zip(QUERIES, many, strict=True):
        assert all(hit.product.available and hit.product.price < 4 for hit in result.hits)
        prefixes = [hit.semantic_id[:2] for hit in result.hits]
        assert max(map(prefixes.count, prefixes), default=0) <= 2
        assert [hit.rank for hit in result.hits] == list(range(1, len(prefixes) + 1))
        assert [hit.score for hit in result.hits] == sorted((hit.score for hit in result.hits), reverse=True)
        assert not result.exact
        alone = retriever.search(query, k=8, where=where, max_per_prefix=2, **options)  # type: ignore[call-overload]
        assert [hit.product.id for hit in alone.hits] == [hit.product.id for hit in result.hits]
    assert retriever.search("oat milk", where="price < 0", **options).hits == ()  # type: ignore[call-overload]


def test_products_that_come_and_go_are_found_by_their_words_at_once(run_copy: Path) -> None:
    retriever = Retriever.load(run_copy)
    assert retriever.search("zzyzx", by="bm25", spell=False).hits == ()
    put_products(run_copy, [Product("new1", "Zzyzx sparkling water"), Product("new2", "Zzyzx oat milk")])
    retriever.index.refresh()
    either: list[dict[str, Any]] = [{"by": "bm25"}, {"hybrid": True}]
    for options in either:
        found = retriever.search("zzyzx", k=5, **options)
        assert {hit.product.id for hit in found.hits[:2]} == {"new1", "new2"}
        assert found.unknown == ()
    remove_products(run_copy, ["new1"])
    retriever.index.refresh()
    assert [hit.product.id for hit in retriever.search("zzyzx", by="bm25").hits] == ["new2"]
    retriever.index.compact()
    assert [hit.product.id for hit in Retriever.load(run_copy).search("zzyzx", by="bm25").hits] == ["new2"]


def test_hybrid_is_the_default_where_the_run_had_no_query_log(run_copy: Path, retriever: Retriever) -> None:
    assert retriever.search(QUERIES, spell=False) == retriever.search(QUERIES, spell=False, hybrid=False)
    dataset, _ = load_dataset(run_copy / "data")
    _, codes, tokens = load_tokenizer(run_copy / "tokenizer")
    vectors = np.load(run_copy / "embeddings" / "embeddings.npy")
    inputs = {"tokenizer": tokens.fingerprint}
    sizes = retriever.index.trie.codebook_sizes
    build_index(Contents(dataset.catalogue, codes, vectors), sizes, run_copy / "index", inputs)
    bare = Retriever.load(run_copy)
    assert bare.search(QUERIES) == bare.search(QUERIES, hybrid=True)
    assert bare.search(QUERIES, hybrid=False) != bare.search(QUERIES)
    assert bare.search("oat milk", exact=True).exact, "who asks for a certificate gets the beam"
    assert bare.search(QUERIES, rescore=True) == bare.search(QUERIES, rescore=True, hybrid=False)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hybrid": True, "exact": True}, "hybrid does not go with exact"),
        ({"hybrid": True, "by": "bm25"}, "hybrid does not go with by='bm25'"),
        ({"by": "dense", "rescore": True}, "which rescore is about"),
        ({"by": "bm25", "exact": True}, "which exact is about"),
        ({"by": "lucene"}, "expected one of 'beam', 'dense', 'bm25'"),
        ({"rescore": float("nan")}, "rescore=nan"),
    ],
)
def test_what_does_not_go_together_is_one_clear_line(
    retriever: Retriever, options: dict[str, object], message: str
) -> None:
    with pytest.raises(GenretError, match=message):
        retriever.search("oat milk", **options)  # type: ignore[call-overload]


def test_unknown_words_are_read_as_known_ones_and_the_result_says_so(retriever: Retriever) -> None:
    assert retriever.search("qwzx").corrected is None
    typo, meant = retriever.search(["oat mlik", "oat milk"], k=5)
    assert (typo.query, typo.corrected, typo.unknown) == ("oat mlik", "oat milk", ("mlik",))
    assert typo.hits == meant.hits
    assert (meant.corrected, meant.unknown) == (None, ())
    asis = retriever.search("oat mlik", k=5, spell=False)
    assert (asis.corrected, asis.unknown) == (None, ())
    nonsense = retriever.search("asdfgh qwerty")
    assert (nonsense.corrected, nonsense.unknown) == (None, ("asdfgh", "qwerty"))


def test_the_command_has_an_option_for_every_search(built_run: Path) -> None:
    def hits(*options: str) -> list[tuple[str, float]]:
        done = CliRunner().invoke(search, ["--run", str(built_run), "--json", "-k", "4", *options])
        assert done.exit_code == 0, done.output
        answer = json.loads(done.stdout.splitlines()[-1])
        return [(hit["id"], hit["score"]) for hit in answer["hits"]]

    retriever = Retriever.load(built_run)
    searches: list[tuple[list[str], dict[str, Any]]] = [
        (["oat milk", "--rescore", "0.02"], {"rescore": 0.02}),
        (["--rescore", "oat milk"], {"rescore": True}),
        (["--rescore=0.5", "oat milk"], {"rescore": 0.5}),
        (["oat milk", "--hybrid"], {"hybrid": True}),
        (["oat milk", "--hybrid", "--by", "dense"], {"hybrid": True, "by": "dense"}),
        (["oat milk", "--by", "bm25"], {"by": "bm25"}),
    ]
    for flags, options in searches:
        found, expected = hits(*flags), retriever.search("oat milk", k=4, **options)
        assert [id for id, _ in found] == [hit.product.id for hit in expected.hits]
        assert [score for _, score in found] == pytest.approx([hit.score for hit in expected.hits])
