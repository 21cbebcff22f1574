"""What is embedded, and by what: the settings of the embedding stage, and the names of the embedders."""

from __future__ import annotations

from dataclasses import dataclass, replace

from genret.data.product_text import TEXT_FIELDS, is_text_field
from genret.ground.errors import GenretError
from genret.ground.hardware import Precision, check_precision, choose_precision
from genret.ground.settings import check_ranges
from genret.ground.typed import typed_fields

KIND = "embeddings"
LSA = "lsa"
TOWERS = "towers"
TWO_TOWER = "two-tower"
VECTORS = "vectors"


@dataclass(frozen=True)
@typed_fields
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
    sample: int = 0
    """Products that `lsa`, `towers` and `two-tower` learn from, drawn by `seed`, and the judged ones; 0: all."""
    vectors: str = ""
    """A file of embeddings that were made elsewhere (npy, Parquet or safetensors), instead of a model."""
    query_encoder: str = ""
    """Of `vectors`: the sentence-transformers model that embeds queries in their space; none: a bag of tokens is fitted
    to the products' texts."""
    precision: Precision = "auto"
    """Arithmetic of a sentence-transformers model, for products and, as the artifact records it, for queries later:
    fp32, or bf16 where it is asked for. `lsa` and `towers` are sums in fp32."""

    def __post_init__(self) -> None:
        if self.query_encoder and not self.vectors:
            raise GenretError(f"query_encoder={self.query_encoder!r} has no use without vectors; give their file too")
        if self.vectors and self.model not in (TOWERS, VECTORS):
            raise GenretError(f"vectors={self.vectors!r} take the place of model={self.model!r}; give one of the two")
        if self.model == VECTORS and not self.vectors:
            raise GenretError("model='vectors' needs their file; give it with vectors=FILE")
        if self.vectors:
            object.__setattr__(self, "model", VECTORS)
        if not self.fields or not all(map(is_text_field, self.fields)):
            raise GenretError(f"fields={self.fields}: expected some of {', '.join(TEXT_FIELDS)}, attributes.NAME")
        check_ranges(self, "dim batch_size max_features steps", 1)
        check_ranges(self, "sample", 0)
        check_precision("precision", self.precision)
        if self.precision == "bf16" and self.model in (LSA, TOWERS):
            raise GenretError(f"precision='bf16' is for sentence-transformers models; {self.model} is computed in fp32")
        if not self.model:
            raise GenretError(
                "model='': expected lsa, towers, two-tower, or the name or folder of a sentence-transformers model"
            )

    def resolved(self) -> EmbedSettings:
        """The same with the precision that `auto` stands for."""
        plain = self.model in (LSA, TOWERS) or (self.vectors and not self.query_encoder)
        return replace(self, precision="fp32" if plain else choose_precision(self.precision))
