"""Do substitutes share the coarse codes, and do they meet in one beam?

Two questions, each with a 95 % bootstrap interval, for one tokenizer or for two of them paired:

* **Agreement.** Of the true substitute pairs, the share whose semantic IDs agree on L1, on L1-L2, ..., on all levels.
  Pairs that share a product are not independent, so the bootstrap draws *products* with replacement, and a pair
  counts as often as its two products were drawn (Owen's pigeonhole bootstrap, 2007).
* **Same beam.** Take a query, and a product a that answers it exactly and was found: a is among the products of the
  query's beam of width B. For every true substitute b of a: is b in that same beam? The share is over all such
  (query, a, b); the bootstrap draws queries. A method that finds few a has few chances to miss b, so the share of
  (query, a, b) with *both* found, over all exact a, found or not, stands beside it.

The intervals cover the sampling of products and queries, not that of training: another seed can move both.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from genret.eval.compare import Interval
from genret.ground.errors import GenretError

ROUNDS = 1000
Floats = npt.NDArray[np.float64]


class Paired(NamedTuple):
    """A share under two treatments over the same pairs, and the difference `after - before`."""

    name: str
    before: Interval
    after: Interval
    difference: Interval

    @property
    def within_noise(self) -> bool:
        """True where the interval of the difference holds 0."""
        return self.difference.low <= 0.0 <= self.difference.high


class BeamShare(NamedTuple):
    """Same-beam shares at one beam width."""

    width: int
    given_found: Interval
    """Share of (query, a, b) with b in the beam, among those with a in the beam."""
    both: Interval
    """Share of (query, a, b) with a and b in the beam, among all whose a answers the query exactly."""
    triples: int
    """How many (query, a, b) there are in all."""


def pair_rows(pairs: Sequence[tuple[str, str]], product_ids: Sequence[str]) -> npt.NDArray[np.int64]:
    """(P, 2) rows of the pairs in the catalogue, each unordered pair once; pairs of unknown products are dropped."""
    row_of = {product: row for row, product in enumerate(product_ids)}
    rows = {tuple(sorted((row_of[a], row_of[b]))) for a, b in pairs if a in row_of and b in row_of and a != b}
    return np.array(sorted(rows), np.int64).reshape(-1, 2)


def agreement(
    codes: npt.NDArray[np.int64], pairs: npt.NDArray[np.int64], seed: int = 0, rounds: int = ROUNDS
) -> list[Interval]:
    """Per depth 1..L, the share of pairs whose (N, L) codes agree so far; pairs are (P, 2) rows of `codes`."""
    agreed = _agreed(codes, pairs)
    draws = _product_draws(pairs, [agreed], seed, rounds)[0]
    return _intervals(agreed.mean(axis=0), draws)


def compare_agreement(
    before: npt.NDArray[np.int64],
    after: npt.NDArray[np.int64],
    pairs: npt.NDArray[np.int64],
    seed: int = 0,
    rounds: int = ROUNDS,
) -> list[Paired]:
    """`agreement` of two tokenizers over the same pairs and the same draws, and the difference, per depth."""
    if before.shape != after.shape:
        raise GenretError(f"codes of shapes {before.shape} and {after.shape} cannot be compared; use the same levels")
    first, second = _agreed(before, pairs), _agreed(after, pairs)
    drawn = _product_draws(pairs, [first, second], seed, rounds)
    names = [depth_name(depth) for depth in range(1, before.shape[1] + 1)]
    return _paired(names, first.mean(axis=0), second.mean(axis=0), drawn[0], drawn[1])


def same_beam(
    beams: Mapping[str, Collection[str]],
    exact: Mapping[str, Collection[str]],
    pairs: Sequence[tuple[str, str]],
    width: int,
    seed: int = 0,
    rounds: int = ROUNDS,
) -> BeamShare:
    """The same-beam shares (see above): `beams[query]` the products in its beam, `exact[query]` its exact answers."""
    counts = beam_counts(beams, exact, pairs)
    values = beam_shares(counts.sum(axis=0))
    given, both = _intervals(values, beam_shares(_query_draws(counts, seed, rounds)))
    return BeamShare(width, given, both, int(counts[:, 2].sum()))


def compare_same_beam(
    before: Mapping[str, Collection[str]],
    after: Mapping[str, Collection[str]],
    exact: Mapping[str, Collection[str]],
    pairs: Sequence[tuple[str, str]],
    seed: int = 0,
    rounds: int = ROUNDS,
) -> list[Paired]:
    """Both same-beam shares of two models over the same queries and the same draws, and the differences."""
    first, second = beam_counts(before, exact, pairs), beam_counts(after, exact, pairs)
    drawn = [beam_shares(_query_draws(counts, seed, rounds)) for counts in (first, second)]
    names = ["substitutes found beside a found product", "pairs found together"]
    return _paired(names, beam_shares(first.sum(axis=0)), beam_shares(second.sum(axis=0)), drawn[0], drawn[1])


def verdict(rows: Sequence[Paired], before: str = "λ = 0", after: str = "λ = 0.01") -> str:
    """One plain sentence on what the rows say, from their numbers alone."""
    if not rows:
        return "There are no true substitute pairs to measure."
    outside = [row for row in rows if not row.within_noise]
    if not outside:
        return (
            f"Between {before} and {after} every difference is within noise: each 95 % interval holds 0 "
            f"({', '.join(_difference(row, ' ') for row in rows)})."
        )
    up = [_difference(row) for row in outside if row.difference.value > 0]
    down = [_difference(row) for row in outside if row.difference.value < 0]
    rest = [row.name for row in rows if row.within_noise]
    parts = [f"{after} raises {', '.join(up)}" if up else "", f"lowers {', '.join(down)}" if down else ""]
    sentence = " and ".join(part for part in parts if part)
    sentence = sentence if up else f"{after} {sentence}"
    return sentence + f" against {before}" + (f"; within noise: {', '.join(rest)}." if rest else ".")


def depth_name(depth: int) -> str:
    """`L1`, `L1-L2`, ..."""
    return "L1" if depth == 1 else f"L1-L{depth}"


def _difference(row: Paired, joint: str = " by ") -> str:
    value, low, high = (100 * x for x in row.difference)
    return f"{row.name}{joint}{value:+.1f} points [{low:+.1f}, {high:+.1f}]"


def _agreed(codes: npt.NDArray[np.int64], pairs: npt.NDArray[np.int64]) -> Floats:
    """(P, L) 1.0 where a pair agrees on every level so far."""
    if not len(pairs):
        raise GenretError("there are no substitute pairs to measure; give a data set that has some")
    same = codes[pairs[:, 0]] == codes[pairs[:, 1]]  # (P, L)
    return np.logical_and.accumulate(same, axis=1).astype(np.float64)


def _product_draws(pairs: npt.NDArray[np.int64], values: Sequence[Floats], seed: int, rounds: int) -> list[Floats]:
    """For each (P, L) array its (rounds, L) means under the same draws of products."""
    products, ends = np.unique(pairs, return_inverse=True)
    ends = ends.reshape(pairs.shape)
    rng = np.random.default_rng(seed)
    draws: list[list[Floats]] = [[] for _ in values]
    for _ in range(rounds):
        drawn = np.bincount(rng.integers(0, len(products), len(products)), minlength=len(products))
        weights = (drawn[ends[:, 0]] * drawn[ends[:, 1]]).astype(np.float64)  # (P,)
        total = weights.sum()
        if total:  # with a handful of pairs a draw can miss them all: such a draw says nothing
            for kept, array in zip(draws, values, strict=True):
                kept.append(weights @ array / total)
    return [np.array(kept).reshape(-1, array.shape[1]) for kept, array in zip(draws, values, strict=True)]


def beam_counts(
    beams: Mapping[str, Collection[str]], exact: Mapping[str, Collection[str]], pairs: Sequence[tuple[str, str]]
) -> npt.NDArray[np.int64]:
    """(Q, 3) per query of `exact`: triples (query, a, b) with a and b found, with a found, and in all."""
    partners: dict[str, set[str]] = {}
    for a, b in pairs:
        if a != b:
            partners.setdefault(a, set()).add(b)
            partners.setdefault(b, set()).add(a)
    counts = np.zeros((len(exact), 3), np.int64)
    for row, (query, answers) in enumerate(exact.items()):
        beam = set(beams.get(query, ()))
        for a in set(answers) & partners.keys():
            others = partners[a]
            found = a in beam
            counts[row] += (len(others & beam) * found, len(others) * found, len(others))
    if not counts[:, 2].any():
        raise GenretError("no exact answer of these queries has a true substitute; give other queries or pairs")
    return counts


def _query_draws(counts: npt.NDArray[np.int64], seed: int, rounds: int) -> npt.NDArray[np.int64]:
    """(rounds, 3) sums of the counts over queries drawn with replacement."""
    rng = np.random.default_rng(seed)
    return np.array([counts[rng.integers(0, len(counts), len(counts))].sum(axis=0) for _ in range(rounds)])


def beam_shares(counts: npt.NDArray[np.int64]) -> Floats:
    """(..., 3) sums of `beam_counts` -> (..., 2): both/found and both/all; NaN where nothing was found."""
    counts = counts.astype(np.float64)
    bottoms = counts[..., 1:]
    return np.divide(counts[..., :1], bottoms, out=np.full(bottoms.shape, np.nan), where=bottoms > 0)


def _intervals(values: Floats, draws: Floats) -> list[Interval]:
    """One interval per column; a column without a value (nothing found) reads (0, 0, 1): it could be anything."""
    rows = []
    for value, column in zip(values, draws.T, strict=True):
        column = column[~np.isnan(column)]
        if np.isnan(value) or not len(column):
            rows.append(Interval(0.0, 0.0, 1.0))
            continue
        low, high = np.quantile(column, (0.025, 0.975))
        rows.append(Interval(float(value), float(low), float(high)))
    return rows


def _paired(
    names: Sequence[str], first: Floats, second: Floats, draw_first: Floats, draw_second: Floats
) -> list[Paired]:
    differences = _intervals(np.nan_to_num(second) - np.nan_to_num(first), draw_second - draw_first)
    columns = (_intervals(first, draw_first), _intervals(second, draw_second), differences)
    return [Paired(name, *row) for name, *row in zip(names, *columns, strict=True)]
