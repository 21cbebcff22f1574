"""A shard that a query's words rule out holds no product of the answer: bounds beside every product's score."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from genret.ground.arrays import Ints
from genret.index.lexical import BM25Settings, Lexical, WholeWords
from genret.pipeline.ceilings import WordBounds
from genret.search.first import Known

WORDS = [f"w{number}" for number in range(12)]
PRODUCTS = st.lists(st.lists(st.sampled_from(WORDS), max_size=6), max_size=10)


SIZES = (4, 3, 2)
"""Codebooks: the first two levels have 12 prefixes, and each of at most 4 shards has one first code."""


class Cut(NamedTuple):
    """A catalogue's words in shards."""

    shards: list[Lexical]
    prefixes: list[Ints]
    """(N,) of each shard's products."""
    bounds: WordBounds


@st.composite
def cuts(draw: st.DrawFn) -> Cut:
    parts = draw(st.lists(PRODUCTS, min_size=1, max_size=4))
    settings, every = BM25Settings(stem=False), [words for part in parts for words in part]
    holding = {word: sum(word in words for words in every) for word in WORDS}
    whole = WholeWords(len(every), sum(map(len, every)), holding, {})
    shards = [Lexical.build(part, settings, whole) for part in parts]
    second = [sorted(draw(st.integers(0, SIZES[1] - 1)) for _ in part) for part in parts]
    prefixes = [np.array(codes, np.int64) + number * SIZES[1] for number, codes in enumerate(second)]
    told = {number: shard.ceilings(own) for number, (shard, own) in enumerate(zip(shards, prefixes, strict=True))}
    return Cut(shards, prefixes, WordBounds(told, len(shards)))


@given(cuts(), st.lists(st.sampled_from([*WORDS, "unknown"]), max_size=8), st.sets(st.integers(0, 11)))
def test_no_allowed_product_scores_more_than_its_shard_is_said_to(cut: Cut, query: list[str], barred: set[int]) -> None:
    allowed = [~np.isin(own, list(barred)) for own in cut.prefixes]
    left = [np.unique(own[mask]) for own, mask in zip(cut.prefixes, allowed, strict=True)]
    known = Known.of(left, SIZES, np.minimum(np.arange(SIZES[0]), len(left) - 1))
    for shard, mask, bound in zip(cut.shards, allowed, cut.bounds.of([query], known)[0], strict=True):
        most = np.where(shard.scores([query])[0] > 0, shard.scores([query])[0], -np.inf)[mask].max(initial=-np.inf)
        assert most <= bound
        assert (most > -np.inf) == (bound > -np.inf), "and one without any of the words is ruled out"


def test_a_bound_of_one_word_is_its_best_score_and_nothing_bounds_who_is_silent() -> None:
    shard, prefixes = Lexical.build([["oat", "milk"], ["oat", "oat"]], BM25Settings(stem=False)), np.array([1, 1])
    nothing = Lexical.build([], BM25Settings()).ceilings(prefixes[:0])
    bounds = WordBounds({0: shard.ceilings(prefixes), 2: nothing}, 3)
    known = Known.of([prefixes[:1], prefixes[:0], np.array([7])], SIZES, np.array([0, 1, 2, 2]))
    (own, silent, empty) = bounds.of([["oat"]], known)[0]
    assert own == np.float32(shard.scores([["oat"]]).max() * (1 + 3 * 2.0**-23))
    assert (silent, empty) == (np.inf, -np.inf)
    assert bounds.of([["oat", "milk"]], known)[0, 0] >= shard.scores([["oat", "milk"]]).max()


def test_words_of_products_that_share_no_prefix_are_not_added_up() -> None:
    shard = Lexical.build([["oat"], ["milk"]], BM25Settings(stem=False))
    apart, together = (WordBounds({0: shard.ceilings(np.array(own))}, 1) for own in ([0, 1], [0, 0]))
    known = Known.of([np.array([0, 1])], SIZES, np.zeros(4, np.int64))
    assert apart.of([["oat", "milk"]], known)[0, 0] < 0.6 * together.of([["oat", "milk"]], known)[0, 0]
