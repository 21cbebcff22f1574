"""Is one system better than another? Paired tests and intervals over queries. Knows arrays of per-query values only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from genret.errors import GenretError

Array = npt.NDArray[np.float64]

ROUNDS = 10_000
CHUNK = 1 << 22
"""Random numbers held at a time."""


class Interval(NamedTuple):
    """A value and its 95 % bootstrap interval."""

    value: float
    low: float
    high: float


class Comparison(NamedTuple):
    """`system` against `baseline` on one measure, over the same queries."""

    measure: str
    system: str
    baseline: str
    difference: Interval
    """Mean of system - baseline."""
    p: float
    """Two-sided, by a paired randomization test."""
    p_holm: float
    """`p` corrected (Holm) for all the systems compared on this measure."""
    queries: int


def mean_interval(values: Sequence[float] | Array, seed: int = 0, rounds: int = ROUNDS) -> Interval:
    """The mean and its 95 % interval, by a percentile bootstrap over the values; (0, 0, 0) of none."""
    array = np.asarray(values, np.float64)
    if not len(array):
        return Interval(0.0, 0.0, 0.0)
    rng = np.random.default_rng(seed)
    means = np.concatenate(
        [array[rng.integers(0, len(array), (size, len(array)))].mean(axis=1) for size in _chunks(rounds, len(array))]
    )
    low, high = np.quantile(means, (0.025, 0.975))
    return Interval(float(array.mean()), float(low), float(high))


def randomization_p(differences: Sequence[float] | Array, seed: int = 0, rounds: int = ROUNDS) -> float:
    """Two-sided p of a mean difference this large if each query's sign were a coin's: (1 + hits) / (1 + rounds).

    (Fisher's randomization test, recommended for retrieval by Smucker, Allan and Carterette, CIKM 2007.)
    """
    array = np.asarray(differences, np.float64)
    array = array[array != 0]  # a query without a difference cannot change the sum
    if not len(array):
        return 1.0
    rng = np.random.default_rng(seed)
    # Sums that equal the observed one count as hits, rounding errors aside.
    bar = abs(array.sum()) - 1e-9 * np.abs(array).sum()
    hits = 0
    for size in _chunks(rounds, len(array)):
        signs = rng.integers(0, 2, (size, len(array)), dtype=np.int8)
        hits += int((np.abs((2.0 * signs - 1.0) @ array) >= bar).sum())
    return (1 + hits) / (1 + rounds)


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values corrected for their number, step-down, in the given order (Holm 1979)."""
    corrected = [0.0] * len(p_values)
    running = 0.0
    for place, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        running = max(running, min(1.0, (len(p_values) - place) * p_values[index]))
        corrected[index] = running
    return corrected


def compare(
    systems: Mapping[str, Mapping[str, float]], baseline: str, measure: str, seed: int = 0, rounds: int = ROUNDS
) -> list[Comparison]:
    """Every other system against `baseline` on one measure: `systems[name][query_id]`, all over the same queries."""
    if baseline not in systems:
        raise GenretError(f"no system {baseline!r} to compare with; there are {', '.join(systems)}")
    queries = list(systems[baseline])
    base = np.array([systems[baseline][query] for query in queries])
    names = [name for name in systems if name != baseline]
    rows = []
    for name in names:
        if systems[name].keys() != systems[baseline].keys():
            raise GenretError(f"systems {name!r} and {baseline!r} were measured on different queries; measure again")
        difference = np.array([systems[name][query] for query in queries]) - base
        rows.append((mean_interval(difference, seed, rounds), randomization_p(difference, seed, rounds)))
    corrected = holm([p for _, p in rows])
    return [
        Comparison(measure, name, baseline, interval, p, p_holm, len(queries))
        for name, (interval, p), p_holm in zip(names, rows, corrected, strict=True)
    ]


def _chunks(rounds: int, width: int) -> list[int]:
    """Sizes that add up to `rounds`, each of at most CHUNK numbers. Fixed by the sizes, so that results are too."""
    size = max(1, CHUNK // max(1, width))
    return [min(size, rounds - start) for start in range(0, rounds, size)]
