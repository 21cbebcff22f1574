"""Every choice that makes a tokenizer, as one frozen, flat, JSON-able dataclass."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from genret.ground.errors import GenretError
from genret.ground.typed import typed_fields
from genret.search.vocab import Vocab

ObjectiveName: TypeAlias = Literal["rqvae", "rkmeans", "pq", "vqvae", "vae", "clip", "twotower", "simclr", "moco"]
Reconstruction: TypeAlias = Literal["squared", "cosine", "l1"]
Gradient: TypeAlias = Literal["ste", "rotation"]
CodebookUpdate: TypeAlias = Literal["ema", "gradient"]
Supervision: TypeAlias = Literal["taxonomy", "pairs", "both"]
Engagement: TypeAlias = Literal["auto", "baskets", "queries"]
Balance: TypeAlias = Literal["fixed", "auto"]
Collisions: TypeAlias = Literal["bucket", "suffix", "reassign"]


@dataclass(frozen=True)
@typed_fields
class TokenizerSettings:
    """What makes a tokenizer. The defaults train 20,000 products x 128 dimensions in about 20 s on one core.

    Every loss term is scale-free, so that a lambda carries over from one catalogue to another:
    the reconstruction loss is 1.0 for a model that always answers the catalogue's mean, whatever D, the embedder and
    the form; the contrastive loss is in nats, and level weights always sum to the number of levels.
    """

    codebook_sizes: tuple[int, ...] = (256, 256, 256, 256)
    """Codes per level, coarse (L1) to fine."""
    latent_dim: int = 128
    hidden: int = 256
    """Width of the one hidden layer of the encoder and of the decoder."""

    objective: ObjectiveName = "rqvae"
    """What the encoder is trained for; see `genret.tokenizer.learning.objectives`."""
    reconstruction: Reconstruction = "squared"
    beta: float = 0.25
    """Weight of the commitment loss."""
    kl_weight: float = 0.001
    """The beta of a beta-VAE: weight of the Kullback-Leibler term, `objective="vae"` only."""
    lam: float = 0.01
    """Weight of the contrastive loss, the dial between reconstruction and semantics."""
    schedule: str = "geometric"
    """Weights of the levels: uniform, linear, geometric[(ratio)], coarse-only, or explicit such as "8,4,2,1"."""
    temperature: float = 0.1
    grades: tuple[float, ...] = (1.0, 0.5, 0.1)
    """How strongly the same leaf, a sibling leaf (same parent) and a cousin (any other shared ancestor) attract."""
    supervision: Supervision = "taxonomy"
    """What the contrastive loss learns from; `pairs` and `both` need co-engagement pairs."""
    engagement: Engagement = "auto"
    """Where those pairs are from: products of one basket, or relevant to one train query; `auto`: baskets if any."""
    balance: Balance = "fixed"
    """`both` only: fixed weights, or pairs rescaled so that both gradients have the same norm."""
    pair_weight: float = 1.0
    """`both` only: weight of the pairs beside the taxonomy. Under `pairs` alone it has no effect; set `lam` there."""

    gradient: Gradient = "ste"
    """How gradients pass the quantizer: straight-through, or the rotation trick (arXiv 2410.06424)."""
    codebook_update: CodebookUpdate = "ema"
    ema_decay: float = 0.98
    revive_below: float = 0.05
    """A code used less than this share of the mean use is dead and is moved onto a product that is badly quantised."""
    revive_every: int = 100
    """Steps between two such repairs; 0 turns them off."""
    sinkhorn: float = 0.0
    """Entropy of Sinkhorn-balanced assignment while training (0.05 is usual); 0 assigns to the nearest code."""

    steps: int = 800
    batch_size: int = 512
    lr: float = 1e-3
    seed: int = 0
    sample: int = 0
    """Products that it is trained on, drawn by `seed`; 0: all. Every product gets an ID, whatever the sample."""
    checkpoint_every: int = 200
    """Steps between checkpoints, where a checkpoint file is given."""

    collisions: Collisions = "reassign"
    max_collisions: float = 0.025
    """`bucket` only: the last codebook is refitted so that at most this share of the products shares an ID, if that can
    be had; it costs reconstruction. 1 leaves it as k-means made it."""
    max_dead: float = 0.2
    """Gate: training fails if a larger share of L1's or L2's codes is dead, at the last repair or at the end."""
    max_share: float = 0.5
    """Gate: training fails if one L1 code holds a larger share of the distinct products (mode collapse)."""

    def __post_init__(self) -> None:
        Vocab(self.codebook_sizes)
        for name, kind in _CHOICES.items():
            if getattr(self, name) not in get_args(kind):
                raise GenretError(f"{name}={getattr(self, name)!r}; expected one of {', '.join(get_args(kind))}")
        for name in ("latent_dim", "hidden", "steps", "checkpoint_every"):
            _check(name, getattr(self, name), minimum=1)
        for name in ("beta", "kl_weight", "lam", "pair_weight", "sinkhorn", "revive_below", "revive_every"):
            _check(name, getattr(self, name), minimum=0)
        for name in ("seed", "sample"):
            _check(name, getattr(self, name), minimum=0)
        for name in ("temperature", "lr"):
            _check(name, getattr(self, name), minimum=1e-9)
        for name in ("max_collisions", "max_dead", "max_share", "ema_decay"):
            _check(name, getattr(self, name), minimum=0, maximum=1)
        _check("batch_size", self.batch_size, minimum=4)
        if len(self.grades) != 3 or any(not 0 <= grade < math.inf for grade in self.grades) or self.grades[0] == 0:
            raise GenretError(
                f"grades={self.grades}; expected three numbers >= 0 (same leaf, sibling, cousin), the first above 0"
            )
        self.level_weights  # noqa: B018  (checks the schedule)

    @property
    def levels(self) -> int:
        return len(self.codebook_sizes)

    @property
    def needs_pairs(self) -> bool:
        """Whether training learns from co-engagement pairs."""
        return self.supervision != "taxonomy" or self.objective == "twotower"

    @property
    def level_weights(self) -> tuple[float, ...]:
        """(L,) weights of the contrastive loss, coarse to fine, summing to L."""
        return level_weights(self.schedule, self.levels)


_CHOICES = {
    "objective": ObjectiveName,
    "reconstruction": Reconstruction,
    "gradient": Gradient,
    "codebook_update": CodebookUpdate,
    "supervision": Supervision,
    "engagement": Engagement,
    "balance": Balance,
    "collisions": Collisions,
}


def level_weights(schedule: str, levels: int) -> tuple[float, ...]:
    """(L,) weights of a named schedule, coarse to fine, scaled to sum to L.

    `uniform`; `linear` L, L-1, ..., 1; `geometric(r)` 1, r, r^2, ... (r = 0.5 unless given); `coarse-only` the first
    half of the levels; or explicit weights such as "8,4,2,1". Raises GenretError for anything else.
    """
    raw = _raw_weights(schedule.replace(" ", ""), levels)
    if len(raw) != levels:
        raise GenretError(f"schedule={schedule!r} gives {len(raw)} weights, but there are {levels} levels")
    if any(not 0 <= weight < math.inf for weight in raw) or sum(raw) <= 0:
        raise GenretError(f"schedule={schedule!r}: weights must be finite, >= 0 and not all 0")
    return tuple(levels * weight / sum(raw) for weight in raw)


def _raw_weights(schedule: str, levels: int) -> Sequence[float]:
    if schedule == "uniform":
        return [1.0] * levels
    if schedule == "linear":
        return [float(levels - level) for level in range(levels)]
    if schedule == "coarse-only":
        return [1.0 if level < (levels + 1) // 2 else 0.0 for level in range(levels)]
    if match := re.fullmatch(r"geometric(?:\(([0-9.eE+-]+)\))?", schedule):
        ratio = _number(match[1] or "0.5", schedule)
        return [ratio**level for level in range(levels)]
    if re.fullmatch(r"[0-9.,eE+-]+", schedule):
        return [_number(part, schedule) for part in schedule.split(",")]
    raise GenretError(
        f"schedule={schedule!r}; expected uniform, linear, geometric, geometric(RATIO), coarse-only, "
        'or weights such as "8,4,2,1"'
    )


def _number(text: str, schedule: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise GenretError(f"schedule={schedule!r}: {text!r} is not a number") from None


def _check(name: str, value: float, minimum: float, maximum: float = math.inf) -> None:
    if not minimum <= value <= maximum:
        limit = f"at least {minimum}" if maximum == math.inf else f"{minimum} to {maximum}"
        raise GenretError(f"{name}={value}; expected {limit}")
