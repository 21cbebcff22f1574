"""The terms of the loss: gradients against finite differences, values against hand-worked ones, scales."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch.autograd import gradcheck

from genret.ground.errors import GenretError
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
from genret.tokenizer.quantizer import Quantised, pass_gradient
from genret.tokenizer.settings import Reconstruction, TokenizerSettings, level_weights

PATHS = [("A", "x", "1"), ("A", "x", "1"), ("A", "x", "2"), ("A", "y", "3"), ("B", "z", "4"), ()]


def doubles(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)).requires_grad_()


def paired_targets() -> torch.Tensor:
    rows = np.arange(len(PATHS))
    return contrast_targets(Taxonomy(PATHS).relations(rows, len(rows)), (1.0, 0.5, 0.1)).double()


@pytest.mark.parametrize("form", ["squared", "cosine", "l1"])
def test_reconstruction_gradient_is_the_finite_difference(form: Reconstruction) -> None:
    target, offset = doubles(6, 5).detach(), doubles(5, seed=2).detach()
    assert gradcheck(lambda out: reconstruction_loss(target, out, form, offset), (doubles(6, 5, seed=1),))


def test_contrastive_gradient_is_the_finite_difference() -> None:
    targets = paired_targets()
    assert gradcheck(lambda z: contrastive_loss(z, targets, 0.3), (doubles(6, 4),))


def test_weighted_levels_gradient_is_the_finite_difference() -> None:
    targets = paired_targets()

    def loss(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return over_levels([contrastive_loss(a, targets, 0.3), contrastive_loss(b, targets, 0.3)], (1.5, 0.5))

    assert gradcheck(loss, (doubles(6, 4), doubles(6, 4, seed=1)))


def test_pair_gradient_is_the_finite_difference() -> None:
    assert gradcheck(lambda a, b: pair_loss(a, b, 0.3), (doubles(5, 4), doubles(5, 4, seed=1)))


def test_quantisation_gradients_are_finite_differences_of_what_each_side_sees() -> None:
    residual, word = doubles(5, 3), doubles(5, 3, seed=1)

    def quantised(r: torch.Tensor, w: torch.Tensor) -> Quantised:
        return Quantised(torch.zeros(5, 1, dtype=torch.int64), [r], [w])

    assert gradcheck(lambda r: quantisation_loss(quantised(r, word.detach()), 0.25, False), (residual,))
    # the codebook's side: |sg(r) - w|^2 only, the commitment's share does not reach it
    quantisation_loss(quantised(residual, word), 0.25, True).backward()
    torch.testing.assert_close(word.grad, (2 * (word - residual) / 5).detach())
    torch.testing.assert_close(residual.grad, (0.25 * 2 * (residual - word) / 5).detach())


def test_straight_through_contrast_is_the_contrast_at_the_codeword() -> None:
    latent, word, targets = doubles(6, 4), doubles(6, 4, seed=1), paired_targets()
    contrastive_loss(pass_gradient(latent, word.detach(), "ste"), targets, 0.3).backward()
    contrastive_loss(word, targets, 0.3).backward()
    torch.testing.assert_close(latent.grad, word.grad)


@pytest.mark.parametrize("dim", [3, 48])
@pytest.mark.parametrize("form", ["squared", "cosine", "l1"])
def test_ignorance_costs_one_in_every_form_and_width(form: Reconstruction, dim: int) -> None:
    points = doubles(200, dim).detach()
    points = points - points.mean(0)
    offset = torch.ones(dim, dtype=torch.float64)
    unit = ignorance(points, form, offset)
    assert float(reconstruction_loss(points, torch.zeros_like(points), form, offset)) / unit == pytest.approx(1.0)
    assert float(reconstruction_loss(points, points, form, offset)) == pytest.approx(0.0, abs=1e-9)


def test_ignorance_of_identical_embeddings_is_one() -> None:
    assert ignorance(torch.zeros(4, 3), "squared") == 1.0


def test_relations_by_hand() -> None:
    relations = Taxonomy(PATHS).relations(np.arange(6), 6)
    assert relations[0].tolist() == [3, 0, 1, 2, 3, 3]  # itself, same leaf, sibling, cousin, other root, unfiled
    assert relations[2].tolist() == [1, 1, 3, 2, 3, 3]
    assert relations[5].tolist() == [3] * 6
    assert Taxonomy(PATHS).relations(np.arange(6), 2).shape == (2, 6)


def test_flat_taxonomies_have_no_siblings() -> None:
    relations = Taxonomy([("A",), ("A",), ("B",)]).relations(np.arange(3), 3)
    assert relations.tolist() == [[3, 0, 3], [0, 3, 3], [3, 3, 3]]


def test_a_shelf_product_is_a_cousin_of_those_below() -> None:
    relations = Taxonomy([("A", "x"), ("A", "x", "1"), ("A", "x", "2")]).relations(np.arange(3), 3)
    assert relations.tolist() == [[3, 2, 2], [2, 3, 1], [2, 1, 3]]


def test_targets_share_by_grade_then_evenly() -> None:
    targets = contrast_targets(np.array([[3, 0, 0, 1, 2, 3]], np.int8), (1.0, 0.5, 0.1))
    np.testing.assert_allclose(targets.numpy(), [[0, 0.5 / 1.6, 0.5 / 1.6, 0.5 / 1.6, 0.1 / 1.6, 0]], rtol=1e-6)
    assert contrast_targets(np.full((2, 3), 3, np.int8), (1.0, 0.5, 0.1)).sum() == 0


def test_an_anchor_weighs_as_its_nearest_relation() -> None:
    relations = np.array([[3, 0, 2, 3], [1, 3, 2, 3], [2, 2, 3, 3], [3, 3, 3, 3]], np.int8)
    targets = contrast_targets(relations, (2.0, 1.0, 0.2)).numpy()
    np.testing.assert_allclose(targets.sum(1), [1, 0.5, 0.1, 0], rtol=1e-6)
    np.testing.assert_allclose(targets[2], [0.05, 0.05, 0, 0], rtol=1e-6)  # cousins alone


def test_contrast_by_hand_and_without_positives() -> None:
    vectors = torch.tensor([[1e3, 0.0], [2e3, 0.0], [0.0, 3e3]])
    targets = torch.tensor([[0.0, 1.0, 0.0]])
    assert float(contrastive_loss(vectors, targets, 0.5)) == pytest.approx(math.log(1 + math.exp(-2)), rel=1e-5)
    empty = contrastive_loss(vectors.requires_grad_(), torch.zeros(3, 3), 0.5)
    assert empty.item() == 0.0
    empty.backward()
    assert vectors.grad is not None
    assert vectors.grad.abs().sum() == 0


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("uniform", (1, 1, 1, 1)),
        ("linear", (1.6, 1.2, 0.8, 0.4)),
        ("geometric", (32 / 15, 16 / 15, 8 / 15, 4 / 15)),
        ("geometric(1)", (1, 1, 1, 1)),
        ("coarse-only", (2, 2, 0, 0)),
        ("8, 4, 2, 1", (32 / 15, 16 / 15, 8 / 15, 4 / 15)),
    ],
)
def test_schedules_sum_to_the_number_of_levels(schedule: str, expected: tuple[float, ...]) -> None:
    assert level_weights(schedule, 4) == pytest.approx(expected)


@pytest.mark.parametrize("schedule", ["steep", "1,2", "geometric(x)", "0,0,0,0", "1,-1,1,1", "geometric(1e999)", ""])
def test_bad_schedules_name_the_remedy(schedule: str) -> None:
    with pytest.raises(GenretError, match="schedule"):
        TokenizerSettings(schedule=schedule)


@pytest.mark.parametrize(
    "wrong",
    [
        {"objective": "gan"},
        {"lam": -1},
        {"lam": math.nan},
        {"codebook_sizes": ()},
        {"codebook_sizes": (0,)},
        {"grades": (1.0, 0.5)},
        {"grades": (0.0, 0.5, 0.1)},
        {"batch_size": 1},
        {"temperature": 0},
        {"steps": 0},
        {"max_dead": 1.5},
        {"collisions": "drop"},
    ],
)
def test_bad_settings_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(GenretError):
        TokenizerSettings(**wrong)
