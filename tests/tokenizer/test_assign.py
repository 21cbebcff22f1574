"""Collision policies: what each leaves, what each does to reconstruction, and all of them where there is no room."""

import itertools
from typing import Any

import numpy as np
import pytest
from clustered import Clustered
from hypothesis import given, settings
from hypothesis import strategies as st

from genret.ground.errors import GenretError
from genret.tokenizer.assign import (
    assign_ids,
    buckets,
    collision_rate,
    fewer,
    reassign,
    settled_codes,
    with_suffix,
)
from genret.tokenizer.learning.train import train_tokenizer
from genret.tokenizer.settings import Collisions, TokenizerSettings
from genret.tokenizer.tokenizer import Tokenizer, id_sizes

CODES = np.array([[0, 1], [2, 2], [0, 1], [0, 0], [0, 1]])


def distortion(codes: np.ndarray, latents: np.ndarray, codebooks: list[np.ndarray]) -> float:
    total = sum(codebook[codes[:, level]] for level, codebook in enumerate(codebooks))
    return float(np.square(latents - total).sum())


def random_case(
    n: int = 12, sizes: tuple[int, ...] = (2, 3, 4), dim: int = 3, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    rng = np.random.default_rng(seed)
    codebooks = [rng.normal(size=(size, dim)).astype(np.float32) for size in sizes]
    latents = rng.normal(size=(n, dim)).astype(np.float32)
    codes = np.stack([rng.integers(size, size=n) for size in sizes], 1)
    return codes, latents, codebooks


def test_buckets_and_collision_rate_by_hand() -> None:
    bucket, sizes = buckets(CODES)
    assert bucket.tolist() == [1, 2, 1, 0, 1]
    assert sizes.tolist() == [1, 3, 1]
    assert collision_rate(CODES) == pytest.approx(3 / 5)
    assert collision_rate(np.zeros((0, 4), np.int64)) == 0.0


def test_suffix_counts_the_members_in_catalogue_order() -> None:
    assert with_suffix(CODES).tolist() == [[0, 1, 0], [2, 2, 0], [0, 1, 1], [0, 0, 0], [0, 1, 2]]
    assert id_sizes(with_suffix(CODES), (3, 3)) == (3, 3, 3)


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 24), st.integers(0, 100))
def test_reassign_leaves_no_collision_where_there_is_room(products: int, seed: int) -> None:
    codes, latents, codebooks = random_case(products, seed=seed)
    codes[:, 0] = 0  # 12 paths below one L1 code
    after = reassign(codes, latents, codebooks)
    if products <= 12:
        assert collision_rate(after) == 0.0
    assert (after[:, 0] == 0).all()
    assert len(np.unique(after, axis=0)) == min(products, 12)


def test_reassign_is_the_cheapest_placement_under_a_prefix() -> None:
    _, latents, codebooks = random_case(4, sizes=(1, 1, 5))
    codes = np.zeros((4, 3), np.int64)
    best = min(
        distortion(np.concatenate([codes[:, :2], np.array(last)[:, None]], 1), latents, codebooks)
        for last in itertools.permutations(range(5), 4)
    )
    assert distortion(reassign(codes, latents, codebooks), latents, codebooks) == pytest.approx(best, rel=1e-5)


def test_reassign_does_not_touch_prefixes_without_collisions() -> None:
    codes = np.array([[0, 0, 0], [0, 0, 0], [1, 2, 3], [1, 2, 0]])
    _, latents, codebooks = random_case(4)
    after = reassign(codes, latents, codebooks)
    assert after[2:].tolist() == codes[2:].tolist()
    assert collision_rate(after) == 0.0


def test_one_level_reassigns_too() -> None:
    _, latents, _ = random_case(4)
    codebook = np.random.default_rng(1).normal(size=(6, 3)).astype(np.float32)
    assert collision_rate(reassign(np.zeros((4, 1), np.int64), latents, [codebook])) == 0.0


def test_policies_report_what_they_did(clustered: Clustered) -> None:
    embeddings, categories = clustered
    settings = TokenizerSettings(codebook_sizes=(4, 4, 8), latent_dim=8, hidden=8, steps=10, batch_size=64)
    tokenizer = train_tokenizer(embeddings, categories, settings, progress=False)
    bucket, suffix, moved = (assign_ids(tokenizer, embeddings, p) for p in ("bucket", "suffix", "reassign"))
    assert bucket.report["collisions_before"] == bucket.report["collisions_after"] > 0.5
    assert bucket.report["moved"] == 0
    assert suffix.report["collisions_after"] == 0
    assert suffix.report["error_after"] == suffix.report["error_before"]
    assert suffix.codes.shape[1] == 4
    assert suffix.codebook_sizes[:3] == (4, 4, 8)
    assert moved.report["collisions_after"] < bucket.report["collisions_after"]
    assert moved.report["moved"] > 0
    assert moved.report["error_after"] > moved.report["error_before"]


def test_no_products_to_assign(clustered: Clustered) -> None:
    embeddings, categories = clustered
    settings = TokenizerSettings(codebook_sizes=(4, 4), latent_dim=4, hidden=4, steps=2, batch_size=64)
    tokenizer = train_tokenizer(embeddings, categories, settings, progress=False)
    for policy in ("bucket", "suffix", "reassign"):
        assert len(assign_ids(tokenizer, embeddings[:0], policy).codes) == 0


POLICIES = ("bucket", "suffix", "reassign")


def room_for(clustered: Clustered, **change: Any) -> tuple[Tokenizer, np.ndarray]:
    """A tokenizer with IDs to spare, and embeddings: the old products' 500 and the new ones' 100."""
    embeddings, categories = clustered
    base = {"codebook_sizes": (8, 8, 32), "latent_dim": 8, "hidden": 8, "steps": 10, "batch_size": 64}
    settings = TokenizerSettings(**{**base, **change})
    return train_tokenizer(embeddings[:500], categories[:500], settings, progress=False), embeddings


def shared_by_brute_force(codes: np.ndarray, taken: np.ndarray) -> float:
    """The share of `codes` that occur again, in `codes` or in `taken`."""
    everything = [tuple(row) for row in (*codes.tolist(), *taken.tolist())]
    return sum(everything.count(tuple(row)) > 1 for row in codes.tolist()) / max(len(codes), 1)


@pytest.mark.parametrize("policy", POLICIES)
def test_new_products_beside_taken_ids(policy: Collisions, clustered: Clustered) -> None:
    tokenizer, embeddings = room_for(clustered)
    old = assign_ids(tokenizer, embeddings[:500], policy).codes
    before = old.copy()
    new = assign_ids(tokenizer, embeddings[500:], policy, taken=old)
    assert (old == before).all()
    assert new.report["collisions_after"] == pytest.approx(shared_by_brute_force(new.codes, old))
    nearest = tokenizer.encode(embeddings[500:])
    assert new.report["collisions_before"] == pytest.approx(shared_by_brute_force(nearest, old[:, :3]))
    assert new.report["collisions_before"] > 0
    if policy != "bucket":
        assert collision_rate(np.concatenate([old, new.codes])) == 0.0
    if policy != "reassign":
        assert (new.codes[:, :3] == nearest).all()
        assert new.report["error_after"] == new.report["error_before"]
    else:
        assert new.report["moved"] > 0
        assert new.report["error_after"] > new.report["error_before"]
        error = np.square(embeddings[500:] - tokenizer.decode(new.codes)).sum(1).mean() / tokenizer.model.scale**2
        assert new.report["error_after"] == pytest.approx(float(error), rel=1e-5)


@pytest.mark.parametrize("last", [4, 32])
@pytest.mark.parametrize("policy", POLICIES)
def test_ids_taken_that_begin_otherwise_are_no_matter(policy: Collisions, last: int, clustered: Clustered) -> None:
    """With room under every prefix, and where products must move to other prefixes."""
    tokenizer, embeddings = room_for(clustered, codebook_sizes=(8, 8, last))
    old = assign_ids(tokenizer, embeddings[:500], policy).codes
    heads = settled_codes(tokenizer.encode(embeddings[500:520]))
    near = old[(old[:, None, : heads.shape[1]] == heads).all(2).any(1)]
    assert 0 < len(near) < len(old)
    found, all_taken = (assign_ids(tokenizer, embeddings[500:520], policy, taken=one).codes for one in (near, old))
    assert (found == all_taken).all()


def test_fewer_takes_a_row_for_each_that_is_gone() -> None:
    codes = np.array([[0, 1], [0, 1], [2, 0], [1, 1]])
    assert fewer(codes, np.array([[0, 1], [3, 3], [1, 1]])).tolist() == [[0, 1], [2, 0]]
    assert fewer(codes[:0], codes).tolist() == []
    assert fewer(codes, codes[:0]).tolist() == codes.tolist()


def test_one_by_one_is_free_of_collisions_too(clustered: Clustered) -> None:
    tokenizer, embeddings = room_for(clustered)
    for policy in ("suffix", "reassign"):
        codes = assign_ids(tokenizer, embeddings[:560], policy).codes
        for row in range(560, 600):
            codes = np.concatenate([codes, assign_ids(tokenizer, embeddings[row : row + 1], policy, taken=codes).codes])
        assert collision_rate(codes) == 0.0


def test_a_suffix_goes_on_counting_and_fills_gaps() -> None:
    taken = np.array([[0, 1, 0], [0, 1, 2], [2, 2, 0]])
    assert with_suffix(CODES, taken).tolist() == [[0, 1, 1], [2, 2, 1], [0, 1, 3], [0, 0, 0], [0, 1, 4]]
    assert with_suffix(CODES, taken[:0]).tolist() == with_suffix(CODES).tolist()


def test_suffixes_beyond_what_can_be_spelled_are_shared(clustered: Clustered) -> None:
    tokenizer, embeddings = room_for(clustered, codebook_sizes=(8, 8, 4))
    old = assign_ids(tokenizer, embeddings[:500], "suffix")
    most = old.codebook_sizes[-1]
    new = assign_ids(tokenizer, embeddings[500:], "suffix", taken=old.codes, suffix_codes=most)
    free = assign_ids(tokenizer, embeddings[500:], "suffix", taken=old.codes)
    assert free.codebook_sizes[-1] > most == new.codebook_sizes[-1]
    assert free.report["collisions_after"] == 0.0 < new.report["collisions_after"]
    fits = free.codes[:, -1] < most
    assert (new.codes[fits] == free.codes[fits]).all()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 14), st.integers(0, 14), st.integers(0, 100))
def test_reassign_beside_taken_fills_what_room_there_is(old: int, new: int, seed: int) -> None:
    codes, latents, codebooks = random_case(old + new, seed=seed)
    codes[:, 0] = 0  # 12 IDs below one L1 code
    taken = reassign(codes[:old], latents[:old], codebooks)
    after = reassign(codes[old:], latents[old:], codebooks, taken)
    free = 12 - len(np.unique(taken, axis=0))
    together = np.concatenate([taken, after])
    assert (after[:, 0] == 0).all()
    assert len(np.unique(together, axis=0)) == min(12, 12 - free + new)
    if old + new <= 12:
        assert collision_rate(together) == 0.0


def test_reassign_beside_taken_is_the_cheapest_placement() -> None:
    _, latents, codebooks = random_case(3, sizes=(1, 1, 6))
    codes, taken = np.zeros((3, 3), np.int64), np.array([[0, 0, 0], [0, 0, 4]])
    best = min(
        distortion(np.concatenate([codes[:, :2], np.array(last)[:, None]], 1), latents, codebooks)
        for last in itertools.permutations((1, 2, 3, 5), 3)
    )
    after = reassign(codes, latents, codebooks, taken)
    assert not set(after[:, 2]) & {0, 4}
    assert distortion(after, latents, codebooks) == pytest.approx(best, rel=1e-5)


def test_taken_ids_of_another_shape_or_size_are_refused(clustered: Clustered) -> None:
    tokenizer, embeddings = room_for(clustered)
    wrong: list[tuple[Collisions, Any, str]] = [
        ("reassign", [[0, 0, 0, 0]], r"shape \(1, 4\); expected \(M, 3\)"),
        ("suffix", [[0, 0, 0]], r"shape \(1, 3\); expected \(M, 4\)"),
        ("bucket", [0, 0, 0], r"shape \(3,\)"),
        ("bucket", [[0, 8, 0]], "code 8 at level 2"),
        ("suffix", [[0, 0, 0, -1]], "suffix -1"),
    ]
    for policy, taken, words in wrong:
        with pytest.raises(GenretError, match=words):
            assign_ids(tokenizer, embeddings[:2], policy, taken=taken)
    with pytest.raises(GenretError, match="suffix_codes=0"):
        assign_ids(tokenizer, embeddings[:2], "suffix", suffix_codes=0)
