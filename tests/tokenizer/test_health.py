"""Health: every figure against a hand-worked value or a slow, plain computation of the same."""

import dataclasses
import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from clustered import Clustered

from genret.ground.percent import percent
from genret.tokenizer.assign import assign_ids
from genret.tokenizer.judging.coherence import (
    prefix_numbers,
    purity_by_depth,
    shared_pairs,
    shared_within,
    similarity_depth,
)
from genret.tokenizer.judging.health import Health, gini, health, hourglass, level_health, load_health, mean_cosine
from genret.tokenizer.judging.health_text import bucket_bins, format_health, format_policy
from genret.tokenizer.judging.plots import plot_health
from genret.tokenizer.learning.train import train_tokenizer
from genret.tokenizer.settings import TokenizerSettings
from genret.tokenizer.tokenizer import Tokenizer, save_tokenizer

CODES = np.array([[0, 0], [0, 0], [0, 1], [1, 0]])
PATHS = [("a", "x"), ("a", "x"), ("a", "y"), ("a", "x")]


def test_level_figures_by_hand() -> None:
    first = level_health(CODES, 0, 4)
    assert (first.used, first.dead, first.usage) == (2, 2, 0.5)
    assert first.largest_share == 0.75
    assert first.entropy == pytest.approx(-(0.75 * math.log2(0.75) + 0.25 * math.log2(0.25)))
    assert first.perplexity == pytest.approx(2**first.entropy)
    assert (first.prefixes, level_health(CODES, 1, 4).prefixes) == (2, 3)


def test_gini_by_hand() -> None:
    assert gini(np.array([5, 5, 5, 5])) == pytest.approx(0.0)
    assert gini(np.array([0, 0, 0, 8])) == pytest.approx(0.75)
    assert gini(np.zeros(3, np.int64)) == 0.0


def test_hourglass_is_positive_when_the_middle_is_narrow() -> None:
    wide = np.arange(8)
    narrow = np.zeros(8, np.int64)
    levels = [level_health(np.stack(columns, 1), i, 8) for columns in [(wide, narrow, wide)] for i in range(3)]
    assert hourglass(levels) == pytest.approx(1.0)
    assert hourglass(levels[:2]) is None


def test_agreement_within_leaves_is_that_of_all_pairs() -> None:
    rng = np.random.default_rng(0)
    codes = rng.integers(3, size=(60, 3))
    paths = [() if i % 7 == 0 else ("r", str(i % 5)) for i in range(60)]
    pairs = np.array([p for p in itertools.combinations(range(60), 2) if paths[p[0]] == paths[p[1]] != ()])
    assert shared_within(codes, paths) == pytest.approx(shared_pairs(codes, pairs))
    assert shared_within(CODES, PATHS) == pytest.approx((1 / 3, 1 / 3))


def test_agreement_without_pairs_is_unknown() -> None:
    assert shared_within(CODES, [()] * 4) is None
    assert shared_within(CODES, [(str(i),) for i in range(4)]) is None


def test_purity_by_hand_and_shuffled_below() -> None:
    assert purity_by_depth(CODES, PATHS)[0] == pytest.approx((0.75, 1.0))
    codes = np.repeat(np.arange(10), 20)[:, None]
    pure, shuffled = purity_by_depth(codes, [(str(code),) for code in codes[:, 0]])
    assert pure == (1.0,)
    assert shuffled is not None
    assert shuffled[0] < 0.4
    assert purity_by_depth(CODES, [()] * 4) == (None, None)


def test_prefix_numbers_tell_prefixes_apart() -> None:
    numbers = prefix_numbers(CODES)
    assert [len(np.unique(column)) for column in numbers.T] == [2, 3]
    assert (numbers[0] == numbers[1]).all()


def test_similarity_depth_sees_codes_that_follow_the_embedding() -> None:
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(8, 16)).astype(np.float32)
    code = rng.integers(8, size=400)
    points = centres[code] + rng.normal(size=(400, 16)).astype(np.float32) * 0.02
    good = similarity_depth(points, code[:, None])
    bad = similarity_depth(points, rng.permutation(code)[:, None])
    assert good is not None
    assert good.correlation is not None
    assert bad is not None
    assert bad.correlation is not None
    assert bad.shared_at_9 is not None
    assert good.shared_at_9 == pytest.approx((1.0,))
    assert good.correlation > 0.6
    assert abs(bad.correlation) < 0.1
    assert bad.shared_at_9[0] < 0.3


def test_similarity_depth_of_few_or_identical_products() -> None:
    assert similarity_depth(np.ones((1, 4), np.float32), np.zeros((1, 2), np.int64)) is None
    same = similarity_depth(np.ones((5, 4), np.float32), np.zeros((5, 2), np.int64))
    assert same is not None
    assert same.correlation is None
    assert same.shared_at_9 == (1.0, 1.0)
    far = similarity_depth(np.eye(4, dtype=np.float32), np.arange(4)[:, None])
    assert far is not None
    assert far.shared_at_9 is None


def test_mean_cosine() -> None:
    assert mean_cosine(np.eye(3, dtype=np.float32), np.eye(3, dtype=np.float32) * 5) == pytest.approx(1.0)
    assert mean_cosine(np.zeros((2, 3), np.float32), np.ones((2, 3), np.float32)) == 0.0


@pytest.mark.parametrize("products", [1, 3])
def test_health_of_few_products(products: int) -> None:
    embeddings = np.eye(4, dtype=np.float32)[:products]
    settings = TokenizerSettings(codebook_sizes=(4, 4), latent_dim=4, hidden=4, steps=2)
    tokenizer = train_tokenizer(embeddings, [()] * products, settings, progress=False)
    measured = health(tokenizer, tokenizer.encode(embeddings), embeddings, [()] * products)
    assert measured.products == measured.ids == products
    assert measured.purity is None
    assert not np.isnan(measured.error)


def test_fragmentation_is_where_pairs_part(clustered: Clustered) -> None:
    embeddings, categories = clustered
    settings = TokenizerSettings(codebook_sizes=(8, 8, 8), latent_dim=12, hidden=16, steps=10, batch_size=64)
    tokenizer = train_tokenizer(embeddings, categories, settings, progress=False)
    measured = health(tokenizer, tokenizer.encode(embeddings), embeddings, categories, [(0, 9), (0, 1)])
    parted = measured.fragmentation["same_leaf"]
    assert parted is not None
    assert measured.same_leaf is not None
    assert parted[0] == pytest.approx(1 - measured.same_leaf[0])
    assert sum(parted) == pytest.approx(1 - measured.same_leaf[-1])
    assert set(measured.fragmentation) == {"same_leaf", "substitutes"}


SMALL = TokenizerSettings(
    codebook_sizes=(8, 8, 16), latent_dim=12, hidden=16, steps=10, batch_size=64, max_collisions=1.0
)


def trained_on(clustered: Clustered, **change: Any) -> tuple[Tokenizer, np.ndarray, list[tuple[str, ...]]]:
    """A small tokenizer whose products share many IDs, and what it was trained on."""
    embeddings, categories = clustered
    tokenizer = train_tokenizer(embeddings, categories, dataclasses.replace(SMALL, **change), progress=False)
    return tokenizer, embeddings, categories


def test_a_suffix_is_no_outer_level_of_the_hourglass(clustered: Clustered) -> None:
    tokenizer, embeddings, categories = trained_on(clustered, collisions="suffix")
    plain = health(tokenizer, tokenizer.encode(embeddings), embeddings, categories)
    suffixed = health(tokenizer, assign_ids(tokenizer, embeddings).codes, embeddings, categories)
    assert len(suffixed.levels) == 4
    assert suffixed.hourglass == plain.hourglass
    assert suffixed.hourglass != hourglass(suffixed.levels)
    assert "whole ID" in format_health(suffixed)
    assert "whole ID" not in format_health(plain)


@pytest.mark.parametrize("policy", ["bucket", "suffix", "reassign"])
def test_health_says_what_the_policy_did(policy: str, clustered: Clustered) -> None:
    tokenizer, embeddings, categories = trained_on(clustered, collisions=policy)
    assigned = assign_ids(tokenizer, embeddings)
    measured = health(tokenizer, assigned.codes, embeddings, categories)
    assert measured.policy is not None
    assert measured.policy.policy == policy
    assert {name: getattr(measured.policy, name) for name in assigned.report} == pytest.approx(assigned.report)
    assert Health.from_json(measured.to_json()) == measured
    text = "\n".join(format_policy(measured))
    assert f"collision policy {policy}" in text
    before, after = (100 * assigned.report[f"collisions_{when}"] for when in ("before", "after"))
    assert f"{before:.2f} % before, {after:.2f} % after" in text
    assert f"{round(600 * assigned.report['moved']):,} (" in text
    assert text in format_health(measured)


def test_what_a_refitted_codebook_cost_is_told(clustered: Clustered) -> None:
    change = {"codebook_sizes": (8, 16, 64), "objective": "rkmeans", "collisions": "bucket"}
    plain, embeddings, categories = trained_on(clustered, **change)
    refitted, _, _ = trained_on(clustered, **change, max_collisions=0.38)
    before = health(plain, plain.encode(embeddings), embeddings, categories)
    after = health(refitted, refitted.encode(embeddings), embeddings, categories)
    assert after.policy is not None
    assert after.policy.collisions_after == after.collisions <= 0.38 < before.collisions
    assert after.policy.collisions_before == pytest.approx(before.collisions)
    assert after.policy.error_before == pytest.approx(before.error, rel=1e-5)
    assert after.policy.error_after == after.error > before.error


def test_a_limit_that_could_not_be_had_is_told(clustered: Clustered) -> None:
    change = {"codebook_sizes": (4, 4), "objective": "rkmeans", "collisions": "bucket", "max_collisions": 0.01}
    tokenizer, embeddings, categories = trained_on(clustered, **change)
    measured = health(tokenizer, tokenizer.encode(embeddings), embeddings, categories)
    assert "max_collisions=0.01 could not be had" in format_health(measured)


def test_health_saved_before_policies_were_recorded_is_read(clustered: Clustered, tmp_path: Path) -> None:
    tokenizer, embeddings, categories = trained_on(clustered)
    codes = assign_ids(tokenizer, embeddings).codes
    measured = health(tokenizer, codes, embeddings, categories)
    old = {name: value for name, value in measured.to_json().items() if name not in ("policy", "codebooks")}
    save_tokenizer(tokenizer, codes, [str(i) for i in range(600)], tmp_path / "t", health=old)
    loaded = load_health(tmp_path / "t")
    assert loaded.policy is None
    assert loaded.hourglass == measured.hourglass
    assert "collision policy" not in format_health(loaded)
    plot_health(loaded, [], tmp_path / "old.png")
    assert (tmp_path / "old.png").exists()


def test_text_holds_fragmentation_buckets_and_both_correlations(clustered: Clustered) -> None:
    tokenizer, embeddings, categories = trained_on(clustered)
    measured = health(tokenizer, tokenizer.encode(embeddings), embeddings, categories, [(0, 9), (0, 1)])
    text = format_health(measured)
    parted = text.split("pairs that part at")[1]
    for shares in measured.fragmentation.values():
        assert "".join(f"{percent(share):>9}" for share in shares) in parted
    assert "-0.0 %" not in text
    similar = measured.similarity
    squeezed = " ".join(text.split())
    assert similar is not None
    assert f"over neighbours of rank 1, 2, 4, 8, ... {similar.correlation:.3f}" in squeezed
    assert f"over random pairs {similar.correlation_random:.3f}" in squeezed
    for label, count in bucket_bins(measured.bucket_sizes).items():
        assert f"  {label}: {count:,}" in text


def test_bucket_sizes_are_binned_by_hand() -> None:
    assert bucket_bins({"1": 5, "3": 2, "4": 1, "9": 1}) == {"1": 5, "2": 0, "3-4": 3, "5-8": 0, "9-16": 1}
    assert bucket_bins({}) == {}


@pytest.mark.parametrize("policy", ["bucket", "suffix"])
def test_every_panel_is_drawn(policy: str, clustered: Clustered, tmp_path: Path) -> None:
    tokenizer, embeddings, categories = trained_on(clustered, collisions=policy)
    codes = assign_ids(tokenizer, embeddings).codes
    plot_health(health(tokenizer, codes, embeddings, categories), tokenizer.history, tmp_path / "health.png")
    assert (tmp_path / "health.png").read_bytes().startswith(b"\x89PNG")
