"""The prefix trie of semantic IDs and the constrained beam search over it: ids and numbers, no text, no product.

The exports load on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from genret.ground.lazy import lazy

if TYPE_CHECKING:
    from genret.search.beam import BeamResult as BeamResult
    from genret.search.beam import BeamSettings as BeamSettings
    from genret.search.beam import BeamTrace as BeamTrace
    from genret.search.beam import Decoder as Decoder
    from genret.search.beam import beam_search as beam_search
    from genret.search.logits import TrieLogitsProcessor as TrieLogitsProcessor
    from genret.search.trie import Allowed as Allowed
    from genret.search.trie import Trie as Trie
    from genret.search.vocab import Vocab as Vocab

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "Allowed": "genret.search.trie",
        "BeamResult": "genret.search.beam",
        "BeamSettings": "genret.search.beam",
        "BeamTrace": "genret.search.beam",
        "Decoder": "genret.search.beam",
        "Trie": "genret.search.trie",
        "TrieLogitsProcessor": "genret.search.logits",
        "Vocab": "genret.search.vocab",
        "beam_search": "genret.search.beam",
    },
)
