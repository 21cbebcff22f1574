"""BM25 against its formula, dense search against brute force, fusion by hand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genret.data.records import Catalogue
from genret.eval.runs import ranked
from genret.eval.systems.bm25 import BM25
from genret.eval.systems.dense import Dense
from genret.eval.systems.fusion import reciprocal_rank_fusion, score_fusion
from genret.ground.errors import GenretError
from genret.ground.types import Product, Query
from genret.index.lexical import BM25Settings

TITLES = ["tomato basil sauce", "marinara sauce", "alfredo pasta sauce", "cola soda 12 pack", "tomatoes", "sauce sauce"]


def catalogue(titles: Sequence[str] = TITLES) -> Catalogue:
    return Catalogue.from_products(Product(f"p{i}", title, brand="Acme") for i, title in enumerate(titles))


def lucene(query: list[str], documents: list[list[str]], k1: float, b: float) -> list[float]:
    mean = sum(map(len, documents)) / len(documents)
    scores = []
    for words in documents:
        total = 0.0
        for term in query:
            df = sum(term in d for d in documents)
            tf = words.count(term)
            if df:
                idf = math.log(1 + (len(documents) - df + 0.5) / (df + 0.5))
                total += idf * tf / (tf + k1 * (1 - b + b * len(words) / mean))
        scores.append(total)
    return scores


@pytest.mark.parametrize(("k1", "b"), [(1.5, 0.75), (0.3, 0.6)])
def test_bm25_equals_its_formula(k1: float, b: float) -> None:
    settings = BM25Settings(k1=k1, b=b, stem=False, fields=("title",))
    run = BM25(catalogue(), settings).search([Query("q", "Tomato SAUCE zebra")], k=10)
    expected = lucene(["tomato", "sauce"], [title.split() for title in TITLES], k1, b)
    order = [f"p{i}" for i in sorted(range(len(TITLES)), key=lambda i: (-expected[i], i)) if expected[i] > 0]
    assert list(run["q"].products) == order
    assert run["q"].scores == pytest.approx(sorted((s for s in expected if s), reverse=True), rel=1e-5)


def test_stemming_joins_word_forms() -> None:
    settings = BM25Settings(stem=True, fields=("title",))
    assert "p4" in BM25(catalogue(), settings).search([Query("q", "tomato")])["q"].products
    plain = BM25Settings(stem=False, fields=("title",))
    assert "p4" not in BM25(catalogue(), plain).search([Query("q", "tomato")])["q"].products


def test_ties_go_to_the_earlier_product_and_repeat_exactly() -> None:
    index = BM25(catalogue(["same words"] * 30), BM25Settings(fields=("title",)))
    run = index.search([Query("q", "same")], k=7)
    assert run["q"].products == tuple(f"p{i}" for i in range(7))


@pytest.mark.parametrize("text", ["", "   ", "zzz", "!!!"])
def test_queries_without_a_known_word_find_nothing(text: str) -> None:
    assert BM25(catalogue()).search([Query("q", text)])["q"].products == ()


def test_k_beyond_the_catalogue_and_a_catalogue_of_one() -> None:
    assert len(BM25(catalogue()).search([Query("q", "sauce")], k=100)["q"].products) == 4
    assert BM25(catalogue(["milk"])).search([Query("q", "milk")])["q"].products == ("p0",)


def test_no_words_at_all_is_an_error() -> None:
    with pytest.raises(GenretError, match="no words"):
        BM25(catalogue(["!!!"]), BM25Settings(fields=("title",)))


@pytest.mark.parametrize("bad", [{"k1": -1.0}, {"b": 1.5}, {"fields": ()}, {"fields": ("colour",)}])
def test_bad_settings(bad: dict[str, Any]) -> None:
    with pytest.raises(GenretError, match="BM25"):
        BM25Settings(**bad)


def test_dense_equals_brute_force() -> None:
    rng = np.random.default_rng(0)
    products, queries = rng.normal(size=(200, 16)).astype(np.float32), rng.normal(size=(5, 16)).astype(np.float32)
    run = Dense(products, [f"p{i}" for i in range(200)]).search([f"q{i}" for i in range(5)], queries, k=20)
    for i, scores in enumerate(queries @ products.T):
        order = np.argsort(-scores)[:20]
        assert run[f"q{i}"].products == tuple(f"p{row}" for row in order)
        assert run[f"q{i}"].scores == pytest.approx(scores[order], rel=1e-4)


def test_dense_ties_go_to_the_earlier_product() -> None:
    run = Dense(np.ones((20, 4), np.float32), [f"p{i}" for i in range(20)]).search(
        ["q"], np.ones((1, 4), np.float32), 5
    )
    assert run["q"].products == ("p0", "p1", "p2", "p3", "p4")


def test_dense_refuses_mismatched_shapes_and_takes_no_queries() -> None:
    index = Dense(np.ones((3, 4), np.float32), ["a", "b", "c"])
    with pytest.raises(GenretError, match=r"expected \(1, 4\)"):
        index.search(["q"], np.ones((1, 5), np.float32))
    with pytest.raises(GenretError, match="of 2 products"):
        Dense(np.ones((3, 4), np.float32), ["a", "b"])
    assert index.search([], np.ones((0, 4), np.float32)) == {}
    assert len(index.search(["q"], np.ones((1, 4), np.float32), k=100)["q"].products) == 3


def test_fusion_by_hand() -> None:
    one, two = {"q": ranked("abc", [3, 2, 1])}, {"q": ranked("cd", [9, 8])}
    fused = reciprocal_rank_fusion([one, two])["q"]
    assert fused.products == ("c", "a", "b", "d")  # c: 1/63 + 1/61; b and d tie at rank 2, by id
    assert fused.scores == pytest.approx((1 / 63 + 1 / 61, 1 / 61, 1 / 62, 1 / 62))


def test_score_fusion_by_hand() -> None:
    one, two = {"q": ranked(["a", "b", "c"], [30.0, 20.0, 10.0])}, {"q": ranked(["c", "d"], [-1.0, -3.0])}
    fused = score_fusion([one, two], weights=(1.0, 0.75))["q"]
    assert fused.products == ("a", "c", "b", "d")  # 1, .75, .5, 0
    assert fused.scores == (1.0, 0.75, 0.5, 0.0)
    same = {"q": ranked(["x", "y"], [2.0, 2.0])}
    assert score_fusion([same])["q"] == ranked(["x", "y"], [1.0, 1.0])
    assert score_fusion([one, {}], depth=1) == {"q": ranked(["a"], [1.0])}
    with pytest.raises(GenretError, match="not all 0"):
        score_fusion([one, two], weights=(0.0, 0.0))


def test_fusion_weights_depth_and_missing_queries() -> None:
    one, two = {"q": ranked("ab", [2, 1])}, {"q": ranked("ba", [2, 1]), "r": ranked("z", [1])}
    assert reciprocal_rank_fusion([one, two], weights=(2, 1))["q"].products == ("a", "b")
    assert reciprocal_rank_fusion([one, two], depth=1)["r"].products == ("z",)
    for bad in ({"k": 0}, {"depth": 0}, {"weights": (1,)}):
        with pytest.raises(GenretError, match="fusion needs"):
            reciprocal_rank_fusion([one, two], **bad)


@given(st.permutations(list("abcdefgh")))
def test_fusing_a_run_with_itself_changes_no_order(order: list[str]) -> None:
    run = {"q": ranked(order, [-float(i) for i in range(len(order))])}
    assert reciprocal_rank_fusion([run, run])["q"].products == tuple(order)
