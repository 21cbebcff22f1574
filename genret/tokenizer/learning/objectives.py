"""What an encoder is trained for: the RQ-VAE's loss with all its terms.

L = L_reconstruction + L_rq + lambda * L_contrastive; `losses.py` has the terms and their units, `family.py` the other
objectives that the literature trains product encoders for.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from genret.ground.errors import GenretError
from genret.ground.types import CategoryPath
from genret.tokenizer.learning.losses import (
    Taxonomy,
    contrast_targets,
    contrastive_loss,
    ignorance,
    over_levels,
    pair_loss,
    quantisation_loss,
    reconstruction_loss,
)
from genret.tokenizer.learning.start import fit_codebooks
from genret.tokenizer.quantizer import Quantised, pass_gradient
from genret.tokenizer.rqvae import RQVAE
from genret.tokenizer.settings import TokenizerSettings

Rows = npt.NDArray[np.int64]
BALANCE_EVERY = 10


class TrainingData(NamedTuple):
    """What every objective may learn from."""

    embeddings: Tensor
    """(N, D)"""
    categories: Sequence[CategoryPath]
    pairs: Rows
    """(P, 2) co-engaged rows; P may be 0."""


class Terms(NamedTuple):
    """The terms of one batch's loss, each with its weight applied; `contrast` is None where there is none."""

    total: Tensor
    reconstruction: Tensor
    quantisation: Tensor | None
    contrast: Tensor | None
    latent: Tensor
    quantised: Quantised | None
    pair_latent: Tensor | None = None
    """Where the contrast looks at co-engaged pairs beside the batch: their latents."""


class Objective(nn.Module):
    """A loss over batches of catalogue rows. What it needs beyond the model is its own state, saved in checkpoints."""

    def __init__(self, model: RQVAE, data: TrainingData, settings: TokenizerSettings) -> None:
        super().__init__()
        self.model, self.data, self.settings = model, data, settings
        self.offset = model.mean / model.scale
        standardised = model.standardise(data.embeddings)
        self.unit = ignorance(standardised, settings.reconstruction, self.offset)
        if settings.codebook_update == "ema":
            model.quantizer.requires_grad_(False)

    def forward(self, rows: Rows, step: int) -> Terms:
        raise NotImplementedError

    def before_step(self, step: int) -> None:
        """Called before each batch."""

    def after_step(self, terms: Terms, step: int) -> dict[str, float]:
        """Called when the optimizer has moved; what the history should keep of it. Looks after codebooks in use."""
        if terms.quantised is None:
            return {}
        return care_for_codebooks(self.model, terms.quantised, step, self.settings)

    def finish(self) -> None:
        """Called after the last step."""

    def reconstruction(self, target: Tensor, latent: Tensor) -> Tensor:
        """The reconstruction loss of (B, D) standardised embeddings from (B, d) latents; 1.0 is ignorance."""
        output = self.model.expand(latent)
        return reconstruction_loss(target, output, self.settings.reconstruction, self.offset) / self.unit

    def report(self, terms: Terms) -> dict[str, float]:
        """The terms as numbers, and `pull`: the norm of the contrast's gradient on latents over that of the rest."""
        out = {"reconstruction": float(terms.reconstruction.detach())}
        if terms.quantisation is not None:
            out["quantisation"] = float(terms.quantisation.detach())
        if terms.contrast is not None:
            out["contrast"] = float(terms.contrast.detach())
            rest = terms.reconstruction if terms.quantisation is None else terms.reconstruction + terms.quantisation
            latents = [latent for latent in (terms.latent, terms.pair_latent) if latent is not None]
            pull = math.hypot(*(gradient_norm(terms.contrast, latent) for latent in latents))
            out["pull"] = pull / max(gradient_norm(rest, terms.latent), 1e-12)
        return out


def gradient_norm(loss: Tensor, latent: Tensor) -> float:
    """The norm of the loss' gradient on (B, d) latents; 0 if it does not depend on them."""
    if not loss.requires_grad:
        return 0.0
    (gradient,) = torch.autograd.grad(loss, latent, retain_graph=True, allow_unused=True)
    return 0.0 if gradient is None else float(gradient.norm())


class RQObjective(Objective):
    """L_reconstruction + L_rq + lambda L_contrastive; with lambda = 0 the contrast is not computed at all."""

    pair_scale: Tensor

    def __init__(self, model: RQVAE, data: TrainingData, settings: TokenizerSettings) -> None:
        super().__init__(model, data, settings)
        self.taxonomy = Taxonomy(data.categories)
        self.register_buffer("pair_scale", torch.ones(()))
        if settings.supervision != "taxonomy" and settings.lam > 0 and not len(data.pairs):
            raise GenretError(f"supervision={settings.supervision!r} needs co-engagement pairs, got none; pass pairs")

    def forward(self, rows: Rows, step: int) -> Terms:
        settings, model = self.settings, self.model
        target = model.standardise(self.data.embeddings[rows])  # (B, D)
        latent: Tensor = model.encoder(target)  # (B, d)
        quantised = model.quantise(latent, settings.sinkhorn)
        passed = self._passed(latent, quantised)
        reconstruction = self.reconstruction(target, passed[-1])
        quantisation = quantisation_loss(quantised, settings.beta, settings.codebook_update == "gradient")
        total = reconstruction + quantisation
        contrast = pair_latent = None
        if settings.lam > 0:
            contrast, pair_latent = self._contrast(passed, rows, step, latent)
            contrast = settings.lam * contrast
            total = total + contrast
        return Terms(total, reconstruction, quantisation, contrast, latent, quantised, pair_latent)

    def _passed(self, latent: Tensor, quantised: Quantised) -> list[Tensor]:
        """L x (B, d): each level's cumulative quantised representation, gradients passed on to the latent."""
        return [pass_gradient(latent, level, self.settings.gradient) for level in quantised.cumulative()]

    def _contrast(self, levels: list[Tensor], rows: Rows, step: int, latent: Tensor) -> tuple[Tensor, Tensor | None]:
        """The contrastive loss before lambda, and the pairs' latents where it looks at pairs."""
        settings = self.settings
        if settings.supervision == "pairs":
            return self._pair_terms(step, len(rows))
        targets = contrast_targets(self.taxonomy.relations(rows, self._anchors(rows)), settings.grades)
        weights = settings.level_weights
        used = [(level, weight) for level, weight in zip(levels, weights, strict=True) if weight > 0]
        losses = [contrastive_loss(level, targets, settings.temperature) for level, _ in used]
        taxonomy = over_levels(losses, [weight for _, weight in used])
        if settings.supervision == "taxonomy":
            return taxonomy, None
        pairs, pair_latent = self._pair_terms(step, len(rows))
        if settings.balance == "auto" and step % BALANCE_EVERY == 0:
            self._rebalance(gradient_norm(taxonomy, latent), gradient_norm(pairs, pair_latent))
        scale = self.pair_scale.clone() if settings.balance == "auto" else 1.0
        return taxonomy + settings.pair_weight * scale * pairs, pair_latent

    def _anchors(self, rows: Rows) -> int:
        """The focus half, where the positives are; everything, where the whole catalogue is one batch."""
        return len(rows) if len(rows) == len(self.taxonomy) else len(rows) // 2

    def _pair_terms(self, step: int, batch: int) -> tuple[Tensor, Tensor]:
        """The pairs' loss over a batch of B/4 of them, and the (2P, d) latents that it depends on."""
        rng = np.random.default_rng((self.settings.seed, 3, step))
        chosen = self.data.pairs[rng.integers(len(self.data.pairs), size=max(batch // 4, 2))]  # (P, 2)
        latent = self.model.latent(self.data.embeddings[chosen.T.reshape(-1)])  # (2P, d)
        levels = self._passed(latent, self.model.quantise(latent, self.settings.sinkhorn))
        half = len(chosen)
        losses = [pair_loss(level[:half], level[half:], self.settings.temperature) for level in levels]
        return over_levels(losses, self.settings.level_weights), latent

    @torch.no_grad()
    def _rebalance(self, taxonomy: float, pairs: float) -> None:
        """Let the pairs' gradient have the taxonomy's norm, averaged over time."""
        if taxonomy > 0 and pairs > 0:
            self.pair_scale.mul_(0.9).add_(0.1 * taxonomy / pairs)

    def finish(self) -> None:
        fit_codebooks(self.model, self.data.embeddings, self.settings, iterations=5, refine=True)


def care_for_codebooks(model: RQVAE, quantised: Quantised, step: int, settings: TokenizerSettings) -> dict[str, float]:
    """Move the codebooks after a step, if they follow by averaging, and revive dead codes when that is due.

    When it is, returns `died_L1`, `died_L2`, ...: the share of each level's codes that were dead.
    """
    quantizer = model.quantizer
    if settings.codebook_update == "ema":
        quantizer.update_ema(quantised, settings.ema_decay)
    else:
        quantizer.track_use(quantised, settings.ema_decay)
    if settings.revive_every and (step + 1) % settings.revive_every == 0 and step < 0.9 * settings.steps:
        generator = torch.Generator().manual_seed(settings.seed * 1_000_003 + step)
        moved = quantizer.revive(quantised, settings.revive_below, generator)
        shares = zip(moved, settings.codebook_sizes, strict=False)  # a VQ-VAE trains with one codebook
        return {f"died_L{level}": count / size for level, (count, size) in enumerate(shares, 1)}
    return {}
