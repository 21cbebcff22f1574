"""The seq2seq model: a text encoder, the decoder of codewords, and what the decoder knows of the catalogue.

The exports load on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from genret.ground.lazy import lazy

if TYPE_CHECKING:
    from genret.model.prefix import PrefixTable as PrefixTable
    from genret.model.seq2seq import GenretConfig as GenretConfig
    from genret.model.seq2seq import GenretForConditionalGeneration as GenretForConditionalGeneration

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "GenretConfig": "genret.model.seq2seq",
        "GenretForConditionalGeneration": "genret.model.seq2seq",
        "PrefixTable": "genret.model.prefix",
    },
)
