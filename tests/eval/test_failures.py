"""Failure analysis: where a prefix was lost is what the trace says, counts add up, traits are what they say."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

import pytest

from genret.data import load_dataset
from genret.data.records import Catalogue, Dataset
from genret.eval.evaluation import answerable, semantic_ids
from genret.eval.measures import recall_at
from genret.eval.result import Grading
from genret.eval.studies.failures import Failures, analyse, is_model_number, places_lost, traits_of
from genret.eval.systems.bench import Bench, SystemSettings
from genret.ground.errors import GenretError
from genret.ground.types import Product, Query
from genret.pipeline.folder import RunFolder


@pytest.fixture(scope="module")
def bench(built_run: Path) -> Bench:
    dataset, _ = load_dataset(built_run / "data")
    grading = grading_of(dataset)
    queries = answerable(dataset.split_queries("test"), grading)
    return Bench(dataset, queries, SystemSettings(k=20, beam_width=20, tune_queries=40), RunFolder(built_run))


@pytest.fixture(scope="module")
def found(bench: Bench) -> Failures:
    return analyse(bench, grading_of(bench.dataset), "test", k=10, examples=3)


def grading_of(dataset: Dataset) -> Grading:
    return Grading(dataset.split_judgements("test"), dataset.relevant_at, dataset.irrelevant_grade)


def test_every_relevant_product_is_counted_once(found: Failures, bench: Bench) -> None:
    grading = grading_of(bench.dataset)
    relevant = sum(j.grade >= grading.relevant_at for j in grading.judgements)
    assert sum(sum(place[1:]) for place in found.places) == relevant
    assert [place.where for place in found.places] == [
        "shown",
        *(f"prefix left at L{level}" for level in (1, 2, 3, 4)),
        "kept, ranked below 10",
    ]
    assert found.ahead + found.behind <= found.queries
    alone = sum(place.baseline_only for place in found.places)
    kinds = [counts for trait, counts in found.behind_by_trait.items() if trait.startswith("kind: ")]
    assert sum(sum(counts.values()) for counts in kinds) == alone > 0


def test_groups_of_one_trait_cover_all_queries_and_all_that_was_lost(found: Failures) -> None:
    sizes: Counter[str] = Counter()
    lost: dict[str, float] = defaultdict(float)
    for group in found.groups:
        sizes[group.trait] += group.queries
        lost[group.trait] += group.lost
        assert group.difference.value == pytest.approx(group.system - group.baseline)
    assert set(sizes.values()) == {found.queries}
    assert all(share == pytest.approx(1.0) for share in lost.values())


def test_a_beam_as_wide_as_the_catalogue_loses_nothing_and_a_narrow_one_says_where(bench: Bench) -> None:
    ids = list(semantic_ids(bench.retriever, bench.dataset).values())[:40]
    queries = bench.texts[:2]
    wide = places_lost(bench.retriever, queries, [ids, ids], 600)
    assert wide == [[4] * len(ids)] * 2
    (narrow,) = places_lost(bench.retriever, queries[:1], [ids], 1)
    only = bench.retriever.search(queries[0], k=1, beam_width=1).hits[0].semantic_id
    agreed = [next((level for level in range(4) if one[level] != only[level]), 4) for one in ids]
    assert narrow == agreed


def test_examples_quote_at_most_as_many_as_asked_and_only_if_asked(found: Failures, bench: Bench) -> None:
    assert found.examples
    assert max(Counter(example.where for example in found.examples).values()) <= 3
    assert all(example.baseline_rank <= 10 for example in found.examples)
    titles = {product.title for product in bench.dataset.catalogue}
    assert all(example.product in titles for example in found.examples)
    quiet = analyse(bench, grading_of(bench.dataset), "test", k=10)
    assert quiet.examples == ()
    assert found.examples[0].product not in quiet.markdown()


@pytest.mark.parametrize("word", ["dcb107b", "48x34a1", "hd7200", "31417"])
def test_model_numbers(word: str) -> None:
    assert is_model_number(word)


@pytest.mark.parametrize("word", ["48x34", "24in", "2x4x8", "paint", "100", "9v", "4th", "1800btu"])
def test_sizes_and_words_are_no_model_numbers(word: str) -> None:
    assert not is_model_number(word)


def test_traits_by_hand() -> None:
    catalogue = Catalogue.from_products(
        [Product(str(i), "red paint") for i in range(12)] + [Product("x", "rare dcb107b")]
    )
    traits = traits_of([Query("a", "red paint", "head", 1), Query("b", "rare red dcb107b pain", "", 20)], catalogue)
    assert traits["a"] == {
        "kind": "head",
        "words": "2",
        "asked": "once",
        "rarest word": "in 10 to 99 products",
        "model number": "no",
    }
    assert traits["b"] == {
        "words": "4",
        "asked": "10 to 99 times",
        "rarest word": "in no product",
        "model number": "yes",
    }


def test_what_was_not_searched_cannot_be_analysed(bench: Bench) -> None:
    with pytest.raises(GenretError, match="search 20 deep"):
        analyse(bench, grading_of(bench.dataset), "test", k=50)


def test_recall_beyond_a_hundred_is_what_it_is_called(built_run: Path) -> None:
    dataset, _ = load_dataset(built_run / "data")
    grading = grading_of(dataset)
    queries = answerable(dataset.split_queries("test"), grading)[:20]
    deep = Bench(dataset, queries, SystemSettings(k=300, beam_width=300, tune_queries=5), RunFolder(built_run))
    found = analyse(deep, grading, "test", k=300)
    assert "recall@300" in found.markdown()
    asked = {query.id for query in queries}
    judged = [j for j in grading.judgements if j.query_id in asked]
    words = [group for group in found.groups if group.trait == "words"]
    mean = sum(group.system * group.queries for group in words) / len(queries)
    deepest, shallow = (recall_at(deep.answer("generative").run, judged, k, grading.relevant_at) for k in (300, 100))
    assert mean == pytest.approx(sum(deepest.values()) / len(queries))
    assert sum(deepest.values()) > sum(shallow.values())
