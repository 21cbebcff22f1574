"""The RQ-VAE: encoder, residual quantizer, decoder.

Encoder and decoder are each a linear map plus a one-hidden-layer correction that starts at zero. The linear maps start
as the catalogue's principal components and their transpose, so before its first step the model is residual k-means in
PCA space: training has a good point to improve on, and a thousand steps suffice.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from genret.tokenizer.quantizer import Quantised, ResidualQuantizer

RIDGE = 1e-4
"""Of a least-squares fit, relative to the mean square of its inputs."""


class Residual(nn.Module):
    """x -> W x + f(x), f an MLP of one hidden layer; (B, n) -> (B, m)."""

    def __init__(self, inputs: int, outputs: int, hidden: int) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, outputs, bias=False)
        self.widen = nn.Linear(inputs, hidden)
        self.narrow = nn.Linear(hidden, outputs)
        nn.init.zeros_(self.narrow.weight)
        nn.init.zeros_(self.narrow.bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x) + self.narrow(torch.relu(self.widen(x)))


class RQVAE(nn.Module):
    """Embedding (B, D) -> latent (B, d) -> codes (B, L) -> embedding (B, D).

    `mean` and `scale` standardise the embeddings: to mean 0 and a total variance of 1, so that squared errors are
    shares of the variance. With `hidden=0` there is no encoder: the latent is the standardised embedding, d = D.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, dim: int, sizes: Sequence[int], latent_dim: int, hidden: int) -> None:
        super().__init__()
        self.dim, self.hidden = dim, hidden
        self.latent_dim = latent_dim if hidden else dim
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("scale", torch.ones(()))
        self.encoder: nn.Module = Residual(dim, self.latent_dim, hidden) if hidden else nn.Identity()
        self.decoder: nn.Module = Residual(self.latent_dim, dim, hidden) if hidden else nn.Identity()
        self.quantizer = ResidualQuantizer(sizes, self.latent_dim)

    @torch.no_grad()
    def start_from(self, embeddings: Tensor) -> None:
        """Standardise by, and start as the principal components of, (N, D) embeddings."""
        self.mean.copy_(embeddings.mean(0))
        variance = (embeddings - self.mean).square().sum(1).mean()
        self.scale.copy_(variance.sqrt() if variance > 1e-12 else torch.ones(()))
        if isinstance(self.encoder, Residual) and isinstance(self.decoder, Residual):
            axes = principal_axes(self.standardise(embeddings), self.latent_dim)
            self.encoder.linear.weight.copy_(axes)
            self.decoder.linear.weight.copy_(axes.T)

    def standardise(self, embeddings: Tensor) -> Tensor:
        """(B, D) embeddings with mean 0 and a total variance of 1 over the training catalogue."""
        return (embeddings - self.mean) / self.scale

    def latent(self, embeddings: Tensor) -> Tensor:
        """(B, d) latents of (B, D) embeddings."""
        out: Tensor = self.encoder(self.standardise(embeddings))
        return out

    def quantise(self, latent: Tensor, sinkhorn: float = 0.0) -> Quantised:
        """The codes of (B, d) latents and what belongs to them."""
        out: Quantised = self.quantizer(latent, sinkhorn)
        return out

    def expand(self, latent: Tensor) -> Tensor:
        """(B, D) standardised embeddings of (B, d) quantised latents."""
        out: Tensor = self.decoder(latent)
        return out

    @torch.no_grad()
    def fit_decoder(self, embeddings: Tensor, quantised: Tensor) -> None:
        """Correct the decoder by the linear map that best makes up, in squared error, for what it leaves over.

        For codebooks that changed after the decoder learned: (N, D) embeddings and their (N, d) quantised latents.
        """
        if not isinstance(self.decoder, Residual):
            return
        left = (self.standardise(embeddings) - self.decoder(quantised)).double()  # (N, D)
        inputs = torch.cat([quantised, torch.ones(len(quantised), 1)], 1).double()  # (N, d + 1)
        square = inputs.T @ inputs
        ridge = RIDGE * square.diagonal().mean().clamp(min=1e-12) * torch.eye(len(square), dtype=torch.float64)
        correction = torch.linalg.solve(square + ridge, inputs.T @ left).T.float()  # (D, d + 1)
        self.decoder.linear.weight.add_(correction[:, :-1])
        self.decoder.narrow.bias.add_(correction[:, -1])

    def encode(self, embeddings: Tensor) -> Tensor:
        """(B, L) int64 codes of (B, D) embeddings."""
        return self.quantizer.encode(self.latent(embeddings))

    def decode(self, codes: Tensor) -> Tensor:
        """(B, D) embeddings of (B, l) codes, l <= L."""
        return self.expand(self.quantizer.decode(codes)) * self.scale + self.mean


def principal_axes(points: Tensor, count: int) -> Tensor:
    """(count, D) principal axes of (N, D) centred points, rows of zeros beyond D; each axis' sign is fixed.

    (scikit-learn's PCA finds the same axes, of as many points as axes or more: eval/libraries.py.)
    """
    covariance = (points.T @ points).double() / max(len(points), 1)
    axes = torch.linalg.eigh(covariance).eigenvectors.flip(1).T[:count]  # (min(count, D), D), largest variance first
    sign = axes.gather(1, axes.abs().argmax(1, keepdim=True)).sign()
    out = torch.zeros(count, points.shape[1])
    out[: len(axes)] = (axes * torch.where(sign == 0, 1, sign)).float()
    return out
