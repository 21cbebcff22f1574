"""The tokenizer and its artifact: save and load, new products, widths, ranges."""

import json
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from clustered import Clustered

from genret.ground.errors import GenretError
from genret.tokenizer.assign import assign_ids
from genret.tokenizer.judging.health import Health, health, load_health
from genret.tokenizer.judging.health_text import format_health
from genret.tokenizer.learning.train import train_tokenizer
from genret.tokenizer.settings import ObjectiveName, TokenizerSettings
from genret.tokenizer.tokenizer import Tokenizer, load_product_ids, load_tokenizer, save_tokenizer

SMALL = TokenizerSettings(codebook_sizes=(8, 8, 4), latent_dim=12, hidden=16, steps=30, batch_size=64)


@pytest.fixture(scope="module")
def trained(clustered: Clustered) -> Tokenizer:
    return train_tokenizer(*clustered, SMALL, progress=False)


def test_save_and_load_give_the_same_tokenizer(tmp_path: Path, trained: Tokenizer, clustered: Clustered) -> None:
    embeddings, categories = clustered
    codes = trained.encode(embeddings)
    ids = [f"p{row}" for row in range(len(codes))]
    measured = health(trained, codes, embeddings, categories, [(0, 9), (1, 10)])
    artifact = save_tokenizer(trained, codes, ids, tmp_path / "t", {"embeddings": "abc"}, health=measured.to_json())
    loaded, loaded_codes, again = load_tokenizer(tmp_path / "t")
    assert again.fingerprint == artifact.fingerprint
    assert again.inputs == {"embeddings": "abc"}
    assert loaded.settings == trained.settings
    assert loaded.history == trained.history
    assert np.array_equal(loaded_codes, codes)
    assert np.array_equal(loaded.encode(embeddings), codes)
    assert np.array_equal(loaded.decode(codes), trained.decode(codes))
    assert load_product_ids(again) == ids
    assert load_health(tmp_path / "t") == measured
    assert sorted(again.files) == ["codes.npy", "config.json", "health.json", "ids.parquet", "model.safetensors"]


@pytest.mark.parametrize("objective", get_args(ObjectiveName))
def test_every_objective_saves_and_loads(tmp_path: Path, clustered: Clustered, objective: ObjectiveName) -> None:
    if objective == "pq":
        pytest.importorskip("faiss")
    settings, pairs = replace(SMALL, objective=objective, steps=10, revive_every=4), [[0, 1], [2, 3]]
    tokenizer = train_tokenizer(*clustered, settings, pairs=pairs, progress=False)
    codes = tokenizer.encode(clustered[0])
    save_tokenizer(tokenizer, codes, [str(i) for i in range(len(codes))], tmp_path / "t")
    assert np.array_equal(load_tokenizer(tmp_path / "t")[0].encode(clustered[0]), codes)


def test_product_quantization_is_nearest_in_every_block(clustered: Clustered) -> None:
    pytest.importorskip("faiss")
    embeddings, categories = clustered
    tokenizer = train_tokenizer(embeddings, categories, replace(SMALL, objective="pq"), progress=False)
    latent = tokenizer.latent(embeddings)
    for level, block in enumerate(np.array_split(np.arange(latent.shape[1]), 3)):
        book = tokenizer.codebooks[level]
        assert not np.delete(book, block, axis=1).any()
        distance = np.square(latent[:, None, block] - book[None][:, :, block]).sum(-1)
        assert (distance.argmin(1) == tokenizer.encode(embeddings)[:, level]).mean() > 0.999


def test_codebooks_sum_to_the_latent_that_is_decoded(trained: Tokenizer, clustered: Clustered) -> None:
    codes = trained.encode(clustered[0])
    latent = sum(book[codes[:, level]] for level, book in enumerate(trained.codebooks))
    assert [book.shape for book in trained.codebooks] == [(8, 12), (8, 12), (4, 12)]
    error = np.square(trained.latent(clustered[0]) - latent).sum(1).mean()
    assert error < np.square(trained.latent(clustered[0])).sum(1).mean() / 2


def test_encoding_is_the_same_in_any_batch(trained: Tokenizer, clustered: Clustered) -> None:
    embeddings = np.tile(clustered[0], (20, 1))  # more than one chunk
    codes = trained.encode(embeddings)
    assert np.array_equal(codes[:600], trained.encode(clustered[0]))
    assert np.array_equal(trained.encode(embeddings[:7]), codes[:7])


def test_new_products_get_ids_near_their_likes(trained: Tokenizer, clustered: Clustered) -> None:
    near = clustered[0] + np.random.default_rng(0).normal(size=clustered[0].shape).astype(np.float32) * 1e-4
    assert (trained.encode(near)[:, 0] == trained.encode(clustered[0])[:, 0]).mean() > 0.98


def test_shorter_prefixes_decode_coarser(trained: Tokenizer, clustered: Clustered) -> None:
    embeddings, codes = clustered[0], trained.encode(clustered[0])
    errors = [np.square(trained.decode(codes[:, :depth]) - embeddings).sum(1).mean() for depth in (1, 2, 3)]
    assert errors[0] > errors[1] > errors[2]


def test_suffix_sizes_are_saved_and_ignored_when_decoding(
    tmp_path: Path, trained: Tokenizer, clustered: Clustered
) -> None:
    assigned = assign_ids(trained, clustered[0], "suffix")
    save_tokenizer(trained, assigned.codes, [str(i) for i in range(600)], tmp_path / "t")
    config = json.loads((tmp_path / "t" / "config.json").read_text())
    assert tuple(config["id_sizes"]) == assigned.codebook_sizes
    assert np.array_equal(trained.decode(assigned.codes), trained.decode(assigned.codes[:, :3]))


def test_wrong_widths_and_codes_are_refused(trained: Tokenizer) -> None:
    with pytest.raises(GenretError, match=r"\(2, 5\); expected \(N, 24\)"):
        trained.encode(np.zeros((2, 5), np.float32))
    with pytest.raises(GenretError, match="NaN"):
        trained.encode(np.full((1, 24), np.nan, np.float32))
    with pytest.raises(GenretError, match="out of range"):
        trained.decode([[8, 0, 0]])
    with pytest.raises(GenretError, match="one row per product"):
        save_tokenizer(trained, np.zeros((2, 3)), ["a"], "nowhere")


def test_nothing_in_nothing_out(trained: Tokenizer) -> None:
    assert trained.encode(np.zeros((0, 24), np.float32)).shape == (0, 3)
    assert trained.decode(np.zeros((0, 3), np.int64)).shape == (0, 24)
    assert trained.latent(np.zeros((0, 24), np.float32)).shape == (0, 12)


def test_health_saved_without_is_named(tmp_path: Path, trained: Tokenizer) -> None:
    save_tokenizer(trained, np.zeros((1, 3)), ["a"], tmp_path / "t")
    with pytest.raises(GenretError, match="without its health"):
        load_health(tmp_path / "t")


def test_health_survives_json(trained: Tokenizer, clustered: Clustered) -> None:
    measured = health(trained, trained.encode(clustered[0]), *clustered)
    assert Health.from_json(json.loads(json.dumps(measured.to_json()))) == measured
    assert "L1-L3" in format_health(measured)
