"""What is embedded, and by what: the settings of the embedding stage, and the names of the embedders."""

from __future__ import annotations

from dataclasses import dataclass

from genret.data.product_text import TEXT_FIELDS, is_text_field
from genret.ground.errors import GenretError

KIND = "embeddings"
LSA = "lsa"
TOWERS = "towers"
TWO_TOWER = "two-tower"


@dataclass(frozen=True)
class EmbedSettings:
    """What is embedded, and by what."""

    model: str = TOWERS
    """`towers` (two bag-of-tokens towers taught by pseudo-queries and, where there is one, the query log), `lsa` (words
    that occur together), `two-tower` (a sentence-transformers model fine-tuned on the query log), or any
    sentence-transformers model as it is: hub name, local folder, or `package:PKG/FOLDER`."""
    dim: int = 128
    """Width of `lsa` and `towers`; a sentence-transformers model brings its own."""
    fields: tuple[str, ...] = TEXT_FIELDS
    batch_size: int = 64
    max_features: int = 60_000
    """Vocabulary of `lsa`: the most frequent words and word pairs."""
    steps: int = 450
    """Training steps of `towers`."""
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.fields or not all(map(is_text_field, self.fields)):
            raise GenretError(f"fields={self.fields}: expected some of {', '.join(TEXT_FIELDS)}, attributes.NAME")
        for name in ("dim", "batch_size", "max_features", "steps"):
            if getattr(self, name) < 1:
                raise GenretError(f"{name}={getattr(self, name)}: expected at least 1")
        if not self.model:
            raise GenretError(
                "model='': expected lsa, towers, two-tower, or the name or folder of a sentence-transformers model"
            )
