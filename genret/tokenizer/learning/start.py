"""The model before its first step and after its last, and codebooks fitted to a whole catalogue."""

from __future__ import annotations

import torch
from torch import Tensor

from genret.tokenizer.learning.kmeans import residual_kmeans
from genret.tokenizer.learning.separate import collisions, separating_codebook
from genret.tokenizer.rqvae import RQVAE
from genret.tokenizer.settings import TokenizerSettings
from genret.tokenizer.tokenizer import CHUNK


def start_model(embeddings: Tensor, settings: TokenizerSettings) -> RQVAE:
    """The model before its first step: principal components, and residual k-means of their latents."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        model = RQVAE(embeddings.shape[1], settings.codebook_sizes, settings.latent_dim, settings.hidden)
    model.start_from(embeddings)
    fit_codebooks(model, embeddings, settings, iterations=10)
    return model


@torch.no_grad()
def fit_codebooks(
    model: RQVAE, embeddings: Tensor, settings: TokenizerSettings, *, iterations: int, refine: bool = False
) -> None:
    """Residual k-means of the latents into the model's codebooks; `refine` starts from those that it has."""
    latents = _latents(model, embeddings)
    start = [codebook.numpy() for codebook in model.quantizer.codebooks] if refine else None
    books = residual_kmeans(latents.numpy(), settings.codebook_sizes, settings.seed, init=start, iterations=iterations)
    model.quantizer.load_codebooks([torch.from_numpy(book) for book in books])
    codes = _codes(model, latents)
    share = min(settings.batch_size, len(embeddings)) / len(embeddings)
    use = [torch.bincount(codes[:, i], minlength=k).float() * share for i, k in enumerate(settings.codebook_sizes)]
    model.quantizer.load_codebooks(list(model.quantizer.codebooks), use)


@torch.no_grad()
def separate_products(model: RQVAE, embeddings: Tensor, settings: TokenizerSettings) -> dict[str, float]:
    """Refit the last codebook so that at most `max_collisions` of the products share an ID, where that can be had.

    Under `bucket` alone: the other policies part products at less cost to the reconstruction. Returns what it left
    behind, for the history: `refit_directions`, `collisions_unrefitted` and `error_unrefitted`; empty if it did not.
    """
    if settings.collisions != "bucket" or settings.max_collisions >= 1:
        return {}
    latents = _latents(model, embeddings)
    codes = _codes(model, latents)
    prefix, last = codes[:, :-1], model.quantizer.codebooks[-1]  # (N, L - 1), (K, d)
    residual = latents - model.quantizer.decode(prefix) if prefix.shape[1] else latents
    if settings.objective == "pq":  # codewords stay in their own block of dimensions
        residual = residual * (last != 0).any(0)
    args = residual.numpy(), prefix.numpy(), last.detach().numpy()
    found = separating_codebook(*args, settings.max_collisions, settings.seed)
    if found is None:
        return {}
    before = {"collisions_unrefitted": collisions(*args), "error_unrefitted": _error(model, embeddings, codes)}
    last.copy_(torch.from_numpy(found[0]))
    model.fit_decoder(embeddings, model.quantizer.decode(_codes(model, latents)))
    return {"refit_directions": found[1], **before}


def _error(model: RQVAE, embeddings: Tensor, codes: Tensor) -> float:
    """Squared reconstruction error of (N, D) embeddings by (N, L) codes, as a share of their variance."""
    parts = zip(embeddings.split(CHUNK), codes.split(CHUNK), strict=True)
    errors = [
        ((chunk - model.decode(code)) / model.scale).square().sum(1, dtype=torch.float64) for chunk, code in parts
    ]
    return float(torch.cat(errors).mean())


def _latents(model: RQVAE, embeddings: Tensor) -> Tensor:
    return torch.cat([model.latent(chunk) for chunk in embeddings.split(CHUNK)])


def _codes(model: RQVAE, latents: Tensor) -> Tensor:
    return torch.cat([model.quantizer.encode(chunk) for chunk in latents.split(CHUNK)])
