"""What is done to parts of a catalogue is what is done to the whole: rows, samples, L1 groups, counts of codes."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from genret.data.records import Catalogue, Dataset, load_dataset, save_dataset
from genret.data.samples import ProductRows, load_sampled, sample_rows, sampled
from genret.embed.catalogue import fit_embedder, open_embedder
from genret.embed.settings import EmbedSettings
from genret.ground.errors import GenretError
from genret.ground.files import write_npy
from genret.ground.types import Judgement, Product, Query
from genret.pipeline.distributed.blocks import Blocks, l1_counts, l1_ranges
from genret.pipeline.distributed.codes import GroupsJob, groups_apart, load_group, resolve_group
from genret.pipeline.distributed.encoding import CodesJob, encode_block, opened_tokenizer
from genret.tokenizer import assign_ids, save_tokenizer, train_tokenizer
from genret.tokenizer.judging.health import health
from genret.tokenizer.judging.usage import given, of_whole
from genret.tokenizer.settings import Collisions, TokenizerSettings
from genret.tokenizer.tokenizer import CHUNK, Tokenizer


def shop(count: int) -> Dataset:
    products = [Product(f"p{i:05d}", f"tea {i % 7} {i}", ("drinks", f"kind {i % 5}")) for i in range(count)]
    queries = [Query(f"q{i}", f"tea {i}") for i in range(4)]
    judged = [Judgement(query.id, f"p{i * 37:05d}", 1.0) for i, query in enumerate(queries)]
    pairs = [("p00000", "p00001"), ("p00002", "p00005")]
    return Dataset("shop", Catalogue.from_products(products), {"train": queries}, judged, substitutes=pairs)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data artifact of three row groups."""
    folder = tmp_path_factory.mktemp("shop") / "data"
    save_dataset(shop(20_000), folder)
    return folder


def test_rows_are_read_from_disk_wherever_they_lie(saved: Path) -> None:
    whole, rows = load_dataset(saved)[0].catalogue, ProductRows(saved / "products.parquet")
    assert len(rows) == len(whole) == 20_000
    for start, stop in ((0, 3), (8191, 8193), (4096, 19_999), (20_000, 20_000), (16_384, 20_000)):
        assert rows.between(start, stop).table.equals(whole.table.slice(start, stop - start))
    some = np.array([0, 8191, 8192, 19_999])
    assert rows.take(some).table.equals(whole.take(some).table)
    assert len(rows.take(some[:0])) == 0
    assert [one for piece in rows.ids() for one in piece.to_pylist()] == whole.ids


@pytest.mark.parametrize("judged", [False, True])
def test_a_sample_is_the_same_from_memory_and_from_disk(saved: Path, judged: bool) -> None:
    dataset, artifact = load_dataset(saved)
    one, two = sampled(dataset, 500, 3, judged=judged), load_sampled(artifact, 500, 3, judged=judged)
    assert one.catalogue.table.equals(two.catalogue.table)
    for field in ("judgements", "substitutes", "sessions", "queries", "true_categories"):
        assert getattr(one, field) == getattr(two, field), field
    assert len(one.judgements) == (
        4 if judged else sum(j.product_id in set(one.catalogue.ids) for j in dataset.judgements)
    )
    assert 500 <= len(one.catalogue) <= (504 if judged else 500)
    assert sampled(dataset, 0, 3) is dataset
    assert sample_rows(10, 10, 0) is None
    assert load_sampled(artifact, 20_000, 3).catalogue.table.equals(dataset.catalogue.table)


@pytest.mark.parametrize("model", ["lsa", "towers"])
def test_an_embedder_that_was_saved_and_opened_embeds_the_same_bytes(model: str, tmp_path: Path) -> None:
    dataset = shop(300)
    fitted = fit_embedder(dataset, EmbedSettings(model, dim=8, steps=2), progress=False)
    fitted.save(tmp_path)
    texts = [product.title for product in dataset.catalogue]
    np.testing.assert_array_equal(fitted.encode_products(texts), open_embedder(tmp_path).encode_products(texts))


def test_a_block_that_is_cut_off_is_missing(tmp_path: Path) -> None:
    blocks = Blocks(tmp_path, 25, 10)
    assert blocks.missing() == [0, 1, 2]
    for number in blocks.numbers:
        blocks.save(number, np.arange(*blocks.rows(number))[:, None])
    assert blocks.missing() == []
    assert np.concatenate(list(blocks.parts())).ravel().tolist() == list(range(25))
    assert blocks.taken(np.array([3, 9, 24])).ravel().tolist() == [3, 9, 24]
    content = blocks.file(1).read_bytes()
    for left in (0, 10, len(content) - 1):
        blocks.file(1).write_bytes(content[:left])
        assert blocks.missing() == [1], left
    write_npy(tmp_path / "joined.npy", [np.zeros((3, 2)), np.ones((1, 2))], (4, 2), np.float32)
    np.save(tmp_path / "saved.npy", np.array([[0, 0]] * 3 + [[1, 1]], np.float32))
    assert (tmp_path / "joined.npy").read_bytes() == (tmp_path / "saved.npy").read_bytes()


@pytest.mark.parametrize("parts", [1, 2, 5, 40])
def test_ranges_of_l1_cover_every_code_once(parts: int) -> None:
    codes = np.random.default_rng(parts).zipf(1.6, (3000, 3)) % 16
    counts = l1_counts(codes, 20)
    assert counts.sum() == 3000
    ranges = l1_ranges(counts, parts)
    assert len(ranges) <= parts
    assert [code for one in ranges for code in range(*one)] == list(range(20))
    rows = np.concatenate([one.rows(codes) for one in ranges])
    assert sorted(rows.tolist()) == list(range(3000))


@pytest.fixture(scope="module")
def vectors() -> np.ndarray:
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(40, 8)).astype(np.float32)
    return (centres[rng.integers(0, 40, CHUNK + 1500)] + rng.normal(size=(CHUNK + 1500, 8)) * 0.1).astype(np.float32)


def trained(vectors: np.ndarray, collisions: Collisions, sizes: tuple[int, ...]) -> Tokenizer:
    settings = TokenizerSettings(
        sizes, 8, 8, steps=5, batch_size=64, collisions=collisions, max_dead=1.0, max_share=1.0, max_collisions=1.0
    )
    return train_tokenizer(vectors[:2000], [("a",)] * 2000, settings, progress=False)


@pytest.mark.parametrize(
    ("collisions", "sizes"),
    [("reassign", (8, 8, 16)), ("suffix", (8, 8, 8)), ("bucket", (8, 8, 8)), ("reassign", (64, 256))],
)
def test_groups_of_l1_get_the_ids_that_the_whole_gets(
    vectors: np.ndarray, collisions: Collisions, sizes: tuple[int, ...], tmp_path: Path
) -> None:
    tokenizer = trained(vectors, collisions, sizes)
    save_tokenizer(tokenizer, np.zeros((0, len(sizes)), int), [], tmp_path / "t")
    np.save(tmp_path / "vectors.npy", vectors)
    latents, nearest = (Blocks(tmp_path / name, len(vectors), CHUNK) for name in ("latents", "nearest"))
    job = CodesJob(tmp_path / "vectors.npy", tmp_path / "t", latents, nearest)
    for number in latents.numbers:
        encode_block(job, number)
    write_npy(tmp_path / "nearest.npy", nearest.parts(), (len(vectors), len(sizes)), np.int32)
    groups = GroupsJob(tmp_path / "nearest.npy", latents, tmp_path / "t", tmp_path / "groups")
    assert groups_apart(tokenizer) == (len(sizes) == 3)
    counts = l1_counts(np.load(groups.nearest), sizes[0])
    ranges = l1_ranges(counts, 5 if groups_apart(tokenizer) else 1)
    whole = assign_ids(tokenizer, vectors).codes
    codes = np.full_like(whole, -1)
    for one in ranges:
        assert load_group(groups, one) is None
        resolve_group(groups, one)
        found = load_group(groups, one)
        assert found is not None
        codes[found.rows] = found.codes
    np.testing.assert_array_equal(codes, whole)
    opened_tokenizer.cache_clear()
    file = groups.file(ranges[0])
    file.write_bytes(file.read_bytes()[:-10])
    assert load_group(groups, ranges[0]) is None, "a file that is cut off is no group"


@pytest.mark.parametrize("collisions", ["reassign", "suffix"])
def test_health_by_counts_is_health_itself_where_the_sample_is_all(vectors: np.ndarray, collisions: Collisions) -> None:
    tokenizer, some = trained(vectors, collisions, (8, 8, 8)), vectors[:3000]
    codes, categories = assign_ids(tokenizer, some).codes, [("a", str(i % 5)) for i in range(3000)]
    measured = health(tokenizer, codes, some, categories)
    counted = of_whole(measured, tokenizer, given(tokenizer.encode(some), codes, tokenizer.codebook_sizes))
    assert counted == dataclasses.replace(measured, sampled=3000)


def test_a_sample_below_nothing_is_refused() -> None:
    with pytest.raises(GenretError, match="sample=-1"):
        TokenizerSettings(sample=-1)
