"""The residual quantizer: a latent vector -> one code per level, each level coding what the ones before left over.

Distances are squared Euclidean.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

import torch
from torch import Tensor, nn

from genret.tokenizer.settings import Gradient

UNUSED = 1e-3
"""Running use under which a codeword stays where it is: both of its averages have faded."""


class Quantised(NamedTuple):
    """What the quantizer says of B latents (B, d)."""

    codes: Tensor
    """(B, L) int64."""
    residuals: list[Tensor]
    """L x (B, d): what each level was given to code; gradients flow to the latent, none through earlier levels."""
    words: list[Tensor]
    """L x (B, d): the codeword each level chose; gradients flow to its codebook."""

    def cumulative(self) -> list[Tensor]:
        """L x (B, d): the sum of the codewords up to each level, without gradients."""
        return list(accumulate(word.detach() for word in self.words))


class ResidualQuantizer(nn.Module):
    """L codebooks (K_l, d), with the running use that exponential averaging and dead-code repair need."""

    def __init__(self, sizes: Sequence[int], dim: int) -> None:
        super().__init__()
        self.sizes = tuple(sizes)
        self.codebooks = nn.ParameterList([nn.Parameter(torch.zeros(size, dim)) for size in sizes])
        for level, size in enumerate(sizes):
            self.register_buffer(f"use_{level}", torch.ones(size))
            self.register_buffer(f"sum_{level}", torch.zeros(size, dim))

    def use(self, level: int) -> Tensor:
        """(K,) running number of latents a batch that chose each code."""
        return self.get_buffer(f"use_{level}")

    def total(self, level: int) -> Tensor:
        """(K, d) running sum of those latents."""
        return self.get_buffer(f"sum_{level}")

    @torch.no_grad()
    def load_codebooks(self, codebooks: Sequence[Tensor], use: Sequence[Tensor] | None = None) -> None:
        """Set every codebook, and the running averages so that they agree with it."""
        for level, codebook in enumerate(codebooks):
            self.codebooks[level].copy_(codebook)
            if use is not None:
                self.use(level).copy_(use[level])
            self.total(level).copy_(self.codebooks[level] * self.use(level)[:, None])

    def forward(self, latent: Tensor, sinkhorn: float = 0.0) -> Quantised:
        """Code (B, d) latents: the nearest codeword level by level, or balanced over the batch if `sinkhorn` > 0."""
        residual, codes, residuals, words = latent, [], [], []
        for codebook in self.codebooks:
            distance = squared_distance(residual.detach(), codebook.detach())  # (B, K)
            code = balanced_codes(distance, sinkhorn) if sinkhorn > 0 else distance.argmin(1)
            word = codebook[code]  # (B, d)
            codes.append(code)
            residuals.append(residual)
            words.append(word)
            residual = residual - word.detach()
        return Quantised(torch.stack(codes, 1), residuals, words)

    def encode(self, latent: Tensor) -> Tensor:
        """(B, L) int64 codes of (B, d) latents."""
        return self.forward(latent).codes

    def decode(self, codes: Tensor) -> Tensor:
        """(B, d) sum of the codewords of (B, l) codes, l <= L."""
        total = self.codebooks[0][codes[:, 0]]
        for level in range(1, codes.shape[1]):
            total = total + self.codebooks[level][codes[:, level]]
        return total

    @torch.no_grad()
    def update_ema(self, quantised: Quantised, decay: float) -> None:
        """Move every codeword toward the mean of the residuals that chose it (van den Oord et al. 2017, appendix A)."""
        for level, residual in enumerate(quantised.residuals):
            codes = quantised.codes[:, level]
            use, total = self.use(level), self.total(level)
            use.mul_(decay).add_(torch.bincount(codes, minlength=len(use)), alpha=1 - decay)
            total.mul_(decay).index_add_(0, codes, residual.detach(), alpha=1 - decay)
            mean = total / use.clamp(min=UNUSED)[:, None]
            self.codebooks[level].copy_(torch.where(use[:, None] > UNUSED, mean, self.codebooks[level]))

    @torch.no_grad()
    def track_use(self, quantised: Quantised, decay: float) -> None:
        """Only count the use of the codes: for codebooks that are trained by gradients."""
        for level in range(quantised.codes.shape[1]):
            count = torch.bincount(quantised.codes[:, level], minlength=self.sizes[level])
            self.use(level).mul_(decay).add_(count, alpha=1 - decay)

    @torch.no_grad()
    def revive(self, quantised: Quantised, below: float, generator: torch.Generator) -> list[int]:
        """Move every dead code onto a random badly quantised residual of the batch; the number moved per level.

        A code is dead if its running use is under `below` times the mean use of its level.
        """
        moved = []
        for level, residual in enumerate(quantised.residuals):
            use = self.use(level)
            dead = (use < below * use.mean()).nonzero()[:, 0]
            error = (residual - quantised.words[level]).detach().square().sum(1)
            dead = dead[: int((error > 0).sum())]  # no badly quantised residual left: nothing to move onto
            moved.append(len(dead))
            if len(dead):
                rows = torch.multinomial(error, len(dead), generator=generator)
                self.codebooks[level][dead] = residual.detach()[rows]
                use[dead] = use.mean()
                self.total(level)[dead] = self.codebooks[level][dead] * use.mean()
        return moved


def squared_distance(points: Tensor, centers: Tensor) -> Tensor:
    """(B, K) squared distances, up to a constant a point: |c|^2 - 2 p.c, which is all that choosing a code needs."""
    return torch.addmm(centers.square().sum(1), points, centers.T, alpha=-2)


def balanced_codes(distance: Tensor, epsilon: float, iterations: int = 5) -> Tensor:
    """(B,) codes that use all K codes about equally often in the batch: entropic optimal transport (Sinkhorn).

    `epsilon` is relative to the mean distance: smaller follows the distances, larger the balance.
    """
    centred = distance - distance.amin(1, keepdim=True)  # (B, K)
    log_plan = -centred / (epsilon * centred.mean().clamp(min=1e-12))
    for _ in range(iterations):
        log_plan = log_plan - log_plan.logsumexp(0, keepdim=True)
        log_plan = log_plan - log_plan.logsumexp(1, keepdim=True)
    return log_plan.argmax(1)


def pass_gradient(latent: Tensor, quantised: Tensor, gradient: Gradient) -> Tensor:
    """`quantised` (B, d) in value, with gradients passed on to `latent` (B, d).

    `ste` copies the gradient (straight-through). `rotation` turns it by the rotation that takes the latent's direction
    to the quantised one's and scales by the ratio of their lengths (Fifty et al., arXiv 2410.06424): the gradient then
    keeps its angle to the codeword, so latents of one cell are pushed apart or together by where they lie in it.
    """
    if gradient == "ste":
        return latent + (quantised - latent).detach()
    eps = torch.finfo(latent.dtype).tiny
    source, target = latent.detach(), quantised.detach()
    source_length = source.norm(dim=1, keepdim=True).clamp(min=eps)
    target_length = target.norm(dim=1, keepdim=True)
    e, q = source / source_length, target / target_length.clamp(min=eps)  # (B, d) unit rows
    middle = nn.functional.normalize(e + q, dim=1, eps=eps)
    # R x = x - 2 (m.x) m + 2 (e.x) q, the reflection in m's plane followed by the one in q's
    rotated = latent - 2 * (middle * latent).sum(1, keepdim=True) * middle + 2 * (e * latent).sum(1, keepdim=True) * q
    turned = rotated * (target_length / source_length)
    return turned + (target - turned).detach()  # the value exactly, whatever rounding does to R
