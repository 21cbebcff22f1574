"""Error propagation: how far does a bad text throw a product from its place? Knows a tokenizer and texts' embeddings.

The texts of a share of products are corrupted, embedded and tokenized; a product is displaced at a depth if its new
prefix is none of its leaf's main prefixes there: the smallest set that holds at least `MAIN` of the leaf's products.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from genret.tokenizer.coherence import groups, prefix_numbers
from genret.tokenizer.tokenizer import Tokenizer
from genret.types import CategoryPath

Corruption: TypeAlias = Literal["truncated", "boilerplate", "foreign", "swapped"]
CORRUPTIONS: tuple[Corruption, ...] = get_args(Corruption)
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
    leaf = groups(categories)
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
    pairs, counts = np.unique(np.stack([leaf, prefix]), axis=1, return_counts=True)
    order = np.lexsort((pairs[1], -counts, pairs[0]))
    totals = np.bincount(leaf[leaf >= 0])
    main: set[tuple[int, int]] = set()
    held: dict[int, int] = {}
    for group, number, count in zip(*pairs[:, order].tolist(), counts[order].tolist(), strict=True):
        if group >= 0 and held.get(group, 0) < MAIN * totals[group]:
            main.add((group, number))
            held[group] = held.get(group, 0) + count
    return main


def propagate(
    tokenizer: Tokenizer,
    codes: npt.NDArray[np.int64],
    texts: Sequence[str],
    kept: Sequence[str],
    categories: Sequence[CategoryPath],
    encode: Callable[[Sequence[str]], npt.NDArray[np.float32]],
    *,
    share: float = 0.1,
    seed: int = 0,
) -> dict[str, tuple[float, ...]]:
    """Corruption -> share displaced by depth, for a random `share` of the products; `encode` embeds texts.

    `texts` are what is corrupted, `kept` the part of each product's text that survives (its category, say). The entry
    "none" embeds the products anew, uncorrupted: what displacement the measure itself has.
    """
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.choice(len(texts), max(1, round(share * len(texts))), replace=False))
    own = [texts[row] for row in rows]
    kinds: dict[str, list[str]] = {"none": own, **{kind: corrupt(own, kind, seed) for kind in CORRUPTIONS}}
    plain = codes[:, : len(tokenizer.codebook_sizes)]
    out = {}
    for kind, bad in kinds.items():
        joined = [f"{text}. {kept[row]}" if kept[row] else text for text, row in zip(bad, rows, strict=True)]
        out[kind] = displaced(plain, tokenizer.encode(encode(joined)), rows, categories)
    return out
