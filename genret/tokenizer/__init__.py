"""Product embeddings -> semantic IDs: quantizer, RQ-VAE, assignment; `learning/` trains, `judging/` measures.

The exports load on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from genret.ground.lazy import lazy

if TYPE_CHECKING:
    from genret.tokenizer.assign import Assignment as Assignment
    from genret.tokenizer.assign import assign_ids as assign_ids
    from genret.tokenizer.judging.health import Health as Health
    from genret.tokenizer.judging.health import load_health as load_health
    from genret.tokenizer.judging.health_text import format_health as format_health
    from genret.tokenizer.learning.train import train_tokenizer as train_tokenizer
    from genret.tokenizer.settings import TokenizerSettings as TokenizerSettings
    from genret.tokenizer.tokenizer import Tokenizer as Tokenizer
    from genret.tokenizer.tokenizer import load_tokenizer as load_tokenizer
    from genret.tokenizer.tokenizer import save_tokenizer as save_tokenizer

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "Assignment": "genret.tokenizer.assign",
        "Health": "genret.tokenizer.judging.health",
        "Tokenizer": "genret.tokenizer.tokenizer",
        "TokenizerSettings": "genret.tokenizer.settings",
        "assign_ids": "genret.tokenizer.assign",
        "format_health": "genret.tokenizer.judging.health_text",
        "load_health": "genret.tokenizer.judging.health",
        "load_tokenizer": "genret.tokenizer.tokenizer",
        "save_tokenizer": "genret.tokenizer.tokenizer",
        "train_tokenizer": "genret.tokenizer.learning.train",
    },
)
