"""What prefixes are worth: the untrained decoder scores IDs as exact search does, also IDs that came later."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from genret.model import values
from genret.model.grown import GrownValues
from genret.model.newcomers import Newcomers, Stock
from genret.model.prefix import UNKNOWN
from genret.model.values import PrefixValues, coarse_level, segment_sum
from genret.search.trie import Trie

WIDTH = 5
catalogues = st.tuples(
    st.sampled_from([(4, 3, 5), (3, 3, 3, 3), (6,), (2, 9)]),
    st.integers(1, 40),
    st.integers(0, 10_000),
)


def catalogue(shape: tuple[tuple[int, ...], int, int]) -> tuple[tuple[int, ...], torch.Tensor, torch.Tensor]:
    """Sizes, (N, L) codes, some shared, and (N, D) vectors."""
    sizes, count, seed = shape
    rng = np.random.default_rng(seed)
    codes = np.stack([rng.integers(0, size, count) for size in sizes], 1)
    return sizes, torch.from_numpy(codes), torch.from_numpy(rng.normal(size=(count, WIDTH)).astype(np.float32))


def started(sizes: tuple[int, ...], codes: torch.Tensor, vectors: torch.Tensor, look_below: int = 1000) -> PrefixValues:
    made = PrefixValues(sizes, PrefixValues.counts(codes), WIDTH, 0.1, look_below)
    made.fill(codes)
    made.start_from(codes, vectors)
    return made


def stock(sizes: tuple[int, ...], codes: torch.Tensor, vectors: torch.Tensor | None) -> Stock:
    """Products with these codes and vectors."""
    trie, order = Trie.build(codes.numpy(), sizes)
    return Stock(trie, None if vectors is None else lambda positions: vectors.numpy()[order[positions]])


def extended(made: PrefixValues, base: Stock, delta: Stock) -> PrefixValues:
    """With what a model does not know."""
    newcomers, ids = Newcomers(made, base), delta.trie.all_ids()
    ids = ids[~newcomers.known(ids)]
    return GrownValues.of(made).with_values(newcomers.values(ids, delta)).whole


def scores(made: PrefixValues, ids: torch.Tensor, query: torch.Tensor) -> torch.Tensor:
    """(Q, n) log-probability of each of (n, L) IDs for each query."""
    worth, total = made.worth(query), torch.zeros(len(query), len(ids))
    for q in range(len(query)):
        nodes = torch.zeros(len(ids), dtype=torch.int64)
        for level, size in enumerate(made.sizes):
            rows = torch.full((len(ids),), q)
            found = made.log_probs(level, torch.zeros(len(ids), size), worth, rows, nodes)
            torch.testing.assert_close(found.exp().sum(1), torch.ones(len(ids)), atol=1e-5, rtol=0)
            total[q] += found.gather(1, ids[:, level, None])[:, 0]
            nodes = made.child(level, nodes, ids[:, level])
    return total


@given(catalogues)
@settings(max_examples=60, deadline=None)
def test_an_ids_log_probability_is_its_products_score_less_one_number_a_query(
    shape: tuple[tuple[int, ...], int, int],
) -> None:
    sizes, codes, vectors = catalogue(shape)
    ids, leaf, counts = torch.unique(codes, dim=0, return_inverse=True, return_counts=True)
    means = torch.zeros(len(ids), WIDTH).index_add_(0, leaf, vectors) / counts[:, None]
    query = torch.from_numpy(np.random.default_rng(1).normal(size=(3, WIDTH)).astype(np.float32)) * 3
    wanted = query @ means.T + counts.log()
    found = scores(started(sizes, codes, vectors), ids, query)
    levels = torch.zeros(len(ids))  # what each level leaves for codes that lead nowhere
    nodes = torch.zeros(len(ids), dtype=torch.int64)
    made = started(sizes, codes, vectors)
    for level, size in enumerate(sizes):
        children = made.get_buffer(f"starts{level}").diff()[nodes]
        levels += torch.where(children < size, np.log1p(0.1), 0.0)
        nodes = made.child(level, nodes, ids[:, level])
    gap = found + levels - wanted
    torch.testing.assert_close(gap, gap[:, :1].expand_as(gap), atol=2e-4, rtol=0)


@given(catalogues, st.integers(0, 3))
@settings(max_examples=40, deadline=None)
def test_looking_below_some_prefixes_is_exact_for_these_and_the_mean_for_others(
    shape: tuple[tuple[int, ...], int, int], look_below: int
) -> None:
    sizes, codes, vectors = catalogue(shape)
    made, every = (started(sizes, codes, vectors, below) for below in (look_below, 1000))
    if made.coarse_level < 0:
        return
    query = torch.from_numpy(np.random.default_rng(1).normal(size=(2, WIDTH)).astype(np.float32))
    means = (query @ made.coarse.T + made.coarse_bias).exp()
    worth, exact = made.worth(query), every.worth(query)
    mass, full = worth.masses[-1] * worth.shift.exp(), exact.masses[-1] * exact.shift.exp()
    best = means.topk(min(look_below, means.shape[1]), 1).indices
    expected = means.scatter(1, best, full.gather(1, best))
    torch.testing.assert_close(mass, expected, rtol=1e-4, atol=1e-6)
    assert (full >= means * (1 - 1e-4)).all()  # Jensen


def test_of_two_prefixes_alike_that_whose_ids_lie_further_apart_is_looked_below(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    codes = torch.tensor([[0, 0, 0], [0, 0, 1], [1, 0, 0], [1, 0, 1]])
    near, far = torch.tensor([0.1, -0.1]), torch.tensor([2.0, -2.0])
    vectors = torch.zeros(4, WIDTH)
    vectors[:, 0], vectors[:, 1] = 1.0, torch.cat([near, far])
    made = started((2, 2, 2), codes, vectors, look_below=1).eval()
    query = torch.zeros(1, WIDTH)
    query[0, :2] = 1.0
    assert made.spread() is None, "there are few IDs"
    monkeypatch.setattr(values, "SPREAD_FROM", 4)
    spread = made.spread()
    assert spread is not None
    torch.testing.assert_close(spread, torch.tensor([0.01, 4.0]) / (2 * WIDTH))
    worth = made.worth(query)
    found = worth.masses[-1].log() + worth.shift
    wanted = torch.tensor([1 + math.log(2), torch.logsumexp(1 + far, 0).item()])
    torch.testing.assert_close(found[0], wanted)
    with torch.no_grad():
        made.leaves.mul_(2.0)
    changed = made.spread()
    assert changed is not None
    assert not torch.equal(changed, spread), "it follows the vectors"
    assert made.train().spread() is None


def test_a_prefix_of_many_ids_promises_no_more_for_their_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """They cost as much more to read: the prefix of the better mean is looked below, though the other is worth more."""
    monkeypatch.setattr(values, "SPREAD_FROM", 1)
    codes = torch.tensor([[0, 0, 0], *([1, 0, code] for code in range(4))])
    vectors = torch.zeros(5, WIDTH)
    vectors[0, 0], vectors[1:, 0] = 1.0, torch.tensor([0.8, 0.9, 0.9, 1.0])
    made = started((2, 1, 4), codes, vectors, look_below=1).eval()
    query = torch.zeros(1, WIDTH)
    query[0, 0] = 1.0
    promised = made._promise(made._coarse_scores(query), query)
    spread = made.spread()
    assert spread is not None
    torch.testing.assert_close(promised, torch.tensor([[1.0, 0.9]]) + spread)
    found = made.worth(query).masses[-1][0]
    assert found[1] > found[0]


def test_codes_that_lead_nowhere_share_the_backoff_and_an_unknown_prefix_has_all_of_it() -> None:
    codes = torch.tensor([[0, 1, 2], [0, 2, 2], [1, 0, 0]])
    made = started((2, 4, 3), codes, torch.randn(3, WIDTH, generator=torch.Generator().manual_seed(0)))
    worth = made.worth(torch.ones(1, WIDTH))
    rows, nodes = torch.zeros(2, dtype=torch.int64), torch.tensor([0, UNKNOWN])
    found = made.log_probs(1, torch.zeros(2, 4), worth, rows, nodes).exp()
    torch.testing.assert_close(found[0, [0, 3]].sum(), torch.tensor(0.1 / 1.1))
    share = torch.bincount(codes[:, 1], minlength=4) + 0.5
    torch.testing.assert_close(found[1], share / share.sum())


@given(catalogues, st.integers(1, 10), st.integers(0, 100))
@settings(max_examples=40, deadline=None)
def test_new_ids_have_the_value_that_a_start_with_them_would_give(
    shape: tuple[tuple[int, ...], int, int], count: int, seed: int
) -> None:
    sizes, codes, vectors = catalogue(shape)
    _, new, new_vectors = catalogue((sizes, count, seed))
    made = started(sizes, codes, vectors)
    unknown = ~made.knows(new)
    if not unknown.any():
        return
    grown = extended(made, stock(sizes, codes, vectors), stock(sizes, new, new_vectors))
    both = started(sizes, torch.cat([codes, new[unknown]]), torch.cat([vectors, new_vectors[unknown]]))
    torch.testing.assert_close(grown.leaves, both.leaves)
    torch.testing.assert_close(grown.leaf_bias, both.leaf_bias)
    ids = grown.ids()
    query = torch.from_numpy(np.random.default_rng(2).normal(size=(2, WIDTH)).astype(np.float32))
    torch.testing.assert_close(scores(grown, ids, query), scores(both, ids, query), atol=1e-4, rtol=0)


def test_new_ids_carry_over_what_training_changed_beside_them() -> None:
    sizes, codes, vectors = (2, 2, 4), torch.tensor([[0, 0, 1], [0, 0, 2], [1, 1, 0]]), torch.randn(3, WIDTH)
    made = started(sizes, codes, vectors)
    with torch.no_grad():
        made.leaves[:2] += torch.arange(WIDTH)
        made.leaf_bias[:2] += 0.5
    new, vector = torch.tensor([[0, 0, 3], [1, 1, 3]]), torch.randn(2, WIDTH)
    grown = extended(made, stock(sizes, codes, vectors), stock(sizes, new, vector))
    place = grown.find(new)
    torch.testing.assert_close(grown.leaves[place], vector + torch.stack([torch.arange(WIDTH), torch.zeros(WIDTH)]))
    torch.testing.assert_close(grown.leaf_bias[place], torch.tensor([0.5, 0.0]))


def test_a_new_id_with_no_known_one_beside_it_is_changed_as_all_are_on_average() -> None:
    sizes, codes, vectors = (2, 2, 4), torch.tensor([[0, 0, 1], [0, 0, 2], [1, 1, 0]]), torch.randn(3, WIDTH)
    made = started(sizes, codes, vectors)
    with torch.no_grad():
        made.leaves.add_(torch.arange(3.0)[:, None])
    new, vector = torch.tensor([[1, 0, 0]]), torch.randn(1, WIDTH)
    grown = extended(made, stock(sizes, codes, vectors), stock(sizes, new, vector))
    torch.testing.assert_close(grown.leaves[grown.find(new)], vector + 1.0)
    torch.testing.assert_close(grown.coarse[grown.find(new[:, :2])], vector + 1.0)


def test_without_vectors_a_new_id_has_the_mean_of_those_beside_it() -> None:
    sizes, codes, vectors = (2, 2, 4), torch.tensor([[0, 0, 1], [0, 0, 2], [1, 1, 0]]), torch.randn(3, WIDTH)
    made, new = started(sizes, codes, vectors), torch.tensor([[0, 0, 3]])
    grown = extended(made, stock(sizes, codes, None), stock(sizes, new, None))
    torch.testing.assert_close(grown.leaves[grown.find(torch.tensor([[0, 0, 3]]))][0], vectors[:2].mean(0))


def test_gradients_reach_both_tables_through_the_look_ahead() -> None:
    codes = torch.tensor([[0, 0, 1], [0, 0, 2], [1, 1, 0], [1, 0, 0]])
    made = started((2, 2, 4), codes, torch.randn(4, WIDTH), look_below=1)
    query = torch.randn(2, WIDTH, requires_grad=True)
    worth = made.worth(query)
    loss = made.log_probs(0, torch.zeros(2, 2), worth, torch.arange(2), torch.zeros(2, dtype=torch.int64))[:, 0].sum()
    found = torch.autograd.grad(loss, (query, made.coarse, made.leaves, made.leaf_bias))
    assert all(gradient.abs().sum() > 0 for gradient in found)


def test_segment_sums_and_their_gradients_are_those_of_a_matrix() -> None:
    starts, values = torch.tensor([0, 2, 3, 7]), torch.randn(4, 7, requires_grad=True)
    member = torch.zeros(7, 3)
    for segment, (first, stop) in enumerate(zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True)):
        member[first:stop, segment] = 1
    weight = torch.randn(4, 3)
    found, wanted = segment_sum(values, starts), values @ member
    torch.testing.assert_close(found, wanted)
    torch.testing.assert_close(
        *(torch.autograd.grad((made * weight).sum(), values, retain_graph=True)[0] for made in (found, wanted))
    )


@pytest.mark.parametrize(
    ("sizes", "level"), [((256,) * 4, 1), ((16,) * 4, 2), ((16,) * 8, 3), ((1024,) * 4, 0), ((8,), -1), ((9, 9), 0)]
)
def test_the_coarse_level_has_a_bounded_number_of_prefixes_and_is_above_the_last(
    sizes: tuple[int, ...], level: int
) -> None:
    assert coarse_level(sizes) == level
