"""The terms of the loss: reconstruction, residual quantisation, graded contrast.

Scales (tokenizer/README.md says how to carry a lambda from one shape to another):
- reconstruction: mean over products of the error summed over dimensions, divided by what answering the catalogue's
  mean would cost in the same form. 1 is ignorance, 0 is perfect, for any D and any embedder.
- residual quantisation: in the same unit of variance, summed over levels.
- contrast: nats, mean over the anchors that have a positive, weighted over levels with weights that sum to L.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from genret.ground.types import CategoryPath
from genret.tokenizer.paths import path_numbers
from genret.tokenizer.quantizer import Quantised
from genret.tokenizer.settings import Reconstruction

EXCLUDED = -1e9
"""The logit of an anchor with itself: finite, so that 0 times it is 0."""
FLOOR = 0.1
"""Squared length, in units of the catalogue's variance, under which a vector counts as having no direction."""
NO_RELATION = 3
"""Relations are 0 same leaf, 1 sibling, 2 cousin, 3 none."""


def reconstruction_loss(target: Tensor, output: Tensor, form: Reconstruction, offset: Tensor | float = 0.0) -> Tensor:
    """Mean error of (B, D) standardised embeddings, summed over dimensions; not yet divided by `ignorance`.

    `offset` (the mean in standardised units) puts both back around the origin, where cosines mean something.
    """
    if form == "squared":
        return (target - output).square().sum(1).mean()
    if form == "l1":
        return (target - output).abs().sum(1).mean()
    return (1 - F.cosine_similarity(target + offset, output + offset, dim=1)).mean()


def ignorance(target: Tensor, form: Reconstruction, offset: Tensor | float = 0.0) -> float:
    """What answering the mean for each of (N, D) standardised embeddings costs; 1.0 if that costs nothing."""
    cost = float(reconstruction_loss(target, torch.zeros_like(target), form, offset))
    return cost if cost > 1e-8 else 1.0


def quantisation_loss(quantised: Quantised, beta: float, train_codebooks: bool) -> Tensor:
    """L_rq = sum over levels of |sg(residual) - codeword|^2 + beta |residual - sg(codeword)|^2, mean over products.

    The first part is left out where the codebooks follow by exponential averaging.
    """
    loss = torch.zeros((), dtype=quantised.residuals[0].dtype)
    for residual, word in zip(quantised.residuals, quantised.words, strict=True):
        loss = loss + beta * (residual - word.detach()).square().sum(1).mean()
        if train_codebooks:
            loss = loss + (residual.detach() - word).square().sum(1).mean()
    return loss


class Taxonomy:
    """How any two products are related, from their category paths.

    Same leaf: equal paths. Sibling: different paths of equal length under one parent. Cousin: any other pair that
    shares its topmost category. A product without a category is related to none. In a flat taxonomy there is no parent
    to share, so products of different categories are unrelated.
    """

    def __init__(self, categories: Sequence[CategoryPath]) -> None:
        parents = [path[:-1] if len(path) > 1 else () for path in categories]
        self.leaf = path_numbers(categories)
        self.parent = path_numbers(
            [(*parent, str(len(path))) if parent else () for parent, path in zip(parents, categories, strict=True)]
        )
        self.root = path_numbers([path[:1] for path in categories])

    def __len__(self) -> int:
        return len(self.leaf)

    def relations(self, rows: npt.NDArray[np.int64], anchors: int) -> npt.NDArray[np.int8]:
        """(A, B) relation of the first `anchors` rows to all: 0 same leaf, 1 sibling, 2 cousin, 3 none or itself."""
        relation = np.full((anchors, len(rows)), NO_RELATION, np.int8)
        for value, group in ((2, self.root), (1, self.parent), (0, self.leaf)):
            ids = group[rows]
            relation[(ids[:anchors, None] == ids[None]) & (ids[:anchors] >= 0)[:, None]] = value
        np.fill_diagonal(relation, NO_RELATION)
        return relation


def contrast_targets(relations: npt.NDArray[np.int8], grades: Sequence[float]) -> Tensor:
    """(A, B) float32: row i shares anchor i's attraction among the others; sums to its weight, or 0 with no positive.

    Each relation that occurs gets its grade's share of the anchor, spread evenly over its members, so that a few
    products of the same leaf are not drowned by many siblings. An anchor weighs as its nearest relation does: 1 with
    one of the same leaf in the batch, grade / grades[0] of a sibling or a cousin where there is none nearer.
    """
    targets, best = np.zeros(relations.shape, np.float32), np.zeros((len(relations), 1), np.float32)
    for relation, grade in enumerate(grades):
        members = relations == relation
        count = members.sum(1, keepdims=True, dtype=np.float32)
        targets += np.float32(grade) * members / np.maximum(count, 1)
        best = np.maximum(best, np.where(count > 0, np.float32(grade / grades[0]), 0))
    return torch.from_numpy(targets * (best / np.maximum(targets.sum(1, keepdims=True), 1e-12)))


def contrastive_loss(vectors: Tensor, targets: Tensor, temperature: float) -> Tensor:
    """Mean cross-entropy, in nats, of `targets` (A, B) under softmax(cosine / temperature) of (B, d) vectors.

    A supervised contrastive loss (Khosla et al. 2020) with graded positives; the anchors are the first A vectors, and
    those without a positive do not count.
    """
    unit = soft_unit(vectors)
    logits = (unit[: len(targets)] @ unit.T / temperature).fill_diagonal_(EXCLUDED)
    anchors = (targets.sum(1) > 0).sum().clamp(min=1)
    return F.cross_entropy(logits, targets, reduction="sum") / anchors


def soft_unit(vectors: Tensor) -> Tensor:
    """(B, d) vectors v / sqrt(|v|^2 + FLOOR): unit length, except that those near the mean stay near 0.

    A plain cosine's gradient grows as 1 / |v|. Coarse codewords near the catalogue's mean are short, and
    straight-through gradients of that size throw their products about until one code holds most of the catalogue.
    """
    return vectors / (vectors.square().sum(1, keepdim=True) + FLOOR).sqrt()


def pair_loss(left: Tensor, right: Tensor, temperature: float) -> Tensor:
    """Symmetric InfoNCE, in nats, of (P, d) pairs: each side must find its partner among the batch's other pairs."""
    logits = soft_unit(left) @ soft_unit(right).T / temperature  # (P, P)
    labels = torch.arange(len(logits))
    return (F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels)) / 2


def over_levels(losses: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
    """The weighted sum of one loss per level."""
    return torch.stack([weight * loss for weight, loss in zip(weights, losses, strict=True)]).sum()
