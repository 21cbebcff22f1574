"""The gates that a tokenizer must pass: no mode collapse, few dead codes. Know codes and the history of a training.

A dead code is looked for twice. While a tokenizer trains, dead codes are revived every so often; where L1 or L2 still
has many to revive at the last time, the loss keeps emptying them, and the final k-means would only cover that up. After
training, a code is dead that no product has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from genret.ground.errors import GenretError
from genret.ground.percent import percent
from genret.tokenizer.settings import TokenizerSettings
from genret.tokenizer.tokenizer import Tokenizer

SAMPLE = 100_000
"""Products that are looked at: shares of codes need no more, and telling distinct ones takes time."""


def check_codebooks(tokenizer: Tokenizer, embeddings: npt.NDArray[np.float32]) -> None:
    """Raise GenretError, with the remedy, if L1 has collapsed or L1 or L2 holds too many dead codes.

    Catalogues with too few distinct products to fill the codebooks are let through: there, unused codes are no fault.
    """
    settings = tokenizer.settings
    if len(embeddings) > SAMPLE:
        rows = np.random.default_rng(settings.seed).choice(len(embeddings), SAMPLE, replace=False)
        embeddings = embeddings[np.sort(rows)]
    distinct = np.unique(embeddings, axis=0)
    if len(distinct) < 4 * max(tokenizer.codebook_sizes[:2]):
        return
    _check_history(tokenizer.history, settings)
    codes = tokenizer.encode(distinct)
    for level, size in enumerate(tokenizer.codebook_sizes[:2]):
        count = np.bincount(codes[:, level], minlength=size)
        if level == 0 and size > 1 and (share := count.max() / len(codes)) > settings.max_share:
            raise GenretError(
                f"mode collapse: one L1 code holds {percent(share, 0)} of the products, "
                f"over max_share={percent(settings.max_share, 0)}; {_remedy(settings)}"
            )
        if (dead := float((count == 0).mean())) > settings.max_dead:
            raise GenretError(
                f"dead codes: {percent(dead, 0)} of L{level + 1}'s {size} codes are unused, "
                f"over max_dead={percent(settings.max_dead, 0)}; {_remedy(settings)}"
            )


def _check_history(history: Sequence[Mapping[str, Any]], settings: TokenizerSettings) -> None:
    """Raise GenretError if too many of L1's or L2's codes were dead at the last repair."""
    last: Mapping[str, Any] = next((entry for entry in reversed(history) if "died_L1" in entry), {})
    for level, size in enumerate(settings.codebook_sizes[:2], 1):
        if (dead := last.get(f"died_L{level}", 0.0)) > settings.max_dead:
            raise GenretError(
                f"dead codes: {percent(dead, 0)} of L{level}'s {size} codes had fallen out of use at the last repair, "
                f"over max_dead={percent(settings.max_dead, 0)}; {_remedy(settings)}"
            )


def _remedy(settings: TokenizerSettings) -> str:
    if settings.objective in ("rkmeans", "pq"):
        return "use smaller codebook_sizes"
    return f"use smaller codebook_sizes, lower lam={settings.lam} or lr={settings.lr}, or turn on sinkhorn=0.05"
