"""Error propagation: how far does a bad text throw a product from its place?

The texts of a share of products are corrupted, embedded and tokenized; a product is displaced at a depth if its new
prefix is none of its leaf's main prefixes there: the smallest set that holds at least `MAIN` of the leaf's products.

Two tokenizers are compared over several seeds: each seed trains both anew and draws the products whose texts go bad,
the same for both, so that a seed gives one difference.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from genret.ground.types import CategoryPath
from genret.tokenizer.judging.coherence import prefix_numbers
from genret.tokenizer.paths import path_numbers
from genret.tokenizer.tokenizer import Tokenizer

Corruption: TypeAlias = Literal["truncated", "boilerplate", "foreign", "swapped"]
CORRUPTIONS: tuple[Corruption, ...] = get_args(Corruption)
NONE = "none"
"""The texts as they are."""
INTERVAL_FROM = 3
"""Seeds from which a difference gets a 95 % interval; below, its range."""
MAIN = 0.8
BOILERPLATE = "Great value for the whole family. Satisfaction guaranteed. See package for details. Images may vary."
FOREIGN = (
    "produit de qualité supérieure, à conserver dans un endroit frais et sec",
    "hochwertiges Erzeugnis, kühl und trocken lagern, Verpackung bitte wiederverwerten",
    "producto de calidad superior, conservar en un lugar fresco y seco",
)


def corrupt(texts: Sequence[str], kind: Corruption, seed: int = 0) -> list[str]:
    """The texts, each cut to its first word, replaced by boilerplate or a foreign language, or another text instead."""
    if kind == "truncated":
        return [" ".join(text.split()[:1]) for text in texts]
    if kind == "boilerplate":
        return [" ".join([*text.split()[:1], BOILERPLATE]) for text in texts]
    if kind == "foreign":
        return [FOREIGN[row % len(FOREIGN)] for row in range(len(texts))]
    shift = 1 + np.random.default_rng(seed).integers(max(len(texts) - 1, 1))
    return [texts[(row + int(shift)) % len(texts)] for row in range(len(texts))]


def displaced(
    codes: npt.NDArray[np.int64],
    moved: npt.NDArray[np.int64],
    rows: npt.NDArray[np.int64],
    categories: Sequence[CategoryPath],
) -> tuple[float, ...]:
    """(L,) share of products that leave their leaf's main prefixes of depth 1, 2, ... when coded as `moved`.

    `codes` (N, L) are the catalogue's, `moved` (n, L) the new codes of `rows`. Products without a category, and those
    outside of the main prefixes to begin with, do not count.
    """
    leaf = path_numbers(categories)
    both = prefix_numbers(np.concatenate([codes, moved]))  # the same numbers for the same prefixes
    before, after = both[: len(codes)], both[len(codes) :]
    shares = []
    for depth in range(codes.shape[1]):
        main = main_prefixes(before[:, depth], leaf)
        pairs = zip(leaf[rows].tolist(), before[rows, depth].tolist(), after[:, depth].tolist(), strict=True)
        outside = [(group, new) not in main for group, old, new in pairs if group >= 0 and (group, old) in main]
        shares.append(float(np.mean(outside)) if outside else 0.0)
    return tuple(shares)


def main_prefixes(prefix: npt.NDArray[np.int64], leaf: npt.NDArray[np.int64]) -> set[tuple[int, int]]:
    """(leaf, prefix) pairs: for each leaf the fewest prefixes that hold at least `MAIN` of its products."""
    keys, counts = np.unique((leaf + 1) * (int(prefix.max(initial=0)) + 1) + prefix, return_counts=True)
    pairs = np.stack(np.divmod(keys, int(prefix.max(initial=0)) + 1))
    pairs[0] -= 1  # no leaf is -1
    order = np.lexsort((pairs[1], -counts, pairs[0]))
    totals = np.bincount(leaf[leaf >= 0])
    main: set[tuple[int, int]] = set()
    held: dict[int, int] = {}
    for group, number, count in zip(*pairs[:, order].tolist(), counts[order].tolist(), strict=True):
        if group >= 0 and held.get(group, 0) < MAIN * totals[group]:
            main.add((group, number))
            held[group] = held.get(group, 0) + count
    return main


class Corrupted(NamedTuple):
    """Products whose texts went bad."""

    rows: npt.NDArray[np.int64]
    """(n,) their rows in the catalogue."""
    vectors: dict[str, npt.NDArray[np.float32]]
    """Corruption -> (n, D) embeddings; "none": embedded anew, uncorrupted."""


def corrupted(
    texts: Sequence[str],
    kept: Sequence[str],
    encode: Callable[[Sequence[str]], npt.NDArray[np.float32]],
    *,
    share: float = 0.1,
    seed: int = 0,
) -> Corrupted:
    """A random `share` of the products, at least one, corrupted in every way; `encode` embeds texts.

    `texts` are what is corrupted, `kept` the part of each product's text that survives (its category, say).
    """
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.choice(len(texts), max(1, round(share * len(texts))), replace=False))
    own = [texts[row] for row in rows]
    kinds: dict[str, list[str]] = {NONE: own, **{kind: corrupt(own, kind, seed) for kind in CORRUPTIONS}}
    vectors = {}
    for kind, bad in kinds.items():
        joined = [f"{text}. {kept[row]}" if kept[row] else text for text, row in zip(bad, rows, strict=True)]
        vectors[kind] = encode(joined)
    return Corrupted(rows, vectors)


def propagate(
    tokenizer: Tokenizer, embeddings: npt.NDArray[np.float32], bad: Corrupted, categories: Sequence[CategoryPath]
) -> dict[str, tuple[float, ...]]:
    """Corruption -> (L,) share displaced by depth, of the (N, D) catalogue's products `bad`.

    The entry "none" says what displacement the measure itself has.
    """
    codes = tokenizer.encode(embeddings)
    return {
        kind: displaced(codes, tokenizer.encode(vectors), bad.rows, categories) for kind, vectors in bad.vectors.items()
    }


class Difference(NamedTuple):
    """A mean over seeds with a 95 % interval (Student's), or with the range where there are fewer than three."""

    mean: float
    low: float
    high: float

    @property
    def verdict(self) -> str:
        """What it says of displacement with lambda less that without."""
        if self.low <= 0 <= self.high:
            return "no difference beyond the seeds' variation"
        return "fewer displaced" if self.high < 0 else "more displaced"


def difference(values: npt.ArrayLike) -> Difference:
    """Of (S,) differences, one per seed."""
    from scipy.stats import t

    array = np.asarray(values, np.float64)
    mean, seeds = float(array.mean()), len(array)
    if seeds < INTERVAL_FROM:
        return Difference(mean, float(array.min()), float(array.max()))
    margin = float(t.ppf(0.975, seeds - 1) * array.std(ddof=1) / np.sqrt(seeds))
    return Difference(mean, mean - margin, mean + margin)


class Propagation(NamedTuple):
    """What corrupted text does without and with lambda: corruption -> (S, L) shares displaced, by seed and depth."""

    lam: float
    without: dict[str, npt.NDArray[np.float64]]
    with_lam: dict[str, npt.NDArray[np.float64]]

    @classmethod
    def of(
        cls, lam: float, seeds: Sequence[tuple[dict[str, tuple[float, ...]], dict[str, tuple[float, ...]]]]
    ) -> Propagation:
        """From what `propagate` answers without and with lambda, a pair per seed."""
        stacked = [{kind: np.array([seed[side][kind] for seed in seeds]) for kind in seeds[0][0]} for side in (0, 1)]
        return cls(lam, stacked[0], stacked[1])

    @property
    def seeds(self) -> int:
        return len(self.without[NONE])

    def by_kind(self, kind: str) -> list[Difference]:
        """The differences by depth under one corruption."""
        return [difference(column) for column in (self.with_lam[kind] - self.without[kind]).T]

    def overall(self) -> list[Difference]:
        """The differences by depth, of the mean over the corruptions."""
        change = np.mean([self.with_lam[kind] - self.without[kind] for kind in CORRUPTIONS], axis=0)  # (S, L)
        return [difference(column) for column in change.T]

    def to_json(self) -> dict[str, Any]:
        """Means and values by seed for both lambdas, and the differences with their verdicts."""
        sides = {"0": self.without, f"{self.lam:g}": self.with_lam}
        seeds = {lam: {kind: shares.tolist() for kind, shares in side.items()} for lam, side in sides.items()}
        means = {lam: {kind: shares.mean(0).tolist() for kind, shares in side.items()} for lam, side in sides.items()}
        by_kind = {kind: _judged(self.by_kind(kind)) for kind in self.without}
        return {"displaced": means, "by_seed": seeds, "difference": by_kind, "overall": _judged(self.overall())}


def format_propagation(found: Propagation) -> str:
    """Displacement by corruption, lambda and depth, the differences with their intervals, and a verdict a depth."""
    depths = ["L1", *[f"L1-L{level + 1}" for level in range(1, found.without[NONE].shape[1])]]
    lines = [f"{'% displaced at':<14}{'lambda':>12}" + "".join(f"{depth:>20}" for depth in depths)]
    for kind in found.without:
        for lam, side in ((0.0, found.without), (found.lam, found.with_lam)):
            shares = "".join(f"{100 * share:>20.1f}" for share in side[kind].mean(0))
            lines.append(f"{kind if lam == 0 else '':<14}{lam:>12g}{shares}")
        changes = "".join(f"{_points(change):>20}" for change in found.by_kind(kind))
        lines.append(f"{'':<14}{'difference':>12}{changes}")
    spread = f"{'95 % interval' if found.seeds >= INTERVAL_FROM else 'range'} of {found.seeds} seeds"
    lines += ["", f"lambda {found.lam:g} less lambda 0, mean over the corruptions, in points [{spread}]:"]
    overall = zip(depths, found.overall(), strict=True)
    return "\n".join([*lines, *[f"  {depth}: {_points(change)}, {change.verdict}" for depth, change in overall]])


def _points(change: Difference) -> str:
    return f"{100 * change.mean:+.1f} [{100 * change.low:+.1f}, {100 * change.high:+.1f}]"


def _judged(changes: Sequence[Difference]) -> list[dict[str, Any]]:
    return [{**change._asdict(), "verdict": change.verdict} for change in changes]
