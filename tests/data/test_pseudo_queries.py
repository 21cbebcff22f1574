"""Pseudo-queries and the lexical teacher: every product is reached, noise is small, BM25 is BM25."""

from __future__ import annotations

import math
import re

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from genret.data.pseudo_queries import add_noise, make_pseudo_queries, pseudo_query, typo
from genret.data.records import Catalogue
from genret.ground.types import Product
from genret.training.teacher import LexicalTeacher

PRODUCTS = [
    Product(
        "a", "Marinara Pasta Sauce 24 oz", ("Pantry", "Pasta Sauces"), "Nonna", "tomato and basil", {"size": "24 oz"}
    ),
    Product("b", "Tomato Basil Pasta Sauce", ("Pantry", "Pasta Sauces"), "Fairmont", "a marinara for every day"),
    Product("c", "Cola Soda 12 ct", ("Drinks", "Soda"), "Popsy", "", {"size": "12 ct"}),
    Product("d", "!!!"),
]
CATALOGUE = Catalogue.from_products(PRODUCTS)
ALL = np.arange(4)
words = st.text("abcdefghijklmnopqrstuvwxyz", min_size=4, max_size=12)


def test_every_product_gets_its_share_and_the_seed_decides() -> None:
    made = make_pseudo_queries(CATALOGUE, ALL, 10, noise=0.5, seed=3)
    assert np.bincount(made.rows).tolist() in (
        [3, 3, 2, 2],
        [2, 2, 3, 3],
        [3, 2, 3, 2],
        [2, 3, 2, 3],
        [3, 2, 2, 3],
        [2, 3, 3, 2],
    )
    assert all(made.texts)
    again, other = (make_pseudo_queries(CATALOGUE, ALL, 10, 0.5, seed) for seed in (3, 4))
    assert made.texts == again.texts
    assert made.texts != other.texts


def test_only_the_given_rows_are_used() -> None:
    assert set(make_pseudo_queries(CATALOGUE, np.asarray([1, 2]), 9, 0.0, 0).rows.tolist()) == {1, 2}
    assert make_pseudo_queries(CATALOGUE, np.asarray([], np.int64), 0, 0.0, 0).texts == []


def test_without_noise_a_pseudo_query_holds_the_products_own_words_only() -> None:
    rng = np.random.default_rng(0)
    for product in PRODUCTS:
        own = " ".join(
            [product.title, product.brand, *product.category, product.description, *product.attributes.values()]
        )
        for _ in range(50):
            assert set(pseudo_query(product, rng).split()) <= set(own.lower().split())


@given(words, st.integers(0, 1000))
@settings(max_examples=100, deadline=None)
def test_a_typo_is_one_edit_and_keeps_the_first_letter(word: str, seed: int) -> None:
    typed = typo(word, np.random.default_rng(seed))
    assert typed[0] == word[0]
    assert abs(len(typed) - len(word)) <= 1
    if len(typed) == len(word):
        assert sum(a != b for a, b in zip(typed, word, strict=True)) <= 2


def test_noise_writes_units_and_dimensions_as_shoppers_do() -> None:
    rng = np.random.default_rng(0)
    ounces = {add_noise("sauce 24 oz", rng) for _ in range(100)}
    assert {"sauce 24oz", "sauce 24 ounce", "sauce 24 ounces"} <= ounces
    assert all(re.search(r"\b24", text) for text in ounces)
    assert "door 48x34" in {add_noise("door 48 in. x 34 in.", rng) for _ in range(30)}
    assert add_noise("a b 1", rng) == "a b 1"


def test_teacher_scores_as_bm25_is_written_in_the_paper() -> None:
    """softmax(score / T) as weights: log-ratios of weights are differences of BM25 scores."""
    texts = ["red apple pie", "green apple", "apple apple cake with red icing", "pie", "blue cheese"]
    catalogue = Catalogue.from_products(Product(str(i), text) for i, text in enumerate(texts))
    k1, b = 1.2, 0.6
    found = LexicalTeacher(catalogue, np.arange(5), k1, b).neighbours(["red apple pie"], 10, temperature=2.0)

    documents = [text.split() for text in texts]
    mean = sum(map(len, documents)) / len(documents)
    scores = np.zeros(5)
    for word in ("red", "apple", "pie"):
        holding = sum(word in document for document in documents)
        rarity = math.log(1 + (5 - holding + 0.5) / (holding + 0.5))
        for place, document in enumerate(documents):
            count = document.count(word)
            scores[place] += rarity * count * (k1 + 1) / (count + k1 * (1 - b + b * len(document) / mean))
    order = np.argsort(-scores)[:4]
    assert sorted(order.tolist()) == [0, 1, 2, 3]
    assert found.rows.tolist() == order.tolist()
    expected = np.exp(scores[order] / 2.0) / np.exp(scores[order] / 2.0).sum()
    np.testing.assert_allclose(found.weights, expected, rtol=1e-4)


def test_teacher_keeps_the_best_of_the_given_rows() -> None:
    teacher = LexicalTeacher(CATALOGUE, np.asarray([1, 2, 3]))
    found = teacher.neighbours(["marinara pasta sauce", "cola", "nothing known", "Sodas"], 1, 1.0)
    assert found.starts.tolist() == [0, 1, 2, 2, 3]
    assert found.rows.tolist() == [1, 2, 2]
    assert found.weights.tolist() == [1.0, 1.0, 1.0]
