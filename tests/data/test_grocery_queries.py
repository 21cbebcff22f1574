"""The queries, judgements, substitutes and baskets of the embedded catalogue."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from grocery_shelf import exact_of, words

from genret.data.grocery import frequency_band
from genret.data.grocery.grading import judge
from genret.data.grocery.intents import Intent
from genret.data.grocery.shelf import Shelf
from genret.data.grocery.taxonomy import lexicon
from genret.data.grocery.words import BIT, HARD, normalise
from genret.data.records import Dataset
from genret.ground.types import SPLITS

# --- queries and judgements


def test_split_texts_are_disjoint(middle: Dataset) -> None:
    texts = {split: [normalise(query.text) for query in middle.queries[split]] for split in SPLITS}
    every = [text for split in SPLITS for text in texts[split]]
    assert len(set(every)) == len(every)
    ids = [query.id for split in SPLITS for query in middle.queries[split]]
    assert len(set(ids)) == len(ids)


def test_every_kind_of_query_is_in_every_split(middle: Dataset) -> None:
    for split in SPLITS:
        kinds = {query.kind for query in middle.queries[split]}
        assert kinds == {"category", "attribute", "brand", "product", "use_case", "typo"}


def test_frequencies_are_long_tailed(middle: Dataset) -> None:
    queries = [query for split in SPLITS for query in middle.queries[split]]
    bands = Counter(map(frequency_band, queries))
    assert 0 < bands["head"] < bands["torso"] < bands["tail"]
    assert min(query.frequency for query in queries) == 1


def test_all_four_grades_are_judged_in_dev_and_test(middle: Dataset) -> None:
    for split in ("dev", "test"):
        assert {judgement.grade for judgement in middle.split_judgements(split)} == {0.0, 1.0, 2.0, 3.0}
    train = Counter(judgement.grade for judgement in middle.split_judgements("train"))
    assert train[3.0] > train[2.0] > 0


def test_judgements_name_known_queries_and_products_once(middle: Dataset) -> None:
    keys = [(judgement.query_id, judgement.product_id) for judgement in middle.judgements]
    assert len(set(keys)) == len(keys)
    assert {key for _, key in keys} <= set(middle.catalogue.ids)
    assert {key for key, _ in keys} == {query.id for split in SPLITS for query in middle.queries[split]}


def test_judged_queries_have_a_bounded_number_of_exact_products(middle: Dataset) -> None:
    exact = exact_of(middle)
    counts = [len(exact[query.id]) for split in ("dev", "test") for query in middle.queries[split]]
    assert min(counts) >= 1
    assert max(counts) <= 60
    assert np.median(counts) <= 15


def test_clicks_follow_popularity(middle: Dataset) -> None:
    popularity = {product.id: product.popularity for product in middle.catalogue}
    clicked = [popularity[judgement.product_id] for judgement in middle.split_judgements("train")]
    assert np.mean(clicked) > 1.5


def test_a_query_and_its_exact_products_may_share_no_word(middle: Dataset) -> None:
    """Recall of exact word match is bounded: a share of Exact products has none of the query's words in its text."""
    text = {p.id: words(f"{p.title} {p.brand} {' '.join(p.category)} {p.description}") for p in middle.catalogue}
    exact = exact_of(middle)
    shares = [
        np.mean([not words(query.text) & text[product] for product in exact[query.id]])
        for query in middle.queries["test"]
    ]
    assert 0.1 < np.mean(shares) < 0.6


@pytest.fixture
def bread(shelf: Shelf) -> int:
    return next(row for row, concept in enumerate(lexicon().concepts) if concept.names[0] == "white bread")


def test_hard_claims_rule_out_and_soft_ones_degrade(shelf: Shelf, bread: int) -> None:
    every = set(shelf.of_concept[bread].tolist())
    for letter, kind in (("g", "hard"), ("o", "soft")):
        having = {row for row in every if shelf.diets[row] & BIT[letter]}
        claim: dict[str, Any] = {kind: BIT[letter]}
        intent = Intent("attribute", (bread,), **claim)
        verdict = judge(shelf, intent)
        assert set(verdict.exact.tolist()) == having
        lacking = verdict.unfit if kind == "hard" else verdict.substitute
        assert every - having <= set(lacking.tolist())


def test_another_brand_is_a_substitute(shelf: Shelf, bread: int) -> None:
    rows = shelf.of_concept[bread].tolist()
    brand = shelf.items[rows[0]].brand
    verdict = judge(shelf, Intent("brand", (bread,), brand=brand))
    assert set(verdict.exact.tolist()) == {row for row in rows if shelf.items[row].brand == brand}
    assert {row for row in rows if shelf.items[row].brand != brand} <= set(verdict.substitute.tolist())


def test_lemons_are_no_substitute_for_oranges(shelf: Shelf) -> None:
    concepts = {concept.names[0]: row for row, concept in enumerate(lexicon().concepts)}
    verdict = judge(shelf, Intent("category", (concepts["navel oranges"],)))
    assert not set(verdict.substitute.tolist()) & set(shelf.of_concept[concepts["lemons"]].tolist())
    verdict = judge(shelf, Intent("category", (concepts["oat milk"],)))
    assert set(shelf.of_concept[concepts["almond milk"]].tolist()) <= set(verdict.substitute.tolist())


def test_plant_milk_meets_a_claim_that_its_label_need_not_print(shelf: Shelf) -> None:
    rows = [row for row, leaf in enumerate(shelf.leaf) if lexicon().leaves[leaf].path[-1] == "Oat Milk"]
    assert rows
    assert all(shelf.diets[row] & BIT["l"] for row in rows)


# --- substitutes and baskets


def test_substitutes_share_few_words(middle: Dataset) -> None:
    title = {product.id: words(product.title) for product in middle.catalogue}
    overlap = [len(title[a] & title[b]) / len(title[a] | title[b]) for a, b in middle.substitutes]
    assert len(middle.substitutes) >= 2_000
    assert np.mean(overlap) < 0.25
    assert np.mean([value == 0 for value in overlap]) > 0.15


def test_substitutes_are_alike_in_truth(shelf: Shelf, middle: Dataset) -> None:
    row_of = {key: row for row, key in enumerate(middle.catalogue.ids)}
    for a, b in middle.substitutes:
        one, other = shelf.items[row_of[a]], shelf.items[row_of[b]]
        assert one.concept == other.concept
        assert one.form == other.form
        assert one.brand != other.brand
        assert shelf.diets[row_of[a]] & HARD == shelf.diets[row_of[b]] & HARD
        assert middle.true_categories[a] == middle.true_categories[b]
    assert len(set(middle.substitutes)) == len(middle.substitutes)


def test_baskets_hold_complements_and_rarely_substitutes(middle: Dataset) -> None:
    assert len(middle.sessions) > 1_000
    pairs = [(a, b) for basket in middle.sessions for a in basket for b in basket if a < b]
    assert all(len(set(basket)) == len(basket) >= 2 for basket in middle.sessions)
    same = np.mean([middle.true_categories[a] == middle.true_categories[b] for a, b in pairs])
    assert same < 0.05
    together = Counter(frozenset((middle.true_categories[a][-1], middle.true_categories[b][-1])) for a, b in pairs)
    assert together[frozenset(("Marinara", "Spaghetti & Long Cuts"))] > 20
