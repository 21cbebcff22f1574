"""Collision policies: what each leaves, what each does to reconstruction, and all of them where there is no room."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genret.tokenizer.assign import assign_ids, buckets, collision_rate, reassign, with_suffix
from genret.tokenizer.settings import TokenizerSettings
from genret.tokenizer.tokenizer import id_sizes
from genret.tokenizer.training import train_tokenizer

CODES = np.array([[0, 1], [2, 2], [0, 1], [0, 0], [0, 1]])


def distortion(codes, latents, codebooks):
    total = sum(codebook[codes[:, level]] for level, codebook in enumerate(codebooks))
    return np.square(latents - total).sum()


def random_case(n=12, sizes=(2, 3, 4), dim=3, seed=0):
    rng = np.random.default_rng(seed)
    codebooks = [rng.normal(size=(size, dim)).astype(np.float32) for size in sizes]
    latents = rng.normal(size=(n, dim)).astype(np.float32)
    codes = np.stack([rng.integers(size, size=n) for size in sizes], 1)
    return codes, latents, codebooks


def test_buckets_and_collision_rate_by_hand():
    bucket, sizes = buckets(CODES)
    assert bucket.tolist() == [1, 2, 1, 0, 1]
    assert sizes.tolist() == [1, 3, 1]
    assert collision_rate(CODES) == pytest.approx(3 / 5)
    assert collision_rate(np.zeros((0, 4), np.int64)) == 0.0


def test_suffix_counts_the_members_in_catalogue_order():
    assert with_suffix(CODES).tolist() == [[0, 1, 0], [2, 2, 0], [0, 1, 1], [0, 0, 0], [0, 1, 2]]
    assert id_sizes(with_suffix(CODES), (3, 3)) == (3, 3, 3)


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 24), st.integers(0, 100))
def test_reassign_leaves_no_collision_where_there_is_room(products, seed):
    codes, latents, codebooks = random_case(products, seed=seed)
    codes[:, 0] = 0  # 12 paths below one L1 code
    after = reassign(codes, latents, codebooks)
    if products <= 12:
        assert collision_rate(after) == 0.0
    assert (after[:, 0] == 0).all()
    assert len(np.unique(after, axis=0)) == min(products, 12)


def test_reassign_is_the_cheapest_placement_under_a_prefix():
    _, latents, codebooks = random_case(4, sizes=(1, 1, 5))
    codes = np.zeros((4, 3), np.int64)
    best = min(
        distortion(np.concatenate([codes[:, :2], np.array(last)[:, None]], 1), latents, codebooks)
        for last in itertools.permutations(range(5), 4)
    )
    assert distortion(reassign(codes, latents, codebooks), latents, codebooks) == pytest.approx(best, rel=1e-5)


def test_reassign_does_not_touch_prefixes_without_collisions():
    codes = np.array([[0, 0, 0], [0, 0, 0], [1, 2, 3], [1, 2, 0]])
    _, latents, codebooks = random_case(4)
    after = reassign(codes, latents, codebooks)
    assert after[2:].tolist() == codes[2:].tolist()
    assert collision_rate(after) == 0.0


def test_one_level_reassigns_too():
    _, latents, _ = random_case(4)
    codebook = np.random.default_rng(1).normal(size=(6, 3)).astype(np.float32)
    assert collision_rate(reassign(np.zeros((4, 1), np.int64), latents, [codebook])) == 0.0


def test_policies_report_what_they_did(clustered):
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


def test_no_products_to_assign(clustered):
    embeddings, categories = clustered
    settings = TokenizerSettings(codebook_sizes=(4, 4), latent_dim=4, hidden=4, steps=2, batch_size=64)
    tokenizer = train_tokenizer(embeddings, categories, settings, progress=False)
    for policy in ("bucket", "suffix", "reassign"):
        assert len(assign_ids(tokenizer, embeddings[:0], policy).codes) == 0
