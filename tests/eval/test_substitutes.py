"""The substitutes check against hand-worked tables, brute force, and data in which the answer is known."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from genret.eval.compare import Interval
from genret.eval.studies.substitutes import (
    Paired,
    agreement,
    compare_agreement,
    compare_same_beam,
    pair_rows,
    same_beam,
    verdict,
)
from genret.ground.errors import GenretError

CODES = np.array([[1, 2, 3], [1, 2, 4], [1, 5, 3], [6, 2, 3]])


def test_agreement_is_of_prefixes_not_of_single_levels() -> None:
    pairs = np.array([[0, 1], [0, 2], [0, 3]])
    values = [row.value for row in agreement(CODES, pairs)]
    assert values == pytest.approx([2 / 3, 1 / 3, 0.0])  # 0 and 3 share L2 and L3, but not L1


def test_agreement_never_rises_with_depth_and_lies_in_its_interval() -> None:
    rng = np.random.default_rng(0)
    codes, pairs = rng.integers(0, 3, (60, 4)), rng.integers(0, 60, (200, 2))
    rows = agreement(codes, pairs[pairs[:, 0] != pairs[:, 1]])
    assert all(a.value >= b.value for a, b in itertools.pairwise(rows))
    assert all(row.low <= row.value <= row.high for row in rows)


def test_pair_rows_are_unordered_unique_and_known() -> None:
    pairs = [("b", "a"), ("a", "b"), ("a", "a"), ("a", "zzz"), ("c", "b")]
    assert pair_rows(pairs, ["a", "b", "c"]).tolist() == [[0, 1], [1, 2]]
    assert pair_rows([], ["a"]).shape == (0, 2)


def test_no_pairs_is_an_error() -> None:
    with pytest.raises(GenretError, match="no substitute pairs"):
        agreement(CODES, np.zeros((0, 2), np.int64))


def test_the_same_codes_differ_by_exactly_nothing() -> None:
    rows = compare_agreement(CODES, CODES, np.array([[0, 1], [0, 2]]))
    assert all(row.difference == (0.0, 0.0, 0.0) and row.within_noise for row in rows)
    assert "within noise" in verdict(rows)


def test_a_real_improvement_is_told_from_noise() -> None:
    rng = np.random.default_rng(1)
    groups = np.repeat(np.arange(100), 3)  # 100 groups of three substitutes
    pairs = np.array([(3 * g + i, 3 * g + j) for g in range(100) for i, j in ((0, 1), (0, 2), (1, 2))])
    random = rng.integers(0, 10, (300, 2))
    good = np.stack([groups % 10, rng.integers(0, 10, 300)], axis=1)  # L1 agrees always, L2 by chance
    first, second = compare_agreement(random, good, pairs)
    assert first.difference.low > 0.7
    assert not first.within_noise
    assert second.name == "L1-L2"
    sentence = verdict([first, second])
    assert sentence.startswith("λ = 0.01 raises L1 by +")
    again = compare_agreement(rng.integers(0, 10, (300, 2)), rng.integers(0, 10, (300, 2)), pairs)
    assert again[0].within_noise


def test_product_bootstrap_is_wider_than_one_that_takes_pairs_for_independent() -> None:
    # One product of 40 pairs: whether it agrees decides them all, so the interval must be wide.
    codes = np.zeros((81, 1), np.int64)
    codes[1:41] = 1  # 40 partners that disagree
    pairs = np.array([(0, i) for i in range(1, 41)] + [(i, i + 20) for i in range(41, 61)])
    row = agreement(codes, pairs)[0]
    share = 20 / 60
    naive = 1.96 * np.sqrt(share * (1 - share) / 60)
    assert row.value == pytest.approx(share)
    assert row.high - row.low > 2.5 * naive * 2


def test_same_seed_same_interval() -> None:
    pairs = np.array([[0, 1], [0, 2], [0, 3]])
    assert agreement(CODES, pairs, seed=4) == agreement(CODES, pairs, seed=4)


def test_mismatched_shapes() -> None:
    with pytest.raises(GenretError, match="cannot be compared"):
        compare_agreement(CODES, CODES[:, :2], np.array([[0, 1]]))


PAIRS = [("a", "b"), ("a", "c"), ("d", "e")]


def test_same_beam_by_hand() -> None:
    # q1: exact a, substitutes b and c, beam {a, b}: one of two. q2: exact d, not found: 0 of 1, not counted as given.
    share = same_beam({"q1": {"a", "b"}, "q2": {"e"}}, {"q1": {"a"}, "q2": {"d"}}, PAIRS, width=10)
    assert share.width == 10
    assert share.triples == 3
    assert share.given_found.value == pytest.approx(1 / 2)
    assert share.both.value == pytest.approx(1 / 3)


def test_same_beam_needs_the_exact_product_itself() -> None:
    # b is in the beam but answers nothing exactly; x answers but has no substitutes.
    share = same_beam({"q": {"b", "c", "x"}}, {"q": {"a", "x"}}, PAIRS, width=10)
    assert share.both.value == 0.0
    assert (share.given_found.low, share.given_found.high) == (0.0, 1.0)  # nothing found: it could be anything


def test_a_wider_beam_never_has_fewer_pairs_together() -> None:
    rng = np.random.default_rng(0)
    ranking = {f"q{i}": [f"p{j}" for j in rng.permutation(60)] for i in range(20)}
    exact = {q: {f"p{j}" for j in rng.integers(0, 60, 4)} for q in ranking}
    pairs = [(f"p{a}", f"p{b}") for a, b in rng.integers(0, 60, (80, 2)) if a != b]
    shares = [same_beam({q: set(r[:w]) for q, r in ranking.items()}, exact, pairs, w).both.value for w in (10, 20, 50)]
    assert shares == sorted(shares)
    assert shares[0] < shares[2]


def test_compare_same_beam_is_paired() -> None:
    before = {f"q{i}": {"a"} for i in range(30)}
    after = {f"q{i}": {"a", "b"} for i in range(30)}
    given, both = compare_same_beam(before, after, {q: {"a"} for q in before}, [("a", "b")])
    assert given.before.value == 0.0
    assert given.after.value == 1.0
    assert given.difference == (1.0, 1.0, 1.0)
    assert both.difference.value == 1.0


def test_same_beam_without_any_pair_is_an_error() -> None:
    with pytest.raises(GenretError, match="no exact answer"):
        same_beam({"q": {"a"}}, {"q": {"z"}}, PAIRS, 10)


def test_verdicts() -> None:
    def row(name: str, low: float, high: float) -> Paired:
        middle = Interval((low + high) / 2, low, high)
        return Paired(name, middle, middle, middle)

    assert verdict([]) == "There are no true substitute pairs to measure."
    both = verdict([row("L1", 0.1, 0.2), row("L1-L2", -0.2, -0.1), row("L1-L3", -0.1, 0.1)])
    assert both == (
        "λ = 0.01 raises L1 by +15.0 points [+10.0, +20.0] and lowers L1-L2 by -15.0 points [-20.0, -10.0] "
        "against λ = 0; within noise: L1-L3."
    )
    assert verdict([row("L1", -0.2, -0.1)]).startswith("λ = 0.01 lowers L1 by -15.0")
    assert verdict([row("L1", -0.1, 0.3)]).startswith("Between λ = 0 and λ = 0.01 every difference is within noise")
