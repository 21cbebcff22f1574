"""The health of a tokenizer as text tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from genret.ground.percent import change, percent

if TYPE_CHECKING:
    from genret.tokenizer.judging.health import Health


def format_health(health: Health) -> str:
    """The report as text tables."""
    depths = depth_names(health)
    measured = "" if health.sampled is None else f" (similarity, categories and errors: of {health.sampled:,} products)"
    blocks = [
        [f"{health.products:,} products, {health.ids:,} semantic IDs{measured}"],
        _levels(health),
        _table("pairs that agree down to", depths, agreement(health)),
        _table("pairs that part at", level_names(health), parting(health)),
        _table("share in the majority leaf", depths, purity(health)),
        _similarity(health),
        _totals(health),
        format_policy(health),
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block)


def format_policy(health: Health) -> list[str]:
    """What the collision policy did, a line a figure; no line where that was not recorded."""
    effect = health.policy
    if effect is None:
        return []
    cost = effect.error_after / effect.error_before - 1 if effect.error_before else 0.0
    errors = f"{effect.error_before:.4f} before, {effect.error_after:.4f} after ({change(cost)})"
    lines = [
        f"collision policy {effect.policy}",
        f"  products that share an ID  {percent(effect.collisions_before, 2)} before, "
        f"{percent(effect.collisions_after, 2)} after",
        f"  products moved             {round(effect.moved * health.products):,} ({percent(effect.moved, 2)})",
        f"  reconstruction error       {errors}",
    ]
    if effect.limit is not None and effect.collisions_after > effect.limit:
        lines += [f"  max_collisions={effect.limit:g} could not be had: too many products are alike, or too few codes"]
    return lines


def level_names(health: Health) -> list[str]:
    """L1, L2, ... and, beyond the codebooks, `suffix`."""
    count = len(health.levels) if health.codebooks is None else health.codebooks
    return [f"L{level.level}" if level.level <= count else "suffix" for level in health.levels]


def depth_names(health: Health) -> list[str]:
    """L1, L1-L2, ... and, with a suffix, `whole ID`."""
    names = level_names(health)
    return [{"L1": "L1", "suffix": "whole ID"}.get(name, f"L1-{name}") for name in names]


def agreement(health: Health) -> dict[str, tuple[float, ...] | None]:
    """Kind of pair -> share of such pairs that agree on L1, on L1-L2, ..."""
    return {
        "same-leaf": health.same_leaf,
        "same-department": health.same_root,
        "substitute": health.substitutes,
        "cosine >= .9": health.similarity.shared_at_9 if health.similarity else None,
    }


def purity(health: Health) -> dict[str, tuple[float, ...] | None]:
    """Whose IDs -> share of products that are in the majority leaf of their prefix, by depth."""
    return {"the products' own IDs": health.purity, "shuffled IDs": health.purity_shuffled}


def parting(health: Health) -> dict[str, tuple[float, ...] | None]:
    """Fragmentation: kind of pair -> share of such pairs that part at L1, at L2, ..."""
    parted = health.fragmentation
    return {"same-leaf": parted.get("same_leaf"), "substitute": parted.get("substitutes")}


def bucket_bins(sizes: Mapping[str, int]) -> dict[str, int]:
    """Products per ID (1, 2, 3-4, 5-8, ...) -> number of such IDs; every bin up to the largest bucket."""
    largest, low, high = max(map(int, sizes), default=0), 1, 1
    bins: dict[str, int] = {}
    while low <= largest:
        label = f"{low}" if low == high else f"{low}-{high}"
        bins[label] = sum(count for size, count in sizes.items() if low <= int(size) <= high)
        low, high = high + 1, 2 * high
    return bins


def correlations(health: Health) -> dict[str, float | None]:
    """Which pairs -> rank correlation of their cosine with the length of the prefix that they share."""
    similar = health.similarity
    if similar is None:
        return {}
    return {"neighbours of rank 1, 2, 4, 8, ...": similar.correlation, "random pairs": similar.correlation_random}


def _levels(health: Health) -> list[str]:
    head = f"{'level':<8}{'codes':>7}{'used':>8}{'dead':>6}{'perplexity':>12}{'bits':>7}{'largest':>9}{'gini':>7}"
    rows = [
        f"{name:<8}{level.size:>7}{percent(level.usage):>8}{level.dead:>6}{level.perplexity:>12.1f}{level.entropy:>7.2f}"
        f"{percent(level.largest_share):>9}{level.gini:>7.2f}{level.prefixes:>10,}"
        for name, level in zip(level_names(health), health.levels, strict=True)
    ]
    if health.hourglass is not None:
        rows += [f"hourglass {health.hourglass:+.3f} (above 0: the middle levels are narrower than the outer ones)"]
    return [head + f"{'prefixes':>10}", *rows]


def _table(title: str, columns: Sequence[str], rows: Mapping[str, tuple[float, ...] | None]) -> list[str]:
    """A line of shares a row that is known; nothing where none is."""
    known = {name: shares for name, shares in rows.items() if shares}
    lines = [f"{name:<32}" + "".join(f"{percent(share):>9}" for share in shares) for name, shares in known.items()]
    return [f"{title:<32}" + "".join(f"{column:>9}" for column in columns), *lines] if lines else []


def _similarity(health: Health) -> list[str]:
    if health.similarity is None:
        return []
    rows = [
        f"  over {name:<36}{'n/a' if value is None else f'{value:.3f}':>6}"
        for name, value in correlations(health).items()
    ]
    head = "rank correlation of cosine with shared-prefix length"
    return [head, *rows, f"pairs with cosine >= .9: {health.similarity.pairs_at_9:,}"]


def _totals(health: Health) -> list[str]:
    bins = "  ".join(f"{label}: {count:,}" for label, count in bucket_bins(health.bucket_sizes).items())
    return [
        f"reconstruction   error {health.error:.4f} of the variance, cosine {health.cosine:.4f}",
        f"collisions       {percent(health.collisions, 2)} of products share an ID, {health.largest_bucket} at most",
        f"bucket sizes     IDs by how many products they hold:  {bins}",
    ]
