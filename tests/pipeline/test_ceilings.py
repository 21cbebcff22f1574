"""A shard that a query's words rule out holds no product of the answer: bounds beside every product's score."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from genret.index.lexical import BM25Settings, Lexical, WholeWords
from genret.pipeline.ceilings import WordBounds

WORDS = [f"w{number}" for number in range(12)]
PRODUCTS = st.lists(st.lists(st.sampled_from(WORDS), max_size=6), max_size=10)


class Cut(NamedTuple):
    """A catalogue's words in shards."""

    shards: list[Lexical]
    bounds: WordBounds


@st.composite
def cuts(draw: st.DrawFn) -> Cut:
    parts = draw(st.lists(PRODUCTS, min_size=1, max_size=4))
    settings, every = BM25Settings(stem=False), [words for part in parts for words in part]
    holding = {word: sum(word in words for words in every) for word in WORDS}
    whole = WholeWords(len(every), sum(map(len, every)), holding, {})
    shards = [Lexical.build(part, settings, whole) for part in parts]
    return Cut(shards, WordBounds({number: one.ceilings() for number, one in enumerate(shards)}, len(shards)))


@given(cuts(), st.lists(st.sampled_from([*WORDS, "unknown"]), max_size=8))
def test_no_product_scores_more_than_its_shard_is_said_to(cut: Cut, query: list[str]) -> None:
    for shard, bound in zip(cut.shards, cut.bounds.of(query), strict=True):
        scores = shard.scores(query)
        most = scores.max(initial=-np.inf)
        assert most <= bound
        assert (most > -np.inf) == (bound > -np.inf), "and one without any of the words is ruled out"


def test_a_bound_of_one_word_is_its_best_score_and_nothing_bounds_who_is_silent() -> None:
    shard = Lexical.build([["oat", "milk"], ["oat", "oat"]], BM25Settings(stem=False))
    bounds = WordBounds({0: shard.ceilings(), 2: Lexical.build([], BM25Settings()).ceilings()}, 3)
    (own, silent, empty) = bounds.of(["oat"])
    assert own == np.float32(shard.scores(["oat"]).max() * (1 + 3 * 2.0**-23))
    assert (silent, empty) == (np.inf, -np.inf)
    assert bounds.of(["oat", "milk"])[0] >= shard.scores(["oat", "milk"]).max()
