"""The table of prefixes: what is known of a path, and what it adds to a code's score."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from genret.ground.errors import GenretError
from genret.model.prefix import UNKNOWN, PrefixTable

SIZES = (5, 4, 6)
CODES = torch.tensor(sorted(itertools.product(range(5), (0, 2), (1, 3, 5)))[::2])

# --- the table of prefixes ---


def make_table(codes: torch.Tensor, width: int = 0, backoff: float = 0.1) -> PrefixTable:
    table = PrefixTable(SIZES, PrefixTable.counts(codes), width, backoff)
    table.fill(codes)
    return table


id_lists = st.lists(st.tuples(*(st.integers(0, size - 1) for size in SIZES)), min_size=1, max_size=30)


@given(id_lists, st.tuples(*(st.integers(0, size - 1) for size in SIZES)))
@settings(max_examples=60, deadline=None)
def test_a_path_is_known_exactly_as_far_as_the_catalogue_goes(
    ids: list[tuple[int, ...]], path: tuple[int, ...]
) -> None:
    table = make_table(torch.tensor(ids))
    node = torch.zeros(1, dtype=torch.int64)
    for level, code in enumerate(path):
        node = table.child(level, node, torch.tensor([code]))
        assert (int(node) != UNKNOWN) == any(known[: level + 1] == path[: level + 1] for known in ids)


@given(id_lists)
@settings(max_examples=60, deadline=None)
def test_children_share_the_mass_by_their_products_and_other_codes_the_backoff(ids: list[tuple[int, ...]]) -> None:
    codes = torch.tensor(ids)
    table = make_table(codes)
    for row in ids[:5]:
        node = torch.zeros(1, dtype=torch.int64)
        for level, size in enumerate(SIZES):
            probability = table.add(level, torch.zeros(1, size), torch.zeros(1, 0), node).softmax(-1)[0]
            below = [known[level] for known in ids if known[:level] == row[:level]]
            products = torch.bincount(torch.tensor(below), minlength=size)
            children = int((products > 0).sum())
            share = (torch.bincount(codes[:, level], minlength=size) + 0.5) / (len(ids) + 0.5 * size)
            expected = (products * children / len(below) + 0.1 * share) / (children + 0.1)
            torch.testing.assert_close(probability, expected)
            node = table.child(level, node, torch.tensor([row[level]]))


@pytest.mark.filterwarnings("error")
def test_childrens_vectors_add_inner_products_and_learn_from_them() -> None:
    """Against the plain gather, values and gradients; the last row's prefix is unknown and has no children."""
    torch.manual_seed(0)
    table = make_table(CODES, width=7)
    vectors = table.vectors["1"].weight
    assert isinstance(vectors, torch.Tensor)
    states = torch.randn(4, 7, requires_grad=True)
    nodes = torch.tensor([2, 0, 2, UNKNOWN])
    logits, plain = (make(1, torch.zeros(4, 4), states, nodes) for make in (table.add, make_table(CODES).add))
    expected = torch.zeros(4, 4)
    for row, node in enumerate(nodes.tolist()):
        for code in range(4):
            child = table.child(1, torch.tensor([node]), torch.tensor([code]))
            if child >= 0:
                expected[row, code] = (states[row] * vectors[child[0]]).sum()
    torch.testing.assert_close(logits - plain, expected)
    weight = torch.randn(4, 4)
    found = torch.autograd.grad((logits * weight).sum(), (states, vectors))
    for gradient, wanted in zip(found, torch.autograd.grad((expected * weight).sum(), (states, vectors)), strict=True):
        torch.testing.assert_close(gradient, wanted)


def test_an_unknown_prefix_backs_off_to_the_level() -> None:
    table = make_table(CODES)
    probability = table.add(2, torch.zeros(1, 6), torch.zeros(1, 0), torch.tensor([UNKNOWN])).softmax(-1)
    share = torch.bincount(CODES[:, 2], minlength=6) + 0.5
    torch.testing.assert_close(probability[0], share / share.sum())


def test_filling_a_table_with_another_catalogue_is_an_error() -> None:
    table = PrefixTable(SIZES, PrefixTable.counts(CODES), 0, 0.1)
    with pytest.raises(GenretError, match="level 1: 1 prefixes, but the model was made for 5"):
        table.fill(CODES[:1])
