"""The model's shape and how it is trained, as frozen, flat, JSON-able dataclasses."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

from genret.ground.errors import GenretError
from genret.ground.hardware import Precision, check_precision, choose_precision
from genret.ground.settings import check_ranges
from genret.ground.typed import typed_fields

Start = Literal["cold", "dense"]
LARGE = 1 << 18
"""Products from which on fewer prefixes do: they have `values.SPREAD_FROM` IDs, unless most share one."""


@dataclass(frozen=True)
@typed_fields
class ModelSettings:
    """The model's shape. The defaults suit a catalogue of some 20,000 products and minutes on one core."""

    encoder: str = ""
    """A checkpoint to start the encoder from, hub name or local folder; empty for a small one from scratch."""
    start: Start = "dense"
    """`dense`: the heads start as codebooks in the embedding's space, so that the untrained model already searches."""
    d_model: int = 128
    layers: int = 1
    """Of the decoder."""
    heads: int = 4
    ffn: int = 256
    encoder_layers: int = 0
    """Of the encoder from scratch, whose width and heads are the decoder's; 0 for its token vectors alone."""
    text_vocab: int = 8192
    """Of the text tokenizer from scratch."""
    max_text_tokens: int = 32
    dropout: float = 0.0
    pooling: Literal["auto", "encoder", "bag"] = "auto"
    """Where the dense start takes the query's embedding from: the mean of the encoder's states (right if `encoder` also
    made the products' embeddings), or a bag of token vectors fitted to them. `auto`: `encoder` where the widths agree.
    """
    query_scale: float = 0.0
    """Inner products with the query's embedding are multiplied by this at the dense start: the higher, the narrower the
    beam that finds what exact search does, and the less of a prefix's worth is in products further from the query. 0:
    24 for up to 50,000 products, and 12 more for each tenfold (`scale`)."""
    prefixes: bool = True
    """Tell the decoder which codes follow which prefix in the catalogue (`genret.model.prefix`)."""
    backoff: float = 0.1
    """Weight of codes that do not follow a prefix in the catalogue, against 1 for each that does."""
    lookahead: Literal[0, 1, 2] = 2
    """How far a dense start looks ahead to see what a prefix is worth (`genret.model.values`). 0: not at all, it is its
    products' mean; 1: to the prefixes of the first two levels, and from these to the IDs; 2: to the IDs below the
    `look_below` most promising of these prefixes as well."""
    look_below: int = 0
    """0: one prefix for every 80 products, but at least 256 and at most 1,024; 256 for the largest catalogues, where
    these are chosen better (`looks_below`)."""
    beam_width: int = 50
    """How wide a search of this model is unless it is told otherwise."""

    def __post_init__(self) -> None:
        if self.start not in ("cold", "dense"):
            raise GenretError(f"start={self.start!r}: expected cold or dense")
        check_ranges(self, "d_model layers heads ffn text_vocab max_text_tokens beam_width", 1)
        if self.pooling not in ("auto", "encoder", "bag"):
            raise GenretError(f"pooling={self.pooling!r}: expected auto, encoder or bag")
        if self.lookahead not in (0, 1, 2):
            raise GenretError(f"lookahead={self.lookahead!r}: expected 0, 1 or 2")
        if self.d_model % self.heads:
            raise GenretError(f"d_model={self.d_model} is not a multiple of heads={self.heads}; choose a multiple")
        check_ranges(self, "encoder_layers look_below query_scale", 0)
        check_ranges(self, "backoff", 0, above=True)
        check_ranges(self, "dropout", 0, 1, below=True)

    def scale(self, products: int) -> float:
        """The `query_scale` in so large a catalogue.

        Together, the products far from a query outweigh the near ones the more, the more products there are, and the
        beam follows them; a higher scale holds them down, and trusts the prefixes that are looked below more than the
        others. Of the ten products that the model itself scores highest among a million, a beam of 50 finds 69 % at 24
        and 94 % at 40 (eval/EXPERIMENTS.md).
        """
        return self.query_scale or 24.0 + 12.0 * math.log10(max(1.0, products / 50_000))

    def looks_below(self, products: int) -> int | None:
        """How many prefixes a query looks below in so large a catalogue; None where prefixes have no own values.

        256 give what exact search finds among 20,000 products, and 1,024 among 55,000, where 256 lose a point of
        recall@100 and 683 half of one, on dev (eval/EXPERIMENTS.md). Among a million, where a prefix holds thirty IDs
        and is chosen by what it promises of each (`PrefixValues.spread`), 320 find what 512 do but for a third of a
        point (eval/results/query-scale).
        """
        below = self.look_below or (min(max(products // 80, 256), 1024) if products < LARGE else 320)
        return {0: None, 1: 0, 2: below}[self.lookahead]


@dataclass(frozen=True)
@typed_fields
class TrainSettings:
    """How the model is trained. The defaults take about a minute on one core for some 20,000 products."""

    max_steps: int = 600
    """0 leaves the model as it starts, which the dense start makes a retriever already."""
    batch_size: int = 256
    accumulate: int = 1
    """Batches per step."""
    lr: float = 1e-3
    warmup: float = 0.05
    """Share of the steps."""
    weight_decay: float = 0.01
    seed: int = 0
    pseudo_share: float = 0.5
    """Share of the practice on pseudo-queries; the rest is the query log."""
    pseudo_per_product: float = 2.0
    pseudo_noise: float = 0.2
    """Share of pseudo-queries with a typo or another form of a unit."""
    teacher_products: int = 32
    """Products that the lexical teacher finds right for a pseudo-query; 0 for the one it was made from alone."""
    teacher_temperature: float = 1.0
    """Of the teacher's softmax, in BM25 points."""
    frequency_power: float = 0.5
    """A query asked f times is practised in proportion to f ** this."""
    own_share: float = 0.5
    """Share of a log query's target that the products nearest to its embedding have, weighed as the dense start scores
    them; the rest is the judged products'. Judgements alone unlearn the neighbourhood that the start knows. Without a
    dense start there is no such neighbourhood, and all is the judged products'."""
    own_products: int = 100
    grade_power: float = 1.0
    """A product graded g weighs (g - irrelevant grade) ** this among the right products of a query."""
    freeze_encoder: bool = False
    """Leave the encoder as it is, as suits one that was fine-tuned for the embeddings; a step is then far cheaper."""
    freeze_values: bool = True
    """Leave the vectors of prefixes and products as they start (`genret.model.values`): only the query's embedding, the
    transformer's correction and a weight for each prefix learn. Otherwise they learn too, at four times the time."""
    precision: Precision = "auto"
    """Of the products within a step; weights and their moments are fp32 always. `auto`: fp32 on every machine."""
    eval_every: int = 0
    """Steps between two measurements of the dev loss; 0 measures none."""
    patience: int = 0
    """Stop after so many measurements without improvement and keep the best; 0 never stops early."""
    save_every: int = 500
    """Steps between checkpoints; 0 keeps none."""
    log_every: int = 50
    withhold: tuple[str, ...] = ()
    """Ids of products that take no part in training at all: for cold-start measurements."""

    def __post_init__(self) -> None:
        check_ranges(self, "batch_size accumulate log_every own_products", 1)
        check_ranges(self, "weight_decay frequency_power grade_power", -math.inf)
        check_ranges(self, "pseudo_share pseudo_noise warmup own_share", 0, 1)
        check_ranges(self, "eval_every patience save_every teacher_products pseudo_per_product max_steps", 0)
        check_ranges(self, "lr teacher_temperature", 0, above=True)
        check_precision("precision", self.precision)
        if self.patience and not self.eval_every:
            raise GenretError(f"patience={self.patience} needs a dev loss to watch; set eval_every as well")

    def resolved(self) -> TrainSettings:
        """The same with the precision that `auto` stands for."""
        return replace(self, precision=choose_precision(self.precision))
