"""Tests of the tests: exact p-values by enumeration, coverage of intervals, Holm by hand."""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt
import pytest

from genret.eval.compare import compare, holm, mean_interval, mean_intervals, randomization_ps
from genret.ground.errors import GenretError


def randomization_p(differences: npt.ArrayLike, rounds: int = 10_000) -> float:
    return randomization_ps(np.asarray(differences, np.float64)[None], rounds=rounds)[0]


def exact_p(differences: list[float]) -> float:
    observed = abs(sum(differences))
    sums = [
        abs(sum(s * d for s, d in zip(signs, differences, strict=True)))
        for signs in itertools.product((1, -1), repeat=len(differences))
    ]
    return sum(total >= observed - 1e-12 for total in sums) / len(sums)


@pytest.mark.parametrize(
    "differences", [[1.0, 1.0, 1.0, 1.0, 1.0], [0.5, -0.25, 0.75, 1.0, -0.1, 0.3], [1.0, -1.0, 0.5, -0.5]]
)
def test_randomization_p_matches_full_enumeration(differences: list[float]) -> None:
    assert randomization_p(differences, rounds=20_000) == pytest.approx(exact_p(differences), abs=0.015)


def test_zero_differences_change_nothing() -> None:
    assert randomization_p([0.0] * 50) == 1.0
    padded = randomization_p([0.5, 0.2, -0.1, *[0.0] * 30], rounds=20_000)
    assert padded == pytest.approx(randomization_p([0.5, 0.2, -0.1], rounds=20_000), abs=0.015)


def test_a_clear_difference_is_found_and_noise_is_not() -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 1, 300)
    assert randomization_p(noise - noise.mean() + 0.01) > 0.5
    assert randomization_p(noise + 1.0) == pytest.approx(1 / 10_001)


def test_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    covered = sum(
        low <= 0.3 <= high
        for _, low, high in (mean_interval((rng.random(80) < 0.3).astype(float), rounds=500) for _ in range(200))
    )
    assert 178 <= covered <= 199


def test_interval_edge_cases() -> None:
    assert mean_interval([]) == (0.0, 0.0, 0.0)
    assert mean_interval([0.5, 0.5]) == (0.5, 0.5, 0.5)


def test_same_seed_same_numbers() -> None:
    values = np.random.default_rng(2).random(50)
    assert mean_interval(values, seed=7) == mean_interval(values, seed=7)
    assert mean_interval(values, seed=7) != mean_interval(values, seed=8)


def test_holm_by_hand() -> None:
    # Sorted: .01*4, .02*3, .03*2, .04*1, each at least the one before.
    assert holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


def test_compare_is_paired_and_directed() -> None:
    base = {f"q{i}": 0.2 for i in range(40)}
    better = {q: v + 0.1 for q, v in base.items()}
    worse = {q: v - 0.1 for q, v in base.items()}
    first, second = compare(
        {"bm25": {"recall@10": base}, "better": {"recall@10": better}, "worse": {"recall@10": worse}},
        "bm25",
        ["recall@10"],
    )
    assert first.system == "better"
    assert first.difference.value == pytest.approx(0.1)
    assert second.difference.value == pytest.approx(-0.1)
    assert first.p_holm == pytest.approx(2 * first.p)
    assert first.queries == 40


def test_compare_refuses_what_cannot_be_paired() -> None:
    with pytest.raises(GenretError, match="different queries"):
        compare({"a": {"m": {"q": 1.0}}, "b": {"m": {"r": 1.0}}}, "a", ["m"])
    with pytest.raises(GenretError, match="no system 'z'"):
        compare({"a": {"m": {"q": 1.0}}}, "z", ["m"])
    assert compare({"a": {"m": {"q": 1.0}}}, "a", ["m"]) == []


def test_holm_corrects_within_a_measure_alone() -> None:
    rng = np.random.default_rng(5)
    names = ("base", "x", "y", "z")
    systems = {
        n: {m: {str(q): float(value) for q, value in enumerate(rng.random(30))} for m in ("one", "two")} for n in names
    }
    rows = compare(systems, "base", ["one", "two"])
    assert [(row.measure, row.system) for row in rows] == [(m, n) for m in ("one", "two") for n in names[1:]]
    for measure in ("one", "two"):
        found = [row for row in rows if row.measure == measure]
        assert [row.p_holm for row in found] == holm([row.p for row in found])


def test_many_rows_at_once_equal_each_alone() -> None:
    rows = np.random.default_rng(6).normal(0.1, 1, (4, 25))
    assert mean_intervals(rows, rounds=300) == [mean_interval(row, rounds=300) for row in rows]
    assert randomization_ps(rows, rounds=300) == [randomization_p(row, rounds=300) for row in rows]
