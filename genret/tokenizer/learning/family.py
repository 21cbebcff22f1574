"""The other objectives that product encoders are trained for, over the same encoder, data and budget as the RQ-VAE.

Each trains the encoder for the first 80 % of the steps. Then the codebooks are residual k-means of its latents, and for
the remaining steps the decoder alone learns to reconstruct from the codes: the objectives that have no decoder of
their own are thus judged on reconstruction like the others, by a decoder that never touched their encoder.

| objective | trains the encoder to |
|---|---|
| `vqvae` | reconstruct through one codebook, the first (van den Oord et al. 2017) |
| `vae` | reconstruct through Gaussian noise, latents near the prior (beta-VAE, Higgins et al. 2017) |
| `clip` | match each product with its category's learned vector, both ways (after Radford et al. 2021) |
| `twotower` | match each product with what it is co-engaged with; needs pairs |
| `simclr` | match two corrupted views of a product among the batch (Chen et al. 2020) |
| `moco` | the same against a queue of keys from a slowly moving copy of the encoder (He et al. 2020) |
"""

from __future__ import annotations

import copy
import math

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genret.ground.errors import GenretError
from genret.tokenizer.learning.losses import Taxonomy, pair_loss, quantisation_loss, soft_unit
from genret.tokenizer.learning.objectives import Objective, Rows, Terms, TrainingData
from genret.tokenizer.learning.start import fit_codebooks
from genret.tokenizer.quantizer import Quantised, pass_gradient
from genret.tokenizer.rqvae import RQVAE
from genret.tokenizer.settings import TokenizerSettings

ENCODER_SHARE = 0.8
"""Share of the steps in which the encoder learns."""
DROPPED, NOISE = 0.2, 0.02
"""A corrupted view: dimensions dropped, and the deviation of the noise added, in standardised units."""
QUEUE, MOMENTUM = 4096, 0.99


class EncoderObjective(Objective):
    """First the encoder by `encoder_terms`, beside it a decoder; then codebooks; then the decoder on the codes."""

    def __init__(self, model: RQVAE, data: TrainingData, settings: TokenizerSettings) -> None:
        super().__init__(model, data, settings)
        self.switch = math.ceil(ENCODER_SHARE * settings.steps)

    def before_step(self, step: int) -> None:
        if step == self.switch:
            self.finish()

    def finish(self) -> None:
        """Fit the codebooks to the encoder as it is; the encoder no longer moves after the switch."""
        fit_codebooks(self.model, self.data.embeddings, self.settings, iterations=20)

    def forward(self, rows: Rows, step: int) -> Terms:
        target = self.model.standardise(self.data.embeddings[rows])
        if step < self.switch:
            return self.encoder_terms(target, rows, step)
        with torch.no_grad():
            latent: Tensor = self.model.encoder(target)
            quantised = self.model.quantise(latent).cumulative()[-1]
        loss = self.reconstruction(target, quantised)
        return Terms(loss, loss, None, None, latent, None)

    def encoder_terms(self, target: Tensor, rows: Rows, step: int) -> Terms:
        """The terms while the encoder learns; by default `alignment`, with a decoder that does not touch it."""
        latent: Tensor = self.model.encoder(target)
        contrast = self.alignment(target, latent, rows, step)
        reconstruction = self.reconstruction(target, latent.detach())
        return Terms(contrast + reconstruction, reconstruction, None, contrast, latent, None)

    def alignment(self, target: Tensor, latent: Tensor, rows: Rows, step: int) -> Tensor:
        """The contrastive loss of a batch, in nats."""
        raise NotImplementedError

    def generator(self, step: int) -> torch.Generator:
        """Noise that is a function of (seed, step)."""
        return torch.Generator().manual_seed(self.settings.seed * 1_000_003 + step)


class VQVAE(EncoderObjective):
    """Reconstruction through the first codebook alone."""

    def encoder_terms(self, target: Tensor, rows: Rows, step: int) -> Terms:
        latent: Tensor = self.model.encoder(target)
        levels = self.model.quantise(latent, self.settings.sinkhorn)
        first = Quantised(levels.codes[:, :1], levels.residuals[:1], levels.words[:1])
        passed = pass_gradient(latent, first.words[0], self.settings.gradient)
        reconstruction = self.reconstruction(target, passed)
        quantisation = quantisation_loss(first, self.settings.beta, self.settings.codebook_update == "gradient")
        return Terms(reconstruction + quantisation, reconstruction, quantisation, None, latent, first)


class VAE(EncoderObjective):
    """Reconstruction from a sample of N(mean, deviation^2), with the divergence from the prior N(0, I / d)."""

    def __init__(self, model: RQVAE, data: TrainingData, settings: TokenizerSettings) -> None:
        super().__init__(model, data, settings)
        self.log_variance = nn.Linear(model.dim, model.latent_dim)
        nn.init.zeros_(self.log_variance.weight)
        nn.init.constant_(self.log_variance.bias, -4.0)

    def encoder_terms(self, target: Tensor, rows: Rows, step: int) -> Terms:
        latent: Tensor = self.model.encoder(target)
        log_variance = self.log_variance(target)  # in units of the prior's variance 1 / d
        unit = 1 / math.sqrt(self.model.latent_dim)
        noise = torch.randn(latent.shape, generator=self.generator(step)) * unit
        sample = latent + noise * (log_variance / 2).exp()
        divergence = (latent.square() / unit**2 + log_variance.exp() - log_variance - 1).sum(1).mean() / 2
        reconstruction = self.reconstruction(target, sample)
        total = reconstruction + self.settings.kl_weight * divergence
        return Terms(total, reconstruction, None, None, latent, None)


class Clip(EncoderObjective):
    """Products against learned vectors of their categories, both ways; products without one do not count."""

    def __init__(self, model: RQVAE, data: TrainingData, settings: TokenizerSettings) -> None:
        super().__init__(model, data, settings)
        self.leaf = Taxonomy(data.categories).leaf
        if self.leaf.max(initial=-1) < 0:
            raise GenretError("objective='clip' aligns products with their categories, but no product has one")
        self.towers = nn.Embedding(int(self.leaf.max()) + 1, model.latent_dim)
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            torch.manual_seed(settings.seed)
            nn.init.normal_(self.towers.weight)

    def alignment(self, target: Tensor, latent: Tensor, rows: Rows, step: int) -> Tensor:
        leaves = self.leaf[rows]
        kept = np.flatnonzero(leaves >= 0)
        if not len(kept):
            return latent.sum() * 0.0
        unique, index = np.unique(leaves[kept], return_inverse=True)
        category = self.towers(torch.from_numpy(unique))
        logits = soft_unit(latent[kept]) @ soft_unit(category).T / self.settings.temperature  # (kept, unique)
        labels = torch.from_numpy(index)
        members = F.one_hot(labels, len(unique)).float().T  # (unique, kept)
        back = F.cross_entropy(logits.T, members / members.sum(1, keepdim=True))
        return (F.cross_entropy(logits, labels) + back) / 2


class CoEngagementObjective(EncoderObjective):
    """Co-engaged products against each other; the second tower adds a linear map to the first."""

    def __init__(self, model: RQVAE, data: TrainingData, settings: TokenizerSettings) -> None:
        super().__init__(model, data, settings)
        if not len(data.pairs):
            raise GenretError("objective='twotower' needs co-engagement pairs, got none; pass pairs")
        self.other = nn.Linear(model.latent_dim, model.latent_dim, bias=False)
        nn.init.eye_(self.other.weight)

    def alignment(self, target: Tensor, latent: Tensor, rows: Rows, step: int) -> Tensor:
        rng = np.random.default_rng((self.settings.seed, 3, step))
        chosen = self.data.pairs[rng.integers(len(self.data.pairs), size=max(len(rows) // 2, 2))]  # (P, 2)
        left = self.model.latent(self.data.embeddings[chosen[:, 0]])
        right = self.other(self.model.latent(self.data.embeddings[chosen[:, 1]]))
        return pair_loss(left, right, self.settings.temperature)

    def report(self, terms: Terms) -> dict[str, float]:
        return {name: value for name, value in super().report(terms).items() if name != "pull"}  # not on this latent


class SimCLR(EncoderObjective):
    """Two corrupted views of each product against the other products of the batch."""

    def alignment(self, target: Tensor, latent: Tensor, rows: Rows, step: int) -> Tensor:
        one, two = self.views(target, step)
        return pair_loss(self.model.encoder(one), self.model.encoder(two), self.settings.temperature)

    def views(self, target: Tensor, step: int) -> tuple[Tensor, Tensor]:
        """Two corruptions of (B, D) standardised embeddings: dimensions dropped, noise added."""
        generator = self.generator(step)
        views = []
        for _ in range(2):
            kept = torch.rand(target.shape, generator=generator) >= DROPPED
            noise = torch.randn(target.shape, generator=generator) * NOISE
            views.append((target + noise) * kept / (1 - DROPPED))
        return views[0], views[1]

    def report(self, terms: Terms) -> dict[str, float]:
        return {name: value for name, value in super().report(terms).items() if name != "pull"}  # not on this latent


class MoCo(SimCLR):
    """One view against the other as a momentum encoder sees it, and against a queue of earlier keys."""

    queue: Tensor
    filled: Tensor

    def __init__(self, model: RQVAE, data: TrainingData, settings: TokenizerSettings) -> None:
        super().__init__(model, data, settings)
        self.slow = copy.deepcopy(model.encoder).requires_grad_(False)
        self.register_buffer("queue", torch.zeros(QUEUE, model.latent_dim))
        self.register_buffer("filled", torch.zeros((), dtype=torch.int64))
        self._keys = torch.zeros(0, model.latent_dim)

    def alignment(self, target: Tensor, latent: Tensor, rows: Rows, step: int) -> Tensor:
        one, two = self.views(target, step)
        query = soft_unit(self.model.encoder(one))
        with torch.no_grad():
            self._keys = soft_unit(self.slow(two))
        others = self.queue[: min(int(self.filled), QUEUE)]
        logits = torch.cat([(query * self._keys).sum(1, keepdim=True), query @ others.T], 1)
        return F.cross_entropy(logits / self.settings.temperature, torch.zeros(len(query), dtype=torch.int64))

    @torch.no_grad()
    def after_step(self, terms: Terms, step: int) -> dict[str, float]:
        if step >= self.switch:
            return {}
        for slow, fast in zip(self.slow.parameters(), self.model.encoder.parameters(), strict=True):
            slow.mul_(MOMENTUM).add_(fast, alpha=1 - MOMENTUM)
        places = (int(self.filled) + torch.arange(len(self._keys))) % QUEUE
        self.queue[places] = self._keys
        self.filled += len(self._keys)
        return {}


FAMILY: dict[str, type[Objective]] = {
    "vqvae": VQVAE,
    "vae": VAE,
    "clip": Clip,
    "twotower": CoEngagementObjective,
    "simclr": SimCLR,
    "moco": MoCo,
}
