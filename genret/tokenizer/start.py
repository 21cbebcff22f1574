"""The model before its first step and after its last, and codebooks fitted to a whole catalogue. Knows no losses."""

from __future__ import annotations

import torch
from torch import Tensor

from genret.tokenizer.kmeans import residual_kmeans
from genret.tokenizer.rqvae import RQVAE
from genret.tokenizer.separate import separating_codebook
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
def separate_products(model: RQVAE, embeddings: Tensor, settings: TokenizerSettings) -> None:
    """Refit the last codebook so that at most `max_collisions` of the products share an ID, where that can be had.

    Under `bucket` alone: the other policies part products at less cost to the reconstruction.
    """
    if settings.collisions != "bucket" or settings.max_collisions >= 1:
        return
    latents = _latents(model, embeddings)
    prefix = _codes(model, latents)[:, :-1]  # (N, L - 1)
    residual = latents - model.quantizer.decode(prefix) if prefix.shape[1] else latents
    last = model.quantizer.codebooks[-1]
    found = separating_codebook(
        residual.numpy(), prefix.numpy(), last.detach().numpy(), settings.max_collisions, settings.seed
    )
    if found is not None:
        last.copy_(torch.from_numpy(found[0]))
        model.fit_decoder(embeddings, model.quantizer.decode(_codes(model, latents)))


def _latents(model: RQVAE, embeddings: Tensor) -> Tensor:
    return torch.cat([model.latent(chunk) for chunk in embeddings.split(CHUNK)])


def _codes(model: RQVAE, latents: Tensor) -> Tensor:
    return torch.cat([model.quantizer.encode(chunk) for chunk in latents.split(CHUNK)])
