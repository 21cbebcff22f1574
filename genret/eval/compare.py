"""Is one system better than another? Paired tests and intervals over queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from genret.ground.errors import GenretError

PerQuery: TypeAlias = Mapping[str, Mapping[str, float]]
"""Measure -> query id -> value, of one system."""
Array = npt.NDArray[np.float64]

ROUNDS = 10_000
DECIMALS = 10
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
    return mean_intervals(np.asarray(values, np.float64)[None], seed, rounds)[0]


def mean_intervals(rows: Array, seed: int = 0, rounds: int = ROUNDS) -> list[Interval]:
    """`mean_interval` of each row of (M, Q) values, over the same draws of the Q columns."""
    columns = rows.shape[1]
    if not columns:
        return [Interval(0.0, 0.0, 0.0)] * len(rows)
    rng = np.random.default_rng(seed)
    means = []
    for size in _chunks(rounds, columns):
        drawn = rng.integers(0, columns, (size, columns)) + columns * np.arange(size)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=size * columns).reshape(size, columns)
        means.append(counts.astype(np.float64) @ rows.T / columns)  # (size, M)
    low, high = np.quantile(np.concatenate(means), (0.025, 0.975), axis=0)
    # Rounded, since a matrix product's last digits depend on how many rows it has and on the number of threads.
    triples = np.round([rows.mean(axis=1), low, high], DECIMALS).T.tolist()
    return [Interval(*triple) for triple in triples]


def randomization_ps(rows: Array, seed: int = 0, rounds: int = ROUNDS) -> list[float]:
    """Two-sided p of each row of (M, Q) differences: of a mean this large if each query's sign were a coin's.

    (1 + hits) / (1 + rounds), all rows over the same coins: Fisher's randomization test, recommended for retrieval by
    Smucker, Allan and Carterette (CIKM 2007).
    """
    rng = np.random.default_rng(seed)
    # Sums that equal the observed one count as hits, rounding errors aside.
    bars = np.abs(rows.sum(axis=1)) - 1e-9 * np.abs(rows).sum(axis=1)
    hits = np.zeros(len(rows), np.int64)
    for size in _chunks(rounds, rows.shape[1]):
        signs = 2.0 * rng.integers(0, 2, (size, rows.shape[1]), dtype=np.int8) - 1.0
        hits += (np.abs(signs @ rows.T) >= bars).sum(axis=0)
    return [float((1 + count) / (1 + rounds)) for count in hits]


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values corrected for their number, step-down, in the given order (Holm 1979)."""
    corrected = [0.0] * len(p_values)
    running = 0.0
    for place, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        running = max(running, min(1.0, (len(p_values) - place) * p_values[index]))
        corrected[index] = running
    return corrected


def compare(
    systems: Mapping[str, PerQuery], baseline: str, measures: Sequence[str], seed: int = 0, rounds: int = ROUNDS
) -> list[Comparison]:
    """Every other system against `baseline` on each measure, all over the same queries; measure after measure."""
    if baseline not in systems:
        raise GenretError(f"no system {baseline!r} to compare with; there are {', '.join(systems)}")
    names = [name for name in systems if name != baseline]
    if not names:
        return []
    pairs = [(name, measure) for measure in measures for name in names]
    rows = np.array([_differences(systems, name, baseline, measure) for name, measure in pairs])  # (M, Q)
    intervals, ps = mean_intervals(rows, seed, rounds), randomization_ps(rows, seed, rounds)
    corrected = [p for start in range(0, len(ps), len(names)) for p in holm(ps[start : start + len(names)])]
    return [
        Comparison(measure, name, baseline, interval, p, p_holm, rows.shape[1])
        for (name, measure), interval, p, p_holm in zip(pairs, intervals, ps, corrected, strict=True)
    ]


def _differences(systems: Mapping[str, PerQuery], name: str, baseline: str, measure: str) -> list[float]:
    ours, theirs = systems[name][measure], systems[baseline][measure]
    if ours.keys() != theirs.keys():
        raise GenretError(f"systems {name!r} and {baseline!r} were measured on different queries; measure again")
    return [ours[query] - value for query, value in theirs.items()]


def _chunks(rounds: int, width: int) -> list[int]:
    """Sizes that add up to `rounds`, each of at most CHUNK numbers. Fixed by the sizes, so that results are too."""
    size = max(1, CHUNK // max(1, width))
    return [min(size, rounds - start) for start in range(0, rounds, size)]
