"""The last codebook refitted to part products: fewer collisions, as little of the error given up as that takes."""

from typing import Any

import numpy as np
import pytest
import torch
from clustered import Clustered

from genret.tokenizer.assign import assign_ids, collision_rate, squared_error
from genret.tokenizer.learning.kmeans import kmeans, nearest
from genret.tokenizer.learning.separate import collisions, separating_codebook
from genret.tokenizer.learning.train import train_tokenizer
from genret.tokenizer.settings import Collisions, TokenizerSettings


def twins(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(400, 16) points in 200 near-identical pairs, (400, 1) the pair's prefix, and k-means' codebook of 64."""
    rng = np.random.default_rng(seed)
    points = np.repeat(rng.normal(size=(200, 16)), 2, axis=0) + 0.1 * rng.normal(size=(400, 16))
    found = points.astype(np.float32)
    return found, np.repeat(np.arange(200), 2)[:, None], kmeans(found, 64, 0)


def separated(points: np.ndarray, prefix: np.ndarray, book: np.ndarray, most: float) -> tuple[np.ndarray, int]:
    """The codebook that parts all but `most`, where there is one."""
    found = separating_codebook(points, prefix, book, most, 0)
    assert found is not None
    return found


def test_near_duplicates_part_and_the_error_rises_no_more_than_it_must() -> None:
    points, prefix, book = twins()
    before = collisions(points, prefix, book)
    found, m = separated(points, prefix, book, 0.3)
    assert before > 0.5
    assert collisions(points, prefix, found) <= 0.3
    assert 1 <= m < 16
    looser, wider = separated(points, prefix, book, 0.45)
    assert wider >= m

    def error(codebook: np.ndarray) -> float:
        return float(np.square(points - codebook[nearest(points, codebook)]).sum(1).mean())

    assert error(book) < error(looser) <= error(found) * 1.01


def test_codewords_lie_in_m_directions_and_the_same_seed_gives_the_same_ones() -> None:
    points, prefix, book = twins()
    found, m = separated(points, prefix, book, 0.3)
    assert np.linalg.matrix_rank(found, tol=1e-4) == m
    assert found.tobytes() == separated(points, prefix, book, 0.3)[0].tobytes()


def test_what_parts_already_or_cannot_part_is_left_alone() -> None:
    points, prefix, book = twins()
    assert separating_codebook(points, prefix, book, 1.0, 0) is None
    same = np.repeat(points[::2], 2, axis=0)  # exact copies share every code, whatever the codebook
    assert separating_codebook(same, prefix, book, 0.3, 0) is None


@pytest.mark.parametrize("policy", ["reassign", "suffix"])
def test_only_buckets_pay_for_it(clustered: Clustered, policy: Collisions) -> None:
    embeddings, categories = clustered
    base: dict[str, Any] = {"codebook_sizes": (8, 8, 16), "latent_dim": 12, "hidden": 16, "steps": 40, "batch_size": 64}
    plain = train_tokenizer(
        embeddings, categories, TokenizerSettings(**base, collisions=policy, max_collisions=1.0), progress=False
    )
    other = train_tokenizer(
        embeddings, categories, TokenizerSettings(**base, collisions=policy, max_collisions=0.3), progress=False
    )
    for name, tensor in plain.model.state_dict().items():
        assert torch.equal(tensor, other.model.state_dict()[name]), name


def test_a_bucketed_tokenizer_keeps_its_promise(clustered: Clustered) -> None:
    embeddings, categories = clustered
    base: dict[str, Any] = {
        "codebook_sizes": (8, 16, 64),
        "latent_dim": 12,
        "hidden": 16,
        "steps": 40,
        "batch_size": 64,
    }
    plain, parted = (
        train_tokenizer(
            embeddings, categories, TokenizerSettings(**base, collisions="bucket", max_collisions=most), progress=False
        )
        for most in (1.0, 0.25)
    )
    before, after = plain.encode(embeddings), assign_ids(parted, embeddings).codes
    assert (before[:, :-1] == after[:, :-1]).all()  # the coarse levels are as they were
    assert collision_rate(after) <= 0.25 < collision_rate(before)
    assert squared_error(parted, embeddings, after) < 1.0


@pytest.mark.parametrize(("objective", "most"), [("rkmeans", 0.38), ("pq", 0.85)])
def test_baselines_keep_it_too_where_it_can_be_had(clustered: Clustered, objective: str, most: float) -> None:
    embeddings, categories = clustered
    base: dict[str, Any] = {"codebook_sizes": (8, 16, 64), "objective": objective, "collisions": "bucket"}
    plain, parted = (
        train_tokenizer(embeddings, categories, TokenizerSettings(**base, max_collisions=limit), progress=False)
        for limit in (1.0, most)
    )
    before, after = plain.encode(embeddings), parted.encode(embeddings)
    assert (before[:, :-1] == after[:, :-1]).all()
    assert collision_rate(after) <= most < collision_rate(before)
    assert parted.history[-1]["collisions_unrefitted"] == pytest.approx(collision_rate(before))
    assert parted.history[-1]["error_unrefitted"] == pytest.approx(squared_error(plain, embeddings, before), rel=1e-5)
    assert not plain.history


def test_product_quantization_keeps_its_blocks(clustered: Clustered) -> None:
    embeddings, categories = clustered
    settings = TokenizerSettings(codebook_sizes=(8, 16, 64), objective="pq", collisions="bucket", max_collisions=0.85)
    parted = train_tokenizer(embeddings, categories, settings, progress=False)
    assert parted.history
    outside = np.ones(24, bool)
    outside[16:] = False  # the third of three blocks
    assert not parted.codebooks[-1][:, outside].any()
