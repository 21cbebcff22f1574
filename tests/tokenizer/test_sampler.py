"""Hierarchical batches: coverage within one epoch, halves as stated, defined for every shape of taxonomy."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genret.tokenizer.learning.sampler import HierarchicalSampler

paths = st.lists(st.sampled_from("abc"), max_size=3).map(tuple)


def grocery(roots: int = 3, parents: int = 4, leaves: int = 5, products: int = 6) -> list[tuple[str, ...]]:
    return [
        (f"r{r}", f"p{r}.{p}", f"l{r}.{p}.{i}")
        for r in range(roots)
        for p in range(parents)
        for i in range(leaves)
        for _ in range(products)
    ]


@settings(max_examples=60, deadline=None)
@given(st.lists(paths, min_size=1, max_size=60), st.integers(4, 40), st.integers(0, 3))
def test_one_epoch_covers_every_product_once_in_the_focus_halves(
    categories: list[tuple[str, ...]], batch_size: int, seed: int
) -> None:
    sampler = HierarchicalSampler(categories, batch_size, seed)
    for epoch in range(2):
        focus = []
        for step in range(epoch * sampler.steps_per_epoch, (epoch + 1) * sampler.steps_per_epoch):
            batch = sampler.batch(step)
            assert len(batch) == min(batch_size, len(categories))
            assert len(set(batch.tolist())) == len(batch)
            start = (step % sampler.steps_per_epoch) * sampler.focus
            focus.extend(batch[: min(sampler.focus, len(categories) - start)].tolist())
        assert Counter(focus) == Counter(range(len(categories)))


def test_batches_are_a_function_of_seed_and_step() -> None:
    categories = grocery()
    one, two = HierarchicalSampler(categories, 32, 7), HierarchicalSampler(categories, 32, 7)
    late = two.batch(50)
    assert np.array_equal(one.batch(50), late)
    assert [one.batch(step).tolist() for step in range(5)] == [two.batch(step).tolist() for step in range(5)]
    assert not np.array_equal(HierarchicalSampler(categories, 32, 8).batch(50), late)


def test_every_batch_holds_all_three_kinds_of_pair() -> None:
    categories = grocery()
    sampler = HierarchicalSampler(categories, 40, 0)
    for step in range(40):
        batch = sampler.batch(step)
        rows = [categories[row] for row in batch]
        focus, rest = rows[:20], rows[20:]
        assert max(Counter(focus).values()) >= 2  # same leaf
        parents = Counter(path[:2] for path in focus)
        assert any(len({p for p in focus if p[:2] == parent}) > 1 for parent in parents)  # siblings
        if len({path[0] for path in focus}) == 1:
            assert not {path[0] for path in focus} & {path[0] for path in rest}  # unrelated


def test_a_small_parent_shares_the_half_and_a_large_one_takes_several() -> None:
    sampler = HierarchicalSampler([("a", "x", "1")] * 100 + [("b", "y", "1")] * 2, 16, 0)
    assert sampler.steps_per_epoch == 13


@pytest.mark.parametrize("categories", [[()] * 30, [("flat",)] * 30, [(str(i),) for i in range(30)], [("a", "b")] * 30])
def test_degenerate_taxonomies_still_give_whole_batches(categories: list[tuple[str, ...]]) -> None:
    sampler = HierarchicalSampler(categories, 8, 0)
    assert {len(set(sampler.batch(step).tolist())) for step in range(20)} == {8}


def test_one_product() -> None:
    assert HierarchicalSampler([()], 512, 0).batch(3).tolist() == [0]
