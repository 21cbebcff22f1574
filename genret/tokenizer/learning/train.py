"""Training: embeddings and categories -> a Tokenizer. The terms of the loss are in `objectives.py`.

start (principal components, residual k-means) -> `steps` hierarchical batches -> finish (a last k-means of what each
level is given, the encoder fixed; the last codebook refitted to part products) -> gates that fail loudly on a collapsed
codebook.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from genret.ground.errors import GenretError
from genret.ground.progress import progress as telling
from genret.ground.settings import settings_dict
from genret.ground.types import CategoryPath
from genret.tokenizer.learning.baselines import CODEBOOKS, fit_baseline
from genret.tokenizer.learning.checkpoint import load_checkpoint, save_checkpoint, training_key
from genret.tokenizer.learning.family import FAMILY
from genret.tokenizer.learning.gates import check_codebooks
from genret.tokenizer.learning.objectives import Objective, RQObjective, Terms, TrainingData
from genret.tokenizer.learning.sampler import HierarchicalSampler
from genret.tokenizer.learning.start import separate_products, start_model
from genret.tokenizer.settings import TokenizerSettings
from genret.tokenizer.tokenizer import Tokenizer, check_embeddings

LOG_EVERY = 100
WARMUP = 50
OBJECTIVES: Mapping[str, type[Objective]] = {"rqvae": RQObjective, **FAMILY}
"""What an encoder can be trained for, by its name in the settings."""


def train_tokenizer(
    embeddings: npt.ArrayLike,
    categories: Sequence[CategoryPath],
    settings: TokenizerSettings | None = None,
    *,
    pairs: npt.ArrayLike | None = None,
    progress: bool = True,
    checkpoint: Path | None = None,
) -> Tokenizer:
    """A tokenizer for (N, D) embeddings, row by row with their category paths (empty where unknown).

    `pairs` (P, 2): rows of products bought together or relevant to one query, for `supervision="pairs"` or `"both"`
    and for the `twotower` objective. With a `checkpoint` folder, a killed training resumes where it was and ends with
    the same bytes. Raises GenretError on no products, NaN, lengths that disagree, and on collapsed or dead codebooks.
    """
    settings = settings or TokenizerSettings()
    array = check_embeddings(embeddings)
    if len(array) == 0:
        raise GenretError("no products to train a tokenizer on: got 0 embeddings, expected at least 1")
    if len(categories) != len(array):
        raise GenretError(f"{len(categories)} categories for {len(array)} embeddings; expected one category path each")
    data = TrainingData(torch.from_numpy(array), [tuple(path) for path in categories], _check_pairs(pairs, len(array)))
    if settings.objective in CODEBOOKS:
        tokenizer = fit_baseline(array, settings)
    else:
        tokenizer = _train(data, settings, progress, checkpoint)
    check_codebooks(tokenizer, array)
    return tokenizer


def _check_pairs(pairs: npt.ArrayLike | None, size: int) -> npt.NDArray[np.int64]:
    array = np.zeros((0, 2), np.int64) if pairs is None else np.asarray(pairs, np.int64).reshape(-1, 2)
    if ((array < 0) | (array >= size)).any():
        raise GenretError(
            f"pairs name row {int(array.max())} or below 0, but there are {size} products; pass catalogue rows"
        )
    return array


def _train(data: TrainingData, settings: TokenizerSettings, progress: bool, checkpoint: Path | None) -> Tokenizer:
    objective = OBJECTIVES[settings.objective](start_model(data.embeddings, settings), data, settings)
    trained = [parameter for parameter in objective.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=settings.lr, weight_decay=0.0, fused=True)
    key = training_key(settings_dict(settings), data.embeddings.numpy(), data.categories, data.pairs)
    state = None if checkpoint is None else checkpoint / "state.safetensors"
    first, history = (0, []) if state is None else load_checkpoint(state, objective, optimizer, key)
    sampler = HierarchicalSampler(data.categories, settings.batch_size, settings.seed)
    with telling("tokenizer", settings.steps, first=first, shown=progress) as bar:
        for step in range(first, settings.steps):
            objective.before_step(step)
            terms = _forward(objective, optimizer, sampler.batch(step), step, settings)
            if step % LOG_EVERY == 0 or step == settings.steps - 1:
                history.append({"step": step, **objective.report(terms)})
                bar.note({name: value for name, value in history[-1].items() if name != "step"})
            _backward(terms, optimizer)
            history[-1] |= objective.after_step(terms, step)
            if state is not None and (step + 1) % settings.checkpoint_every == 0:
                save_checkpoint(state, objective, optimizer, step + 1, history, key)
            bar.at(step + 1)
    objective.finish()
    history[-1] |= separate_products(objective.model, data.embeddings, settings)
    return Tokenizer(objective.model, settings, history)


def _forward(
    objective: Objective,
    optimizer: torch.optim.Optimizer,
    rows: npt.NDArray[np.int64],
    step: int,
    settings: TokenizerSettings,
) -> Terms:
    for group in optimizer.param_groups:
        group["lr"] = settings.lr * learning_rate(step, settings.steps)
    terms: Terms = objective(rows, step)
    if not math.isfinite(value := float(terms.total.detach())):
        raise GenretError(f"the loss is {value} at step {step}; lower lr={settings.lr} or lam={settings.lam}")
    return terms


def _backward(terms: Terms, optimizer: torch.optim.Optimizer) -> None:
    optimizer.zero_grad(set_to_none=True)
    terms.total.backward()
    optimizer.step()


def learning_rate(step: int, steps: int) -> float:
    """Share of the peak rate: a short linear warm-up, then half a cosine down to 0."""
    warmup = min(WARMUP, max(steps // 10, 1))
    return min((step + 1) / warmup, 1.0) * 0.5 * (1 + math.cos(math.pi * step / steps))
