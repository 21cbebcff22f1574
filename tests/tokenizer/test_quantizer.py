"""The residual quantizer: equal to vector-quantize-pytorch's, gradients passed on, codebooks cared for."""

import numpy as np
import pytest
import torch
from torch import nn
from vector_quantize_pytorch import ResidualVQ

from genret.tokenizer.quantizer import ResidualQuantizer, balanced_codes, pass_gradient
from genret.tokenizer.settings import Gradient

SIZES = (16, 16, 16)


def filled(sizes: tuple[int, ...] = SIZES, dim: int = 8, seed: int = 0) -> ResidualQuantizer:
    generator = torch.Generator().manual_seed(seed)
    quantizer = ResidualQuantizer(sizes, dim)
    quantizer.load_codebooks([torch.randn(size, dim, generator=generator) / (2**i) for i, size in enumerate(sizes)])
    return quantizer


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_equals_vector_quantize_pytorch(seed: int) -> None:
    quantizer = filled(seed=seed)
    theirs = ResidualVQ(dim=8, num_quantizers=3, codebook_size=16, kmeans_init=False).eval()
    for layer, codebook in zip(theirs.layers, quantizer.codebooks, strict=True):
        layer._codebook.embed.data.copy_(codebook.detach()[None])
        layer._codebook.initted.fill_(True)
    latent = torch.randn(500, 8, generator=torch.Generator().manual_seed(seed + 10))
    with torch.no_grad():
        quantised, codes, _ = theirs(latent[None])
    assert torch.equal(quantizer.encode(latent), codes[0])
    torch.testing.assert_close(quantizer.decode(codes[0]), quantised[0])
    torch.testing.assert_close(quantizer(latent).cumulative()[-1], quantised[0])


def test_cumulative_is_the_decoding_of_every_prefix() -> None:
    quantizer, latent = filled(), torch.randn(20, 8)
    quantised = quantizer(latent)
    for depth, level in enumerate(quantised.cumulative(), 1):
        torch.testing.assert_close(level, quantizer.decode(quantised.codes[:, :depth]))


def test_each_level_chooses_the_nearest_codeword_by_brute_force() -> None:
    quantizer, latent = filled(), torch.randn(50, 8)
    quantised = quantizer(latent)
    for level, codebook in enumerate(quantizer.codebooks):
        distance = torch.cdist(quantised.residuals[level].double(), codebook.double())
        assert torch.equal(distance.argmin(1), quantised.codes[:, level])


def test_ties_take_the_lowest_code() -> None:
    quantizer = ResidualQuantizer((4,), 2)
    quantizer.load_codebooks([torch.ones(4, 2)])
    assert quantizer.encode(torch.zeros(3, 2)).tolist() == [[0], [0], [0]]


@pytest.mark.parametrize("gradient", ["ste", "rotation"])
def test_pass_gradient_keeps_the_value(gradient: Gradient) -> None:
    latent, word = torch.randn(10, 6, requires_grad=True), torch.randn(10, 6)
    torch.testing.assert_close(pass_gradient(latent, word, gradient), word)


def test_straight_through_copies_the_gradient() -> None:
    latent, word, upstream = torch.randn(5, 6, requires_grad=True), torch.randn(5, 6), torch.randn(5, 6)
    pass_gradient(latent, word, "ste").backward(upstream)
    assert latent.grad is not None
    assert torch.equal(latent.grad, upstream)


def test_rotation_passes_the_transposed_scaled_rotation() -> None:
    generator = torch.Generator().manual_seed(0)
    latent = torch.randn(1, 6, dtype=torch.float64, generator=generator, requires_grad=True)
    word = torch.randn(1, 6, dtype=torch.float64, generator=generator)
    jacobian = torch.autograd.functional.jacobian(lambda z: pass_gradient(z, word, "rotation"), latent)[0, :, 0, :]
    scale = word.norm() / latent.norm()
    rotation = jacobian / scale
    torch.testing.assert_close(rotation @ rotation.T, torch.eye(6, dtype=torch.float64))  # orthogonal
    torch.testing.assert_close(torch.linalg.det(rotation), torch.tensor(1.0, dtype=torch.float64))  # no reflection
    torch.testing.assert_close((jacobian @ latent.detach()[0]), word[0])  # takes the latent to the codeword


def test_rotation_is_defined_for_zero_and_opposite_vectors() -> None:
    latent = torch.tensor([[0.0, 0.0], [1.0, 0.0]], requires_grad=True)
    out = pass_gradient(latent, torch.tensor([[1.0, 0.0], [-1.0, 0.0]]), "rotation")
    out.sum().backward()
    assert torch.isfinite(out).all()
    assert latent.grad is not None
    assert torch.isfinite(latent.grad).all()


def test_ema_moves_codewords_to_the_mean_of_their_residuals() -> None:
    quantizer = ResidualQuantizer((2,), 1)
    quantizer.load_codebooks([torch.tensor([[0.0], [10.0]])])
    latent = torch.tensor([[1.0], [3.0], [12.0]])
    quantizer.update_ema(quantizer(latent), decay=0.0)
    torch.testing.assert_close(quantizer.codebooks[0].detach(), torch.tensor([[2.0], [12.0]]))
    quantizer.update_ema(quantizer(latent + 2), decay=0.5)  # sums 6, 13 -> (4+8)/2, (12+14)/2; use 2, 1
    torch.testing.assert_close(quantizer.codebooks[0].detach(), torch.tensor([[3.0], [13.0]]))


def test_revive_moves_dead_codes_only_and_makes_them_used() -> None:
    quantizer = ResidualQuantizer((4,), 2)
    quantizer.load_codebooks([torch.tensor([[0.0, 0.0], [100.0, 0], [0, 100.0], [100.0, 100.0]])])
    latent = torch.randn(64, 2, generator=torch.Generator().manual_seed(0))
    for _ in range(200):
        quantizer.update_ema(quantizer(latent), 0.9)
    assert len(quantizer.encode(latent).unique()) == 1
    moved = quantizer.revive(quantizer(latent), 0.05, torch.Generator().manual_seed(0))
    assert moved == [3]
    assert len(quantizer.encode(latent).unique()) == 4


def test_revive_leaves_perfect_codebooks_alone() -> None:
    quantizer = ResidualQuantizer((4,), 2)
    quantizer.load_codebooks([torch.tensor([[0.0, 0.0], [9.0, 0], [0, 9.0], [9.0, 9.0]])])
    latent = torch.zeros(8, 2)
    for _ in range(500):
        quantizer.update_ema(quantizer(latent), 0.9)
    assert quantizer.revive(quantizer(latent), 0.05, torch.Generator().manual_seed(0)) == [0]


def test_sinkhorn_balances_the_batch() -> None:
    generator = torch.Generator().manual_seed(0)
    distance = torch.rand(256, 8, generator=generator) + torch.arange(8) * 0.5  # code 0 is nearest for nearly all
    plain = torch.bincount(distance.argmin(1), minlength=8)
    balanced = torch.bincount(balanced_codes(distance, 0.05, iterations=50), minlength=8)
    assert plain.max() > 200
    assert balanced.max() < 64


def test_gradients_of_words_reach_their_codebook_only() -> None:
    quantizer = filled()
    quantised = quantizer(torch.randn(10, 8))
    quantised.words[1].sum().backward()
    assert quantizer.codebooks[0].grad is None
    assert quantizer.codebooks[1].grad.abs().sum() > 0
    assert isinstance(quantizer.codebooks[1], nn.Parameter)


def test_one_code_a_level_is_defined() -> None:
    quantizer = filled(sizes=(1, 1))
    assert np.array_equal(quantizer.encode(torch.randn(3, 8)).numpy(), np.zeros((3, 2)))
