"""The gates that a trained tokenizer must pass: no mode collapse, few dead codes. Know codes; nothing of training."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from genret.errors import GenretError
from genret.tokenizer.tokenizer import Tokenizer


def check_codebooks(tokenizer: Tokenizer, embeddings: npt.NDArray[np.float32]) -> None:
    """Raise GenretError, with the remedy, if L1 has collapsed or L1 or L2 holds too many dead codes.

    Catalogues with too few distinct products to fill the codebooks are let through: there, unused codes are no fault.
    """
    settings = tokenizer.settings
    distinct = np.unique(embeddings, axis=0)
    if len(distinct) < 4 * max(tokenizer.codebook_sizes[:2]):
        return
    codes = tokenizer.encode(distinct)
    for level, size in enumerate(tokenizer.codebook_sizes[:2]):
        count = np.bincount(codes[:, level], minlength=size)
        if level == 0 and size > 1 and (share := count.max() / len(codes)) > settings.max_share:
            raise GenretError(
                f"mode collapse: one L1 code holds {share:.0%} of the products, "
                f"over max_share={settings.max_share:.0%}; "
                f"lower lam={settings.lam} or lr={settings.lr}, or turn on sinkhorn=0.05"
            )
        if (dead := float((count == 0).mean())) > settings.max_dead:
            raise GenretError(
                f"dead codes: {dead:.0%} of L{level + 1}'s {size} codes are unused, "
                f"over max_dead={settings.max_dead:.0%}; "
                f"use smaller codebook_sizes, lower lam={settings.lam}, or turn on revive_every and sinkhorn=0.05"
            )
