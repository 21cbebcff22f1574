"""What a tokenizer's health comes to, in sentences: whether all is well, and if not, what to do next.

`verdict(health, settings)` is what `genret tokenizer health` and `genret info` end with.
"""

from __future__ import annotations

from typing import NamedTuple

from genret.ground.percent import percent
from genret.tokenizer.judging.health import Health
from genret.tokenizer.settings import TokenizerSettings

MOST_SHARED = 0.1
"""Share of products that share an ID, above which buckets decide too much of the order."""
LARGE_BUCKET = 50


class Verdict(NamedTuple):
    """`healthy`, or what is not, each with its remedy."""

    findings: tuple[str, ...]

    @property
    def healthy(self) -> bool:
        return not self.findings

    def __str__(self) -> str:
        if self.healthy:
            return "verdict: healthy"
        return "\n".join(["verdict: look at this", *(f"  - {finding}" for finding in self.findings)])


def verdict(health: Health, settings: TokenizerSettings) -> Verdict:
    """What is wrong with a tokenizer of these settings, by its own gates and by what a search would suffer from."""
    found = []
    for level in health.levels[:2]:
        if level.dead / level.size > settings.max_dead:
            found.append(
                f"{level.dead} of L{level.level}'s {level.size} codes are dead (max_dead={settings.max_dead:g}); "
                "use smaller codebook_sizes, or sinkhorn=0.05"
            )
    if health.levels and health.levels[0].size > 1 and health.levels[0].largest_share > settings.max_share:
        found.append(
            f"one L1 code holds {percent(health.levels[0].largest_share, 0)} of the products "
            f"(max_share={percent(settings.max_share, 0)}); lower lam={settings.lam:g} or lr={settings.lr:g}"
        )
    if health.collisions > MOST_SHARED:
        found.append(
            f"{percent(health.collisions, 0)} of the products share their ID; use collisions='reassign', "
            "or larger codebook_sizes"
        )
    if health.largest_bucket > LARGE_BUCKET:
        found.append(
            f"{health.largest_bucket} products share one ID: the embeddings cannot tell them apart; "
            "embed more fields, or another model"
        )
    if health.same_leaf is not None and health.purity is not None and health.purity_shuffled is not None:
        gain = health.purity[0] - health.purity_shuffled[0]
        if gain < 0.02:
            found.append(
                f"L1 says next to nothing of the category (purity {percent(health.purity[0], 0)}, shuffled "
                f"{percent(health.purity_shuffled[0], 0)}); try `genret tokenizer tune` for a higher lam"
            )
    return Verdict(tuple(found))
