"""What the searches find for many queries at once is what they find for each alone: references without any array."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genret import Retriever
from genret.ground.types import Product
from genret.index import lexical, postings
from genret.pipeline import finding
from genret.pipeline.crew import best_of
from genret.pipeline.finding import Found, Weights, by_neighbours, by_words, fused_by, top, weights_of
from genret.pipeline.stock import put_products
from genret.search.fusion import union

NONE = -np.inf


def fused_one_by_one(own: Found, words: Found, weights: Weights, shares: list[float], weight: float) -> Found:
    """What `fused_by` says, query by query."""
    wide = own.positions.shape[1] + words.positions.shape[1]
    positions, scores = np.full((len(shares), wide), -1), np.full((len(shares), wide), NONE, np.float32)
    for row, share in enumerate(shares):
        mine, theirs = ([one for one in found.positions[row].tolist() if one >= 0] for found in (own, words))
        both = mine + [one for one in theirs if one not in mine]
        place = [*range(len(mine)), *(own.positions.shape[1] + theirs.index(one) for one in both[len(mine) :])]
        cosines, bm25 = weights.cosines[row, place], weights.bm25[row, place]
        listed = own.scores[row, : len(mine)]
        beside = (listed - cosines[: len(mine)]).min(initial=0)
        total = np.zeros(len(both), np.float32)
        for known, least_own, factor in (
            (np.concatenate([listed, cosines[len(mine) :] + beside]), listed, share),
            (bm25, words.scores[row, : len(theirs)], weight),
        ):
            low, said = np.float32(least_own[-1] if len(least_own) else 0), known > NONE
            high = known[said].max() if said.any() else low
            part = np.clip((np.where(said, known, low) - low) / (high - low), 0, 1) if high > low else said
            total = total + np.float32(factor) * part.astype(np.float32)
        total /= np.float32(share + weight)
        order = np.argsort(-total, kind="stable")
        positions[row, : len(both)], scores[row, : len(both)] = np.array(both, np.int64)[order], total[order]
    return Found(positions, scores, np.zeros(len(shares), np.bool_))


def lists(rng: np.random.Generator, queries: int, k: int) -> Found:
    """Lists of no to k products, with ties."""
    positions, scores = np.full((queries, k), -1), np.full((queries, k), NONE, np.float32)
    for row in range(queries):
        size = int(rng.integers(0, k + 1))
        positions[row, :size] = rng.permutation(12)[:size]
        scores[row, :size] = -np.sort(-rng.integers(0, 5, size)) / np.float32(3)
    return Found(positions, scores, np.zeros(queries, np.bool_))


@given(st.integers(0, 1 << 31), st.integers(1, 6), st.integers(1, 8), st.integers(1, 8))
def test_many_queries_are_fused_as_each_alone_to_the_bit(seed: int, queries: int, k: int, other: int) -> None:
    rng = np.random.default_rng(seed)
    own, words = lists(rng, queries, k), lists(rng, queries, other)
    positions = union(own.positions, words.positions)
    some = positions >= 0
    cosines, bm25 = (np.where(some, rng.integers(0, 5, some.shape) / np.float32(3), NONE) for _ in range(2))
    weights = Weights(cosines.astype(np.float32), np.where(bm25 > 0, bm25, NONE).astype(np.float32))
    shares = rng.integers(0, 3, queries) / 2
    found = fused_by(own, words, positions, weights, (shares, 0.5))
    wanted = fused_one_by_one(own, words, weights, shares.tolist(), 0.5)
    for name in ("positions", "scores", "certified"):
        assert np.array_equal(getattr(found, name), getattr(wanted, name)), name


@given(st.integers(0, 1 << 31), st.integers(1, 4), st.integers(1, 9), st.integers(1, 4))
def test_a_cap_passes_over_what_enough_better_products_share_a_prefix_with(
    seed: int, queries: int, k: int, cap: int
) -> None:
    rng = np.random.default_rng(seed)
    found, ids = lists(rng, queries, 9), rng.integers(0, 2, (12, 3))
    capped = top(found, k, cap, lambda positions: ids[positions])
    for row, (positions, scores) in enumerate(zip(found.positions.tolist(), found.scores.tolist(), strict=True)):
        kept: list[int] = []
        for place, position in enumerate(positions):
            same = [one for one in positions[:place] if one >= 0 and (ids[one, :2] == ids[position, :2]).all()]
            if position >= 0 and len(same) < cap:
                kept.append(place)
        expected = [positions[place] for place in kept[:k]], [scores[place] for place in kept[:k]]
        assert capped.positions[row].tolist() == expected[0] + [-1] * (k - len(expected[0]))
        assert capped.scores[row].tolist() == expected[1] + [NONE] * (k - len(expected[1]))


@given(st.integers(0, 1 << 31), st.integers(1, 4), st.integers(1, 6))
def test_the_best_of_lists_holds_each_place_once(seed: int, queries: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    first, second = lists(rng, queries, 6), lists(rng, queries, 5)
    places, scores = (np.concatenate([one, two], axis=1) for one, two in zip(first[:2], second[:2], strict=True))
    found = best_of(places, scores, k)
    for row in range(queries):
        each: dict[int, float] = {}
        for place, score in zip(places[row].tolist(), scores[row].tolist(), strict=True):
            if place >= 0:
                each.setdefault(place, score)
        expected = sorted(each, key=lambda place: (-each[place], place))[:k]
        assert found[0][row].tolist() == expected + [-1] * (k - len(expected))
        assert found[1][row].tolist() == [each[one] for one in expected] + [NONE] * (k - len(expected))


QUERIES = ["oat milk", "milk", "zzyzx oat", "organic organic pasta sauce with basil", "qwzx", "zzyzx"]


@pytest.fixture(scope="module")
def changed(built_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Retriever:
    """A run with products that came since."""
    run = tmp_path_factory.mktemp("changed") / "run"
    shutil.copytree(built_run, run)
    put_products(run, [Product("new1", "Zzyzx sparkling water"), Product("new2", "Zzyzx oat milk", brand="Zzyzx")])
    return Retriever.load(run)


@pytest.mark.parametrize("room", [1, 1 << 22])
@pytest.mark.parametrize("where", [None, "price < 4"])
def test_words_and_neighbours_of_many_queries_are_those_of_each(
    changed: Retriever, where: str | None, room: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However little is looked at at once."""
    for module in (lexical, postings, finding):
        monkeypatch.setattr(module, "AT_ONCE", room if module is not finding else max(room, 5000))
    index = changed.index.snapshot()
    allowed, every = index.compile(where), np.arange(index.trie.num_products)
    mask = np.ones(len(every), np.bool_) if allowed is None else allowed.mask()
    vectors = changed.embedder.encode(QUERIES)
    assert index.embeddings is not None
    embeddings = np.asarray(index.embeddings[every], np.float32)
    words, neighbours = by_words(QUERIES, 7, index, allowed), by_neighbours(vectors, 7, index, allowed)
    at = np.where(np.random.default_rng(0).random((len(QUERIES), 9)) < 0.3, -1, np.arange(9) * 13)
    weights = weights_of(QUERIES, vectors, at, index)
    for row, query in enumerate(QUERIES):
        bm25, cosines = one_by_one(index.text.lexical, query, len(every)), embeddings @ vectors[row]
        best = [one for one in np.argsort(-bm25, kind="stable").tolist() if mask[one] and bm25[one] > 0][:7]
        assert words.positions[row].tolist() == best + [-1] * (7 - len(best))
        assert words.scores[row, : len(best)] == pytest.approx(bm25[best], rel=1e-6)
        near = np.sort(cosines[mask])[::-1][:7]
        assert neighbours.scores[row] == pytest.approx(near, abs=1e-6)
        assert neighbours.scores[row] == pytest.approx(cosines[neighbours.positions[row]], abs=1e-6)
        some = at[row][at[row] >= 0]
        assert weights.cosines[row][at[row] >= 0] == pytest.approx(cosines[some], abs=1e-6)
        assert weights.bm25[row][at[row] >= 0] == pytest.approx(np.where(bm25[some] > 0, bm25[some], NONE), rel=1e-6)
        assert (np.array([weights.cosines[row], weights.bm25[row]])[:, at[row] < 0] == NONE).all()


def one_by_one(view: Any, query: str, size: int) -> np.ndarray:
    """BM25 of every product, word after word."""
    base, trie = view.base, view._trie
    scores, came = np.zeros(size - trie.delta.num_products, np.float32), np.zeros(trie.delta.num_products)
    for word in view.words(query):
        if word in base._index.vocab_dict:
            scores += base._index.get_scores([word])
        for position, times in zip(*view._came.said(word), strict=True):
            came[position] += view.rarity(word) * times / (times + view._saturation[position])
    whole = np.zeros(size, np.float32)
    own = np.zeros(size, np.bool_)
    own[trie.slots] = True
    whole[own], whole[~own] = came, scores
    return whole
