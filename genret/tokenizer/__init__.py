"""Product embeddings -> semantic IDs: quantizer, RQ-VAE, losses, sampler, training, assignment, health.

The exports load on first use, so that reading `TokenizerSettings` needs no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

_EXPORTS = {
    "Assignment": "genret.tokenizer.assign",
    "Health": "genret.tokenizer.health",
    "Tokenizer": "genret.tokenizer.tokenizer",
    "TokenizerSettings": "genret.tokenizer.settings",
    "assign_ids": "genret.tokenizer.assign",
    "format_health": "genret.tokenizer.health",
    "load_health": "genret.tokenizer.health",
    "load_tokenizer": "genret.tokenizer.tokenizer",
    "save_tokenizer": "genret.tokenizer.tokenizer",
    "train_tokenizer": "genret.tokenizer.training",
}

if TYPE_CHECKING:
    from genret.tokenizer.assign import Assignment as Assignment
    from genret.tokenizer.assign import assign_ids as assign_ids
    from genret.tokenizer.health import Health as Health
    from genret.tokenizer.health import format_health as format_health
    from genret.tokenizer.health import load_health as load_health
    from genret.tokenizer.settings import TokenizerSettings as TokenizerSettings
    from genret.tokenizer.tokenizer import Tokenizer as Tokenizer
    from genret.tokenizer.tokenizer import load_tokenizer as load_tokenizer
    from genret.tokenizer.tokenizer import save_tokenizer as save_tokenizer
    from genret.tokenizer.training import train_tokenizer as train_tokenizer

__all__ = [*_EXPORTS]


def __getattr__(name: str) -> Any:
    if name in _EXPORTS:
        return getattr(import_module(_EXPORTS[name]), name)
    raise AttributeError(f"module 'genret.tokenizer' has no attribute {name!r}")
